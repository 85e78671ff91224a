package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// The steps of a run that Step Functions makes: list the accounts, run on each
// of them in an invocation of its own, summarize.

// listed is what the action list returns: what Step Functions hands on.
type listed struct {
	Run      string    `json:"run"`
	Began    time.Time `json:"began"`
	DryRun   bool      `json:"dry_run"`
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"` // of the list of items
	Accounts int       `json:"accounts"`
}

// done is what the action account returns; the whole summary is on the shelf.
type done struct {
	Account string `json:"account"`
	Failed  int    `json:"failed"`
}

// summarized is what the action summarize returns; the whole summary is in the
// bucket under that key.
type summarized struct {
	Run    string     `json:"run"`
	Whole  bool       `json:"whole"`
	Error  string     `json:"error,omitempty"`
	Key    string     `json:"key"`
	Totals org.Totals `json:"totals"`
}

var errNoSteps = errors.New("the action needs ACCOUNTS and RESULTS_BUCKET; set both")

func (a *app) list(ctx context.Context, cfg config.Config, e event, log *slog.Logger) (any, error) {
	began := a.now().UTC()
	id := runID(began)
	whole := a.invocation(ctx, cfg)
	working, cancel := whole.Context(ctx, budget.Work, began)
	defer cancel()
	covered, err := a.organizationOf(working, cfg, id)
	if err != nil {
		return nil, a.didNotCover(ctx, whole, cfg, covered, e.DryRun, id, err)
	}
	shelf := covered.shelf(cfg, id)
	listing := org.Listing{Members: covered.members, Run: id, Began: began, DryRun: e.DryRun, OUs: cfg.Scope.OUs}
	if err := shelf.PutListing(working, listing); err != nil {
		return nil, a.didNotCover(ctx, whole, cfg, covered, e.DryRun, id, err)
	}
	log.InfoContext(ctx, "run over several accounts begins", "run", id, "accounts", len(covered.members.Accounts),
		"suspended", covered.members.Suspended, "excluded", covered.members.Excluded, "dry_run", e.DryRun)
	return &listed{Run: id, Began: began, DryRun: e.DryRun, Bucket: shelf.Bucket, Key: shelf.ItemsKey(), Accounts: len(covered.members.Accounts)}, nil
}

func (o *organization) shelf(cfg config.Config, run string) org.Shelf {
	return org.Shelf{S3: s3.NewFromConfig(o.home, usePathStyle), Bucket: cfg.ResultsBucket, Run: run}
}

// usePathStyle serves endpoints that do not resolve a bucket's own host.
func usePathStyle(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }

// busyError says that another run, or an invocation of this one that died, has
// the account: Step Functions tries again later. Lambda names it by its type.
type busyError struct{ text string }

func (e *busyError) Error() string { return e.text }

func (a *app) account(ctx context.Context, cfg config.Config, e event, log *slog.Logger) (any, error) {
	if !cfg.Scope.Allows(e.Account) {
		return nil, fmt.Errorf("account %s: %w", e.Account, errNotCovered)
	}
	whole := a.invocation(ctx, cfg, budget.Result)
	working, cancel := whole.Context(ctx, budget.Work, a.now())
	defer cancel()
	covered, listing, shelf, err := a.onShelf(working, cfg, e)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(covered.members.Accounts, e.Account) {
		return nil, fmt.Errorf("account %s is not among those of run %s; a new run covers what the settings name", e.Account, e.Run)
	}
	// An invocation that is made again is a run of its own: were it taken for
	// the one before, which may live on, the lease would not keep them apart.
	id := e.Run + "." + again()
	log = log.With("run", id)
	s := &session{app: a, id: id, began: listing.Began, cfg: cfg, dryRun: listing.DryRun || e.DryRun, log: log, digest: cfg.Digest, budget: whole}
	if err := s.open(working, covered.home); err != nil {
		return nil, err
	}
	defer func() { _ = s.store.Close() }()
	b := s.onAccount()
	summary, refused := s.runAt(working, b, covered, e.Account)
	if summary.Begun { // else it may be tried again; the action summarize tells of it
		s.tellOfFailure(ctx, b, &summary)
	}
	a.measure(ctx, log, summary)
	putting, stop := s.during(ctx, budget.Result)
	defer stop()
	if err := shelf.PutResult(putting, summary); err != nil {
		return nil, err
	}
	if refused {
		return nil, &busyError{summary.Problems[0].Text}
	}
	return &done{Account: e.Account, Failed: summary.Failed}, nil
}

