package app

import (
	"context"
	"io"
	"log/slog"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// RunOptions say how a run is made.
type RunOptions struct {
	// Only is the one account to cover; empty for all.
	Only string
	// DryRun: nothing is written and nothing is sent.
	DryRun bool
	// Each is called with the summary of each account, with its rows, in the
	// order of the accounts and one at a time, and with Out, which runs on other
	// accounts print to meanwhile; may be nil.
	Each func(io.Writer, sleuth.Summary)
	// Progress is called as the run goes on, one call at a time; may be nil.
	Progress func(Progress)
}

// Run makes a run on every account that the settings cover. Without a summary
// it did not begin, and nothing was changed; else the error says what the
// summary has of problems.
func (a *App) Run(ctx context.Context, cfg config.Config, o RunOptions) (*org.Summary, error) {
	began := a.Now()
	s := a.newSession(ctx, cfg, runID(began), began, o.DryRun, pendingPart(cfg))
	working, cancel := s.budget.Context(ctx, budget.Work, began)
	defer cancel()
	members, err := s.begin(working)
	if err != nil {
		return nil, s.didNotBegin(ctx, err)
	}
	defer func() { _ = s.store.Close() }()
	if members, err = members.Only(o.Only); err != nil {
		return nil, err
	}
	if !members.HomeOnly {
		s.log.InfoContext(ctx, "run over several accounts begins", "accounts", len(members.Accounts),
			"suspended", members.Suspended, "excluded", members.Excluded, "dry_run", s.dryRun)
	}
	if !members.HomeOnly {
		s.afterwards = s.leaveForLater
	}
	s.progress = newProgress(len(members.Accounts), o.Progress)
	summary := org.NewSummary(s.id, members, began, s.dryRun)
	org.ForEachAccount(working, members.Accounts, cfg.Scope.Concurrency, s.runAndReport, func(_ string, one sleuth.Summary) {
		s.progress.accountDone()
		if o.Each != nil {
			o.Each(s.Out, one)
		}
		summary.Add(one)
	})
	summary.Deliver(s.deliverPending(ctx, members.Organization, summary.Accounts))
	s.doWhatIsLeft(working)
	s.finish(ctx, members, summary)
	return summary, summary.Err()
}

// begin connects, finds out which accounts there are to cover, and opens what
// the runs on them share.
func (s *session) begin(ctx context.Context) (members org.Members, err error) {
	if s.accounts, err = s.connectHome(ctx, s.cfg, s.id); err != nil {
		return members, err
	}
	if s.cfg, err = withRules(ctx, s.cfg, s.accounts.home.aws); err != nil {
		return members, err
	}
	if members, err = s.accounts.members(ctx); err != nil {
		return members, err
	}
	s.cfg.UserRules, s.ruleErrs = unitsOfRules(ctx, s.cfg.UserRules, s.accounts.home.aws)
	return members, s.open(ctx)
}

// finish ends the summary of the runs on all accounts.
func (s *session) finish(ctx context.Context, members org.Members, summary *org.Summary) {
	s.reportFailures(ctx, summary)
	summary.Finish(s.Now())
	if !members.HomeOnly {
		s.log.InfoContext(ctx, "run over several accounts ends", "totals", summary.Totals)
	}
}

// deliverPending makes the digest, or else delivers what earlier runs left for
// accounts that these did not cover.
func (s *session) deliverPending(ctx context.Context, organization string, runs []sleuth.Summary) org.Delivered {
	digest := s.digest(organization)
	digest.Names = s.accounts.names
	switch {
	case s.cfg.Digest:
		return digest.Send(ctx, runs)
	}
	return digest.SendLeftOut(ctx, runs)
}

// digest is the digest of the runs of the session. Each attempt at it holds
// leases of its own.
func (s *session) digest(organization string) org.Digest {
	return org.Digest{
		Run: s.id, Holder: s.id + "-digest." + randomID(), Organization: organization, Breaker: &s.breaker,
		NewBatch: s.cfg.NewBatch(), Channels: s.channels, Store: s.store, Log: s.log, Lease: s.cfg.Lease, Now: s.Now,
		Budget: budget.Sending(s.Now(), s.endOf(budget.Digest)),
	}
}

// runAndReport makes a run on an account, and puts an event on the bus if it
// failed.
func (s *session) runAndReport(ctx context.Context, account string) sleuth.Summary {
	b := s.onAccount()
	summary, _ := s.runOn(ctx, b, account)
	s.reportFailure(ctx, b, &summary)
	return summary
}

// runOn enters an account and makes a run there. One that cannot be entered is
// a problem of that account alone. Refused: the account was entered, and
// another run kept this one off it.
func (s *session) runOn(ctx context.Context, b budget.Budget, account string) (summary sleuth.Summary, refused bool) {
	log := s.log.With("account", account)
	entering, cancel := b.Context(ctx, budget.Read, s.Now())
	defer cancel()
	m, err := s.accounts.enter(entering, account, log)
	if err != nil {
		log.ErrorContext(ctx, "the account was not entered", "error", awserr.Message(err))
		summary = s.notEntered(account, err)
		s.leaveEvidence(ctx, b, &summary, nil, log)
		return summary, false
	}
	summary = s.runIn(ctx, b, m, log)
	return summary, !summary.Started && summary.Skipped == ""
}

// notEntered is the summary of an account that no run was made on.
func (s *session) notEntered(account string, why error) sleuth.Summary {
	summary := org.NotEntered(s.accounts.account(account), s.id, s.Now(), why)
	summary.DryRun = s.dryRun
	return summary
}

// runIn makes one run in an account that we are connected to. Its log carries
// the account. It has the time of b.
func (s *session) runIn(ctx context.Context, b budget.Budget, m member, log *slog.Logger) sleuth.Summary {
	cfg := s.cfg
	cfg.Policy.OwnKeys = m.OwnKeys
	log.InfoContext(ctx, "run begins", "auto_expire", cfg.Policy.AutoExpire, "dry_run", s.dryRun, "state", s.store.String(), "rules", report.Rules(cfg.Rules))
	if s.dryRun { // what is logged as done was not
		log = log.With("dry_run", true)
	}
	client := awsclient.NewIAM(m.aws)
	addOthers := s.startCredentialReport(ctx, b, client)
	runner := sleuth.Runner{
		Began:    s.began,
		Budget:   b,
		ID:       s.id,
		Account:  m.Account,
		Config:   cfg,
		IAM:      s.iamOf(client),
		RuleErrs: s.ruleErrs,
		Report:   credentialReport(cfg, client, log),
		LastUses: lastUses(client, log),
		Channels: s.channels,
		Store:    s.store,
		Breaker:  &s.breaker,
		Log:      log,
		Now:      s.Now,
		Ticker:   s.Ticker,
		Tracer:   s.tracerFor(m),

		Progress:   s.progress.userRead,
		Stage:      s.progress.stage,
		Afterwards: s.afterwards,
		Digest:     cfg.Digest,
		Table:      cfg.Debug || s.leavesEvidence(),
	}
	summary, _ := runner.Run(ctx) // the summary has its problems
	summary.DryRun = s.dryRun
	s.keepFindings(ctx, b, m, runner, &summary, log)
	s.leaveEvidence(ctx, b, &summary, addOthers, log)
	summary.APICalls, summary.Throttles = m.traffic.Calls(), m.traffic.Throttles()
	log.InfoContext(ctx, "run ends", "summary", summary)
	return summary
}
