package awsfake_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// TestServiceKeysAreListed: moto does not know this call, so that no contract holds
// it; what is tested is what IAM's reference says.
func TestServiceKeysAreListed(t *testing.T) {
	t.Parallel()
	s := start(t)
	home := s.Home()
	home.AddUser(awsfake.User{Name: "ann", ServiceKeys: []awsfake.ServiceKey{
		{ID: "ACCA1", Service: "bedrock.amazonaws.com", Active: true, Created: longAgo}, {Service: "logs.amazonaws.com", Created: lately, Expires: lately.AddDate(0, 1, 0)},
	}})
	home.AddUser(awsfake.User{Name: "bob", ServiceKeys: []awsfake.ServiceKey{{ID: "ACCA3", Service: "bedrock.amazonaws.com", Active: true, Created: longAgo}}})
	id, secret := home.Credentials()
	client := iam.NewFromConfig(configFor(s.URL(), id, secret, ""))
	for name, c := range map[string]struct {
		in   iam.ListServiceSpecificCredentialsInput
		want int
	}{
		"all users":    {iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true)}, 3},
		"one user":     {iam.ListServiceSpecificCredentialsInput{UserName: aws.String("ann")}, 2},
		"one service":  {iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), ServiceName: aws.String("bedrock.amazonaws.com")}, 2},
		"in two pages": {iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), MaxItems: aws.Int32(2)}, 2},
	} {
		out := check[*iam.ListServiceSpecificCredentialsOutput](t)(client.ListServiceSpecificCredentials(t.Context(), &c.in))
		if len(out.ServiceSpecificCredentials) != c.want || out.IsTruncated != (c.in.MaxItems != nil) {
			t.Errorf("%s: %d, truncated %t", name, len(out.ServiceSpecificCredentials), out.IsTruncated)
		}
		for _, k := range out.ServiceSpecificCredentials {
			if (aws.ToString(k.ServiceName) == "logs.amazonaws.com") != (k.ExpirationDate != nil) || k.CreateDate == nil || aws.ToString(k.ServiceSpecificCredentialId) == "" {
				t.Errorf("%s: got %+v", name, k)
			}
		}
	}
	_, err := client.ListServiceSpecificCredentials(t.Context(), &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), UserName: aws.String("ann")})
	wantCode(t, "both", err, "ValidationError")
	_, err = client.ListServiceSpecificCredentials(t.Context(), &iam.ListServiceSpecificCredentialsInput{UserName: aws.String("nobody")})
	wantCode(t, "an unknown user", err, "NoSuchEntity")
}
