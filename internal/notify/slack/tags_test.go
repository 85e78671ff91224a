package slack_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// A list misses the Slack tag of those whom it would mention; a direct message
// misses the name that it begins with.
func TestTagProblems(t *testing.T) {
	t.Parallel()
	app := newApp(t, startAPI(t, channeltest.SlackAPIOptions{}), slack.AppOptions{})
	channels := map[string]notify.TagReader{
		"webhook": newWebhook(t, "https://hooks.slack.com/services/T1/B1/x", slack.Options{}),
		"channel": app.Channel("C1"),
		"direct":  app.Direct("C1"),
	}
	for name, c := range map[string]struct {
		notice notify.Notice
		want   map[string]string // the tags, by channel
	}{
		"a person":                    {notify.Notice{User: "ann", Name: "Ann", SlackTag: "U1"}, nil},
		"a group":                     {notify.Notice{User: "ci", Name: "CI", SlackTag: "subteam-S1"}, nil},
		"nobody":                      {notify.Notice{User: "bob", Name: "Bob"}, map[string]string{"webhook": "Slack", "channel": "Slack"}},
		"an id that is none":          {notify.Notice{User: "bob", Name: "Bob", SlackTag: "subteam-T1"}, map[string]string{"webhook": "Slack", "channel": "Slack"}},
		"a person by their mail":      {notify.Notice{User: "cy", Name: "Cy", Email: "cy@example.com"}, map[string]string{"webhook": "Slack"}},
		"a person without a name":     {notify.Notice{User: "dan", SlackTag: "U2"}, map[string]string{"direct": "Name"}},
		"a mail without any tag else": {notify.Notice{User: "eve", Email: "eve@example.com"}, map[string]string{"webhook": "Slack", "direct": "Name"}},
	} {
		for channel, reader := range channels {
			problems := reader.TagProblems(c.notice)
			got := ""
			if len(problems) > 0 {
				got = problems[0].Tag
			}
			if got != c.want[channel] || len(problems) > 1 {
				t.Errorf("%s: the %s misses %+v, want %q", name, channel, problems, c.want[channel])
			}
			if got != "" && (problems[0].User != c.notice.User || problems[0].Text == "") {
				t.Errorf("%s: the problem is %+v", name, problems[0])
			}
		}
	}
}
