package slack_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func TestDirectContract(t *testing.T) {
	t.Parallel()
	contractOf(t, channeltest.Harness{
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
			text := notify.Templates{}.Personal(notify.Batch{}, notify.DirectMessage{Notices: []notify.Notice{n}}, slack.Escape)
			for line := range strings.SplitSeq(text, "\n") {
				if strings.Contains(line, n.KeyID) {
					return line
				}
			}
			return "no line about the key"
		},
	}, func(app *slack.App) notify.Channel { return app.Direct(channeltest.SlackChannel) })
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

func of(notices ...notify.Notice) notify.Batch {
	return notify.Batch{
		Account:  account.Account{ID: "123456789012", Alias: "acme"},
		Creation: notify.Heading{Title: "Rotate <it>", Text: "See <https://example.com/rotate|how>. <!here>"},
		Notices:  notices,
	}
}

// sent is what became of a batch, through the app's direct messages.
func sent(t *testing.T, api *channeltest.SlackAPI, options slack.AppOptions, b notify.Batch) []error {
	t.Helper()
	direct := newApp(t, api, options).Direct(channeltest.SlackChannel)
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
	api := startAPI(t, channeltest.SlackAPIOptions{})
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
		{"section", []string{"https://console.aws.amazon.com/iam/home#/users/details/ann?section=security_credentials"}},
		{"section", []string{"What happens next"}},
	} {
		if len(posts[0].Blocks) != 6 {
			t.Fatalf("%d blocks, want a header, the greeting, the key, the instructions, the console and what comes next", len(posts[0].Blocks))
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
	api := startAPI(t, channeltest.SlackAPIOptions{})
	api.Know("bob@example.com", "W0BOB")
	direct := newApp(t, api, slack.AppOptions{}).Direct(channeltest.SlackChannel)
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
		if tells := direct.Accepts(n); tells != (test.want != "") {
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
	api := startAPI(t, channeltest.SlackAPIOptions{})
	b := of(
		someone(func(n *notify.Notice) { n.Account = account.Account{ID: "111111111111", Alias: "prod"} }),
		someone(func(n *notify.Notice) { n.Account, n.KeyID = account.Account{ID: "222222222222"}, "AKIATWO" }),
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

// TestWhoCannotBeReached: the same message stands in the channel, for the person
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
			api := startAPI(t, channeltest.SlackAPIOptions{})
			api.Refuse(test.whom, test.reason)
			var log bytes.Buffer
			options := slack.AppOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}
			if errs := sent(t, api, options, of(someone(test.change))); len(errs) > 0 {
				t.Fatal(errs)
			}
			posts := api.Posts()
			if len(posts) != 1 || posts[0].Channel != channeltest.SlackChannel {
				t.Fatalf("posted %+v, want one message in the channel", posts)
			}
			shown := posts[0].Shown()
			if shown[0] != test.line || !strings.HasPrefix(posts[0].Text, test.line) {
				t.Errorf("it begins with %q and %q, want %q", shown[0], posts[0].Text, test.line)
			}
			if !strings.Contains(strings.Join(shown[2:], "\n"), "AKIAANN") {
				t.Errorf("the message is not in it: %q", shown)
			}
			if !strings.Contains(log.String(), "could not be reached by direct message") {
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
	api := startAPI(t, channeltest.SlackAPIOptions{})
	api.Refuse("U0ANN", "user_disabled")
	api.Refuse(channeltest.SlackChannel, "not_in_channel")
	errs := sent(t, api, slack.AppOptions{}, of(someone(nil)))
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "user_disabled") ||
		!strings.Contains(errs[0].Error(), "channel "+channeltest.SlackChannel+": slack answered not_in_channel; invite the app") {
		t.Errorf("errors are %v, want one with both reasons", errs)
	}
}

func TestAScopeThatTheTokenLacks(t *testing.T) {
	t.Parallel()
	byMail := someone(func(n *notify.Notice) { n.SlackTag, n.Email = "", "ann@example.com" })
	for scopes, want := range map[string]string{
		"im:write":            "write to user ann in slack: look for the person with the mail address: slack answered missing_scope; the token lacks the scope users:read.email",
		"users:read.email":    "write to user ann in slack: slack answered missing_scope; the token lacks the scope chat:write",
		"chat:write,im:write": "users:read.email",
	} {
		api := startAPI(t, channeltest.SlackAPIOptions{Scopes: scopes})
		errs := sent(t, api, slack.AppOptions{}, of(byMail))
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("with %s: %v, want %q", scopes, errs, want)
		}
	}
}

// TestPeopleAreWrittenToApart: messages to different people go faster than those
// to one, but not as fast as they can.
func TestPeopleAreWrittenToApart(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	api := startAPI(t, channeltest.SlackAPIOptions{Interval: time.Second, Now: clock.Now})
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
