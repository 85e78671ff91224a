package email_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ses"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
	"github.com/iam-sleuth/sleuth/internal/notify/notifytest"
	"github.com/iam-sleuth/sleuth/internal/notify/retry"
)

const (
	from      = "Sleuth <keys@example.com>"
	secretKey = "StandInSecretAccessKey0123456789"
)

// service answers SendEmail in SES's wire format, within its documented rules.
type service struct {
	notifytest.Script
	*httptest.Server
	refusal string // what it says where it refuses with a reason

	mu       sync.Mutex
	requests []url.Values // those taken
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{refusal: "refused"}
	s.Server = httptest.NewServer(s.Handler(s.respond))
	t.Cleanup(s.Close)
	return s
}

func (s *service) respond(w http.ResponseWriter, _ *http.Request, body []byte, a notifytest.Answer) {
	form, err := url.ParseQuery(string(body))
	_, addressErr := mail.ParseAddress(form.Get("Destination.ToAddresses.member.1"))
	subject, text := form.Get("Message.Subject.Data"), form.Get("Message.Body.Text.Data")
	switch {
	case a.Kind == notifytest.Throttled:
		fail(w, http.StatusBadRequest, "Throttling", "Maximum sending rate exceeded.")
	case a.Kind == notifytest.Failing:
		fail(w, http.StatusInternalServerError, "InternalFailure", "try later")
	case a.Kind == notifytest.Refusing && a.Reason != "":
		fail(w, http.StatusBadRequest, a.Reason, s.refusal)
	case a.Kind == notifytest.Refusing:
		fail(w, http.StatusForbidden, "AccessDenied", "not authorized to perform: ses:SendEmail")
	case err != nil || form.Get("Action") != "SendEmail" || form.Get("Source") != `"Sleuth" <keys@example.com>`:
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "not a SendEmail")
	case addressErr != nil:
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Illegal address")
	case subject == "" || strings.ContainsAny(subject, "\r\n") || form.Get("Message.Subject.Charset") != "UTF-8":
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Subject")
	case !utf8.ValidString(subject+text) || form.Get("Message.Body.Text.Charset") != "UTF-8":
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Text")
	default:
		s.mu.Lock()
		s.requests = append(s.requests, form)
		s.mu.Unlock()
		_, _ = fmt.Fprint(w, `<SendEmailResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><SendEmailResult>`+
			`<MessageId>1</MessageId></SendEmailResult></SendEmailResponse>`)
	}
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><Error><Type>Sender</Type>`+
		`<Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, message)
}

func (s *service) taken() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.requests...)
}

func (s *service) Received() (texts []string) {
	for _, form := range s.taken() {
		texts = append(texts, form.Get("Message.Subject.Data")+"\n\n"+form.Get("Message.Body.Text.Data"))
	}
	return texts
}

func (s *service) Secrets() []string { return []string{secretKey} }

// client is the real SDK's, with its own retries as they are by default.
func (s *service) client() *ses.Client {
	return ses.New(ses.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDSTANDIN", secretKey, ""),
	})
}

func TestContract(t *testing.T) {
	t.Parallel()
	notifytest.Contract(t, notifytest.Harness{
		Start: func(t *testing.T, setup notifytest.Setup) (notify.Channel, notifytest.Service) {
			s := startService(t)
			return newMailer(t, s.client(), email.Options{
				Now:   setup.Now,
				Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout},
			}), s
		},
		Address: func(i int, n notify.Notice) notify.Notice {
			n.Email = fmt.Sprintf("person-%d@example.com", i/10)
			return n
		},
		Many:  100,
		About: "AWS access key AKIA",
		Line: func(n notify.Notice) string {
			letter := notify.Letter{Notices: []notify.Notice{n}}
			for line := range strings.Lines(notify.Words{}.Personal(notify.Bulletin{}, letter, notify.OneLine)) {
				if strings.Contains(line, n.KeyID) {
					return strings.TrimSuffix(line, "\n")
				}
			}
			return "no line about " + n.KeyID
		},
	})
}

func newMailer(t *testing.T, sender email.Sender, options email.Options) *email.Mailer {
	t.Helper()
	mailer, err := email.New(from, sender, options)
	if err != nil {
		t.Fatal(err)
	}
	return mailer
}
