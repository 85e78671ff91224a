package awsfake_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func TestContractListUsersPages(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		var want []string
		for i := range 25 {
			name := fmt.Sprintf("user-%02d", i)
			want = append(want, name)
			c.addUsers(t, awsfake.User{Name: name, Tags: map[string]string{"Slack": "U1"}})
		}
		client := iam.NewFromConfig(c.config)
		var got []string
		var sizes []int
		pages := iam.NewListUsersPaginator(client, &iam.ListUsersInput{MaxItems: aws.Int32(10)})
		for pages.HasMorePages() {
			page := check[*iam.ListUsersOutput](t)(pages.NextPage(t.Context()))
			sizes = append(sizes, len(page.Users))
			if page.IsTruncated != (page.Marker != nil) {
				t.Errorf("truncated %t, but marker %v", page.IsTruncated, page.Marker)
			}
			for _, u := range page.Users {
				got = append(got, *u.UserName)
				if len(u.Tags) > 0 {
					t.Errorf("listed with tags %v", u.Tags)
				}
				if want := "arn:aws:iam::" + c.account + ":user/" + *u.UserName; *u.Arn != want {
					t.Errorf("arn %s, want %s", *u.Arn, want)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got users %q", got)
		}
		if !slices.Equal(sizes, []int{10, 10, 5}) && c.unlessMoto(t, "it gives all users in one page") {
			t.Errorf("pages of %v users, want 10, 10 and 5", sizes)
		}
	})
}

func TestContractListUsersDefaultPage(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		users := make([]awsfake.User, 101)
		for i := range users {
			users[i].Name = fmt.Sprintf("user-%03d", i)
		}
		c.addUsers(t, users...)
		client := iam.NewFromConfig(c.config)
		page := check[*iam.ListUsersOutput](t)(client.ListUsers(t.Context(), &iam.ListUsersInput{}))
		if (len(page.Users) != 100 || !page.IsTruncated) && c.unlessMoto(t, "it gives all users in one page") {
			t.Errorf("page of %d users, truncated %t, want 100 and more to come", len(page.Users), page.IsTruncated)
		}
		// A page that ends with the list is the last.
		page = check[*iam.ListUsersOutput](t)(client.ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: aws.Int32(101)}))
		if len(page.Users) != 101 || page.IsTruncated {
			t.Errorf("page of %d users, truncated %t, want all 101", len(page.Users), page.IsTruncated)
		}
	})
}

func TestContractMaxItems(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		if !c.unlessMoto(t, "it takes any MaxItems") {
			return
		}
		client := iam.NewFromConfig(c.config)
		for _, n := range []int32{0, 1001} {
			_, err := client.ListUsers(t.Context(), &iam.ListUsersInput{MaxItems: &n})
			wantCode(t, fmt.Sprint("MaxItems ", n), err, "ValidationError")
		}
	})
}

func TestContractPathPrefix(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t, awsfake.User{Name: "ada", Path: "/people/"}, awsfake.User{Name: "bot", Path: "/machines/"}, awsfake.User{Name: "cy"})
		client := iam.NewFromConfig(c.config)
		page := check[*iam.ListUsersOutput](t)(client.ListUsers(t.Context(), &iam.ListUsersInput{PathPrefix: aws.String("/people/")}))
		if len(page.Users) != 1 || *page.Users[0].UserName != "ada" || *page.Users[0].Path != "/people/" {
			t.Errorf("got %d users", len(page.Users))
		}
		if want := "arn:aws:iam::" + c.account + ":user/people/ada"; *page.Users[0].Arn != want {
			t.Errorf("arn %s, want %s", *page.Users[0].Arn, want)
		}
	})
}

