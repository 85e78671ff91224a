package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// runCommand is the daily job.
type runCommand struct {
	config.Settings
	DryRun bool `help:"Write nothing and send nothing; show what would be."`
}

// Run implements the command.
func (c *runCommand) Run(a *console) error {
	sleuthApp := a.app()
	sleuthApp.WarnOfLookAlikes(a.ctx, a.env)
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	if err != nil {
		return err
	}
	options := app.RunOptions{DryRun: c.DryRun}
	var printing error
	if cfg.Debug {
		options.Each = func(out io.Writer, one sleuth.Summary) {
			if cfg.Scope.Several() {
				fmt.Fprintln(out, one.Account)
			}
			printing = errors.Join(printing, report.WriteTable(out, one.Rows))
		}
	}
	summary, err := sleuthApp.Run(a.ctx, cfg, options)
	if summary == nil {
		return err
	}
	return a.conclude(summary.Shown(), err, printing)
}

// conclude prints a summary, and turns what a run came to into the command's
// error. What the summary says is not said again.
func (a *console) conclude(summary fmt.Stringer, runErr, printing error) error {
	_, err := fmt.Fprint(a.stdout, summary)
	if err := errors.Join(printing, err); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if runErr != nil {
		return &statusError{status: exitIncomplete}
	}
	return nil
}
