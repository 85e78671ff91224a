package awsfake_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func TestContractGetGroup(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		var members []string
		for i := range 12 {
			members = append(members, fmt.Sprintf("user-%02d", i))
			c.addUsers(t, awsfake.User{Name: members[i], Path: "/service/"})
		}
		c.setGroup(t, "contractors", members[:11]...)
		c.setGroup(t, "empty")
		client := iam.NewFromConfig(c.config)
		var got []string
		pages := iam.NewGetGroupPaginator(client, &iam.GetGroupInput{GroupName: aws.String("contractors"), MaxItems: aws.Int32(5)})
		for pages.HasMorePages() {
			page := check[*iam.GetGroupOutput](t)(pages.NextPage(t.Context()))
			if page.IsTruncated != (page.Marker != nil) || aws.ToString(page.Group.GroupName) != "contractors" {
				t.Errorf("truncated %t, but marker %v, of group %v", page.IsTruncated, page.Marker, page.Group.GroupName)
			}
			for _, u := range page.Users {
				got = append(got, *u.UserName)
				if want := "arn:aws:iam::" + c.account + ":user/service/" + *u.UserName; *u.Arn != want {
					t.Errorf("arn %s, want %s", *u.Arn, want)
				}
			}
		}
		if slices.Sort(got); !slices.Equal(got, members[:11]) {
			t.Errorf("members %q", got)
		}
		empty := check[*iam.GetGroupOutput](t)(client.GetGroup(t.Context(), &iam.GetGroupInput{GroupName: aws.String("empty")}))
		if empty.Users == nil || len(empty.Users) != 0 || empty.IsTruncated {
			t.Errorf("an empty group has %v", empty.Users)
		}
		_, err := client.GetGroup(t.Context(), &iam.GetGroupInput{GroupName: aws.String("missing")})
		wantCode(t, "a group that does not exist", err, "NoSuchEntity")
	})
}

// setGroup makes a group with these users as its members.
func (c *cloud) setGroup(t *testing.T, name string, members ...string) {
	t.Helper()
	if c.fake != nil {
		c.fake.SetGroup(name, members...)
		return
	}
	client := iam.NewFromConfig(c.config)
	check[*iam.CreateGroupOutput](t)(client.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &name}))
	for _, member := range members {
		check[*iam.AddUserToGroupOutput](t)(client.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{GroupName: &name, UserName: &member}))
	}
}

func TestContractGetLoginProfile(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t, awsfake.User{Name: "ann"}, awsfake.User{Name: "ci"})
		client := iam.NewFromConfig(c.config)
		if c.fake != nil {
			c.fake.SetPassword("ann", true)
		} else {
			check[*iam.CreateLoginProfileOutput](t)(client.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: aws.String("ann"), Password: aws.String("Pass-word-1")}))
		}
		profile := check[*iam.GetLoginProfileOutput](t)(client.GetLoginProfile(t.Context(), &iam.GetLoginProfileInput{UserName: aws.String("ann")}))
		if profile.LoginProfile == nil || aws.ToString(profile.LoginProfile.UserName) != "ann" {
			t.Errorf("the profile is %+v", profile.LoginProfile)
		}
		for _, name := range []string{"ci", "nobody"} {
			_, err := client.GetLoginProfile(t.Context(), &iam.GetLoginProfileInput{UserName: &name})
			wantCode(t, "the profile of "+name, err, "NoSuchEntity")
		}
	})
}