func TestContractTags(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		name := aws.String("ada")
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name, Tags: []types.Tag{
			{Key: aws.String("Name"), Value: aws.String("Ada Lovelace")},
			{Key: aws.String("Slack"), Value: aws.String("U1")},
		}})
		wantCode(t, "CreateUser", err, "")
		_, err = client.TagUser(t.Context(), &iam.TagUserInput{UserName: name, Tags: []types.Tag{
			{Key: aws.String("Slack"), Value: aws.String("subteam-S2")},
			{Key: aws.String("KeyAutoExpire"), Value: aws.String("")},
		}})
		wantCode(t, "TagUser", err, "")
		_, err = client.UntagUser(t.Context(), &iam.UntagUserInput{UserName: name, TagKeys: []string{"Name", "absent"}})
		wantCode(t, "UntagUser", err, "")

		want := map[string]string{"Slack": "subteam-S2", "KeyAutoExpire": ""}
		listed := check[*iam.ListUserTagsOutput](t)(client.ListUserTags(t.Context(), &iam.ListUserTagsInput{UserName: name}))
		if got := tagMap(listed.Tags); !maps.Equal(got, want) || listed.IsTruncated {
			t.Errorf("ListUserTags gives %v, truncated %t, want %v", got, listed.IsTruncated, want)
		}
		user := check[*iam.GetUserOutput](t)(client.GetUser(t.Context(), &iam.GetUserInput{UserName: name}))
		if got := tagMap(user.User.Tags); !maps.Equal(got, want) {
			t.Errorf("GetUser gives %v, want %v", got, want)
		}
	})
}

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, tag := range tags {
		m[*tag.Key] = aws.ToString(tag.Value)
	}
	return m
}

func TestContractTagPages(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		want := map[string]string{}
		for i := range 5 {
			want[fmt.Sprintf("tag-%d", i)] = strconv.Itoa(i)
		}
		c.addUsers(t, awsfake.User{Name: "ada", Tags: want})
		got := map[string]string{}
		pages := 0
		paginator := iam.NewListUserTagsPaginator(iam.NewFromConfig(c.config), &iam.ListUserTagsInput{
			UserName: aws.String("ada"), MaxItems: aws.Int32(2),
		})
		for paginator.HasMorePages() {
			page := check[*iam.ListUserTagsOutput](t)(paginator.NextPage(t.Context()))
			maps.Copy(got, tagMap(page.Tags))
			pages++
		}
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if pages != 3 && c.unlessMoto(t, "it gives all tags in one page") {
			t.Errorf("%d pages, want 3", pages)
		}
	})
}

func TestContractAccessKeys(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		name := aws.String("ada")
		c.addUsers(t, awsfake.User{Name: *name})
		first := check[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})).AccessKey
		if first.Status != types.StatusTypeActive || *first.UserName != *name || len(*first.SecretAccessKey) != 40 {
			t.Errorf("made an access key that is %s, of %s", first.Status, *first.UserName)
		}
		if id := *first.AccessKeyId; len(id) != 20 || !strings.HasPrefix(id, "AKIA") {
			t.Errorf("access key id %s", id)
		}
		second := check[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})).AccessKey
		_, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
		wantCode(t, "a third key", err, "LimitExceeded")
		var limit *types.LimitExceededException
		if !errors.As(err, &limit) {
			t.Errorf("a third key: %T is no LimitExceededException", err)
		}

		update := func(id *string, status types.StatusType) error {
			_, err := client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: id, Status: status})
			return err
		}
		wantCode(t, "deactivating", update(second.AccessKeyId, types.StatusTypeInactive), "")
		wantCode(t, "deactivating again", update(second.AccessKeyId, types.StatusTypeInactive), "")
		if got := statuses(t, client, name); !maps.Equal(got, map[string]string{*first.AccessKeyId: "Active", *second.AccessKeyId: "Inactive"}) {
			t.Errorf("keys are %v", got)
		}
		wantCode(t, "activating", update(second.AccessKeyId, types.StatusTypeActive), "")
		_, err = client.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: first.AccessKeyId})
		wantCode(t, "deleting", err, "")
		if got := statuses(t, client, name); !maps.Equal(got, map[string]string{*second.AccessKeyId: "Active"}) {
			t.Errorf("keys are %v", got)
		}
	})
}

