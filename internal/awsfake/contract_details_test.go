package awsfake_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// userDetails are all users of an account with their details, and how many of
// them each page held.
func userDetails(t *testing.T, c *cloud, in iam.GetAccountAuthorizationDetailsInput) (users []types.UserDetail, sizes []int) {
	t.Helper()
	in.Filter = []types.EntityType{types.EntityTypeUser}
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(iam.NewFromConfig(c.config), &in)
	for pages.HasMorePages() {
		page := check[*iam.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(t.Context()))
		if page.IsTruncated != (page.Marker != nil) {
			t.Errorf("truncated %t, but marker %v", page.IsTruncated, page.Marker)
		}
		if len(page.GroupDetailList)+len(page.RoleDetailList)+len(page.Policies) > 0 {
			t.Error("the page holds more than users")
		}
		users, sizes = append(users, page.UserDetailList...), append(sizes, len(page.UserDetailList))
	}
	return users, sizes
}

func TestContractUserDetails(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t,
			awsfake.User{Name: "ada", Path: "/people/", Created: longAgo, Tags: map[string]string{"Name": "Ada Lovelace", "KeyAutoExpire": ""}},
			awsfake.User{Name: "bot", Created: lately},
		)
		users, _ := userDetails(t, c, iam.GetAccountAuthorizationDetailsInput{})
		if len(users) != 2 {
			t.Fatalf("%d users, want 2", len(users))
		}
		ada, bot := users[0], users[1]
		if want := "arn:aws:iam::" + c.account + ":user/people/ada"; aws.ToString(ada.UserName) != "ada" || aws.ToString(ada.Arn) != want || !ada.CreateDate.Equal(longAgo) {
			t.Errorf("got user %q, ARN %q, made %s, want ARN %s", aws.ToString(ada.UserName), aws.ToString(ada.Arn), ada.CreateDate, want)
		}
		if got, want := tagMap(ada.Tags), map[string]string{"Name": "Ada Lovelace", "KeyAutoExpire": ""}; !maps.Equal(got, want) {
			t.Errorf("got tags %v, want %v", got, want)
		}
		if len(bot.Tags) > 0 {
			t.Errorf("a user without tags has %v", bot.Tags)
		}
	})
}

func TestContractUserDetailPages(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		var want []string
		for i := range 25 {
			want = append(want, fmt.Sprintf("user-%02d", i))
			c.addUsers(t, awsfake.User{Name: want[i]})
		}
		users, sizes := userDetails(t, c, iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(10)})
		var got []string
		for _, u := range users {
			got = append(got, *u.UserName)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got users %q", got)
		}
		if !slices.Equal(sizes, []int{10, 10, 5}) && c.unlessMoto(t, "it gives all users in one page") {
			t.Errorf("pages of %v users, want 10, 10 and 5", sizes)
		}
		if _, err := iam.NewFromConfig(c.config).GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{
			Filter: []types.EntityType{"Users"},
		}); c.unlessMoto(t, "it takes any filter") {
			wantCode(t, "an unknown filter", err, "ValidationError")
		}
	})
}

// TestContractUserDetailsOfOthers: users are left out if they are not asked for.
func TestContractUserDetailsOfOthers(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t, awsfake.User{Name: "ada"})
		page := check[*iam.GetAccountAuthorizationDetailsOutput](t)(iam.NewFromConfig(c.config).GetAccountAuthorizationDetails(t.Context(),
			&iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeGroup}}))
		if len(page.UserDetailList) > 0 {
			t.Errorf("%d users came with the groups", len(page.UserDetailList))
		}
	})
}

// TestContractLargePolicies: pages are shorter than asked for if policies make
// them large.
func TestContractLargePolicies(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		if !c.unlessMoto(t, "its test server makes no inline policies") {
			return
		}
		document := `{"Statement": [{"Sid": "` + strings.Repeat("x", 1990) + `"}]}`
		const users = 700
		for i := range users {
			c.addUsers(t, awsfake.User{Name: fmt.Sprintf("user-%03d", i), Policies: map[string]string{"inline": document}, Tags: map[string]string{"Slack": "U1"}})
		}
		all, sizes := userDetails(t, c, iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)})
		if len(all) != users || len(sizes) < 2 {
			t.Errorf("%d users on pages of %v, want %d on several", len(all), sizes, users)
		}
		policy := all[users-1].UserPolicyList[0]
		if got, err := url.PathUnescape(*policy.PolicyDocument); *policy.PolicyName != "inline" || got != document || err != nil {
			t.Errorf("policy %s is %q", *policy.PolicyName, got)
		}
	})
}

