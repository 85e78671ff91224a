package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func startAPI(t *testing.T, options channeltest.SlackAPIOptions) *channeltest.SlackAPI {
	t.Helper()
	api, err := channeltest.StartSlackAPI(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

func newApp(t *testing.T, api *channeltest.SlackAPI, options slack.AppOptions) *slack.App {
	t.Helper()
	options.APIURL = api.URL()
	app, err := slack.NewApp(secret.New(api.Token()), options)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// byClock is an app's options by a clock that lets no real time pass.
func byClock(clock *channeltest.Clock) slack.AppOptions {
	return slack.AppOptions{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}}
}

// contractOf holds one of an app's channels to the contract of all channels.
func contractOf(t *testing.T, h channeltest.Harness, open func(*slack.App) notify.Channel) {
	t.Helper()
	h.Start = func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
		api := startAPI(t, channeltest.SlackAPIOptions{Interval: slack.Interval, Now: setup.Now})
		t.Cleanup(func() {
			if refusals := api.Refusals(); strings.HasSuffix(t.Name(), "/splitting") && len(refusals) > 0 {
				t.Errorf("paced messages were refused: %v", refusals)
			}
			for _, p := range api.Posts() {
				for _, broadcast := range h.Never {
					if p.Cut || strings.Contains(p.Text, broadcast) {
						t.Errorf("cut: %t, text %q", p.Cut, p.Text)
					}
				}
			}
		})
		return open(newApp(t, api, slack.AppOptions{
			Now: setup.Now, Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout},
		})), api
	}
	h.Never = []string{"<!here", "<!channel", "<!everyone"}
	channeltest.Contract(t, h)
}

// lineOfNamed is the line of a notice whose owner is named in the list, as a message
// of their own mentions them.
func lineOfNamed(n notify.Notice) string {
	mention, _ := slack.Mention(n.User, n.SlackTag)
	if strings.HasPrefix(mention, "<@") {
		mention = slack.Escape(n.User)
	}
	n.Note, n.Account.Alias = slack.Escape(n.Note), slack.Escape(n.Account.Alias)
	return n.Line(mention)
}

func TestChannelContract(t *testing.T) {
	t.Parallel()
	contractOf(t, channeltest.Harness{
		Line: lineOfNamed,
	}, func(app *slack.App) notify.Channel { return app.Channel(channeltest.SlackChannel) })
}

func TestRefusalsHaveHints(t *testing.T) {
	t.Parallel()
	for reason, hint := range map[string]string{
		"invalid_auth":          "SLEUTH_SLACK_TOKEN again",
		"not_authed":            "did not arrive",
		"token_revoked":         "install the app again",
		"not_in_channel":        "/invite",
		"is_archived":           "unarchive",
		"messages_tab_disabled": "App Home",
		"missing_scope":         "lacks the scope chat:write: add it under OAuth & Permissions",
		"something_new":         "something_new",
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			api := startAPI(t, channeltest.SlackAPIOptions{})
			app := newApp(t, api, slack.AppOptions{})
			for _, channel := range []notify.Channel{app.Channel(channeltest.SlackChannel), app.Direct(channeltest.SlackChannel)} {
				before := api.Requests()
				api.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: reason})
				err := channel.Send(t.Context(), channel.Compose(of(someone(nil)))[0])
				if err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), hint) {
					t.Errorf("%s: error is %v, want the reason and %q", channel.Name(), err, hint)
				}
				if refusal, ok := errors.AsType[*slack.Refusal](err); !ok || refusal.Reason != reason {
					t.Errorf("%s: error is %#v, want a Refusal", channel.Name(), err)
				}
				if api.Requests() != before+1 {
					t.Errorf("%s: %d requests, want one", channel.Name(), api.Requests()-before)
				}
			}
		})
	}
}

func TestFailuresOfSlacksOwnAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"internal_error", "fatal_error", "ratelimited", "service_unavailable"} {
		clock := channeltest.NewClock()
		api := startAPI(t, channeltest.SlackAPIOptions{})
		api.Next(channeltest.Answer{Kind: channeltest.Failing, Reason: reason, RetryAfter: "9"})
		errs := sent(t, api, byClock(clock), of(someone(nil)))
		if len(errs) > 0 || api.Requests() != 2 || clock.Elapsed() < 9*time.Second {
			t.Errorf("%s: %v after %d requests in %s, want success at the second", reason, errs, api.Requests(), clock.Elapsed())
		}
	}
}

func TestAnswersThatAreNotTheAPIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status     int
		body, want string
	}{
		"a login page":   {200, "<html>Log in", "SLEUTH_SLACK_API_URL"},
		"nothing":        {200, "", "SLEUTH_SLACK_API_URL"},
		"other json":     {200, `{"fine":true}`, "SLEUTH_SLACK_API_URL"},
		"not found":      {404, "no", "404"},
		"ok, but not so": {418, `{"ok":true}`, "418"},
		"no reason":      {200, `{"ok":false}`, "without a reason"},
		"a redirect":     {302, "", "redirect"},
		"details":        {200, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be shorter"]}}`, "invalid_blocks (must be shorter); "},
		"an echo":        {200, `{"ok":false,"error":"no xoxb-0123456789012-notARealTokenButAsLong24 here"}`, secret.Redacted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				requests++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			app, err := slack.NewApp(secret.New("xoxb-0123456789012-notARealTokenButAsLong24"), slack.AppOptions{APIURL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			err = app.Channel("C1").Send(t.Context(), hello)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "notAReal") {
				t.Errorf("error is %v, want one about %q", err, test.want)
			}
			if requests != 1 {
				t.Errorf("%d requests, want 1", requests)
			}
		})
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	who := func(scopes string) slack.Identity {
		api := startAPI(t, channeltest.SlackAPIOptions{Scopes: scopes})
		who, err := newApp(t, api, slack.AppOptions{}).Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(api.Posts()) > 0 {
			t.Error("something was posted")
		}
		return who
	}
	want := slack.Identity{Team: "Acme", URL: "https://acme.slack.com/", Bot: "sleuth", Granted: slack.Scopes}
	if diff := cmp.Diff(want, who("")); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	if got := who("chat:write, users:read").Lacking; !slices.Equal(got, []string{"im:write", "users:read.email"}) {
		t.Errorf("lacks %v", got)
	}

	api := startAPI(t, channeltest.SlackAPIOptions{})
	app, err := slack.NewApp(secret.New("xoxb-wrong"), slack.AppOptions{APIURL: api.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Identify(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_auth; ") {
		t.Errorf("a wrong token: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := app.Identify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestNewApp(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"": true, "https://slack-gov.com/api/": true, "http://127.0.0.1:1/api": true,
		"http://slack.com/api/": false, "slack.com": false,
	} {
		if _, err := slack.NewApp(secret.New("xoxb-hidden"), slack.AppOptions{APIURL: url}); (err == nil) != ok {
			t.Errorf("NewApp with %q: %v", url, err)
		}
	}
	if _, err := slack.NewApp(secret.Value{}, slack.AppOptions{}); err == nil {
		t.Error("an app without a token was made")
	}
}

func TestAnAppEchoes(t *testing.T) {
	t.Parallel()
	api := startAPI(t, channeltest.SlackAPIOptions{})
	var echo strings.Builder
	app := newApp(t, api, slack.AppOptions{Echo: &echo})
	for _, channel := range []notify.Channel{app.Channel(channeltest.SlackChannel), app.Direct(channeltest.SlackChannel)} {
		for _, m := range channel.Compose(of(someone(nil))) {
			if err := channel.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"slack-channel message: to C0STANDIN\n{", "slack-direct message: to U0ANN\n{"} {
		if !strings.Contains(echo.String(), want) {
			t.Errorf("printed %q, want %q in it", echo.String(), want)
		}
	}
}

// TestTheManifestAsksForEveryScope: an app that is made as the page says has
// what it needs.
func TestTheManifestAsksForEveryScope(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/slack.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range slack.Scopes {
		if !strings.Contains(string(page), "- "+scope+"\n") || !strings.Contains(string(page), "`"+scope+"`") {
			t.Errorf("docs/slack.md does not ask for the scope %s, or not say what for", scope)
		}
	}
}

// TestMessagesArriveAsComposed: slack-go writes them again, and loses nothing.
func TestMessagesArriveAsComposed(t *testing.T) {
	t.Parallel()
	type content struct {
		Text        string
		Attachments []channeltest.SlackAttachment
		Blocks      []channeltest.SlackBlock
	}
	read := func(body string) (c content) {
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, body)
		}
		return c
	}
	api := startAPI(t, channeltest.SlackAPIOptions{})
	app := newApp(t, api, byClock(channeltest.NewClock()))
	b := channeltest.Crowd(300)
	b.Announcement, b.Creation = "first <run> & more\nsecond 名前", notify.Heading{Title: "Rotate <it>", Text: "See <https://example.com/?a=1&b=2|how>\n```aws```"}
	for i := range b.Notices {
		b.Notices[i].SlackTag = "U1"
	}
	for _, channel := range []notify.Channel{app.Channel(channeltest.SlackChannel), app.Direct(channeltest.SlackChannel)} {
		for i, m := range channel.Compose(b) {
			if err := channel.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			posts := api.Posts()
			want, got := read(m.Body), read(posts[len(posts)-1].Body)
			if len(want.Attachments)+len(want.Blocks) == 0 {
				t.Fatalf("message %d is empty: this tests nothing", i)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, message %d (-composed +sent):\n%s", channel.Name(), i, diff)
			}
		}
	}
}

// TestOKCounts: what Slack took is delivered, whatever else its answer holds.
func TestOKCounts(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"ok":true}`, `{"ok":true,"ts":5}`, `{"ok":true,"errors":{"new":1},"message":"x"}`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		app, err := slack.NewApp(secret.New("xoxb-1"), slack.AppOptions{APIURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Channel("C1").Send(t.Context(), hello); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
		server.Close()
	}
}
