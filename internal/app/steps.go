package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// The steps of a run that Step Functions makes: list the accounts, run on each
// of them in an invocation of its own, summarize.

// Step says which run a step is of.
type Step struct {
	Run    string
	Began  time.Time
	DryRun bool // and so is one of a listing that says so
}

// Listed is what ListAccounts leaves for the other steps.
type Listed struct {
	org.Listing
	Bucket, Key string // of the list of items
}

// ErrNoSteps says that the settings make no run of several steps.
var ErrNoSteps = errors.New("the action needs SLEUTH_ACCOUNTS and SLEUTH_RESULTS_BUCKET; set both")

// ListAccounts begins a run of several steps: it finds out which accounts there
// are, and leaves the list in the bucket.
func (a *App) ListAccounts(ctx context.Context, cfg config.Config, dryRun bool) (*Listed, error) {
	if cfg.ResultsBucket == "" {
		return nil, ErrNoSteps
	}
	began := a.Now().UTC()
	s := a.newSession(ctx, cfg, runID(began), began, dryRun)
	working, cancel := s.budget.Context(ctx, budget.Work, began)
	defer cancel()
	listed, err := s.list(working)
	if err != nil {
		return nil, s.didNotBegin(ctx, err)
	}
	s.log.InfoContext(ctx, "run over several accounts begins", "accounts", len(listed.Accounts),
		"suspended", listed.Suspended, "excluded", listed.Excluded, "dry_run", dryRun)
	return listed, nil
}

func (s *session) list(ctx context.Context) (_ *Listed, err error) {
	if s.accounts, err = s.connectHome(ctx, s.cfg, s.id); err != nil {
		return nil, err
	}
	if s.cfg, err = withRules(ctx, s.cfg, s.accounts.home.aws); err != nil {
		return nil, err
	}
	members, err := s.accounts.members(ctx)
	if err != nil {
		return nil, err
	}
	rules, errs := unitsOfRules(ctx, s.cfg.UserRules, s.accounts.home.aws)
	for _, err := range errs { // each account reports it
		s.log.ErrorContext(ctx, awserr.Message(err))
	}
	store := s.runStore(s.id)
	listing := org.Listing{Members: members, Run: s.id, Began: s.began, DryRun: s.dryRun, OUs: s.cfg.Scope.OUs, RuleOUs: rules.OUs}
	return &Listed{Listing: listing, Bucket: store.Bucket, Key: store.ItemsKey()}, store.PutListing(ctx, listing)
}

func (s *session) runStore(run string) org.RunStore {
	return org.RunStore{S3: s3.NewFromConfig(s.accounts.home.aws, usePathStyle), Bucket: s.cfg.ResultsBucket, Run: run}
}

// BusyError says that another run, or an invocation of this one that died, has
// the account: Step Functions tries again later. Lambda names it by its type.
type BusyError struct{ text string }

func (e *BusyError) Error() string { return e.text }

// errNotCovered says that the settings, as they are now, leave an account out,
// whatever the run's list says.
var errNotCovered = errors.New("the settings do not cover it; check SLEUTH_ACCOUNTS and SLEUTH_EXCLUDE_ACCOUNTS")

