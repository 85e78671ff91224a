package awsfake_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/ses/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func mailTo(from, subject string, to ...string) *ses.SendEmailInput {
	content := func(text string) *types.Content { return &types.Content{Data: &text, Charset: aws.String("UTF-8")} }
	return &ses.SendEmailInput{
		Source:      &from,
		Destination: &types.Destination{ToAddresses: to},
		Message:     &types.Message{Subject: content(subject), Body: &types.Body{Text: content("ä\n<b> & c")}},
	}
}

func TestContractSendEmail(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := ses.NewFromConfig(c.config)
		_, err := client.SendEmail(t.Context(), mailTo("keys@example.com", "s", "ann@example.com"))
		wantCode(t, "SendEmail from an address that is not verified", err, "MessageRejected")
		if got := httpStatus(err); got != 400 {
			t.Errorf("status %d, want 400", got)
		}

		check[*ses.VerifyEmailIdentityOutput](t)(
			client.VerifyEmailIdentity(t.Context(), &ses.VerifyEmailIdentityInput{EmailAddress: aws.String("keys@example.com")}))
		sent := check[*ses.SendEmailOutput](t)(
			client.SendEmail(t.Context(), mailTo(`"Sleuth" <keys@example.com>`, "Schlüssel", "ann@example.com", "bob@example.com")))
		if *sent.MessageId == "" {
			t.Error("the message has no id")
		}
		_, err = client.SendEmail(t.Context(), mailTo("other@example.com", "s", "ann@example.com"))
		wantCode(t, "SendEmail from another address", err, "MessageRejected")

		if !c.unlessMoto(t, "it takes any subject and address") {
			return
		}
		_, err = client.SendEmail(t.Context(), mailTo("keys@example.com", "s\r\nBcc: all@example.com", "ann@example.com"))
		wantCode(t, "SendEmail with two lines of subject", err, "InvalidParameterValue")
		_, err = client.SendEmail(t.Context(), mailTo("keys@example.com", "s", "ann"))
		wantCode(t, "SendEmail to no address", err, "InvalidParameterValue")
	})
}

func TestSentMailIsKept(t *testing.T) {
	t.Parallel()
	s := start(t)
	account := s.Account("210987654321")
	account.VerifySender("example.com")
	id, secret := account.Credentials()
	client := ses.NewFromConfig(configFor(s.URL(), id, secret, ""))
	check[*ses.SendEmailOutput](t)(client.SendEmail(t.Context(), mailTo("keys@example.com", "Schlüssel", "ann@example.com")))
	sent := account.SentMail()
	if len(sent) != 1 || sent[0].MessageID == "" {
		t.Fatalf("kept %+v", sent)
	}
	sent[0].MessageID = ""
	want := awsfake.Mail{
		Region: sent[0].Region, From: "keys@example.com", To: []string{"ann@example.com"}, Subject: "Schlüssel", Text: "ä\n<b> & c", At: sent[0].At,
	}
	if diff := cmp.Diff(want, sent[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(s.Home().SentMail()) != 0 {
		t.Error("another account has it, too")
	}
}
