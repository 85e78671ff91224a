package cli

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/risk"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// TestRiskAgainstMoto reads policies that were made by IAM's own calls in an
// emulator that nobody here wrote.
func TestRiskAgainstMoto(t *testing.T) {
	t.Parallel()
	account := mototest.Shared(t).Account(t)
	key := []mototest.Key{{Active: true, Created: time.Now().UTC().AddDate(0, 0, -5)}}
	account.AddUsers(t, []mototest.User{{Name: "ann", Keys: key}, {Name: "bob", Keys: key}, {Name: "cem", Keys: key}, {Name: "dan", Keys: key}})
	client := iam.NewFromConfig(account.Config(t.Context()))
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("Everything"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	do(client.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("admins")}))
	do(client.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: aws.String("admins"), PolicyArn: made.Policy.Arn}))
	do(client.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: aws.String("admins"), UserName: aws.String("ann")}))
	do(client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: aws.String("bob"), PolicyName: aws.String("deploy"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:PassRole","s3:Get*"],"Resource":"*"}]}`),
	}))
	do(client.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: aws.String("cem"), Password: aws.String("a-Long-1-password")}))

	process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "audit", "--risk", "--sort=risk", "--output=json")
	process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env())
	var stderr bytes.Buffer
	process.Stderr = &stderr
	out, err := process.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var found report.Report
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	var users []string
	levels := map[string]risk.Level{}
	for _, row := range found.Rows {
		users = append(users, row.User)
		levels[row.User] = row.Risk.Level
		if alone := row.Risk.ConsoleWithoutMFA; alone == nil || *alone != (row.User == "cem") {
			t.Errorf("%s: signs in without MFA: %v", row.User, alone)
		}
	}
	if !slices.Equal(users, []string{"ann", "bob", "cem", "dan"}) || levels["ann"] != "administrator" || levels["bob"] != "pass_roles" || levels["cem"] != risk.NoneFound || levels["dan"] != risk.NoneFound {
		t.Errorf("sorted %q: %v", users, levels)
	}
}
