package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// session is what the runs of one invocation share, on whichever accounts they
// are.
type session struct {
	*app
	id     string
	began  time.Time // when the run was asked for
	cfg    config.Config
	dryRun bool
	log    *slog.Logger

	home     aws.Config // of our own credentials
	channels []notify.Channel
	store    ledger.Store
	breaker  outbox.Breaker   // of every channel, for as long as the invocation lasts
	archive  evidence.Archive // nil where runs leave no evidence
	// digest: what there is to tell is left for a digest of all accounts.
	digest bool
	// budget splits the time of the invocation.
	budget budget.Budget
}

// open sets up where people are told and what is remembered, in the account of
// our own credentials. The store is for the caller to close.
func (s *session) open(ctx context.Context, home aws.Config) (err error) {
	s.archive = archiveOf(s.cfg.Evidence, home)
	s.home = home
	if s.channels, err = s.app.channels(ctx, s.cfg, home, s.dryRun); err != nil {
		return err
	}
	s.store, err = s.openStore(ctx, s.cfg, home, s.log, s.dryRun)
	return err
}

// runIn makes one run in an account that we are connected to. Its log carries
// the account. It has the time of b.
func (s *session) runIn(ctx context.Context, b budget.Budget, aws aws.Config, traffic *awsclient.Traffic, identity awsclient.Identity, log *slog.Logger) (sleuth.Summary, error) {
	cfg := s.cfg
	cfg.Policy.OwnKeys = identity.OwnKeys
	log.InfoContext(ctx, "run begins", "auto_expire", cfg.Policy.AutoExpire, "dry_run", s.dryRun, "state", s.store.String(), "rules", report.Rules(cfg.Rules))
	client := iam.NewFromConfig(aws)
	addOthers := s.beginOthers(ctx, b, client)
	runner := sleuth.Runner{
		Began:    s.began,
		Budget:   b,
		ID:       s.id,
		Account:  identity.Account,
		Config:   cfg,
		IAM:      client,
		Report:   credentialReport(cfg, client, log),
		Channels: s.channels,
		Store:    s.store,
		Breaker:  &s.breaker,
		Log:      log,
		Now:      s.now,
		DryRun:   s.dryRun,
		Digest:   s.digest,
		Table:    cfg.Debug || s.leavesEvidence(),
	}
	summary, err := runner.Run(ctx)
	if late := s.keepFindings(ctx, b, aws, identity.Partition, runner, &summary, log); late != nil {
		err = cmp.Or(err, fmt.Errorf("the run was not whole: %w", late))
	}
	if late := s.leaveEvidence(ctx, b, &summary, addOthers, log); late != nil {
		err = cmp.Or(err, fmt.Errorf("the run was not whole: %w", late))
	}
	summary.APICalls, summary.Throttles = traffic.Calls(), traffic.Throttles()
	log.InfoContext(ctx, "run ends", "summary", summary)
	return summary, err
}

// identify asks who we are in an account, and says in the log what of it could
// not be found out.
func identify(ctx context.Context, aws aws.Config, log *slog.Logger) (awsclient.Identity, error) {
	identity, aliasErr, err := awsclient.Identify(ctx, aws)
	if err != nil {
		return awsclient.Identity{}, err
	}
	if aliasErr != nil {
		log.WarnContext(ctx, "the account's alias is left out of the messages", "account", identity.Account.ID, "error", awserr.Message(aliasErr))
	}
	return identity, nil
}