// TestContractPolicyDetails: groups and managed policies come with the users who
// have them.
func TestContractPolicyDetails(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t, awsfake.User{Name: "ada"}, awsfake.User{Name: "bot"})
		const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a b+c/*"}]}`
		arn := c.givePolicies(t, "ada", "readers", "ReadIt", document)
		pages := iam.NewGetAccountAuthorizationDetailsPaginator(iam.NewFromConfig(c.config), &iam.GetAccountAuthorizationDetailsInput{
			Filter: []types.EntityType{types.EntityTypeUser, types.EntityTypeGroup, types.EntityTypeLocalManagedPolicy}, MaxItems: aws.Int32(1),
		})
		var all iam.GetAccountAuthorizationDetailsOutput
		for pages.HasMorePages() {
			page := check[*iam.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(t.Context()))
			if page.UserDetailList == nil || page.GroupDetailList == nil || page.Policies == nil {
				t.Error("a page lacks a list, if only an empty one")
			}
			all.UserDetailList = append(all.UserDetailList, page.UserDetailList...)
			all.GroupDetailList = append(all.GroupDetailList, page.GroupDetailList...)
			all.Policies = append(all.Policies, page.Policies...)
		}
		if len(all.UserDetailList) != 2 || len(all.GroupDetailList) != 1 || len(all.Policies) != 1 {
			t.Fatalf("%d users, %d groups and %d policies", len(all.UserDetailList), len(all.GroupDetailList), len(all.Policies))
		}
		ada, bot := all.UserDetailList[0], all.UserDetailList[1]
		if !slices.Equal(ada.GroupList, []string{"readers"}) || len(bot.GroupList) != 0 {
			t.Errorf("groups of ada %q, of bot %q", ada.GroupList, bot.GroupList)
		}
		if len(ada.AttachedManagedPolicies) != 1 || *ada.AttachedManagedPolicies[0].PolicyArn != arn {
			t.Errorf("ada has %+v", ada.AttachedManagedPolicies)
		}
		group := all.GroupDetailList[0]
		if *group.GroupName != "readers" || len(group.GroupPolicyList) != 1 || len(group.AttachedManagedPolicies) != 1 {
			t.Errorf("got group %+v", group)
		}
		policy := all.Policies[0]
		if aws.ToString(policy.Arn) != arn || aws.ToString(policy.PolicyName) != "ReadIt" && c.unlessMoto(t, "it leaves the name out") {
			t.Errorf("got policy %s, %s", aws.ToString(policy.Arn), aws.ToString(policy.PolicyName))
		}
		for _, version := range policy.PolicyVersionList {
			got, err := url.PathUnescape(aws.ToString(version.Document))
			if version.IsDefaultVersion && (got != document || err != nil) && c.unlessMoto(t, "it gives documents as values") {
				t.Errorf("document %q, %v", got, err)
			}
		}
	})
}

// givePolicies attaches a managed policy to a user and to a group that the user is
// a member of, and to the group the same document inline. It returns the ARN.
func (c *cloud) givePolicies(t *testing.T, user, group, name, document string) string {
	t.Helper()
	if !c.isMoto {
		c.fake.SetGroup(group, user)
		arn := c.fake.AddPolicy(name, document)
		c.fake.SetGroupPolicies(group, awsfake.GroupPolicies{Inline: map[string]string{"inline": document}, Attached: []string{arn}})
		c.fake.AddUser(awsfake.User{Name: user, Attached: []string{arn}})
		return arn
	}
	client := iam.NewFromConfig(c.config)
	made := check[*iam.CreatePolicyOutput](t)(client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &document}))
	check[*iam.CreateGroupOutput](t)(client.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &group}))
	check[*iam.AddUserToGroupOutput](t)(client.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: &group, UserName: &user}))
	check[*iam.PutGroupPolicyOutput](t)(client.PutGroupPolicy(t.Context(), &iam.PutGroupPolicyInput{GroupName: &group, PolicyName: aws.String("inline"), PolicyDocument: &document}))
	check[*iam.AttachGroupPolicyOutput](t)(client.AttachGroupPolicy(t.Context(), &iam.AttachGroupPolicyInput{GroupName: &group, PolicyArn: made.Policy.Arn}))
	check[*iam.AttachUserPolicyOutput](t)(client.AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{UserName: &user, PolicyArn: made.Policy.Arn}))
	return *made.Policy.Arn
}
