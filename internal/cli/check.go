package cli

import (
	"errors"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// checkCommand tries, before the first run, what a run will need.
type checkCommand struct {
	config.Settings
	config.SlackAPI `group:"channels"`
	Send            bool   `help:"Post a test message to every channel."`
	SendTo          string `placeholder:"ADDRESS|ID" help:"With --send: the recipient of the channels that write to one person at a time, a mail address or a Slack id."`
	Suggest         string `default:"cli" enum:"cli,terraform" help:"How to suggest the tags that are missing: ${enum}."`
}

// Run implements the command. Nothing in AWS is changed.
func (c *checkCommand) Run(a *console) error {
	for _, l := range config.LookAlikes(a.env) {
		fmt.Fprintf(a.stdout, "note  %s: set in the environment, and not a setting, so it is ignored; did you mean %s?\n", l.Variable, l.Meant)
	}
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	if err := errors.Join(err, c.addressee()); err != nil {
		return &statusError{exitUsage, err}
	}
	failures, err := a.app().Check(a.ctx, cfg, app.CheckOptions{
		Send: c.Send, SendTo: c.SendTo, Terraform: c.Suggest == "terraform",
		SlackAPI: c.SlackAPI, SlackHost: c.SlackHost, SlackToken: c.SlackToken,
	})
	if failures > 0 {
		return &statusError{exitIncomplete, fmt.Errorf("%s failed", text.Count(failures, "check"))}
	}
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
