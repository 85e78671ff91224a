package awsfake_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// sendMail sends through SES, version 2.
func sendMail(ctx context.Context, config aws.Config, from, subject string, to ...string) (id string, err error) {
	content := func(text string) *types.Content { return &types.Content{Data: &text, Charset: aws.String("UTF-8")} }
	out, err := sesv2.NewFromConfig(config).SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &from,
		Destination:      &types.Destination{ToAddresses: to},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content(subject), Body: &types.Body{Text: content("ä\n<b> & c")},
		}},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.MessageId), nil
}

func TestContractSendEmail(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		_, err := sendMail(t.Context(), c.config, "keys@example.com", "s", "ann@example.com")
		if got := httpStatus(err); got != 400 {
			t.Errorf("an address that is not verified: status %d, want 400", got)
		}
		if c.unlessMoto(t, "it answers that error in XML") {
			wantCode(t, "an address that is not verified", err, "MessageRejected")
		}

		_, err = sesv2.NewFromConfig(c.config).CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("keys@example.com")})
		if err != nil {
			t.Fatal(err)
		}
		id, err := sendMail(t.Context(), c.config, `"Sleuth" <keys@example.com>`, "Schlüssel", "ann@example.com", "bob@example.com")
		if err != nil || id == "" {
			t.Errorf("sent as %q: %v", id, err)
		}
		if _, err = sendMail(t.Context(), c.config, "other@example.com", "s", "ann@example.com"); httpStatus(err) != 400 {
			t.Errorf("another address: %v", err)
		}

		if !c.unlessMoto(t, "it takes any subject and address") {
			return
		}
		_, err = sendMail(t.Context(), c.config, "keys@example.com", "s\r\nBcc: all@example.com", "ann@example.com")
		wantCode(t, "two lines of subject", err, "BadRequestException")
		_, err = sendMail(t.Context(), c.config, "keys@example.com", "s", "ann")
		wantCode(t, "no address", err, "BadRequestException")
	})
}

func TestSentMailIsKept(t *testing.T) {
	t.Parallel()
	s := start(t)
	account := s.Account("210987654321")
	account.VerifySender("example.com")
	id, secret := account.Credentials()
	messageID, err := sendMail(t.Context(), configFor(s.URL(), id, secret, ""), "keys@example.com", "Schlüssel", "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	sent := account.SentMail()
	if len(sent) != 1 {
		t.Fatalf("kept %+v", sent)
	}
	want := awsfake.Mail{
		MessageID: messageID, Region: sent[0].Region, From: "keys@example.com", To: []string{"ann@example.com"},
		Subject: "Schlüssel", Text: "ä\n<b> & c", At: sent[0].At,
	}
	if diff := cmp.Diff(want, sent[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.Home().SentMail()) != 0 {
		t.Error("another account has it, too")
	}
}
