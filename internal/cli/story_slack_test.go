package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// showSlack shows the messages that Slack took, as a reader sees them: each
// attachment below its colour and title.
func showSlack(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "slack")
	say(ts, "") // with nothing to show, the last answer must not stand
	for i, m := range worldOf(ts).slack.Messages() {
		say(ts, "== message %d: %s\n", i+1, m.Text)
		if m.Cut {
			ts.Fatalf("Slack would cut message %d", i+1)
		}
		for _, a := range m.Attachments {
			say(ts, "%s\n", strings.Join(strings.Fields("-- "+a.Color+" "+a.Title), " "))
			if a.Text != "" {
				say(ts, "%s\n", a.Text)
			}
			for _, f := range a.Fields {
				say(ts, "%s:\n%s\n", f.Title, f.Value)
			}
		}
		say(ts, "mentions: %s\n", strings.Join(m.Mentions, " "))
	}
}

// scriptSlack says how Slack is to answer the next requests.
func scriptSlack(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "slack-answers [fine|busy:SECONDS|failing|refusing:REASON|hanging|closing]...")
	worldOf(ts).slack.Next(slackAnswers(ts, args)...)
}

func slackAnswers(ts *testscript.TestScript, args []string) (answers []channeltest.Answer) {
	kinds := map[string]channeltest.Kind{
		"fine": channeltest.Fine, "busy": channeltest.Throttled, "failing": channeltest.Failing,
		"refusing": channeltest.Refusing, "hanging": channeltest.Hanging, "closing": channeltest.Closing,
	}
	for _, arg := range args {
		name, more, _ := strings.Cut(arg, ":")
		kind, known := kinds[name]
		if !known {
			ts.Fatalf("Slack cannot be %q", arg)
		}
		answer := channeltest.Answer{Kind: kind}
		if kind == channeltest.Throttled {
			answer.RetryAfter = more
		} else {
			answer.Reason = more
		}
		answers = append(answers, answer)
	}
	return answers
}

// showPayload shows the attachments of the Slack message that the last command
// printed, or of the first one that Slack took, as JSON in one form.
func showPayload(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1 && (args[0] == "printed" || args[0] == "sent"), "payload printed|sent")
	text := ""
	if args[0] == "sent" {
		messages := worldOf(ts).slack.Messages()
		if len(messages) == 0 {
			ts.Fatalf("Slack took no message")
		}
		text = messages[0].Body
	} else {
		for line := range strings.Lines(ts.ReadFile("stdout")) {
			if payload, found := strings.CutPrefix(line, "slack message: "); found {
				text = payload
			}
		}
	}
	var message struct {
		Attachments []any `json:"attachments"`
	}
	ts.Check(json.Unmarshal([]byte(text), &message))
	encoder := json.NewEncoder(ts.Stdout())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	ts.Check(encoder.Encode(message.Attachments))
}

// startSlackAPI serves Slack's API with a small workspace, its users on two pages.
func startSlackAPI(ctx context.Context) (*channeltest.SlackAPI, error) {
	api, err := channeltest.StartSlackAPI(ctx, channeltest.SlackAPIOptions{})
	if err != nil {
		return nil, err
	}
	pages := map[string]string{
		"": `"members":[{"id":"UPML12345","name":"tobias","real_name":"Tobias Funke","profile":{"email":"t@example.com"}},
			{"id":"U0GONE","name":"gone","deleted":true}],"response_metadata":{"next_cursor":"more"}`,
		"more": `"members":[{"id":"W0LINDSAY","name":"=lindsay","real_name":"Lindsay"},
			{"id":"U0BOT","name":"ci","is_bot":true}],"response_metadata":{"next_cursor":""}`,
	}
	api.Handle("users.list", func(r *http.Request) string { return pages[r.FormValue("cursor")] })
	api.Handle("usergroups.list", func(*http.Request) string {
		return `"usergroups":[{"id":"SP12345","handle":"infra","name":"Infra"}]`
	})
	api.Know("t@example.com", "UPML12345")
	return api, nil
}

// showSlackApp shows the messages of the app as their readers see them, and
// where each went.
func showSlackApp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "slack-app")
	say(ts, "") // with nothing to show, the last answer must not stand
	for i, p := range worldOf(ts).slackAPI.Posts() {
		say(ts, "== message %d to %s\n", i+1, p.Channel)
		if p.Cut {
			ts.Fatalf("Slack would cut message %d", i+1)
		}
		for _, text := range p.Shown() {
			if text != "" {
				say(ts, "%s\n", text)
			}
		}
		say(ts, "mentions: %s\n", strings.Join(p.Mentions, " "))
	}
}

// scriptSlackApp says how the API is to answer the next messages.
func scriptSlackApp(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "slack-app-answers [fine|busy:SECONDS|failing|refusing:REASON|hanging|closing]...")
	worldOf(ts).slackAPI.Next(slackAnswers(ts, args)...)
}

// refuseInSlack makes the API refuse whatever is about a person or a channel,
// until it is called without a reason.
func refuseInSlack(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && (len(args) == 1 || len(args) == 2), "slack-app-refuses ID|ADDRESS [REASON]")
	worldOf(ts).slackAPI.Refuse(args[0], strings.Join(args[1:], ""))
}