func statuses(t *testing.T, client *iam.Client, name *string) map[string]string {
	t.Helper()
	list := check[*iam.ListAccessKeysOutput](t)(client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: name}))
	got := map[string]string{}
	for _, key := range list.AccessKeyMetadata {
		got[*key.AccessKeyId] = string(key.Status)
	}
	return got
}

func TestContractAccessKeyPages(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		u := c.addUsers(t, awsfake.User{Name: "ada", Keys: []awsfake.Key{{Created: longAgo}, {Active: true, Created: lately}}})[0]
		var got []string
		pages := 0
		paginator := iam.NewListAccessKeysPaginator(iam.NewFromConfig(c.config), &iam.ListAccessKeysInput{
			UserName: &u.Name, MaxItems: aws.Int32(1),
		})
		for paginator.HasMorePages() {
			page := check[*iam.ListAccessKeysOutput](t)(paginator.NextPage(t.Context()))
			for _, key := range page.AccessKeyMetadata {
				got = append(got, fmt.Sprint(*key.AccessKeyId, *key.UserName, key.Status, key.CreateDate.UTC()))
			}
			pages++
		}
		want := []string{
			fmt.Sprint(u.Keys[0].ID, "ada", "Inactive", longAgo),
			fmt.Sprint(u.Keys[1].ID, "ada", "Active", lately),
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if pages != 2 && c.unlessMoto(t, "it gives all keys in one page") {
			t.Errorf("%d pages, want 2", pages)
		}
	})
}

func TestContractLastUsed(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		u := c.addUsers(t, awsfake.User{Name: "ada", Keys: []awsfake.Key{
			{Active: true, Created: longAgo},
			{Active: true, Created: longAgo, LastUsed: lately, Service: "sts", Region: "eu-west-1"},
		}})[0]
		client := iam.NewFromConfig(c.config)
		lastUsed := func(id string) *iam.GetAccessKeyLastUsedOutput {
			t.Helper()
			return check[*iam.GetAccessKeyLastUsedOutput](t)(client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id}))
		}
		never := lastUsed(u.Keys[0].ID)
		if got := never.AccessKeyLastUsed; got.LastUsedDate != nil || *got.ServiceName != "N/A" || *got.Region != "N/A" {
			t.Errorf("never used: %v by %s in %s", got.LastUsedDate, *got.ServiceName, *got.Region)
		}
		if *never.UserName != "ada" {
			t.Errorf("the key is %s's", *never.UserName)
		}
		used := lastUsed(u.Keys[1].ID).AccessKeyLastUsed
		if !used.LastUsedDate.Equal(lately) || *used.ServiceName != "sts" || *used.Region != "eu-west-1" {
			t.Errorf("used %v by %s in %s", used.LastUsedDate, *used.ServiceName, *used.Region)
		}
	})
}

func TestContractNoSuchEntity(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		ctx := t.Context()
		gone, bob, ghost := aws.String("gone"), aws.String("bob"), aws.String("AKIAGHOSTGHOSTGHOST2")
		u := c.addUsers(t, awsfake.User{Name: *gone, Keys: []awsfake.Key{{Active: true}}}, awsfake.User{Name: *bob})[0]
		key := &u.Keys[0].ID
		_, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: gone, AccessKeyId: key})
		wantCode(t, "DeleteAccessKey", err, "")
		_, err = client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: gone})
		wantCode(t, "DeleteUser", err, "")

		calls := map[string]func() error{
			"GetUser":      func() error { _, err := client.GetUser(ctx, &iam.GetUserInput{UserName: gone}); return err },
			"DeleteUser":   func() error { _, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: gone}); return err },
			"ListUserTags": func() error { _, err := client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: gone}); return err },
			"ListAccessKeys": func() error {
				_, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: gone})
				return err
			},
			"CreateAccessKey": func() error {
				_, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: gone})
				return err
			},
			"TagUser": func() error {
				_, err := client.TagUser(ctx, &iam.TagUserInput{UserName: gone, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
				return err
			},
			"UpdateAccessKey, no such user": func() error {
				_, err := client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: gone, AccessKeyId: key, Status: types.StatusTypeInactive})
				return err
			},
			"UpdateAccessKey, no such key": func() error {
				_, err := client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: bob, AccessKeyId: ghost, Status: types.StatusTypeInactive})
				return err
			},
			"DeleteAccessKey, no such key": func() error {
				_, err := client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: bob, AccessKeyId: ghost})
				return err
			},
		}
		for name, call := range calls {
			err := call()
			var typed *types.NoSuchEntityException
			if !errors.As(err, &typed) {
				t.Errorf("%s: got %v, want a NoSuchEntityException", name, err)
				continue
			}
			if got := httpStatus(err); got != 404 {
				t.Errorf("%s: status %d, want 404", name, got)
			}
		}
		// The SDK knows no type for this one's errors.
		for _, id := range []*string{key, ghost} {
			_, err = client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: id})
			wantCode(t, "GetAccessKeyLastUsed", err, "NoSuchEntity")
		}
	})
}

