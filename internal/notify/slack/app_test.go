package slack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/notifytest"
	"github.com/iam-sleuth/sleuth/internal/notify/retry"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

func startAPI(t *testing.T, options notifytest.SlackAPIOptions) *notifytest.SlackAPI {
	t.Helper()
	api, err := notifytest.StartSlackAPI(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

func newApp(t *testing.T, api *notifytest.SlackAPI, options slack.AppOptions) *slack.App {
	t.Helper()
	options.APIURL = api.URL()
	app, err := slack.NewApp(secret.New(api.Token()), options)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// byClock is an app's options by a clock that lets no real time pass.
func byClock(clock *notifytest.Clock) slack.AppOptions {
	return slack.AppOptions{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}}
}

// contractOf holds one of an app's channels to the contract of all channels.
func contractOf(t *testing.T, h notifytest.Harness, open func(*slack.App) notify.Channel) {
	t.Helper()
	h.Start = func(t *testing.T, setup notifytest.Setup) (notify.Channel, notifytest.Service) {
		api := startAPI(t, notifytest.SlackAPIOptions{Interval: slack.Interval, Now: setup.Now})
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
	notifytest.Contract(t, h)
}

func TestChannelContract(t *testing.T) {
	t.Parallel()
	contractOf(t, notifytest.Harness{
		Line: func(n notify.Notice) string {
			mention, _ := slack.Mention(n.User, n.SlackTag)
			if strings.HasPrefix(mention, "<@") {
				mention = slack.Escape(n.User)
			}
			n.Aside = slack.Escape(n.Aside)
			return n.Line(mention)
		},
	}, func(app *slack.App) notify.Channel { return app.Channel(notifytest.SlackChannel) })
}

func TestDirectContract(t *testing.T) {
	t.Parallel()
	contractOf(t, notifytest.Harness{
		About: "due to",
		Many:  150,
		Address: func(i int, n notify.Notice) notify.Notice {
			if strings.HasPrefix(n.SlackTag, "subteam-S") {
				n.SlackTag = fmt.Sprintf("W%d", i)
			}
			n.Email = fmt.Sprintf("person%d@example.com", i)
			return n
		},
		Line: func(n notify.Notice) string {
			text := notify.Words{}.Personal(notify.Bulletin{}, notify.Letter{Notices: []notify.Notice{n}}, slack.Escape)
			for line := range strings.SplitSeq(text, "\n") {
				if strings.Contains(line, n.KeyID) {
					return line
				}
			}
			return "no line about the key"
		},
	}, func(app *slack.App) notify.Channel { return app.Direct(notifytest.SlackChannel) })
}

// someone's key, by day and hour.
func someone(change func(*notify.Notice)) notify.Notice {
	n := notify.Notice{
		KeyID: "AKIAANN", User: "ann", Name: "Ann Veal", SlackTag: "U0ANN", Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8,
		At:      time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC),
		Created: time.Date(2026, 9, 1, 14, 0, 0, 0, time.UTC), LastUsed: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC),
	}
	if change != nil {
		change(&n)
	}
	return n
}

func of(notices ...notify.Notice) notify.Bulletin {
	return notify.Bulletin{
		Account:  notify.Account{ID: "123456789012", Alias: "acme"},
		Creation: notify.Heading{Title: "Rotate <it>", Text: "See <https://example.com/rotate|how>. <!here>"},
		Notices:  notices,
	}
}

// sent is what became of a bulletin, through the app's direct messages.
func sent(t *testing.T, api *notifytest.SlackAPI, options slack.AppOptions, b notify.Bulletin) []error {
	t.Helper()
	direct := newApp(t, api, options).Direct(notifytest.SlackChannel)
	var errs []error
	for _, m := range direct.Compose(b.For(direct)) {
		if err := direct.Send(t.Context(), m); err != nil {
			errs = append(errs, err)
			for _, hidden := range api.Secrets() {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("a secret is in %q", err)
				}
			}
		}
	}
	return errs
}

func TestDirectMessage(t *testing.T) {
	t.Parallel()
	api := startAPI(t, notifytest.SlackAPIOptions{})
	if errs := sent(t, api, slack.AppOptions{}, of(someone(nil))); len(errs) > 0 {
		t.Fatal(errs)
	}
	posts := api.Posts()
	if len(posts) != 1 || posts[0].Channel != "U0ANN" || len(posts[0].Mentions) > 0 {
		t.Fatalf("posted %+v", posts)
	}
	for i, want := range []struct {
		kind  string
		holds []string
	}{
		{"header", []string{"AKIAANN", "8 days"}},
		{"section", []string{"Ann Veal"}},
		{"section", []string{
			"AKIAANN", "8 days", "Monday 30 November 2026, 14:00 UTC", "user ann", "AWS account 123456789012 (acme)",
			"Tuesday 1 September 2026, 14:00 UTC", "Friday 20 November 2026, 09:30 UTC",
		}},
		{"section", []string{"*Rotate &lt;it&gt;*\nSee <https://example.com/rotate|how>. &lt;!here&gt;"}},
		{"section", []string{"What happens next"}},
	} {
		if len(posts[0].Blocks) != 5 {
			t.Fatalf("%d blocks, want a header, the greeting, the key, the instructions and what comes next", len(posts[0].Blocks))
		}
		got := posts[0].Blocks[i]
		for _, text := range want.holds {
			if got.Type != want.kind || !strings.Contains(got.Text.Text, text) {
				t.Errorf("block %d is a %s: %q, want a %s with %q", i, got.Type, got.Text.Text, want.kind, text)
			}
		}
	}
	for _, text := range []string{"AKIAANN", "Ann Veal", "What happens next"} {
		if !strings.Contains(posts[0].Text, text) {
			t.Errorf("the text for notifications lacks %q: %q", text, posts[0].Text)
		}
	}
	if strings.Contains(posts[0].Body, `"user"`) {
		t.Errorf("Slack was sent more than it asks for: %s", posts[0].Body)
	}
}

