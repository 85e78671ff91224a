package slack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func TestTeamContract(t *testing.T) {
	t.Parallel()
	contractOf(t, channeltest.Harness{
		Address: func(_ int, n notify.Notice) notify.Notice {
			n.TeamChannel = channeltest.SlackChannel + "TEAM"
			return n
		},
		Line: lineOfNamed,
	}, func(app *slack.App) notify.Channel { return app.Team(channeltest.SlackChannel) })
}

// Each team reads of its own keys, and of nobody else's; the channel that has the
// list of all keys gets none twice.
func TestEachTeamGetsItsOwnKeys(t *testing.T) {
	t.Parallel()
	api := startAPI(t, channeltest.SlackAPIOptions{})
	team := newApp(t, api, slack.AppOptions{}).Team(channeltest.SlackChannel)
	var notices []notify.Notice
	for i, channel := range []string{"A", "B", "A", "", "none"} {
		notices = append(notices, someone(func(n *notify.Notice) {
			n.KeyID = fmt.Sprintf("AKIA%d", i)
			if channel != "none" {
				n.TeamChannel = channeltest.SlackChannel + channel
			}
		}))
	}
	b := of(notices...)
	b.Announcement = "for all"
	for _, m := range team.Compose(b.For(team)) {
		if err := team.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, p := range api.Posts() {
		shown := strings.Join(p.Shown(), "\n")
		for i := range notices {
			if strings.Contains(shown, fmt.Sprintf("AKIA%d", i)) {
				got = append(got, fmt.Sprintf("%s %d", p.Channel, i))
			}
		}
		if strings.Contains(shown, "for all") {
			t.Errorf("a team got the announcement: %s", shown)
		}
	}
	if want := []string{"C0STANDINA 0", "C0STANDINA 2", "C0STANDINB 1"}; !slices.Equal(got, want) {
		t.Errorf("posted %q, want %q", got, want)
	}
}

func TestATeamsChannelThatTheAppIsNotIn(t *testing.T) {
	t.Parallel()
	api := startAPI(t, channeltest.SlackAPIOptions{})
	api.Refuse(channeltest.SlackChannel+"A", "not_in_channel")
	team := newApp(t, api, slack.AppOptions{}).Team(channeltest.SlackChannel)
	b := of(someone(func(n *notify.Notice) { n.TeamChannel = channeltest.SlackChannel + "A" }))
	for _, m := range team.Compose(b.For(team)) {
		err := team.Send(t.Context(), m)
		if err == nil || !strings.Contains(err.Error(), "post to slack channel C0STANDINA of a team: slack answered not_in_channel; invite the app") {
			t.Errorf("got %v", err)
		}
	}
}