func again() string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}

// errNotCovered says that the settings, as they are now, leave an account out,
// whatever the run's list says.
var errNotCovered = errors.New("the settings do not cover it; check ACCOUNTS and EXCLUDE_ACCOUNTS")

// onShelf finds the accounts of a run that the action list has begun. What is
// kept in the bucket is checked, as it may be another run's, or out of date.
func (a *app) onShelf(ctx context.Context, cfg config.Config, e event) (*organization, org.Listing, org.Shelf, error) {
	fail := func(err error) (*organization, org.Listing, org.Shelf, error) {
		return nil, org.Listing{}, org.Shelf{}, err
	}
	covered, err := a.homeOf(ctx, cfg, e.Run)
	if err != nil {
		return fail(err)
	}
	shelf := covered.shelf(cfg, e.Run)
	listing, err := shelf.Listing(ctx)
	if err != nil {
		return fail(fmt.Errorf("find the accounts of run %s: %w", e.Run, err))
	}
	if err := listing.Check(e.Run, e.Began, a.now(), cfg.Scope); err != nil {
		return fail(fmt.Errorf("the list of run %s cannot be used, and nothing was done: %w; start a new run", e.Run, err))
	}
	covered.members = listing.Members
	return covered, listing, shelf, nil
}

func (a *app) summarize(ctx context.Context, cfg config.Config, e event, log *slog.Logger) (any, error) {
	whole := a.invocation(ctx, cfg, pendingPart(cfg), budget.Result)
	working, cancel := whole.Context(ctx, budget.Work, a.now())
	defer cancel()
	covered, listing, shelf, err := a.onShelf(working, cfg, e)
	if err != nil {
		return nil, err
	}
	dryRun := listing.DryRun || e.DryRun
	log = log.With("run", e.Run)
	s := &session{app: a, id: e.Run, began: listing.Began, cfg: cfg, dryRun: dryRun, log: log, digest: cfg.Digest, budget: whole}
	if err := s.open(working, covered.home); err != nil {
		return nil, err
	}
	defer func() { _ = s.store.Close() }()
	results, err := shelf.Results(working, covered.members.Accounts, func(account string) sleuth.Summary {
		return org.NotEntered(account, e.Run, a.now(), dryRun,
			errors.New("its invocation ended without a result; see the function's log and the state machine's map run"))
	})
	if err != nil {
		return nil, err
	}
	summary := org.NewSummary(e.Run, covered.members, listing.Began, dryRun)
	events := budget.New(a.now(), s.endOf(budget.AccountEvents), budget.Event) // for all of them together
	for i, one := range results {
		if account := listing.Accounts[i]; !cfg.Scope.Allows(account) {
			one = org.NotEntered(account, e.Run, a.now(), dryRun, errNotCovered)
		}
		if !one.Begun {
			s.tellOfFailure(ctx, events, &one)
		}
		summary.Add(one)
	}
	switch digest := s.digestOf(covered.members.Organization); {
	case dryRun:
	case cfg.Digest:
		summary.Deliver(digest.Send(ctx, summary.Accounts))
	default:
		summary.Deliver(digest.SendLeftOut(ctx, summary.Accounts))
	}
	s.tellOfFailures(ctx, covered, summary)
	notWhole := summary.Finish(a.now())
	putting, stop := s.during(ctx, budget.Result)
	defer stop()
	key, err := shelf.PutSummary(putting, summary)
	if err != nil {
		return nil, err
	}
	log.InfoContext(ctx, "run over several accounts ends", "totals", summary.Totals)
	answer := &summarized{Run: e.Run, Whole: notWhole == nil, Key: key, Totals: summary.Totals}
	if notWhole != nil {
		log.ErrorContext(ctx, notWhole.Error())
		answer.Error = notWhole.Error()
	}
	return answer, nil
}