func TestWhomADirectMessageIsFor(t *testing.T) {
	t.Parallel()
	api := startAPI(t, notifytest.SlackAPIOptions{})
	api.Know("bob@example.com", "W0BOB")
	direct := newApp(t, api, slack.AppOptions{}).Direct(notifytest.SlackChannel)
	for _, test := range []struct{ tag, email, want string }{
		{"U0ANN", "", "U0ANN"},
		{" W0ANN ", "bob@example.com", "W0ANN"},
		{"", "Bob@Example.com ", "W0BOB"},
		{"tobias", "bob@example.com", "W0BOB"},
		{"u0ann", "", ""},
		{"subteam-S1", "bob@example.com", ""},
		{"", "", ""},
	} {
		n := someone(func(n *notify.Notice) { n.SlackTag, n.Email = test.tag, test.email })
		if tells := direct.Tells(n); tells != (test.want != "") {
			t.Errorf("Tells(%q, %q) = %t", test.tag, test.email, tells)
		}
		before := len(api.Posts())
		for _, m := range direct.Compose(of(n)) {
			if err := direct.Send(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
		posts := api.Posts()[before:]
		if len(posts) > 0 && posts[0].Channel != test.want || (len(posts) > 0) != (test.want != "") {
			t.Errorf("for %q, %q: posted %+v, want to %q", test.tag, test.email, posts, test.want)
		}
	}
	if got := api.Lookups(); !slices.Equal(got, []string{"bob@example.com"}) {
		t.Errorf("looked for %v, want the same person once", got)
	}
}

func TestADigestNamesTheAccountOfEachKey(t *testing.T) {
	t.Parallel()
	api := startAPI(t, notifytest.SlackAPIOptions{})
	b := of(
		someone(func(n *notify.Notice) { n.Account = notify.Account{ID: "111111111111", Alias: "prod"} }),
		someone(func(n *notify.Notice) { n.Account, n.KeyID = notify.Account{ID: "222222222222"}, "AKIATWO" }),
	)
	b.Digest = "2 accounts"
	if errs := sent(t, api, slack.AppOptions{}, b); len(errs) > 0 {
		t.Fatal(errs)
	}
	received := strings.Join(api.Received(), "\n---\n")
	for _, want := range []string{"AKIAANN", "AKIATWO", "AWS account 111111111111 (prod)", "AWS account 222222222222"} {
		if len(api.Posts()) != 1 || !strings.Contains(received, want) {
			t.Errorf("%d messages without %q:\n%s", len(api.Posts()), want, received)
		}
	}
}

// TestWhoCannotBeReached: the same letter stands in the channel, for the person
// and with the reason.
func TestWhoCannotBeReached(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		whom, reason, line string
		change             func(*notify.Notice)
	}{
		"gone":  {"U0ANN", "user_disabled", "For <@U0ANN>, who can't be reached by direct message: the account in Slack is deactivated.", nil},
		"a bot": {"U0ANN", "cannot_dm_bot", "For <@U0ANN>, who can't be reached by direct message: the Slack tag is a bot's.", nil},
		"unknown": {"U0ANN", "channel_not_found",
			"For <@U0ANN>, who can't be reached by direct message: Slack does not know the id in the Slack tag, or does not let the app write to it.", nil},
		"unknown address": {"ann@example.com", "users_not_found",
			"For a&lt;n&gt;n, who can't be reached by direct message: nobody in Slack has the mail address.",
			func(n *notify.Notice) { n.SlackTag, n.Email, n.User = "", "ann@example.com", "a<n>n" }},
		"removed since": {"ann@example.com", "deleted",
			"For ann, who can't be reached by direct message: the account in Slack is deactivated.",
			func(n *notify.Notice) { n.SlackTag, n.Email = "", "ann@example.com" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := startAPI(t, notifytest.SlackAPIOptions{})
			api.Refuse(test.whom, test.reason)
			var log bytes.Buffer
			options := slack.AppOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}
			if errs := sent(t, api, options, of(someone(test.change))); len(errs) > 0 {
				t.Fatal(errs)
			}
			posts := api.Posts()
			if len(posts) != 1 || posts[0].Channel != notifytest.SlackChannel {
				t.Fatalf("posted %+v, want one message in the channel", posts)
			}
			shown := posts[0].Shown()
			if shown[0] != test.line || !strings.HasPrefix(posts[0].Text, test.line) {
				t.Errorf("it begins with %q and %q, want %q", shown[0], posts[0].Text, test.line)
			}
			if !strings.Contains(strings.Join(shown[2:], "\n"), "AKIAANN") {
				t.Errorf("the letter is not in it: %q", shown)
			}
			if !strings.Contains(log.String(), "could not be reached in Slack directly") {
				t.Errorf("the log says nothing of it: %s", &log)
			}
			if strings.Contains(posts[0].Body, "example.com\"") {
				t.Errorf("the mail address is in the channel: %s", posts[0].Body)
			}
		})
	}
}

