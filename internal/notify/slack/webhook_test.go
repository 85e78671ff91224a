package slack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// onClock is a webhook's options by a clock that lets no real time pass.
func onClock(clock *channeltest.Clock) slack.Options {
	return slack.Options{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}}
}

func newWebhook(t *testing.T, url string, options slack.Options) *slack.Webhook {
	t.Helper()
	webhook, err := slack.NewWebhook(secret.New(url), options)
	if err != nil {
		t.Fatal(err)
	}
	return webhook
}

var hello = notify.Message{Body: `{"text":"hello"}`}

func TestReasonsHaveHints(t *testing.T) {
	t.Parallel()
	for reason, hint := range map[string]string{
		"no_service":                        "make a new one",
		"invalid_token":                     "make a new one",
		"channel_is_archived":               "unarchive",
		"channel_not_found":                 "make a new webhook",
		"action_prohibited":                 "do not allow",
		"posting_to_general_channel_denied": "#general",
		"invalid_payload":                   "could not read",
		"too_many_attachments":              "at most 100",
		"no_text":                           "no text",
		"something_new":                     `"something_new"`,
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, channeltest.SlackOptions{})
			server.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: reason})
			err := newWebhook(t, server.URL(), slack.Options{}).Send(t.Context(), hello)
			if err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), hint) {
				t.Errorf("error is %v, want the reason and %q", err, hint)
			}
		})
	}
}

func TestASecretThatTheServiceRepeats(t *testing.T) {
	t.Parallel()
	server := startServer(t, channeltest.SlackOptions{})
	server.Next(channeltest.Answer{
		Kind: channeltest.Refusing, Reason: "no " + strings.Join(server.Secrets()[1:], " ") + "\nat all",
	})
	err := newWebhook(t, server.URL(), slack.Options{}).Send(t.Context(), hello)
	if err == nil || !strings.Contains(err.Error(), "at all") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v, want the reason in one line", err)
	}
	for _, hidden := range server.Secrets() {
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("a secret is in %q", err)
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	server := startServer(t, channeltest.SlackOptions{})
	server.Next(channeltest.Answer{Kind: channeltest.Failing})
	var echo strings.Builder
	options := onClock(channeltest.NewClock())
	options.Echo = &echo
	webhook := newWebhook(t, server.URL(), options)
	if webhook.PrintOnly() {
		t.Error("a webhook with a URL only prints")
	}
	if err := webhook.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if want := "slack message: {\"text\":\"hello\"}\n"; echo.String() != want {
		t.Errorf("printed %q, want it once: %q", echo.String(), want)
	}
	if len(server.Messages()) != 1 || server.Messages()[0].Body != hello.Body {
		t.Errorf("sent %+v", server.Messages())
	}
}

