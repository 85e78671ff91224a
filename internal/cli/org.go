package cli

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// organization is the accounts of the settings' scope, and the way into them.
type organization struct {
	home    aws.Config
	door    *org.Door
	members org.Members
}

// organizationOf connects to the account of our own credentials and finds out
// which accounts there are to cover. Session names the sessions in them.
func (a *app) organizationOf(ctx context.Context, cfg config.Config, session string) (*organization, error) {
	covered, err := a.homeOf(ctx, cfg, session)
	if err != nil {
		return nil, err
	}
	covered.members, err = org.List(ctx, organizations.NewFromConfig(covered.home), cfg.Scope)
	return covered, err
}

// homeOf is organizationOf without the accounts.
func (a *app) homeOf(ctx context.Context, cfg config.Config, session string) (*organization, error) {
	home, err := awsclient.Connect(ctx, cfg.Concurrency*cfg.Scope.Concurrency)
	if err != nil {
		return nil, err
	}
	identity, _, err := awsclient.Identify(ctx, home)
	if err != nil {
		return nil, err
	}
	return &organization{
		home: home,
		door: org.NewDoor(home, identity.Account.ID, identity.Partition, cfg.Scope, "sleuth-"+session),
	}, nil
}

// enter connects to one account, which answers to its id.
func (o *organization) enter(ctx context.Context, account string, log *slog.Logger) (aws.Config, *awsclient.Traffic, awsclient.Identity, error) {
	inside, err := o.door.Enter(ctx, account)
	if err != nil {
		return aws.Config{}, nil, awsclient.Identity{}, err
	}
	traffic := awsclient.Count(&inside)
	identity, err := identify(ctx, inside, log)
	if err == nil && identity.Account.ID != account {
		err = fmt.Errorf("the credentials for account %s are for account %s; check AWS_ENDPOINT_URL", account, identity.Account.ID)
	}
	return inside, traffic, identity, err
}

// overAccounts makes a run on every account of the scope, or on only one of
// them. Without a summary none began, and nothing was changed.
func (a *app) overAccounts(ctx context.Context, cfg config.Config, only string, dryRun bool, log *slog.Logger) (*org.Summary, error) {
	began := a.now()
	id := runID(began)
	log = log.With("run", id)
	whole := a.invocation(ctx, cfg, pendingPart(cfg))
	working, cancel := whole.Context(ctx, budget.Work, began)
	defer cancel()
	covered, err := a.organizationOf(working, cfg, id)
	if err != nil {
		return nil, a.didNotCover(ctx, whole, cfg, covered, dryRun, id, err)
	}
	if only != "" {
		if !slices.Contains(covered.members.Accounts, only) {
			return nil, fmt.Errorf("account %s is not among the accounts of the settings; check ACCOUNTS, OUS and EXCLUDE_ACCOUNTS", only)
		}
		covered.members = org.Members{Organization: covered.members.Organization, Accounts: []string{only}}
	}
	shared := *a
	shared.stdout = &lockedWriter{out: a.stdout} // accounts print side by side
	s := &session{app: &shared, id: id, began: began, cfg: cfg, dryRun: dryRun, log: log, digest: cfg.Digest, budget: whole}
	if err := s.open(working, covered.home); err != nil {
		return nil, a.didNotCover(ctx, whole, cfg, covered, dryRun, id, err)
	}
	defer func() { _ = s.store.Close() }()

	log.InfoContext(ctx, "run over several accounts begins", "accounts", len(covered.members.Accounts),
		"suspended", covered.members.Suspended, "excluded", covered.members.Excluded, "dry_run", dryRun)
	summary := org.NewSummary(id, covered.members, began, dryRun)
	var untold []sleuth.Summary
	org.Each(working, covered.members.Accounts, cfg.Scope.Concurrency,
		func(ctx context.Context, account string) sleuth.Summary {
			b := s.onAccount()
			one, _ := s.runAt(ctx, b, covered, account)
			s.tellOfFailure(ctx, b, &one)
			return one
		},
		func(_ string, one sleuth.Summary) {
			if cfg.Debug {
				fmt.Fprintln(shared.stdout, one.Account)
				_ = report.WriteTable(shared.stdout, one.Rows) // nobody is left to be told
			}
			if dryRun {
				untold = append(untold, sleuth.Summary{
					Account: one.Account, Begun: one.Begun, Announcement: one.Announcement, Untold: one.Untold,
					ExemptionsEnding: one.ExemptionsEnding, ExemptionsOpen: one.ExemptionsOpen,
				})
			}
			summary.Add(one)
		})
	if cfg.Digest {
		if !dryRun {
			untold = summary.Accounts
		}
		summary.Deliver(s.digestOf(covered.members.Organization).Send(ctx, untold))
	} else if !dryRun {
		summary.Deliver(s.digestOf(covered.members.Organization).SendLeftOut(ctx, summary.Accounts))
	}
	s.tellOfFailures(ctx, covered, summary)
	err = summary.Finish(a.now())
	log.InfoContext(ctx, "run over several accounts ends", "totals", summary.Totals)
	return summary, err
}

// digestOf is the digest of the runs of the session. Each attempt at it holds
// leases of its own.
func (s *session) digestOf(organization string) org.Digest {
	return org.Digest{
		Run: s.id, Holder: s.id + "-digest." + again(), Organization: organization, Breaker: &s.breaker,
		Blank: s.cfg.Blank(), Channels: s.channels, Store: s.store, Log: s.log, Lease: s.cfg.Lease, Now: s.now, DryRun: s.dryRun,
		Budget: budget.Sending(s.now(), s.endOf(budget.Digest)),
	}
}

// runAt enters an account and makes a run there. One that cannot be entered is
// a problem of that account alone. Refused: the account was entered, and
// another run kept this one off it.
func (s *session) runAt(ctx context.Context, b budget.Budget, e *organization, account string) (summary sleuth.Summary, refused bool) {
	log := s.log.With("account", account)
	entering, cancel := b.Context(ctx, budget.Read, s.now())
	defer cancel()
	inside, traffic, identity, err := e.enter(entering, account, log)
	if err != nil {
		log.ErrorContext(ctx, "the account was not entered", "error", awserr.Message(err))
		summary = org.NotEntered(account, s.id, s.now(), s.dryRun, err)
		_ = s.leaveEvidence(ctx, b, &summary, nil, log) // the summary has its problems
		return summary, false
	}
	summary, _ = s.runIn(ctx, b, inside, traffic, identity, log) // the summary has its problems
	return summary, !summary.Begun && summary.Skipped == ""
}
