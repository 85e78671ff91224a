package channeltest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func startSlack(t *testing.T, options channeltest.SlackOptions) *channeltest.SlackServer {
	t.Helper()
	server, err := channeltest.StartSlack(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// post sends a message, and returns what was answered.
func post(t *testing.T, url, kind, body string) (answer, retryAfter string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, text), response.Header.Get("Retry-After")
}

func TestSlackServerHoldsToTheLimits(t *testing.T) {
	t.Parallel()
	attachments := func(n int) string {
		return `{"attachments":[` + strings.TrimSuffix(strings.Repeat(`{"text":"x"},`, n), ",") + `]}`
	}
	server := startSlack(t, channeltest.SlackOptions{})
	for name, test := range map[string]struct{ path, kind, body, want string }{
		"a text":              {"", "application/json", `{"text":"x"}`, "200 ok"},
		"an attachment":       {"", "application/json; charset=utf-8", attachments(1), "200 ok"},
		"100 attachments":     {"", "application/json", attachments(100), "200 ok"},
		"101 attachments":     {"", "application/json", attachments(101), "400 too_many_attachments"},
		"nothing":             {"", "application/json", `{}`, "400 no_text"},
		"an empty attachment": {"", "application/json", `{"text":"x","attachments":[{}]}`, "400 no_text"},
		"not JSON":            {"", "application/json", `{'text': 'x'}`, "400 invalid_payload"},
		"not UTF-8":           {"", "application/json", "{\"text\":\"\xff\"}", "400 invalid_payload"},
		"not said to be JSON": {"", "text/plain", `{"text":"x"}`, "400 invalid_payload"},
		"another webhook":     {"x", "application/json", `{"text":"x"}`, "404 no_service"},
	} {
		if got, _ := post(t, server.URL()+test.path, test.kind, test.body); got != test.want {
			t.Errorf("%s: answered %q, want %q", name, got, test.want)
		}
	}
	if len(server.Messages()) != 3 || len(server.Refusals()) != 6 {
		t.Errorf("%d messages taken and %d refused, want 3 and 6", len(server.Messages()), len(server.Refusals()))
	}
}

func TestSlackServerKeepsThePace(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	server := startSlack(t, channeltest.SlackOptions{Interval: 1500 * time.Millisecond, Now: clock.Now})
	send := func() (string, string) { return post(t, server.URL(), "application/json", `{"text":"x"}`) }
	if got, _ := send(); got != "200 ok" {
		t.Errorf("the first message: %q", got)
	}
	if got, after := send(); got != "429 rate_limited" || after != "2" {
		t.Errorf("a second at once: %q, Retry-After %q", got, after)
	}
	_ = clock.Sleep(t.Context(), 1500*time.Millisecond)
	if got, _ := send(); got != "200 ok" {
		t.Errorf("a second in time: %q", got)
	}
}

func TestSlackServerRecords(t *testing.T) {
	t.Parallel()
	server := startSlack(t, channeltest.SlackOptions{})
	post(t, server.URL(), "application/json", `{"text":"<!here> &lt;!channel&gt;", "attachments":[
		{"title":"T <@U1>","text":"<!channel|x>","color":"red","fields":[{"title":"Users","value":"a (<!subteam^S1>) <@W2|w>"}]}]}`)
	post(t, server.URL(), "application/json", `{"text":"`+strings.Repeat("x", 40_001)+`"}`)
	got := server.Messages()
	if len(got) != 2 {
		t.Fatalf("%d messages, want 2", len(got))
	}
	if diff := cmp.Diff([]string{"here", "U1", "channel", "S1", "W2"}, got[0].Mentions); diff != "" {
		t.Errorf("mentions (-want +got):\n%s", diff)
	}
	if got[0].Cut || !got[1].Cut {
		t.Errorf("cut: %t and %t, want only the second", got[0].Cut, got[1].Cut)
	}
	if field := got[0].Attachments[0].Fields[0]; field.Title != "Users" {
		t.Errorf("field is %+v", field)
	}
	if text := server.Received()[0]; !strings.Contains(text, "\nUsers\na (<!subteam^S1>)") {
		t.Errorf("received %q", text)
	}
}
