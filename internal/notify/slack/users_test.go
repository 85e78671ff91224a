package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const apiToken = "xoxb-stand-in-hidden"

// api answers Slack's API from a list of pages and a list of groups.
type api struct {
	pages  []string // members of each page, as JSON
	groups string
	faults map[string][]func(http.ResponseWriter) // by method, before the truth

	mu    sync.Mutex
	calls map[string]int
	forms []string // what was asked for, in order
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls == nil {
		a.calls = map[string]int{}
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	a.calls[method]++
	_ = r.ParseForm()
	a.forms = append(a.forms, method+"?"+asked(r))
	w.Header().Set("Content-Type", "application/json")
	if r.FormValue("token") != apiToken && r.Header.Get("Authorization") != "Bearer "+apiToken {
		_, _ = fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
		return
	}
	if faults := a.faults[method]; len(faults) > 0 {
		a.faults[method] = faults[1:]
		faults[0](w)
		return
	}
	switch method {
	case "users.list":
		page, next := 0, ""
		_, _ = fmt.Sscanf(r.FormValue("cursor"), "page%d", &page)
		if page+1 < len(a.pages) {
			next = fmt.Sprintf("page%d", page+1)
		}
		_, _ = fmt.Fprintf(w, `{"ok":true,"members":[%s],"response_metadata":{"next_cursor":%q}}`, a.pages[page], next)
	case "usergroups.list":
		_, _ = fmt.Fprintf(w, `{"ok":true,"usergroups":[%s]}`, a.groups)
	default:
		http.NotFound(w, r)
	}
}

// asked is what a request asks for, beside the token that slack-go puts into each
// form and the arguments that it leaves empty. A token in the URL would show.
func asked(r *http.Request) string {
	form := url.Values{}
	for name, values := range r.PostForm {
		if values[0] != "" && name != "token" {
			form[name] = values
		}
	}
	return form.Encode() + r.URL.RawQuery
}

func refuse(reason string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = fmt.Fprintf(w, `{"ok":false,%s}`, reason) }
}

func limit(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "20")
	w.WriteHeader(http.StatusTooManyRequests)
}

func workspace() *api {
	return &api{
		pages: []string{
			`{"id":"U2","name":"tobias","real_name":"Tobias Funke","profile":{"display_name":"Dr. Funke","email":"t@example.com"}},
			 {"id":"USLACKBOT","name":"slackbot"}`,
			`{"id":"U9","name":"gone","deleted":true},{"id":"U8","name":"ci","is_bot":true}`,
			`{"id":"W1","name":"lindsay","profile":{"real_name":"Lindsay"}}`,
		},
		groups: `{"id":"S2","handle":"infra","name":"Infra","user_count":3},{"id":"S1","handle":"eng","name":"Engineers"}`,
		faults: map[string][]func(http.ResponseWriter){},
	}
}

func list(t *testing.T, a *api, token string, filter slack.Filter) (slack.Listing, *channeltest.Clock, error) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	clock := channeltest.NewClock()
	users := slack.NewUsers(secret.New(token), slack.UsersOptions{
		APIURL: server.URL + "/api", Retry: retry.Policy{Sleep: clock.Sleep},
	})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, users); strings.Contains(printed, token) {
			t.Errorf("the token is in %q", printed)
		}
	}
	listing, err := users.List(t.Context(), filter)
	if err != nil && strings.Contains(err.Error(), token) {
		t.Errorf("the token is in %q", err)
	}
	return listing, clock, err
}

var living = slack.Listing{
	Users: []slack.User{
		{ID: "W1", Name: "lindsay", RealName: "Lindsay"},
		{ID: "U2", Name: "tobias", DisplayName: "Dr. Funke", RealName: "Tobias Funke", Email: "t@example.com"},
	},
	Groups: []slack.Group{
		{ID: "S1", Tag: "subteam-S1", Handle: "eng", Name: "Engineers"},
		{ID: "S2", Tag: "subteam-S2", Handle: "infra", Name: "Infra", Users: 3},
	},
}

