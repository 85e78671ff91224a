package cli

import (
	"fmt"
	"slices"

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
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	switch {
	case err != nil:
		return err
	case c.Account != "" && !accountID.MatchString(c.Account):
		return wrong("--account=%q: must be 12 digits", text.OneLine(c.Account))
	case c.Account == "" && cfg.Scope.Several():
		return wrong("name the keys' account with --account, as SLEUTH_ACCOUNTS covers several")
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
