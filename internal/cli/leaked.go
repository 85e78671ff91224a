package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// leakedCommand does by hand what AWS's word of a leaked key has the Lambda do.
type leakedCommand struct {
	Keys    []string `arg:"" name:"key" help:"Ids of the keys that were found in public."`
	Account string   `placeholder:"ID" help:"The keys' account. Required if SLEUTH_ACCOUNTS is set."`
	Output  string   `short:"o" default:"table" enum:"table,json" help:"How to show the answer: ${enum}."`
	Disable *bool    `negatable:"" help:"Disable the keys whatever SLEUTH_LEAK_RESPONSE says; --no-disable only notifies. Default: ask, unless SLEUTH_LEAK_RESPONSE=disable."`
	config.Settings
	DryRun bool `help:"Write nothing and send nothing; show what would be."`
}

// Run implements the command.
func (c *leakedCommand) Run(a *console) error {
	wrong := func(format string, args ...any) error {
		return &statusError{exitUsage, fmt.Errorf(format, args...)}
	}
	event := leak.Event{Account: c.Account}
	for _, key := range c.Keys {
		if !leak.IsKeyID(key) {
			return wrong("%q is not the id of an access key: it must be 16 to 128 capital letters and digits, such as AKIAIOSFODNN7EXAMPLE", text.OneLine(key))
		}
		if finding := (leak.LeakedKey{KeyID: key}); !slices.Contains(event.Keys, finding) {
			event.Keys = append(event.Keys, finding)
		}
	}
	a.app().WarnOfLookAlikes(a.ctx, config.LogOf(c.Logging), a.env)
	cfg, err := c.settings(a)
	switch {
	case err != nil:
		return err
	case c.Account != "" && !accountID.MatchString(c.Account):
		return wrong("--account=%q: must be 12 digits", text.OneLine(c.Account))
	case c.Account == "" && cfg.Scope.Several():
		return wrong("name the keys' account with --account, as SLEUTH_ACCOUNTS covers several")
	}
	if c.asks() && !cfg.LeakDisables && a.confirm(a.ctx, fmt.Sprintf("Disable %s at once, besides notifying the owners?", strings.Join(c.Keys, ", "))) {
		c.Disable = new(true)
		if cfg, err = c.settings(a); err != nil {
			return err
		}
	}
	answer, err := a.app().RespondToLeak(a.ctx, cfg, event, c.DryRun)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		if err := report.WriteJSON(a.data, answer); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
		if answer.Err() != nil {
			return &statusError{status: exitIncomplete}
		}
		return nil
	}
	return a.conclude(answer, answer.Err(), nil)
}

// settings checks the settings, with what the command line says of disabling.
func (c *leakedCommand) settings(a *console) (config.Config, error) {
	settings := c.Settings
	if c.Disable != nil {
		settings.LeakResponse = "notify"
		if *c.Disable {
			settings.LeakResponse = "disable"
		}
	}
	return config.UnknownVariables(a.env).With(config.Check(settings, a.stateOnThisMachine()))
}

// asks reports whether to ask if the keys are to be disabled. Nobody reads the
// question in JSON, and a dry run disables nothing.
func (c *leakedCommand) asks() bool { return c.Disable == nil && !c.DryRun && c.Output == "table" }
