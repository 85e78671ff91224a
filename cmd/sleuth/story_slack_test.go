package main

import (
	"encoding/json"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/iam-sleuth/sleuth/internal/notify/notifytest"
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
	kinds := map[string]notifytest.Kind{
		"fine": notifytest.Fine, "busy": notifytest.Throttled, "failing": notifytest.Failing,
		"refusing": notifytest.Refusing, "hanging": notifytest.Hanging, "closing": notifytest.Closing,
	}
	for _, arg := range args {
		name, more, _ := strings.Cut(arg, ":")
		kind, known := kinds[name]
		if !known {
			ts.Fatalf("Slack cannot be %q", arg)
		}
		answer := notifytest.Answer{Kind: kind}
		if kind == notifytest.Throttled {
			answer.RetryAfter = more
		} else {
			answer.Reason = more
		}
		worldOf(ts).slack.Next(answer)
	}
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