func TestContractConflicts(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		c.addUsers(t, awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true}}})
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada")})
		var exists *types.EntityAlreadyExistsException
		if !errors.As(err, &exists) {
			t.Errorf("CreateUser: got %v, want an EntityAlreadyExistsException", err)
		}
		_, err = client.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: aws.String("ada")})
		var conflict *types.DeleteConflictException
		if !errors.As(err, &conflict) {
			if c.unlessMoto(t, "it deletes users that have access keys") {
				t.Errorf("DeleteUser: got %v, want a DeleteConflictException", err)
			}
		}
	})
}

func TestContractValidation(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		if !c.unlessMoto(t, "it takes any user name and tag value") {
			return
		}
		client := iam.NewFromConfig(c.config)
		for name, code := range map[string]string{
			"-x": "", "=1": "", "+1": "", "@all": "", strings.Repeat("x", 64): "",
			"a<b": "ValidationError", "a b": "ValidationError", "=SUM(A1)": "ValidationError", strings.Repeat("x", 65): "ValidationError",
		} {
			_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name})
			wantCode(t, "user name "+name, err, code)
		}
		for value, code := range map[string]string{
			"José 1+1=2_./@-:": "",
			"subteam^S1":       "ValidationError", "<!here>": "ValidationError", "a,b": "ValidationError", strings.Repeat("x", 257): "ValidationError",
		} {
			_, err := client.TagUser(t.Context(), &iam.TagUserInput{
				UserName: aws.String("-x"), Tags: []types.Tag{{Key: aws.String("Slack"), Value: &value}},
			})
			wantCode(t, "tag value "+value, err, code)
		}
		_, err := client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("-x"), AccessKeyId: aws.String("AKIAGHOSTGHOSTGHOST2"), Status: "Expired"})
		wantCode(t, "status", err, "ValidationError")
	})
}

func TestContractAlias(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		aliases := func() []string {
			t.Helper()
			return check[*iam.ListAccountAliasesOutput](t)(client.ListAccountAliases(t.Context(), &iam.ListAccountAliasesInput{})).AccountAliases
		}
		if got := aliases(); len(got) != 0 {
			t.Errorf("aliases %q before there is one", got)
		}
		_, err := client.CreateAccountAlias(t.Context(), &iam.CreateAccountAliasInput{AccountAlias: aws.String("acme-prod")})
		wantCode(t, "CreateAccountAlias", err, "")
		if got := aliases(); !slices.Equal(got, []string{"acme-prod"}) {
			t.Errorf("aliases %q", got)
		}
	})
}

func TestContractRequestID(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		out := check[*iam.ListUsersOutput](t)(iam.NewFromConfig(c.config).ListUsers(t.Context(), &iam.ListUsersInput{}))
		if id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); !ok || id == "" {
			t.Errorf("request id %q", id)
		}
	})
}

