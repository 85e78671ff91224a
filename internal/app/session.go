package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// session is what the runs of one invocation share, on whichever accounts they
// are.
type session struct {
	*App
	id     string
	began  time.Time // when the run was asked for
	cfg    config.Config
	dryRun bool
	log    *slog.Logger
	budget budget.Budget // splits the time of the invocation

	progress *progress // nil if nobody wants to know

	ruleErrs []error // which organizational units, that rules name, could not be read

	accounts *accountSet // nil if there is no connection
	channels []notify.Channel
	store    ledger.Store
	breaker  outbox.Breaker   // of every channel, for as long as the invocation lasts
	archive  evidence.Archive // nil if runs leave no evidence
	lookups  *trace.Budget    // of all runs
	// afterwards is leaveForLater if there are several accounts.
	afterwards func(func(context.Context) error)
	leftMu     sync.Mutex // guards left
	left       []func(context.Context) error
}

// newSession begins a session whose time ends with ctx. Optional names the parts
// of it that there are beside the event of a failure.
func (a *App) newSession(ctx context.Context, cfg config.Config, id string, began time.Time, dryRun bool, optional ...budget.Part) *session {
	shared := *a
	shared.Out = &lockedWriter{out: a.Out} // accounts print side by side
	log := a.Logger(cfg.Log)
	return &session{
		App: &shared, id: id, began: began, cfg: cfg, dryRun: dryRun,
		lookups: trace.NewBudget(cfg.TraceBudget.Calls, cfg.TraceBudget.Within, began),
		log:     log.With("run", id), budget: a.invocation(ctx, cfg, optional...),
	}
}

// open sets up where people are notified and what is remembered, in the home
// account. The store is for the caller to close.
func (s *session) open(ctx context.Context) (err error) {
	home := s.accounts.home.aws
	s.archive = archiveOf(s.cfg.Evidence, home)
	if s.channels, err = s.openChannels(ctx, s.cfg, home, s.dryRun); err != nil {
		return err
	}
	if s.store, err = s.OpenStore(ctx, s.cfg, home, s.dryRun); err == nil && s.dryRun {
		s.store = ledger.NewOverlay(s.store)
	}
	return err
}

// iamOf is an account's IAM, which a dry run only reads.
func (s *session) iamOf(client *awsclient.IAM) run.IAM {
	if !s.dryRun {
		return client
	}
	return struct {
		inventory.IAM
		inventory.BulkIAM
		inventory.RuleIAM
		enforce.DisablesNothing
	}{client, client, client, enforce.DisablesNothing{}}
}

// didNotBegin is the error of a session that could not begin, once the bus has
// its event. Evidence of it is left as well, if it is known where.
func (s *session) didNotBegin(ctx context.Context, why error) error {
	if s.accounts == nil {
		return why
	}
	s.leaveNotBegun(ctx, why)
	return s.publishDidNotBegin(ctx, s.accounts.home.Account, why)
}
