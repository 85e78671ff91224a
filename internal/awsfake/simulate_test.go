package awsfake_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// What is forbidden is refused, and the simulator says so beforehand.
func TestForbid(t *testing.T) {
	t.Parallel()
	server, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.Home().Forbid("iam:ListUsers", "sns:Publish")
	id, secret := server.Home().Credentials()
	client := iam.New(iam.Options{
		BaseEndpoint: aws.String(server.URL()), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})

	_, err = client.ListUsers(t.Context(), &iam.ListUsersInput{})
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "AccessDenied" {
		t.Errorf("ListUsers returned %v, want AccessDenied", err)
	}
	out, err := client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::123456789012:role/sleuth"),
		ActionNames:     []string{"iam:ListUsers", "iam:ListAccessKeys", "sns:Publish"},
		ResourceArns:    []string{"arn:aws:sns:us-east-1:123456789012:keys"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, result := range out.EvaluationResults {
		got[aws.ToString(result.EvalActionName)] = string(result.EvalDecision)
	}
	want := map[string]string{"iam:ListUsers": "implicitDeny", "iam:ListAccessKeys": "allowed", "sns:Publish": "implicitDeny"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	_, err = client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::123456789012:root"), ActionNames: []string{"iam:ListUsers"},
	})
	if err == nil {
		t.Error("the account's root was simulated")
	}
}
