package channeltest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func startSlackAPI(t *testing.T, options channeltest.SlackAPIOptions) *channeltest.SlackAPI {
	t.Helper()
	api, err := channeltest.StartSlackAPI(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

// callSlack calls a method as a client with this token, and returns the answer.
func callSlack(t *testing.T, api *channeltest.SlackAPI, token, method, kind, body string) (string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL()+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return http.StatusText(response.StatusCode) + " " + string(answer), response.Header
}

const (
	asJSON = "application/json; charset=utf-8"
	asForm = "application/x-www-form-urlencoded"
)

func TestSlackAPIRefusesWhatSlackDoes(t *testing.T) {
	t.Parallel()
	api := startSlackAPI(t, channeltest.SlackAPIOptions{})
	section := `{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("x", 3_001) + `"}}`
	heading := `{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}`
	divider := `{"type":"divider"}`
	for _, test := range []struct{ name, token, kind, body, want string }{
		{"fine", api.Token(), asJSON, `{"channel":"U1","text":"x","blocks":[` + divider + `]}`, `OK {"ok":true}`},
		{"no token", "", asJSON, `{"channel":"U1","text":"x"}`, `OK {"ok":false,"error":"not_authed"}`},
		{"a wrong token", "xoxb-1", asJSON, `{"channel":"U1","text":"x"}`, `OK {"ok":false,"error":"invalid_auth"}`},
		{"a form", "", asForm, `channel=U1&text=x&blocks=[` + divider + `]&token=` + api.Token(), `OK {"ok":true}`},
		{"a form without a token", "", asForm, `channel=U1&text=x`, `OK {"ok":false,"error":"not_authed"}`},
		{"a form that holds no blocks", api.Token(), asForm, `channel=U1&text=x&blocks=x`, `OK {"ok":false,"error":"invalid_arguments"}`},
		{"plain text", api.Token(), "text/plain", `channel=U1&text=x`, `OK {"ok":false,"error":"invalid_post_type"}`},
		{"another channel", api.Token(), asJSON, `{"channel":"#general","text":"x"}`, `OK {"ok":false,"error":"channel_not_found"}`},
		{"no text", api.Token(), asJSON, `{"channel":"U1"}`, `OK {"ok":false,"error":"no_text"}`},
		{"a long section", api.Token(), asJSON, `{"channel":"U1","text":"x","blocks":[` + section + `]}`, `OK {"ok":false,"error":"invalid_blocks"}`},
		{"a long header", api.Token(), asJSON, `{"channel":"U1","text":"x","blocks":[` + heading + `]}`, `OK {"ok":false,"error":"invalid_blocks"}`},
		{"many blocks", api.Token(), asJSON, `{"channel":"U1","text":"x","blocks":[` + strings.Repeat(divider+",", 50) + divider + `]}`, `OK {"ok":false,"error":"invalid_blocks"}`},
		{"no block", api.Token(), asJSON, `{"channel":"U1","text":"x","blocks":[{"type":"nonsense"}]}`, `OK {"ok":false,"error":"invalid_blocks"}`},
	} {
		if got, _ := callSlack(t, api, test.token, "chat.postMessage", test.kind, test.body); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if len(api.Posts()) != 2 || len(api.Refusals()) != 11 {
		t.Errorf("%d taken, refused %v", len(api.Posts()), api.Refusals())
	}
}

func TestSlackAPIHoldsEachConversationToItsPace(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	api := startSlackAPI(t, channeltest.SlackAPIOptions{Interval: time.Second, Now: clock.Now})
	var got []string
	for _, whom := range []string{"U1", "U2", "U1"} {
		answer, header := callSlack(t, api, api.Token(), "chat.postMessage", asJSON, `{"channel":"`+whom+`","text":"x"}`)
		got = append(got, answer+header.Get("Retry-After"))
	}
	want := []string{`OK {"ok":true}`, `OK {"ok":true}`, `Too Many Requests {"ok":false,"error":"ratelimited"}1`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestSlackAPIFindsPeople(t *testing.T) {
	t.Parallel()
	api := startSlackAPI(t, channeltest.SlackAPIOptions{})
	api.Know("ann@example.com", "W0ANN")
	api.Refuse("gone@example.com", "users_not_found")
	api.Refuse("left@example.com", "deleted")
	for address, want := range map[string]string{
		"ann%40example.com":  `OK {"ok":true,"user":{"id":"W0ANN","deleted":false}}`,
		"b%40example.com":    `OK {"ok":true,"user":{"id":"U0BEXAMPLECOM","deleted":false}}`,
		"gone%40example.com": `OK {"ok":false,"error":"users_not_found"}`,
		"left%40example.com": `OK {"ok":true,"user":{"id":"U0LEFTEXAMPLECOM","deleted":true}}`,
		"nobody":             `OK {"ok":false,"error":"users_not_found"}`,
	} {
		if got, _ := callSlack(t, api, api.Token(), "users.lookupByEmail", asForm, "email="+address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := len(api.Lookups()); got != 5 {
		t.Errorf("%d lookups, want 5", got)
	}

	narrow := startSlackAPI(t, channeltest.SlackAPIOptions{Scopes: "im:write"})
	want := `OK {"ok":false,"error":"missing_scope","needed":"users:read.email","provided":"im:write"}`
	if got, header := callSlack(t, narrow, narrow.Token(), "users.lookupByEmail", asForm, "email=a%40b"); got != want || header.Get("X-OAuth-Scopes") != "im:write" {
		t.Errorf("without the scope: %s, scopes %s", got, header.Get("X-OAuth-Scopes"))
	}
}