func TestUsers(t *testing.T) {
	t.Parallel()
	a := workspace()
	listing, _, err := list(t, a, apiToken, slack.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(living, listing); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	if a.calls["users.list"] != len(a.pages) {
		t.Errorf("%d pages were read, want %d", a.calls["users.list"], len(a.pages))
	}
	for _, g := range listing.Groups {
		if _, ok := slack.Mention("x", g.Tag); !ok {
			t.Errorf("the tag %q mentions nobody", g.Tag)
		}
	}
	if text, err := json.Marshal(listing.Users[0]); err != nil || string(text) != `{"id":"W1","name":"lindsay","real_name":"Lindsay"}` {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestUsersFilter(t *testing.T) {
	t.Parallel()
	for want, filter := range map[string]slack.Filter{
		"lindsay tobias":                  {},
		"gone lindsay tobias":             {Deleted: true},
		"ci lindsay slackbot tobias":      {Bots: true},
		"ci gone lindsay slackbot tobias": {Deleted: true, Bots: true},
	} {
		listing, _, err := list(t, workspace(), apiToken, filter)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, u := range listing.Users {
			names = append(names, u.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%+v lists %q, want %q", filter, got, want)
		}
	}
}

func TestUsersObeysRateLimits(t *testing.T) {
	t.Parallel()
	a := workspace()
	a.faults["users.list"] = []func(http.ResponseWriter){
		limit, limit, refuse(`"error":"internal_error"`),
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
	}
	a.faults["usergroups.list"] = []func(http.ResponseWriter){limit}
	listing, clock, err := list(t, a, apiToken, slack.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(living, listing); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	if got := clock.Elapsed(); got < time.Minute || got > 90*time.Second {
		t.Errorf("waited %s, want the three times 20s that Slack asked for", got)
	}
}

func TestUsersWithoutAScope(t *testing.T) {
	t.Parallel()
	lacking := func(scope string) []func(http.ResponseWriter) {
		return []func(http.ResponseWriter){refuse(`"error":"missing_scope","needed":"` + scope + `","provided":"x"`)}
	}
	a := workspace()
	a.faults["usergroups.list"] = lacking("usergroups:read")
	listing, _, err := list(t, a, apiToken, slack.Filter{})
	scope, ok := errors.AsType[*slack.ScopeError](err)
	if !ok || scope.Scope != "usergroups:read" || !strings.Contains(err.Error(), "list user groups: the token lacks the scope usergroups:read") {
		t.Errorf("error is %v, want the scope", err)
	}
	if diff := cmp.Diff(living.Users, listing.Users); diff != "" {
		t.Errorf("the users are not listed (-want +got):\n%s", diff)
	}

	a = workspace()
	a.faults["users.list"] = lacking("")
	listing, _, err = list(t, a, apiToken, slack.Filter{})
	if scope, ok := errors.AsType[*slack.ScopeError](err); !ok || scope.Scope != "users:read" {
		t.Errorf("error is %v, want the scope", err)
	}
	if diff := cmp.Diff(living.Groups, listing.Groups); diff != "" {
		t.Errorf("the groups are not listed (-want +got):\n%s", diff)
	}
}

func TestUsersErrors(t *testing.T) {
	t.Parallel()
	if _, _, err := list(t, workspace(), "xoxb-wrong", slack.Filter{}); err == nil || !strings.Contains(err.Error(), "invalid_auth; SLEUTH_SLACK_API_TOKEN is not a token") {
		t.Errorf("a wrong token: %v", err)
	}

	a := workspace()
	a.faults["users.list"] = []func(http.ResponseWriter){again, again}
	if _, _, err := list(t, a, apiToken, slack.Filter{}); err == nil || !strings.Contains(err.Error(), "same page again") {
		t.Errorf("a page that repeats: %v", err)
	}

	a = workspace()
	for range 9 {
		a.faults["users.list"] = append(a.faults["users.list"], func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	}
	if _, _, err := list(t, a, apiToken, slack.Filter{}); err == nil || a.calls["users.list"] != 5 {
		t.Errorf("an API that is down: %v after %d calls, want an error after 5", err, a.calls["users.list"])
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slack.NewUsers(secret.New(apiToken), slack.UsersOptions{APIURL: "http://127.0.0.1:1"}).List(ctx, slack.Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// TestUsersAsks holds what each page is asked for by; the token is in no URL.
func TestUsersAsks(t *testing.T) {
	t.Parallel()
	for disabled, filter := range map[string]slack.Filter{"": {}, "&include_disabled=true": {Deleted: true}} {
		a := workspace()
		a.groups = `{"id":"S1","handle":"gone","date_delete":1446746793},{"id":"S2","handle":"here","date_delete":0},{"id":"S3","handle":"text","date_delete":"0"}`
		listing, _, err := list(t, a, apiToken, filter)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"users.list?include_locale=false&limit=200", "users.list?cursor=page1&include_locale=false&limit=200",
			"users.list?cursor=page2&include_locale=false&limit=200",
			"usergroups.list?include_count=true" + disabled,
		}
		if diff := cmp.Diff(want, a.forms); diff != "" {
			t.Errorf("%+v asks (-want +got):\n%s", filter, diff)
		}
		for _, g := range listing.Groups {
			if g.Deleted != (g.ID == "S1") {
				t.Errorf("%s is deleted: %t", g.ID, g.Deleted)
			}
		}
	}
}

// TestUsersReadsLongPages: 200 people with their profiles take some MB. What
// never ends is given up.
func TestUsersReadsLongPages(t *testing.T) {
	t.Parallel()
	person := func(size int) string {
		return `{"id":"U1","name":"ann","profile":{"status_text":"` + strings.Repeat("x", size) + `"}}`
	}
	a := workspace()
	a.pages = []string{person(5 << 20)}
	listing, _, err := list(t, a, apiToken, slack.Filter{})
	if err != nil || len(listing.Users) != 1 {
		t.Errorf("a page of 5 MB: %d users, %v", len(listing.Users), err)
	}
	a = workspace()
	a.pages = append(a.pages, person(17<<20))
	listing, _, err = list(t, a, apiToken, slack.Filter{})
	if err == nil || !strings.Contains(err.Error(), "list users: slack's answer to users.list is longer than 16 MB") {
		t.Errorf("a page of 17 MB: %v", err)
	}
	if diff := cmp.Diff(living.Users, listing.Users); diff != "" {
		t.Errorf("the pages before it are not listed (-want +got):\n%s", diff)
	}
}

// TestUsersSharesTheAppsReading of answers, with hints of its own setting.
func TestUsersSharesTheAppsReading(t *testing.T) {
	t.Parallel()
	for want, fault := range map[string]func(http.ResponseWriter){
		"list users: slack answered token_revoked; the token was revoked: install the app again; copy the Bot User OAuth Token from the app's OAuth & Permissions into SLEUTH_SLACK_API_TOKEN again": refuse(`"error":"token_revoked"`),
		"is SLEUTH_SLACK_API_TOKEN set":        refuse(`"error":"not_authed"`),
		"list users: slack answered new_to_us": refuse(`"error":"new_to_us"`),
		"slack answered no, without a reason":  refuse(`"error":""`),
		"slack answered " + secret.Redacted:    refuse(`"error":"\u0078oxb-stand-in-hidden"`),
		"check SLEUTH_SLACK_API_URL":           func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, "<html>Log in") },
		"404":                                  func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"read slack's answer to users.list":    func(w http.ResponseWriter) { _, _ = fmt.Fprint(w, `{"ok":true,"members":{}}`) },
	} {
		a := workspace()
		a.faults["users.list"] = []func(http.ResponseWriter){fault}
		_, _, err := list(t, a, apiToken, slack.Filter{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
		if a.calls["users.list"] != 1 {
			t.Errorf("%s: %d calls, want one", want, a.calls["users.list"])
		}
	}

	a := workspace()
	a.faults["usergroups.list"] = []func(http.ResponseWriter){
		func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
	}
	for _, reason := range []string{"fatal_error", "ratelimited", "request_timeout", "service_unavailable"} {
		a.faults["users.list"] = append(a.faults["users.list"], refuse(`"error":"`+reason+`"`))
	}
	if listing, _, err := list(t, a, apiToken, slack.Filter{}); err != nil || len(listing.Groups) != len(living.Groups) {
		t.Errorf("what passes was not tried again: %v", err)
	}
}

func again(w http.ResponseWriter) {
	_, _ = fmt.Fprint(w, `{"ok":true,"members":[{"id":"U1","name":"x"}],"response_metadata":{"next_cursor":"again"}}`)
}
