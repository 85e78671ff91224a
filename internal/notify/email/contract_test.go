package email_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

const (
	from      = "Sleuth <keys@example.com>"
	secretKey = "StandInSecretAccessKey0123456789"
)

// message is what SendEmail is asked for, as the API reference has it.
type message struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses []string }
	Content          struct {
		Simple struct {
			Subject content
			Body    struct{ Text content }
		}
	}
}

type content struct{ Data, Charset string }

func (m message) to() string { return strings.Join(m.Destination.ToAddresses, ", ") }

// service answers SendEmail in SES's wire format, within its documented rules.
type service struct {
	channeltest.Script
	*httptest.Server
	refusal string // what it says where it refuses with a reason

	mu       sync.Mutex
	requests []message // those taken
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{refusal: "refused"}
	s.Server = httptest.NewServer(s.Handler(s.respond))
	t.Cleanup(s.Close)
	return s
}

func (s *service) respond(w http.ResponseWriter, r *http.Request, body []byte, a channeltest.Answer) {
	var m message
	err := json.Unmarshal(body, &m)
	_, addressErr := mail.ParseAddress(m.to())
	subject, text := m.Content.Simple.Subject, m.Content.Simple.Body.Text
	switch {
	case a.Kind == channeltest.Throttled:
		fail(w, http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	case a.Kind == channeltest.Failing:
		fail(w, http.StatusInternalServerError, "InternalServiceErrorException", "try later")
	case a.Kind == channeltest.Refusing && a.Reason != "":
		fail(w, http.StatusBadRequest, a.Reason, s.refusal)
	case a.Kind == channeltest.Refusing:
		fail(w, http.StatusForbidden, "AccessDeniedException", "not authorized to perform: ses:SendEmail")
	case !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ses/aws4_request"):
		fail(w, http.StatusForbidden, "InvalidSignatureException", "Credential should be scoped to correct service: 'ses'")
	case err != nil || r.URL.Path != "/v2/email/outbound-emails" || m.FromEmailAddress != `"Sleuth" <keys@example.com>`:
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "not a SendEmail")
	case addressErr != nil:
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Illegal address")
	case subject.Data == "" || strings.ContainsAny(subject.Data, "\r\n") || subject.Charset != "UTF-8":
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Subject")
	case text.Data == "" || text.Charset != "UTF-8":
		fail(w, http.StatusBadRequest, "InvalidParameterValue", "Text")
	default:
		s.mu.Lock()
		s.requests = append(s.requests, m)
		s.mu.Unlock()
		_, _ = io.WriteString(w, `{"MessageId":"1"}`)
	}
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (s *service) taken() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]message(nil), s.requests...)
}

func (s *service) Received() (texts []string) {
	for _, m := range s.taken() {
		texts = append(texts, m.Content.Simple.Subject.Data+"\n\n"+m.Content.Simple.Body.Text.Data)
	}
	return texts
}

func (s *service) Secrets() []string { return []string{secretKey} }

// client is the one that the command uses.
func (s *service) client() email.API {
	return sesv2.NewFromConfig(aws.Config{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(s.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDSTANDIN", secretKey, ""),
	})
}

func TestContract(t *testing.T) {
	t.Parallel()
	channeltest.Contract(t, channeltest.Harness{
		Start: func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
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
			dm := notify.DirectMessage{Notices: []notify.Notice{n}}
			for line := range strings.Lines(notify.Templates{}.Personal(notify.Batch{}, dm, text.OneLine)) {
				if strings.Contains(line, n.KeyID) {
					return strings.TrimSuffix(line, "\n")
				}
			}
			return "no line about " + n.KeyID
		},
	})
}

func newMailer(t *testing.T, api email.API, options email.Options) *email.Mailer {
	t.Helper()
	mailer, err := email.New(from, api, options)
	if err != nil {
		t.Fatal(err)
	}
	return mailer
}
