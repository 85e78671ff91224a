package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// reactivateCommand undoes what a run has disabled.
type reactivateCommand struct {
	Keys            []string `arg:"" optional:"" name:"key" help:"Ids of the keys to enable again."`
	OfRun           string   `name:"run" placeholder:"ID" help:"Enable again exactly the keys that this run disabled, from state, or from --summary."`
	Summary         string   `placeholder:"FILE" help:"Take the keys from the JSON summary of a run, '-' for standard input."`
	Grace           string   `placeholder:"DAYS" help:"Also exempt the users for so many days, such as 7d, with the tag KeyAutoExpire = False until DATE."`
	Yes             bool     `short:"y" help:"Do not ask."`
	config.Accounts `group:"accounts"`
	config.State    `group:"state"`
}

// Run implements the command.
func (c *reactivateCommand) Run(a *console) error {
	graceDays, err := parseDays("--grace", c.Grace)
	if err != nil {
		return &statusError{exitUsage, err}
	}
	if len(c.Keys) == 0 && c.OfRun == "" && c.Summary == "" {
		return &statusError{exitUsage, errors.New("name the keys, or the run (--run ID), or its summary (--summary FILE)")}
	}
	cfg, err := config.UnknownVariables(a.env).With(config.CheckState(c.Accounts, c.State, a.stateOnThisMachine()))
	if err != nil {
		return err
	}
	options := app.ReactivateOptions{Keys: c.Keys, OfRun: c.OfRun, GraceDays: graceDays}
	if !c.Yes {
		options.Confirm = a.confirm
	}
	switch c.Summary {
	case "":
	case "-":
		options.Summary = a.stdin
	default:
		file, err := os.Open(c.Summary) //nolint:gosec // the user's own choice
		if err != nil {
			return &statusError{exitUsage, fmt.Errorf("read the summary: %w", err)}
		}
		defer func() { _ = file.Close() }()
		options.Summary = file
	}
	return a.app().Reactivate(a.ctx, cfg, options)
}

// parseDays reads a number of days such as 7d or 7; empty is zero.
func parseDays(flag, text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days < 1 || days > config.MaxAgeDays {
		return 0, fmt.Errorf("%s=%q: must be a number of days from 1 to %d, such as 7d", flag, text, config.MaxAgeDays)
	}
	return days, nil
}