func TestNeitherThePersonNorTheChannel(t *testing.T) {
	t.Parallel()
	api := startAPI(t, notifytest.SlackAPIOptions{})
	api.Refuse("U0ANN", "user_disabled")
	api.Refuse(notifytest.SlackChannel, "not_in_channel")
	errs := sent(t, api, slack.AppOptions{}, of(someone(nil)))
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "user_disabled") ||
		!strings.Contains(errs[0].Error(), "channel "+notifytest.SlackChannel+": slack answered not_in_channel: invite the app") {
		t.Errorf("errors are %v, want one with both reasons", errs)
	}
}

func TestRefusalsHaveHints(t *testing.T) {
	t.Parallel()
	for reason, hint := range map[string]string{
		"invalid_auth":          "SLACK_TOKEN again",
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
			api := startAPI(t, notifytest.SlackAPIOptions{})
			app := newApp(t, api, slack.AppOptions{})
			for _, channel := range []notify.Channel{app.Channel(notifytest.SlackChannel), app.Direct(notifytest.SlackChannel)} {
				before := api.Requests()
				api.Next(notifytest.Answer{Kind: notifytest.Refusing, Reason: reason})
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

func TestAScopeThatTheTokenLacks(t *testing.T) {
	t.Parallel()
	byMail := someone(func(n *notify.Notice) { n.SlackTag, n.Email = "", "ann@example.com" })
	for scopes, want := range map[string]string{
		"im:write":            "write to user ann in slack: look for the person with the mail address: slack answered missing_scope: the token lacks the scope users:read.email",
		"users:read.email":    "write to user ann in slack: slack answered missing_scope: the token lacks the scope chat:write",
		"chat:write,im:write": "users:read.email",
	} {
		api := startAPI(t, notifytest.SlackAPIOptions{Scopes: scopes})
		errs := sent(t, api, slack.AppOptions{}, of(byMail))
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("with %s: %v, want %q", scopes, errs, want)
		}
	}
}

func TestFailuresOfSlacksOwnAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"internal_error", "fatal_error", "ratelimited", "service_unavailable"} {
		clock := notifytest.NewClock()
		api := startAPI(t, notifytest.SlackAPIOptions{})
		api.Next(notifytest.Answer{Kind: notifytest.Failing, Reason: reason, RetryAfter: "9"})
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
		"a login page":   {200, "<html>Log in", "SLACK_API_URL"},
		"nothing":        {200, "", "SLACK_API_URL"},
		"other json":     {200, `{"fine":true}`, "SLACK_API_URL"},
		"not found":      {404, "no", "404"},
		"ok, but not so": {418, `{"ok":true}`, "418"},
		"no reason":      {200, `{"ok":false}`, "not why"},
		"a redirect":     {302, "", "redirect"},
		"details":        {200, `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be shorter"]}}`, "invalid_blocks (must be shorter): "},
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
		api := startAPI(t, notifytest.SlackAPIOptions{Scopes: scopes})
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

	api := startAPI(t, notifytest.SlackAPIOptions{})
	app, err := slack.NewApp(secret.New("xoxb-wrong"), slack.AppOptions{APIURL: api.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Identify(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_auth: ") {
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
	api := startAPI(t, notifytest.SlackAPIOptions{})
	var echo strings.Builder
	app := newApp(t, api, slack.AppOptions{Echo: &echo})
	for _, channel := range []notify.Channel{app.Channel(notifytest.SlackChannel), app.Direct(notifytest.SlackChannel)} {
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

// TestPeopleAreWrittenToApart: messages to different people go faster than those
// to one, but not as fast as they can.
func TestPeopleAreWrittenToApart(t *testing.T) {
	t.Parallel()
	clock := notifytest.NewClock()
	api := startAPI(t, notifytest.SlackAPIOptions{Interval: time.Second, Now: clock.Now})
	b := of()
	for i := range 50 {
		b.Notices = append(b.Notices, someone(func(n *notify.Notice) { n.SlackTag, n.Email = "", fmt.Sprintf("p%d@example.com", i) }))
	}
	if errs := sent(t, api, byClock(clock), b); len(errs) > 0 {
		t.Fatal(errs)
	}
	// 50 a fifth of a second apart, and 30 lookups past the first 20 more than a
	// second apart.
	if got := clock.Elapsed(); got < 30*time.Second || got > 50*time.Second || len(api.Refusals()) > 0 {
		t.Errorf("50 people took %s, with refusals %v", got, api.Refusals())
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
