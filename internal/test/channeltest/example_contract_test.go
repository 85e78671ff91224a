package channeltest_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// boardServer stands for the service, and answers as the contract asks it to.
type boardServer struct {
	channeltest.Script
	*httptest.Server

	mu    sync.Mutex
	taken []string
}

func (s *boardServer) respond(w http.ResponseWriter, _ *http.Request, body []byte, a channeltest.Answer) {
	switch a.Kind {
	case channeltest.Throttled:
		w.WriteHeader(http.StatusTooManyRequests)
	case channeltest.Failing:
		w.WriteHeader(http.StatusInternalServerError)
	case channeltest.Refusing:
		w.WriteHeader(http.StatusForbidden)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = append(s.taken, string(body))
	}
}

// Received implements channeltest.Service.
func (s *boardServer) Received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.taken...)
}

// Secrets implements channeltest.Service.
func (s *boardServer) Secrets() []string { return []string{"board-token"} }

func TestExampleKeepsTheContract(t *testing.T) {
	t.Parallel()
	channeltest.Contract(t, channeltest.Harness{
		Start: func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
			s := &boardServer{}
			s.Server = httptest.NewServer(s.Handler(s.respond))
			t.Cleanup(s.Close)
			return Board{
				URL: secret.New(s.URL + "/board-token"), Now: setup.Now, Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout},
			}, s
		},
		Line: func(n notify.Notice) string {
			n.Note, n.Account.Alias = text.OneLine(n.Note), text.OneLine(n.Account.Alias)
			return n.Line(text.OneLine(n.User))
		},
	})
}
