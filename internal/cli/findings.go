package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshub "github.com/aws/aws-sdk-go-v2/service/securityhub"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/securityhub"
)

// keepsFindings reports whether runs of the session keep findings.
func (s *session) keepsFindings() bool { return s.cfg.SecurityHub && !s.dryRun }

// keepFindings brings the account's own findings up to what a run knows. What
// goes wrong with that is a problem of the run.
func (s *session) keepFindings(ctx context.Context, b budget.Budget, inside aws.Config, partition string, runner sleuth.Runner, summary *sleuth.Summary, log *slog.Logger) error {
	known := summary.Known
	summary.Known = nil // nobody else has a use for it
	if !s.keepsFindings() || known == nil || !summary.Begun {
		return nil
	}
	ctx, cancel := b.Context(ctx, budget.Findings, s.now())
	defer cancel()
	kept, problems := securityhub.Keeper{
		Hub:  awshub.NewFromConfig(inside),
		Home: securityhub.Home{Account: summary.Account, Partition: partition, Region: inside.Region},
		// Keys were judged at the run's beginning.
		Rules: s.cfg.Rules, Now: summary.At, Look: runner.Look, Concurrency: s.cfg.Concurrency, Explain: awserr.Message,
	}.Keep(ctx, *known)
	var failed error
	for _, problem := range problems {
		log.ErrorContext(ctx, problem.Text, "user", problem.User, "key", problem.KeyID)
		summary.Fail(problem)
		failed = cmp.Or(failed, errors.New(problem.Text)) // the summary has them all
	}
	log.InfoContext(ctx, "the findings in Security Hub are kept", "sent", kept.Sent, "archived", kept.Archived, "unchanged", kept.Same, "failed", len(problems))
	return failed
}