func TestContractCredentialReport(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := iam.NewFromConfig(c.config)
		c.addUsers(t, awsfake.User{Name: "ada", Created: longAgo, Keys: []awsfake.Key{
			{Active: true, Created: longAgo, LastUsed: lately, Service: "sts", Region: "eu-west-1"},
			{Created: lately},
		}}, awsfake.User{Name: "bob,jr", Created: lately})

		_, err := client.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
		var absent *types.CredentialReportNotPresentException
		if !errors.As(err, &absent) {
			t.Errorf("before it is made: got %v, want a CredentialReportNotPresentException", err)
		}
		if got := httpStatus(err); got != 410 {
			t.Errorf("before it is made: status %d, want 410", got)
		}
		for _, want := range []types.ReportStateType{types.ReportStateTypeStarted, types.ReportStateTypeComplete} {
			out := check[*iam.GenerateCredentialReportOutput](t)(client.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}))
			if out.State != want {
				t.Errorf("state %s, want %s", out.State, want)
			}
		}
		report := check[*iam.GetCredentialReportOutput](t)(client.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{}))
		if report.ReportFormat != types.ReportFormatTypeTextCsv {
			t.Errorf("format %s", report.ReportFormat)
		}
		if age := time.Since(*report.GeneratedTime); (age < -time.Minute || age > time.Hour) && c.unlessMoto(t, "its reports are all of 2015") {
			t.Errorf("made %s", report.GeneratedTime)
		}
		reader := csv.NewReader(strings.NewReader(string(report.Content)))
		reader.FieldsPerRecord = -1
		rows := check[[][]string](t)(reader.ReadAll())
		if len(rows[0]) != 22 {
			t.Errorf("%d columns, want 22", len(rows[0]))
		}
		byUser := map[string]map[string]string{}
		for _, row := range rows[1:] {
			if len(row) != len(rows[0]) {
				if c.unlessMoto(t, "it does not quote a user name with a comma") {
					t.Errorf("row of %d cells: %q", len(row), row)
				}
				continue
			}
			cells := map[string]string{}
			for i, cell := range row {
				cells[rows[0][i]] = cell
			}
			byUser[row[0]] = cells
		}
		ada := map[string]string{
			"arn": "arn:aws:iam::" + c.account + ":user/ada", "user_creation_time": "2025-01-02T03:04:05+00:00",
			"password_enabled": "false", "mfa_active": "false",
			"access_key_1_active": "true", "access_key_1_last_rotated": "2025-01-02T03:04:05+00:00",
			"access_key_1_last_used_date": "2025-06-07T08:09:10+00:00",
			"access_key_2_active":         "false", "access_key_2_last_rotated": "2025-06-07T08:09:10+00:00",
			"access_key_2_last_used_date": "N/A",
			"cert_1_active":               "false", "cert_1_last_rotated": "N/A", "cert_2_active": "false", "cert_2_last_rotated": "N/A",
		}
		if c.unlessMoto(t, "its report has no service and region of a last use, and other words for no password") {
			maps.Copy(ada, map[string]string{
				"access_key_2_last_used_region": "N/A", "access_key_2_last_used_service": "N/A",
				"access_key_1_last_used_region": "eu-west-1", "access_key_1_last_used_service": "sts",
				"password_last_used": "N/A", "password_last_changed": "N/A", "password_next_rotation": "N/A",
			})
		}
		for column, want := range ada {
			if got := byUser["ada"][column]; got != want {
				t.Errorf("%s is %q, want %q", column, got, want)
			}
		}
		if c.unlessMoto(t, "its report has no root user") {
			root := byUser["<root_account>"]
			if root["arn"] != "arn:aws:iam::"+c.account+":root" || root["password_enabled"] != "not_supported" || root["password_last_used"] != "no_information" {
				t.Errorf("root user: %v", root)
			}
			if bob := byUser["bob,jr"]; bob["access_key_1_active"] != "false" || bob["access_key_1_last_rotated"] != "N/A" {
				t.Errorf("user with a comma: %v", bob)
			}
		}
	})
}
