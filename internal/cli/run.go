package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/budget"
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
func (c *runCommand) Run(a *app) error {
	a.warnOfLookAlikes(a.ctx)
	cfg, err := config.Check(c.Settings, a.stateOnThisMachine())
	if err != nil {
		return err
	}
	if cfg.Scope.Several() {
		return c.overAccounts(a, cfg)
	}
	summary, err := a.once(a.ctx, cfg, c.DryRun, a.logger(cfg.Debug))
	if summary == nil {
		return err
	}
	var printing error
	if cfg.Debug {
		printing = report.WriteTable(a.stdout, summary.Rows)
	}
	return a.conclude(summary, err, printing)
}

// conclude prints a summary, and turns what a run came to into the command's
// error. What the summary says is not said again.
func (a *app) conclude(summary fmt.Stringer, runErr, printing error) error {
	_, err := fmt.Fprint(a.stdout, summary)
	if err := errors.Join(printing, err); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	if runErr != nil {
		return &statusError{status: exitNotWhole}
	}
	return nil
}

func (c *runCommand) overAccounts(a *app, cfg config.Config) error {
	summary, err := a.overAccounts(a.ctx, cfg, "", c.DryRun, a.logger(cfg.Debug))
	if summary == nil {
		return err
	}
	return a.conclude(summary, err, nil)
}

// once makes one run with settings that were checked. Without a summary the
// run did not begin, and nothing was changed.
func (a *app) once(ctx context.Context, cfg config.Config, dryRun bool, log *slog.Logger) (*sleuth.Summary, error) {
	aws, err := awsclient.Connect(ctx, cfg.Concurrency)
	if err != nil {
		return nil, err
	}
	return a.onceIn(ctx, aws, cfg, dryRun, log)
}

// onceIn is once in an AWS that we are connected to.
func (a *app) onceIn(ctx context.Context, aws aws.Config, cfg config.Config, dryRun bool, log *slog.Logger) (*sleuth.Summary, error) {
	traffic := awsclient.Count(&aws)
	began := a.now()
	id := runID(began)
	log = log.With("run", id)
	whole := a.invocation(ctx, cfg, budget.LeftOut)
	working, cancel := whole.Context(ctx, budget.Work, began)
	defer cancel()
	identity, err := identify(working, aws, log)
	if err != nil {
		return nil, a.didNotBegin(ctx, whole, cfg, aws, dryRun, id, identity.Account, err)
	}
	log = log.With("account", identity.Account.ID)
	s := &session{app: a, id: id, began: began, cfg: cfg, dryRun: dryRun, log: log, budget: whole}
	if err := s.open(working, aws); err != nil {
		s.leaveNotBegun(ctx, identity.Account, err, log)
		return nil, a.didNotBegin(ctx, whole, cfg, aws, dryRun, id, identity.Account, err)
	}
	defer func() { _ = s.store.Close() }()
	b := s.onAccount()
	summary, err := s.runIn(ctx, b, aws, traffic, identity, log)
	if leftOut := s.deliverLeftOut(ctx, &summary); leftOut != nil {
		err = cmp.Or(err, leftOut)
	}
	s.tellOfFailure(ctx, whole, &summary)
	return &summary, err
}

// deliverLeftOut delivers what is pending in the ledger for other accounts than
// the one of this run, and adds it to the summary.
func (s *session) deliverLeftOut(ctx context.Context, summary *sleuth.Summary) error {
	if s.dryRun || !summary.Begun {
		return nil
	}
	delivered := s.digestOf("").SendLeftOut(ctx, []sleuth.Summary{*summary})
	summary.NoticesSent += delivered.NoticesSent
	summary.NoticesFailed += delivered.NoticesFailed
	summary.MessagesSent += delivered.MessagesSent
	if len(delivered.Problems) == 0 {
		return nil
	}
	summary.Fail(delivered.Problems...)
	return fmt.Errorf("the run completed with errors: %s", delivered.Problems[0].Text)
}

// warnOfLookAlikes names the variables of the environment that were probably
// meant for settings, which would otherwise be ignored without a word.
func (a *app) warnOfLookAlikes(ctx context.Context) {
	log := a.logger(false)
	for _, l := range config.LookAlikes(a.env) {
		log.WarnContext(ctx, "a variable of the environment looks like a setting and is ignored", "variable", l.Variable, "did_you_mean", l.Meant)
	}
}

// runID names a run so that it can be found again by when it began.
func runID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102T150405Z-") + hex.EncodeToString(random[:])
}

// logger writes JSON lines to stderr.
func (a *app) logger(debug bool) *slog.Logger { return newLogger(a.stderr, debug) }

func newLogger(w io.Writer, debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