func TestAnEchoThatFailsStopsNoMessage(t *testing.T) {
	t.Parallel()
	server := startServer(t, channeltest.SlackOptions{})
	if err := newWebhook(t, server.URL(), slack.Options{Echo: brokenPipe{}}).Send(t.Context(), hello); err != nil {
		t.Errorf("Send returned %v", err)
	}
	if err := newWebhook(t, slack.PrintOnly, slack.Options{Echo: brokenPipe{}}).Send(t.Context(), hello); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("where printing is all there is, Send returned %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPrintOnly(t *testing.T) {
	t.Parallel()
	var echo strings.Builder
	webhook := newWebhook(t, slack.PrintOnly, slack.Options{
		Echo: &echo,
		HTTP: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			t.Error("a request was made")
			return nil, io.EOF
		})},
	})
	if err := webhook.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if want := "slack message: {\"text\":\"hello\"}\n"; echo.String() != want || !webhook.PrintOnly() {
		t.Errorf("printed %q, want %q", echo.String(), want)
	}
	if _, err := slack.NewWebhook(secret.New(slack.PrintOnly), slack.Options{}); err == nil {
		t.Error("a webhook that can neither print nor send was made")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestURLs(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://hooks.slack.com/services/T0/B0/x": true,
		"http://127.0.0.1:8080/x":                  true,
		"http://localhost/x":                       true,
		"http://[::1]:80/x":                        true,
		"http://hooks.slack.com/services/hidden":   false,
		"hooks.slack.com/services/hidden":          false,
		"ftp://hidden.example/x":                   false,
		"https:///hidden":                          false,
		"://hidden":                                false,
		"https://hidden\x7f":                       false,
		"":                                         false,
		"Test":                                     false,
	} {
		_, err := slack.NewWebhook(secret.New(url), slack.Options{Echo: io.Discard})
		if (err == nil) != ok {
			t.Errorf("NewWebhook(%q) returned %v, want success: %t", url, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the URL is in %q", err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hook" {
			elsewhere.Add(1)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	err := newWebhook(t, server.URL+"/hook", slack.Options{HTTP: server.Client()}).Send(t.Context(), hello)
	if err == nil || !strings.Contains(err.Error(), "redirect") || elsewhere.Load() != 0 {
		t.Errorf("error is %v after %d requests elsewhere, want one that names the redirect", err, elsewhere.Load())
	}
}

func TestWhatIsNotSlacksOK(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		ok     bool
	}{
		"ok":              {200, "ok", true},
		"ok and a line":   {200, "ok\n", true},
		"a login page":    {200, "<html>" + strings.Repeat("Log in. ", 100_000), false},
		"nothing":         {200, "", false},
		"accepted":        {202, "ok", false},
		"no content":      {204, "", false},
		"request timeout": {408, "ok", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			err := newWebhook(t, server.URL, onClock(channeltest.NewClock())).Send(t.Context(), hello)
			if (err == nil) != test.ok || requests.Load() != 1 {
				t.Errorf("error is %v after %d requests, want success: %t after 1", err, requests.Load(), test.ok)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error has %d characters: the answer was not shortened", len(err.Error()))
			}
		})
	}
}

func TestErrorsOfTheNetworkQuoteNoURL(t *testing.T) {
	t.Parallel()
	const url = "https://hooks.example.net/services/T0HIDDEN/B0HIDDEN/tokenHIDDEN?sig=queryHIDDEN"
	for name, trip := range map[string]roundTripper{
		"error": func(r *http.Request) (*http.Response, error) {
			return nil, errors.New("dial " + r.URL.Host + " for " + r.URL.String() + " and " + r.URL.Path)
		},
		"panic": func(r *http.Request) (*http.Response, error) { panic("cannot reach " + r.URL.String()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := onClock(channeltest.NewClock())
			options.HTTP = &http.Client{Transport: trip}
			err := newWebhook(t, url, options).Send(t.Context(), hello)
			if err == nil || strings.Contains(err.Error(), "HIDDEN") {
				t.Errorf("error is %v, want one that does not quote the URL", err)
			}
			if name == "error" && !strings.Contains(err.Error(), "dial hooks.example.net") {
				t.Errorf("error is %v, want one that names the host", err)
			}
		})
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	server := startServer(t, channeltest.SlackOptions{Interval: time.Second, Now: clock.Now})
	webhook := newWebhook(t, server.URL(), onClock(clock))
	for i, want := range []time.Duration{0, time.Second, 2 * time.Second} {
		if err := webhook.Send(t.Context(), hello); err != nil {
			t.Fatal(err)
		}
		if clock.Elapsed() != want {
			t.Errorf("message %d went after %s, want %s", i, clock.Elapsed(), want)
		}
	}
	_ = clock.Sleep(t.Context(), time.Minute)
	if err := webhook.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if want := time.Minute + 2*time.Second; clock.Elapsed() != want {
		t.Errorf("after a pause, a message waited until %s, want %s", clock.Elapsed(), want)
	}
	if refused := server.Refusals(); len(refused) != 0 {
		t.Errorf("refused: %v", refused)
	}
}

func TestSendersShareThePace(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	server := startServer(t, channeltest.SlackOptions{})
	webhook := newWebhook(t, server.URL(), onClock(clock))
	sent := make(chan error)
	for range 5 {
		go func() { sent <- webhook.Send(context.WithoutCancel(t.Context()), hello) }()
	}
	for range 5 {
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	if len(server.Messages()) != 5 || clock.Elapsed() < 4*time.Second {
		t.Errorf("%d messages in %s, want 5 in at least 4s", len(server.Messages()), clock.Elapsed())
	}
}
