package awsfake_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func identity(t *testing.T, config aws.Config) *sts.GetCallerIdentityOutput {
	t.Helper()
	return check[*sts.GetCallerIdentityOutput](t)(
		sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))
}

func TestContractCallerIdentity(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		who := identity(t, c.config)
		if *who.Account != c.account || !strings.Contains(*who.Arn, c.account) || *who.UserId == "" {
			t.Errorf("account %s, arn %s, id %q, want account %s", *who.Account, *who.Arn, *who.UserId, c.account)
		}

		// A user's own key acts as that user, in the user's account.
		u := c.addUsers(t, awsfake.User{Name: "ada", Path: "/people/", Keys: []awsfake.Key{{Active: true}}})[0]
		config := c.configOf(u.Keys[0].ID, "secret", "")
		who = identity(t, config)
		if want := "arn:aws:iam::" + c.account + ":user/people/ada"; *who.Account != c.account || *who.Arn != want {
			t.Errorf("account %s, arn %s, want %s", *who.Account, *who.Arn, want)
		}
		keys := check[*iam.ListAccessKeysOutput](t)(
			iam.NewFromConfig(config).ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{}))
		if len(keys.AccessKeyMetadata) != 1 || *keys.AccessKeyMetadata[0].AccessKeyId != u.Keys[0].ID {
			t.Errorf("the caller has %d keys", len(keys.AccessKeyMetadata))
		}
	})
}

func TestContractInactiveKeyIsRefused(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		if !c.unlessMoto(t, "it serves inactive keys") {
			return
		}
		u := c.addUsers(t, awsfake.User{Name: "ada", Keys: []awsfake.Key{{}}})[0]
		_, err := sts.NewFromConfig(c.configOf(u.Keys[0].ID, "secret", "")).
			GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		wantCode(t, "GetCallerIdentity", err, "InvalidClientTokenId")
		if got := httpStatus(err); got != 403 {
			t.Errorf("status %d, want 403", got)
		}
	})
}

func TestContractAssumeRole(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		c.addUsers(t, awsfake.User{Name: "ada"})
		assume := func(config aws.Config, account string) (aws.Config, *sts.AssumeRoleOutput) {
			t.Helper()
			out := check[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: aws.String("arn:aws:iam::" + account + ":role/auditor"), RoleSessionName: aws.String("sleuth"),
			}))
			return c.configOf(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken), out
		}
		const elsewhere = "319283746501"
		there, out := assume(c.config, elsewhere)
		if want := "arn:aws:sts::" + elsewhere + ":assumed-role/auditor/sleuth"; *out.AssumedRoleUser.Arn != want {
			t.Errorf("assumed %s, want %s", *out.AssumedRoleUser.Arn, want)
		}
		if left := time.Until(*out.Credentials.Expiration); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("expires in %s, want an hour", left)
		}
		who := identity(t, there)
		if *who.Account != elsewhere || *who.Arn != *out.AssumedRoleUser.Arn {
			t.Errorf("there: account %s, arn %s", *who.Account, *who.Arn)
		}
		list := check[*iam.ListUsersOutput](t)(iam.NewFromConfig(there).ListUsers(t.Context(), &iam.ListUsersInput{}))
		if len(list.Users) != 0 {
			t.Errorf("there: %d users", len(list.Users))
		}
		back, _ := assume(there, c.account)
		list = check[*iam.ListUsersOutput](t)(iam.NewFromConfig(back).ListUsers(t.Context(), &iam.ListUsersInput{}))
		if len(list.Users) != 1 {
			t.Errorf("back: %d users, want 1", len(list.Users))
		}
	})
}

func TestContractPublish(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := sns.NewFromConfig(c.config)
		topic := check[*sns.CreateTopicOutput](t)(client.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("keys")})).TopicArn
		if want := "arn:aws:sns:us-east-1:" + c.account + ":keys"; *topic != want {
			t.Errorf("topic %s, want %s", *topic, want)
		}
		publish := func(topic, subject, message string) error {
			in := &sns.PublishInput{TopicArn: &topic, Message: &message}
			if subject != "" {
				in.Subject = &subject
			}
			out, err := client.Publish(t.Context(), in)
			if err == nil && aws.ToString(out.MessageId) == "" {
				t.Error("published without a message id")
			}
			return err
		}
		for _, message := range []string{"hello", "two\nlines & <tags>", "\U0001F600", strings.Repeat("x", 256<<10)} {
			if err := publish(*topic, "Keys: 3 to rotate!", message); err != nil {
				t.Errorf("publishing %d bytes: %v", len(message), err)
			}
		}
		wantCode(t, "no subject", publish(*topic, "", "hello"), "")
		wantCode(t, "a subject of 100", publish(*topic, strings.Repeat("s", 100), "hello"), "")

		err := publish(*topic+"-gone", "", "hello")
		var unknown *snstypes.NotFoundException
		if !errors.As(err, &unknown) {
			t.Errorf("unknown topic: got %v, want a NotFoundException", err)
		}
		err = publish(*topic, strings.Repeat("s", 101), "hello")
		var invalid *snstypes.InvalidParameterException
		if !errors.As(err, &invalid) {
			t.Errorf("long subject: got %v, want an InvalidParameterException", err)
		}
		wantCode(t, "long message", publish(*topic, "", strings.Repeat("x", 256<<10+1)), "InvalidParameter")
		if c.unlessMoto(t, "it counts characters, not bytes, and takes empty messages and any short subject") {
			wantCode(t, "long message in bytes", publish(*topic, "", strings.Repeat("é", 128<<10+1)), "InvalidParameter")
			wantCode(t, "empty message", publish(*topic, "", ""), "InvalidParameter")
			for _, subject := range []string{"two\nlines", "café", " leading space", "tab\there"} {
				wantCode(t, "subject "+subject, publish(*topic, subject, "hello"), "InvalidParameter")
			}
		}
	})
}
