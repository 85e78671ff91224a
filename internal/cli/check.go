package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// checkCommand tries, before the first run, what a run will need.
type checkCommand struct {
	config.Settings
	config.SlackAPI `group:"channels"`
	Output          string `short:"o" default:"table" enum:"table,json" help:"How to show the results: ${enum}."`
	Send            bool   `help:"Post a test message to every channel."`
	SendTo          string `placeholder:"ADDRESS|ID" help:"With --send: whom the channels that write to one person at a time send theirs, a mail address or a Slack id."`
	Suggest         string `default:"cli" enum:"cli,terraform" help:"How to suggest the tags that are missing: ${enum}."`
}

// Run implements the command. Nothing in AWS is changed.
func (c *checkCommand) Run(a *console) error {
	r := &checkPrinter{console: a, bar: a.newProgress(), inJSON: c.Output == "json", found: app.CheckReport{Schema: report.Schema, Results: []app.CheckResult{}}}
	for _, l := range config.LookAlikes(a.env) {
		r.add(app.CheckResult{Status: app.CheckNote, Check: l.Variable,
			Text: "set in the environment, and not a setting, so it is ignored; did you mean " + l.Meant + "?"})
	}
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	if err := errors.Join(err, c.addressee()); err != nil {
		return &statusError{exitUsage, err}
	}
	err = a.app().Check(a.ctx, cfg, app.CheckOptions{
		Send: c.Send, SendTo: c.SendTo, Terraform: c.Suggest == "terraform",
		SlackAPI: c.SlackAPI, SlackHost: c.SlackHost, SlackToken: c.SlackToken,
		Each: r.add, Progress: r.bar.show,
	})
	r.bar.clear()
	if err := errors.Join(err, r.conclude()); err != nil {
		return err
	}
	if failed := r.found.Totals.Failed; failed > 0 {
		return &statusError{exitIncomplete, fmt.Errorf("%s failed", text.Count(failed, "check"))}
	}
	return nil
}

// checkPrinter shows the results of checks.
type checkPrinter struct {
	*console
	bar    *progress
	inJSON bool
	found  app.CheckReport
}

// add shows a result, or keeps it for JSON.
func (p *checkPrinter) add(result app.CheckResult) {
	p.found.Add(result)
	if !p.inJSON {
		p.bar.clear()
		fmt.Fprint(p.stdout, checkLines(result))
	}
}

// checkLines are a result in lines for people. What is to be copied is indented
// further.
func checkLines(r app.CheckResult) string {
	word := map[app.CheckStatus]string{app.CheckOK: "ok", app.CheckNote: "note", app.CheckFailed: "FAIL"}[r.Status]
	what := r.Check
	if r.Account != "" {
		what = r.Account + ": " + what
	}
	var lines strings.Builder
	fmt.Fprintf(&lines, "%-6s%s: %s\n", word, what, r.Text)
	for _, line := range r.OwnerLines() {
		fmt.Fprintf(&lines, "      %s\n", line)
	}
	for _, suggestion := range r.Suggestions {
		fmt.Fprintf(&lines, "      %s\n", suggestion)
	}
	return lines.String()
}

// conclude shows how many checks there were, or all of them as JSON.
func (p *checkPrinter) conclude() error {
	if p.inJSON {
		return report.WriteJSON(p.data, p.found)
	}
	t := p.found.Totals
	_, err := fmt.Fprintf(p.stdout, "\n%s: %d ok, %d failed, %s\n", text.Count(len(p.found.Results), "check"), t.OK, t.Failed, text.Count(t.Note, "note"))
	return err
}

// addressee checks whom a test is to be sent to.
func (c *checkCommand) addressee() error {
	switch {
	case c.SendTo == "":
		return nil
	case !c.Send:
		return errors.New("--send-to needs --send; without it no test message is sent")
	case !app.IsAddressee(c.SendTo):
		return fmt.Errorf("--send-to=%q is neither a mail address nor a Slack id; use one such as tobias@example.com or U0123456789", c.SendTo)
	}
	return nil
}
