package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// runCommand is the daily job.
type runCommand struct {
	config.Settings
	DryRun bool `help:"Write nothing and send nothing; show what would be."`
}

// Run implements the command.
func (c *runCommand) Run(a *console) error {
	bar := a.newProgress()
	sleuthApp := a.app()
	sleuthApp.Out, sleuthApp.Log = bar.above(sleuthApp.Out), bar.above(a.logUntilInterrupted(sleuthApp.Log))
	sleuthApp.WarnOfLookAlikes(a.ctx, config.LogOf(c.Logging), a.env)
	cfg, err := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	if err != nil {
		return err
	}
	shown := &runPrinter{screen: a.screen(), all: cfg.Debug, due: c.DryRun, several: cfg.Scope.Several()}
	summary, err := sleuthApp.Run(a.ctx, cfg, app.RunOptions{DryRun: c.DryRun, Each: shown.add, Progress: bar.show})
	bar.clear()
	switch {
	case a.interrupted():
		fmt.Fprintln(a.stderr, interruption(summary))
		return &statusError{status: exitInterrupted}
	case summary == nil:
		return err
	}
	return a.conclude(summary.Shown(), err, shown.failed)
}

// runPrinter shows the keys of each account that a run was on.
type runPrinter struct {
	screen  report.Screen
	all     bool // every key
	due     bool // those that a dry run would have disabled
	several bool
	failed  error
}

func (p *runPrinter) add(out io.Writer, one sleuth.Summary) {
	if p.several && (p.all || len(one.DisabledRows)+len(one.HeldKeys)+len(one.DeletedKeys) > 0 && p.due) {
		fmt.Fprintln(out, one.Account)
	}
	if p.all {
		p.failed = errors.Join(p.failed, report.WriteTable(out, one.Rows))
	}
	if p.due && len(one.DisabledRows) > 0 {
		fmt.Fprintf(out, "A run would disable %s:\n\n", text.Count(len(one.DisabledRows), "key"))
		p.failed = errors.Join(p.failed, report.WriteKeys(out, one.DisabledRows, p.screen))
		fmt.Fprintln(out)
	}
	if p.due && len(one.DeletedKeys) > 0 {
		fmt.Fprintf(out, "A run would delete %s that Sleuth disabled:\n\n", text.Count(len(one.DeletedKeys), "key"))
		for _, key := range one.DeletedKeys {
			fmt.Fprintf(out, "  %s of user %s, disabled on %s\n", key.KeyID, key.User, text.Date(key.Disabled))
		}
		fmt.Fprintln(out)
	}
	if (p.all || p.due) && len(one.HeldKeys) > 0 {
		p.addHeld(out, one.HeldKeys)
	}
}

// addHeld shows the keys past a limit that are not disabled, and why.
func (p *runPrinter) addHeld(out io.Writer, held []sleuth.HeldKey) {
	header := []string{"UserName", "Key ID", "Not Before (UTC)", "Held Because"}
	rows := make([][]string, len(held))
	for i, key := range held {
		notBefore := "–"
		if key.NotBefore != nil {
			notBefore = key.NotBefore.Format("Mon 2 Jan 2006 15:04")
		}
		rows[i] = []string{key.User, key.KeyID, notBefore, key.Because}
	}
	fmt.Fprintf(out, "\nPast a limit and held: %s\n\n", text.Count(len(held), "key"))
	p.failed = errors.Join(p.failed, report.WriteFitting(out, p.screen, len(header)-1, header, rows))
	fmt.Fprintln(out)
}

// interruption says what a run had done when it was interrupted. The summary is
// nil if it had not begun.
func interruption(summary *org.Summary) string {
	if summary == nil {
		return "interrupted: nothing read, nothing disabled, nothing sent; run again"
	}
	t := summary.Totals
	undecided := 0
	for _, one := range summary.Accounts {
		undecided += one.Undecided
	}
	parts := []string{text.Count(t.Users, "user") + " read", "nothing disabled", "nothing sent"}
	if t.Disabled > 0 && !summary.DryRun {
		parts[1] = text.Count(t.Disabled, "key") + " disabled"
	}
	if undecided > 0 {
		parts[1] = fmt.Sprintf("%s, %d perhaps (the next run finds out)", parts[1], undecided)
	}
	if t.NoticesSent > 0 {
		parts[2] = text.Count(t.NoticesSent, "notice") + " sent"
	}
	if t.Deleted > 0 && !summary.DryRun {
		parts[1] = strings.TrimPrefix(parts[1]+", "+text.Count(t.Deleted, "key")+" deleted", "nothing disabled, ")
	}
	if t.Disabled+t.Deleted > 0 && t.NoticesPending > 0 {
		parts = append(parts, "final notices pending")
	}
	return "interrupted: " + strings.Join(parts, ", ") + "; run again"
}

// conclude prints a summary, and turns a run's error into the command's. What
// the summary says is not said again.
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
