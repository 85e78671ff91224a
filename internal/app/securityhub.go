package app

import (
	"context"
	"log/slog"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/securityhub"
)

// keepsFindings reports whether runs of the session keep findings.
func (s *session) keepsFindings() bool { return s.cfg.SecurityHub && !s.dryRun }

// keepFindings brings the account's own findings up to what a run knows. What
// goes wrong with that is a problem of the run.
func (s *session) keepFindings(ctx context.Context, b budget.Budget, m member, runner sleuth.Runner, summary *sleuth.Summary, log *slog.Logger) {
	known := summary.KeyStatuses
	summary.KeyStatuses = nil // nothing else uses it
	if !s.keepsFindings() || known == nil || !summary.Started {
		return
	}
	runner.Known = known
	ctx, cancel := b.Context(ctx, budget.Findings, s.Now())
	defer cancel()
	kept, problems := securityhub.Syncer{
		Hub:  awsclient.NewSecurityHub(m.aws),
		Home: securityhub.Home{Account: summary.Account, Partition: m.Partition, Region: m.aws.Region},
		// Keys were judged at the run's beginning.
		Now: summary.At, Look: runner.Look, Concurrency: s.cfg.Concurrency, Explain: awserr.Message,
	}.Sync(ctx, *known)
	for _, problem := range problems {
		log.ErrorContext(ctx, problem.Text, "user", problem.User, "key", problem.KeyID)
		summary.Fail(problem)
	}
	log.InfoContext(ctx, "the findings in Security Hub are kept", "sent", kept.Sent, "archived", kept.Archived, "unchanged", kept.Same, "failed", len(problems))
}
