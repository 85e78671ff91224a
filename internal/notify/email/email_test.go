package email_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// A person with keys in two accounts gets one mail, which names the account of
// each, and nobody else's key.
func TestOneMailAPerson(t *testing.T) {
	t.Parallel()
	s := startService(t)
	mailer := newMailer(t, s.client(), email.Options{})
	at := time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)
	one, two := account.Account{ID: "111111111111", Alias: "one"}, account.Account{ID: "222222222222", Alias: "two"}
	batch := notify.Batch{
		Digest:   "2 AWS accounts",
		Creation: notify.Heading{Title: "Key Rotation", Text: "Run aws-vault rotate."},
		Notices: []notify.Notice{
			{KeyID: "K1", User: "ann", Name: "Ann Perkins", Email: "ann@example.com", Account: one, Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 8, At: at},
			{KeyID: "K2", User: "ann-ci", Email: "ann@example.com", Account: two, Kind: notify.Disabled, Reason: audit.CreationAge},
			{KeyID: "K3", User: "bob@example.com", Email: "bob@example.com", Account: two, Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 3},
			{KeyID: "K4", User: "carol", Account: two, Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 3},
		},
	}
	delivery := notify.Deliver(t.Context(), []notify.Post{{Channel: mailer, Batch: batch}},
		func(context.Context, notify.Channel, notify.Message) error { return nil })[0]
	if delivery.Sent != 2 || delivery.Notices != 3 || len(delivery.Failures) > 0 {
		t.Fatalf("%+v, want 2 mails that tell 3 notices", delivery)
	}
	mails := map[string]string{}
	for i, m := range s.taken() {
		mails[m.to()] = s.Received()[i]
	}
	for to, want := range map[string][]string{
		"ann@example.com": {
			"Hello Ann Perkins,", "K1 expires in 8 days, on Monday 30 November 2026, 14:00 UTC,",
			"AWS account 111111111111 (one)", "K2 was disabled", "AWS account 222222222222 (two)", "Run aws-vault rotate.",
		},
		"bob@example.com": {"Your AWS access key K3 expires in 3 days", "Hello bob@example.com,", "AWS account 222222222222 (two)"},
	} {
		for _, text := range want {
			if !strings.Contains(mails[to], text) {
				t.Errorf("the mail to %s says nothing of %q:\n%s", to, text, mails[to])
			}
		}
	}
	if strings.Contains(mails["bob@example.com"], "K1") || strings.Contains(strings.Join(s.Received(), ""), "K4") {
		t.Error("somebody was told of another's key")
	}
}

// A template cannot break out of the subject, whatever is in it.
func TestSubjectIsOneShortLine(t *testing.T) {
	t.Parallel()
	words, problems := notify.ParseTemplates(notify.TemplateTexts{Subject: "{{.Name}}\r\nBcc: all@example.com\n\n" + strings.Repeat("ä", 300)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	subject := newMailer(t, nil, email.Options{}).Compose(notify.Batch{
		Templates: words,
		Notices:   []notify.Notice{{KeyID: "K1", User: "ann", Name: "A\r\nCc: b@example.com", Email: "a@example.com", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge}},
	})[0].Subject
	if strings.ContainsAny(subject, "\r\n") || len(subject) > 200 || !strings.HasSuffix(subject, "ä...") || !strings.HasPrefix(subject, "A  Cc: b@example.com") {
		t.Errorf("subject is %q", subject)
	}
}

// However many keys a person has, no mail is larger than SES takes, and none is
// left out.
func TestLongMailIsSplit(t *testing.T) {
	t.Parallel()
	b := notify.Batch{Account: account.Account{ID: "123456789012"}}
	for i := range 4_000 {
		b.Notices = append(b.Notices, notify.Notice{
			KeyID: fmt.Sprintf("AKIA%016d", i), User: strings.Repeat("u", 64), Email: "a@example.com", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge,
		})
	}
	messages := newMailer(t, nil, email.Options{}).Compose(b)
	if len(messages) < 2 {
		t.Fatalf("%d mails: this tests nothing", len(messages))
	}
	told := map[string]bool{}
	for _, m := range messages {
		if len(m.Body) > 600<<10 || m.To != "a@example.com" || m.Subject == "" {
			t.Errorf("a mail to %q of %d bytes, subject %q", m.To, len(m.Body), m.Subject)
		}
		for _, n := range m.Notices {
			told[n.KeyID] = strings.Contains(m.Body, n.KeyID)
		}
	}
	if len(told) != len(b.Notices) {
		t.Errorf("%d of %d keys are told", len(told), len(b.Notices))
	}
}

func TestHints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ code, message, want string }{
		"not verified": {"MessageRejected", "Email address is not verified. The following identities failed the check in region EU-WEST-1: keys@example.com", "verify the address or the domain of SLEUTH_EMAIL_FROM"},
		"rejected":     {"MessageRejected", "Content of this message is a virus", "a virus"},
		"no leave":     {"AccessDeniedException", "not authorized", "allow ses:SendEmail"},
		"mail from":    {"MailFromDomainNotVerifiedException", "no", "MX record"},
		"paused":       {"SendingPausedException", "no", "paused this account"},
		"quota":        {"TooManyRequestsException", "Daily message quota exceeded.", "larger sending quota"},
		"session over": {"ExpiredToken", "no", "credentials have expired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startService(t)
			s.refusal = test.message
			s.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: test.code})
			err := newMailer(t, s.client(), email.Options{}).Send(t.Context(), notify.Message{To: "a@example.com", Subject: "s", Body: "b"})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "send mail to a@example.com") {
				t.Errorf("error is %v, want %q and the address in it", err, test.want)
			}
			if s.Requests() != 1 {
				t.Errorf("%d requests, want 1", s.Requests())
			}
		})
	}
}

// asked is an API that keeps what it was asked for last.
type asked struct{ last *sesv2.SendEmailInput }

func (a *asked) SendEmail(_ context.Context, in *sesv2.SendEmailInput, _ ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	a.last = in
	return &sesv2.SendEmailOutput{}, nil
}

func TestSenderIsEncoded(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"keys@example.com":             "<keys@example.com>",
		"Sleuth <keys@example.com>":    `"Sleuth" <keys@example.com>`,
		"Schlüssel <keys@example.com>": "=?utf-8?q?Schl=C3=BCssel?= <keys@example.com>",
	} {
		got := &asked{}
		mailer, err := email.New(given, got, email.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := mailer.Send(t.Context(), notify.Message{To: "a@example.com", Subject: "s", Body: "b"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, aws.ToString(got.last.FromEmailAddress)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
	if _, err := email.New("keys", nil, email.Options{}); err == nil {
		t.Error("no address is taken for one")
	}
}

// A notice may have been written before SLEUTH_EMAIL_DOMAIN was set.
func TestNoMailToAnAddressThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	s := startService(t)
	mailer := newMailer(t, s.client(), email.Options{Allows: audit.Owners{Domains: []string{"example.com"}}.Allows})
	err := mailer.Send(t.Context(), notify.Message{To: "ann@elsewhere.example", Subject: "s", Body: "b"})
	if err == nil || !strings.Contains(err.Error(), "send mail to ann@elsewhere.example: the address is outside SLEUTH_EMAIL_DOMAIN") {
		t.Errorf("got %v", err)
	}
	if err := mailer.Send(t.Context(), notify.Message{To: "ann@Example.com", Subject: "s", Body: "b"}); err != nil {
		t.Error(err)
	}
	if taken := s.taken(); len(taken) != 1 || taken[0].to() != "ann@Example.com" {
		t.Errorf("sent %+v", taken)
	}
}
