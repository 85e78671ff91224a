package sns_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

const (
	topicARN  = "arn:aws:sns:eu-west-1:123456789012:keys"
	secretKey = "StandInSecretAccessKey0123456789"
)

// service answers Publish in SNS's wire format, within its documented limits.
type service struct {
	channeltest.Script
	*httptest.Server

	mu       sync.Mutex
	requests []url.Values // those taken
}

func startService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(s.Handler(s.respond))
	t.Cleanup(s.Close)
	return s
}

func (s *service) respond(w http.ResponseWriter, _ *http.Request, body []byte, a channeltest.Answer) {
	form, err := url.ParseQuery(string(body))
	switch {
	case a.Kind == channeltest.Throttled:
		fail(w, http.StatusBadRequest, "Throttling", "Rate exceeded")
	case a.Kind == channeltest.Failing:
		fail(w, http.StatusInternalServerError, "InternalFailure", "try later")
	case a.Kind == channeltest.Refusing && a.Reason != "":
		fail(w, http.StatusForbidden, a.Reason, "refused")
	case a.Kind == channeltest.Refusing:
		fail(w, http.StatusForbidden, "AuthorizationError", "not authorized to perform: SNS:Publish")
	case err != nil || form.Get("Action") != "Publish" || form.Get("TopicArn") == "":
		fail(w, http.StatusBadRequest, "InvalidParameter", "not a Publish")
	case !validSubject(form.Get("Subject")):
		fail(w, http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Subject")
	case form.Get("Message") == "" || !utf8.ValidString(form.Get("Message")):
		fail(w, http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Message")
	case len(form.Get("Message"))+len(form.Get("Subject")) > 256*1024:
		fail(w, http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Message too long")
	default:
		s.mu.Lock()
		s.requests = append(s.requests, form)
		s.mu.Unlock()
		_, _ = fmt.Fprint(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>`+
			`<MessageId>1</MessageId></PublishResult></PublishResponse>`)
	}
}

func fail(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>`+
		`<Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, code, message)
}

func validSubject(subject string) bool {
	for _, r := range subject {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return len(subject) >= 1 && len(subject) <= 100
}

func (s *service) taken() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.requests...)
}

func (s *service) Received() (texts []string) {
	for _, form := range s.taken() {
		texts = append(texts, form.Get("Message"))
	}
	return texts
}

func (s *service) Secrets() []string { return []string{secretKey} }

// client is the real SDK's, with its own retries as they are by default.
func (s *service) client() *awssns.Client {
	return awssns.New(awssns.Options{
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
			return newTopic(t, topicARN, s.client(), sns.Options{
				Now:   setup.Now,
				Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout},
			}), s
		},
		Line: func(n notify.Notice) string {
			n.Note, n.Account.Alias = text.OneLine(n.Note), text.OneLine(n.Account.Alias)
			return n.Line(text.OneLine(n.User))
		},
	})
}

func newTopic(t *testing.T, arn string, publisher sns.Publisher, options sns.Options) *sns.Topic {
	t.Helper()
	topic, err := sns.NewTopic(arn, publisher, options)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

// publisher is a Publish of any behaviour.
type publisher func(*awssns.PublishInput) error

func (p publisher) Publish(_ context.Context, in *awssns.PublishInput, _ ...func(*awssns.Options)) (*awssns.PublishOutput, error) {
	return &awssns.PublishOutput{}, p(in)
}
