package eventbridge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

const (
	busARN    = "arn:aws:events:eu-west-1:123456789012:event-bus/keys"
	secretKey = "StandInSecretAccessKey0123456789"
)

// service answers PutEvents in EventBridge's wire format, within its documented
// limits.
type service struct {
	channeltest.Script
	*httptest.Server

	mu sync.Mutex
	// codes are the errors of the entries of the next calls; "" takes one.
	codes [][]string
	calls [][]request // all, entries not taken included
	texts []string    // of the calls all of whose entries were taken
}

type request struct{ EventBusName, Source, DetailType, Detail string }

func startService(t *testing.T, codes ...[]string) *service {
	t.Helper()
	s := &service{codes: codes}
	s.Server = httptest.NewServer(s.Handler(s.respond))
	t.Cleanup(s.Close)
	return s
}

func (s *service) respond(w http.ResponseWriter, r *http.Request, body []byte, a channeltest.Answer) {
	var in struct{ Entries []request }
	err := json.Unmarshal(body, &in)
	size := 0
	for _, e := range in.Entries {
		size += len(e.Source) + len(e.DetailType) + len(e.Detail)
	}
	switch {
	case a.Kind == channeltest.Throttled:
		refuse(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	case a.Kind == channeltest.Failing:
		refuse(w, http.StatusInternalServerError, "InternalException", "try later")
	case a.Kind == channeltest.Refusing:
		refuse(w, http.StatusBadRequest, "AccessDeniedException", "not authorized to perform: events:PutEvents")
	case err != nil || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents":
		refuse(w, http.StatusBadRequest, "SerializationException", "not a PutEvents")
	case len(in.Entries) == 0 || len(in.Entries) > 10 || size > 256<<10:
		refuse(w, http.StatusBadRequest, "ValidationException", "too many entries")
	default:
		s.take(w, in.Entries)
	}
}

func (s *service) take(w http.ResponseWriter, entries []request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var codes []string
	if len(s.codes) > 0 {
		codes, s.codes = s.codes[0], s.codes[1:]
	}
	s.calls = append(s.calls, entries)
	failed := 0
	var results, texts []string
	for i, e := range entries {
		if i < len(codes) && codes[i] != "" {
			failed++
			results = append(results, fmt.Sprintf(`{"ErrorCode":%q,"ErrorMessage":"as asked"}`, codes[i]))
			continue
		}
		results = append(results, `{"EventId":"1"}`)
		texts = append(texts, asText(e))
	}
	if failed == 0 {
		s.texts = append(s.texts, strings.Join(texts, "\n"))
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = fmt.Fprintf(w, `{"FailedEntryCount":%d,"Entries":[%s]}`, failed, strings.Join(results, ","))
}

// asText is an event as somebody's automation might put it into words.
func asText(e request) string {
	var d struct {
		Account  account.Account
		Text     string
		User     string
		KeyID    string `json:"key_id"`
		Kind     notify.Kind
		Reason   audit.Reason
		DaysLeft int `json:"days_left"`
		Note     string
	}
	if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
		return err.Error()
	}
	if e.DetailType == eventbridge.Announcement {
		return d.Account.String() + "\n" + d.Text
	}
	n := notify.Notice{User: d.User, KeyID: d.KeyID, ShowKeyID: true, Kind: d.Kind, Reason: d.Reason, DaysLeft: d.DaysLeft, Note: d.Note, Account: d.Account}
	return d.Account.String() + "\n" + n.Line(d.User)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
}

func (s *service) Received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.texts...)
}

func (s *service) called() [][]request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]request(nil), s.calls...)
}

func (s *service) Secrets() []string { return []string{secretKey} }

// client is the real SDK's, with its own retries as they are by default.
func (s *service) client() *awsevents.Client {
	return awsevents.New(awsevents.Options{
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
			return newBus(t, s, retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout}, setup.Now), s
		},
		Line: func(n notify.Notice) string {
			n.ShowKeyID, n.Note, n.Account.Alias = true, text.OneLine(n.Note), text.OneLine(n.Account.Alias)
			if n.Kind != notify.Expiring {
				n.DaysLeft = 0
			}
			return n.Line(text.OneLine(n.User))
		},
		Many: 300,
	})
}

func newBus(t *testing.T, s *service, policy retry.Policy, now func() time.Time) *eventbridge.Bus {
	t.Helper()
	bus, err := eventbridge.New(busARN, s.client(), eventbridge.Options{Retry: policy, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func published(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := filepath.Abs("../../../docs/schema/event-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.DefaultDraft(jsonschema.Draft2020)
	schema, err := compiler.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
