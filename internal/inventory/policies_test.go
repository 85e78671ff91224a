package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/risk"
)

const adminDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func TestPoliciesAreReadPageByPage(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t, awsfake.WithPageLimit(2))
	home := a.Home()
	admin := home.AddAWSPolicy("AdministratorAccess", adminDocument)
	passing := home.AddPolicy("Passing", `{"Statement":{"Effect":"Allow","Action":"iam:Pass*","Resource":"*"}}`)
	broken := home.AddPolicy("Broken", `{"Statement":`)
	for i := range 7 {
		home.AddUser(awsfake.User{Name: fmt.Sprintf("user-%d", i)})
	}
	home.AddUser(awsfake.User{Name: "direct", Attached: []string{admin}})
	home.AddUser(awsfake.User{Name: "inline", Policies: map[string]string{"mine": `{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::a b/100%+c"}}`}})
	home.AddUser(awsfake.User{Name: "unclear", Attached: []string{broken}})
	home.AddUser(awsfake.User{Name: "dangling", Attached: []string{"arn:aws:iam::aws:policy/Gone"}})
	home.SetGroup("admins", "user-1")
	home.SetGroupPolicies("admins", awsfake.GroupPolicies{Attached: []string{admin}})
	home.SetGroup("passing", "user-1", "user-2")
	home.SetGroupPolicies("passing", awsfake.GroupPolicies{Attached: []string{passing}, Inline: map[string]string{"more": `{"Statement":[]}`}})

	found, err := inventory.ReadPolicies(t.Context(), a.reader.Bulk)
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]risk.Level{
		"user-0": risk.NoneFound, "user-1": "administrator", "user-2": "pass_roles", "direct": "administrator", "inline": "read_data",
		"unclear": risk.NotEvaluated, "dangling": risk.NotEvaluated, "nobody": risk.NotEvaluated,
	} {
		if got := found.Of(user); got.Level != want {
			t.Errorf("%s: %+v, want %s", user, got, want)
		}
	}
	if may := found.Of("user-1").May; may[0].By != "policy AdministratorAccess of group admins" {
		t.Errorf("user-1 may %+v", may)
	}
	a.wantCalls(t, map[string]int{"GetAccountAuthorizationDetails": 8}) // 11 users, 2 groups and 3 policies, two a page
}

// oddPages answers with the pages that it has.
type oddPages []*iam.GetAccountAuthorizationDetailsOutput

func (p *oddPages) GetAccountAuthorizationDetails(context.Context, *iam.GetAccountAuthorizationDetailsInput, ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	page := (*p)[0]
	*p = (*p)[1:]
	return page, nil
}

func TestPagesOfPoliciesWithHoles(t *testing.T) {
	t.Parallel()
	users := func(marker string, truncated bool) *iam.GetAccountAuthorizationDetailsOutput {
		page := &iam.GetAccountAuthorizationDetailsOutput{UserDetailList: []types.UserDetail{}, IsTruncated: truncated}
		if marker != "" {
			page.Marker = aws.String(marker)
		}
		return page
	}
	for name, c := range map[string]struct {
		pages oddPages
		want  string
	}{
		"no lists":         {oddPages{{}}, "the answer has no list"},
		"no marker":        {oddPages{users("", true)}, "no marker for the rest"},
		"the same marker":  {oddPages{users("m", true), users("m", true)}, "came a second time"},
		"a marker too far": {oddPages{users("m", false)}, "says that it is the last page"},
	} {
		if _, err := inventory.ReadPolicies(t.Context(), &c.pages); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read the policies of users: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A document that is not encoded as IAM's are, or has no version in force, is
	// not evaluated.
	found, err := inventory.ReadPolicies(t.Context(), &oddPages{{
		UserDetailList: []types.UserDetail{
			{UserName: aws.String("odd"), UserPolicyList: []types.PolicyDetail{{PolicyName: aws.String("p"), PolicyDocument: aws.String("%zz")}}},
			{UserName: aws.String("old"), AttachedManagedPolicies: []types.AttachedPolicy{{PolicyArn: aws.String("arn:p")}}},
		},
		Policies: []types.ManagedPolicyDetail{{Arn: aws.String("arn:p"), PolicyName: aws.String("p"), PolicyVersionList: []types.PolicyVersion{{Document: aws.String("%7B%7D")}}}},
	}})
	if err != nil || found.Of("odd").Level != risk.NotEvaluated || found.Of("old").Level != risk.NotEvaluated {
		t.Errorf("%v, %+v, %+v", err, found.Of("odd"), found.Of("old"))
	}
}