// RunAccount makes a run on one account of a listing, and leaves its summary in
// the bucket. The summary is not nil even if the error is a *BusyError.
func (a *App) RunAccount(ctx context.Context, cfg config.Config, step Step, account string) (*sleuth.Summary, error) {
	switch {
	case cfg.ResultsBucket == "":
		return nil, ErrNoSteps
	case !cfg.Scope.Allows(account):
		return nil, fmt.Errorf("account %s: %w", account, errNotCovered)
	}
	// An invocation that is made again is a run of its own: were it taken for
	// the one before, which may live on, the lease would not keep them apart.
	s := a.newSession(ctx, cfg, step.Run+"."+randomID(), a.Now(), step.DryRun, budget.Result)
	working, cancel := s.budget.Context(ctx, budget.Work, a.Now())
	defer cancel()
	listing, store, err := s.resume(working, step)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.store.Close() }()
	if !slices.Contains(listing.Accounts, account) {
		return nil, fmt.Errorf("account %s is not among those of run %s; a new run covers what the settings name", account, step.Run)
	}
	b := s.onAccount()
	summary, refused := s.runOn(working, b, account)
	if summary.Started { // else it may be tried again; the step that summarizes reports it
		s.reportFailure(ctx, b, &summary)
	}
	putting, stop := s.during(ctx, budget.Result)
	defer stop()
	if err := store.PutResult(putting, summary); err != nil {
		return &summary, err
	}
	if refused {
		return &summary, &BusyError{summary.Problems[0].Text}
	}
	return &summary, nil
}

// resume finds the accounts of a run that ListAccounts has started, and opens what
// a session needs. What is kept in the bucket is checked, as it may be another
// run's, or out of date.
func (s *session) resume(ctx context.Context, step Step) (listing org.Listing, store org.RunStore, err error) {
	if s.accounts, err = s.connectHome(ctx, s.cfg, step.Run); err != nil {
		return listing, store, err
	}
	if s.cfg, err = withRules(ctx, s.cfg, s.accounts.home.aws); err != nil {
		return listing, store, err
	}
	store = s.runStore(step.Run)
	if listing, err = store.Listing(ctx); err != nil {
		return listing, store, fmt.Errorf("find the accounts of run %s: %w", step.Run, err)
	}
	if err := listing.Check(step.Run, step.Began, s.Now(), s.cfg.Scope); err != nil {
		return listing, store, fmt.Errorf("the list of run %s cannot be used, and nothing was done: %w; start a new run", step.Run, err)
	}
	s.cfg.UserRules, s.ruleErrs = listedUnits(s.cfg.UserRules, listing)
	s.accounts.names = listing.Names
	s.began, s.dryRun = listing.Began, s.dryRun || listing.DryRun
	return listing, store, s.open(ctx)
}

// Summarize adds up the runs on the accounts of a listing, delivers what is
// pending after all of them, and leaves the summary in the bucket under key.
func (a *App) Summarize(ctx context.Context, cfg config.Config, step Step) (summary *org.Summary, key string, err error) {
	if cfg.ResultsBucket == "" {
		return nil, "", ErrNoSteps
	}
	s := a.newSession(ctx, cfg, step.Run, a.Now(), step.DryRun, pendingPart(cfg), budget.Result)
	working, cancel := s.budget.Context(ctx, budget.Work, a.Now())
	defer cancel()
	listing, store, err := s.resume(working, step)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = s.store.Close() }()
	results, err := store.Results(working, listing.Accounts, func(account string) sleuth.Summary {
		return s.notEntered(account, errors.New("its invocation ended without a result; see the function's log and the state machine's map run"))
	})
	if err != nil {
		return nil, "", err
	}
	summary = org.NewSummary(s.id, listing.Members, s.began, s.dryRun)
	events := budget.New(a.Now(), s.endOf(budget.AccountEvents), budget.Event) // for all of them together
	for i, one := range results {
		if account := listing.Accounts[i]; !cfg.Scope.Allows(account) {
			one = s.notEntered(account, errNotCovered)
		}
		if !one.Started {
			s.reportFailure(ctx, events, &one)
		}
		summary.Add(one)
	}
	if !s.dryRun { // else nothing is pending, and each account's invocation showed what would be
		summary.Deliver(s.deliverPending(ctx, listing.Organization, summary.Accounts))
	}
	s.finish(ctx, listing.Members, summary)
	putting, stop := s.during(ctx, budget.Result)
	defer stop()
	key, err = store.PutSummary(putting, summary)
	if err != nil {
		return nil, "", err
	}
	if err := summary.Err(); err != nil {
		s.log.ErrorContext(ctx, err.Error())
	}
	return summary, key, nil
}
