package shoutrrr_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

const token = "topsecretwebhooktoken"

// webhook takes messages as a service does.
type webhook struct {
	channeltest.Script
	*httptest.Server
	// read finds the text of a message, or says what is wrong with it.
	read func(r *http.Request, body []byte) (string, error)
	// fine is what it answers to a message that it takes.
	fine func(w http.ResponseWriter)

	mu    sync.Mutex
	texts []string
}

func startWebhook(t *testing.T, read func(*http.Request, []byte) (string, error)) *webhook {
	t.Helper()
	h := &webhook{read: read, fine: func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") }}
	h.Server = httptest.NewServer(h.Handler(h.respond))
	t.Cleanup(h.Close)
	return h
}

func (h *webhook) respond(w http.ResponseWriter, r *http.Request, body []byte, a channeltest.Answer) {
	switch a.Kind {
	case channeltest.Throttled:
		http.Error(w, "slow down, "+r.URL.String(), http.StatusTooManyRequests)
	case channeltest.Failing:
		http.Error(w, "try later, "+r.URL.String(), http.StatusServiceUnavailable)
	case channeltest.Refusing:
		http.Error(w, "no token like "+r.URL.Path, http.StatusForbidden)
	default:
		text, err := h.read(r, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		h.texts = append(h.texts, text)
		h.mu.Unlock()
		h.fine(w)
	}
}

func (h *webhook) Received() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.texts...)
}

func (h *webhook) Secrets() []string {
	return []string{token, strings.TrimPrefix(h.URL, "http://")}
}

func (h *webhook) host() string { return strings.TrimPrefix(h.URL, "http://") }

// RoundTrip sends whatever a service wants to its own host to the stand-in.
func (h *webhook) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", h.host()
	return http.DefaultTransport.RoundTrip(r)
}

func readGeneric(r *http.Request, body []byte) (string, error) {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/hooks/"+token) {
		return "", fmt.Errorf("%s %s", r.Method, r.URL)
	}
	return string(body), nil
}

func readMattermost(r *http.Request, body []byte) (string, error) {
	var posted struct{ Text string }
	if err := json.Unmarshal(body, &posted); err != nil || r.URL.Path != "/hooks/"+token || len([]rune(posted.Text)) > 16_383 {
		return "", fmt.Errorf("%s of %d bytes: %w", r.URL, len(body), err)
	}
	return posted.Text, nil
}

func readDiscord(r *http.Request, body []byte) (string, error) {
	var posted struct {
		Content string
		Embeds  []struct{ Title, Description string }
	}
	err := json.Unmarshal(body, &posted)
	if err != nil || r.URL.Path != "/api/webhooks/12345678901234567/"+token || posted.Content != "" || len(posted.Embeds) != 1 ||
		len([]rune(posted.Embeds[0].Description)) > 4_096 || len(posted.Embeds[0].Title) > 256 {
		return "", fmt.Errorf("%s %s: %w", r.URL, body, err)
	}
	return posted.Embeds[0].Description, nil
}

func TestContract(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct {
		read  func(*http.Request, []byte) (string, error)
		url   func(h *webhook) string
		clean notify.Escaper
		never []string
	}{
		"generic": {readGeneric, func(h *webhook) string { return "generic+" + h.URL + "/hooks/" + token }, text.OneLine, nil},
		"mattermost": {
			readMattermost, func(h *webhook) string { return "mattermost://" + h.host() + "/" + token + "?disabletls=yes" },
			shoutrrr.Quiet, []string{"<!here", "<!channel", "<!everyone", "<@U", "<!subteam", "'@here", " @here"},
		},
		"discord": {readDiscord, func(*webhook) string { return "discord://" + token + "@12345678901234567" }, shoutrrr.Quiet, nil},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			channeltest.Contract(t, channeltest.Harness{
				Start: func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
					h := startWebhook(t, test.read)
					options := shoutrrr.Options{Now: setup.Now, Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout}}
					if kind == "discord" {
						options.HTTP = &http.Client{Transport: h}
					}
					return one(t, test.url(h), options), h
				},
				Line: func(n notify.Notice) string {
					n.Note, n.Account.Alias = test.clean(n.Note), test.clean(n.Account.Alias)
					return n.Line(test.clean(n.User))
				},
				Mentions: kind != "generic",
				Never:    test.never,
			})
		})
	}
}

// one is the channel of one URL.
func one(t *testing.T, urls string, options shoutrrr.Options) notify.Channel {
	t.Helper()
	channels, err := shoutrrr.New(secret.New(urls), options)
	if err != nil {
		t.Fatal(err)
	}
	if len(channels) != 1 {
		t.Fatalf("%d channels, want one", len(channels))
	}
	return channels[0]
}
