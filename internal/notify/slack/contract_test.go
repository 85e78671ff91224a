package slack_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

func startServer(t *testing.T, options channeltest.SlackOptions) *channeltest.SlackServer {
	t.Helper()
	server, err := channeltest.StartSlack(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

func TestContract(t *testing.T) {
	t.Parallel()
	channeltest.Contract(t, channeltest.Harness{
		Start: func(t *testing.T, setup channeltest.Setup) (notify.Channel, channeltest.Service) {
			server := startServer(t, channeltest.SlackOptions{Interval: slack.Interval, Now: setup.Now})
			webhook, err := slack.NewWebhook(secret.New(server.URL()), slack.Options{
				Now:   setup.Now,
				Retry: retry.Policy{Sleep: setup.Sleep, Timeout: setup.Timeout},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if refusals := server.Refusals(); t.Name() == "TestContract/splitting" && len(refusals) > 0 {
					t.Errorf("paced messages were refused: %v", refusals)
				}
				for _, m := range server.Messages() {
					if m.Cut {
						t.Error("Slack would cut a message")
					}
				}
			})
			return webhook, server
		},
		Line: func(n notify.Notice) string {
			mention, _ := slack.Mention(n.User, n.SlackTag)
			n.Note, n.Account.Alias = slack.Escape(n.Note), slack.Escape(n.Account.Alias)
			return n.Line(mention)
		},
		Never: []string{"<!here", "<!channel", "<!everyone"},
	})
}
