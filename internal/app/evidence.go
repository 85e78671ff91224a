package app

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// archiveOf is where runs leave their evidence, which is reached with our own
// credentials whatever account a run is on; nil for nowhere.
func archiveOf(e config.Evidence, home aws.Config) evidenceStore {
	switch {
	case e.Dir != "":
		return evidence.Folder{Dir: e.Dir}
	case e.Bucket != "":
		return evidence.NewBucket(s3.NewFromConfig(home, usePathStyle), e.Bucket, e.Prefix)
	}
	return nil
}

// evidenceStore is where runs leave evidence, and audits read it.
type evidenceStore interface {
	evidence.Archive
	evidence.Source
}

// compare adds to a report what changed since the newest evidence in from, which
// may be nil. What goes wrong with that is a problem of the report.
func compare(ctx context.Context, from evidence.Source, found *report.Report) {
	if from == nil {
		return
	}
	earlier, err := evidence.Earlier(ctx, from, found.Account.ID, found.At)
	switch {
	case err != nil:
		found.Problems = append(found.Problems, account.Problem{Text: "changes are not shown: " + err.Error()})
		return
	case earlier.Newest == nil:
		found.Notes = append(found.Notes, "changes are not shown: there is no earlier evidence in "+from.Location(found.Account.ID))
	}
	found.AddHistory(earlier.Newest, earlier.Trend)
}

// leavesEvidence reports whether runs of the session leave any.
func (s *session) leavesEvidence() bool { return s.archive != nil && !s.dryRun }

// besidesIAM is the calls that reading what evidence shows beside keys takes.
type besidesIAM interface {
	inventory.ReportIAM
	inventory.BulkIAM
	inventory.APIKeyIAM
}

// startCredentialReport begins to read what evidence shows beside keys.
func (s *session) startCredentialReport(ctx context.Context, b budget.Budget, client besidesIAM) func(*report.Report) {
	if !s.leavesEvidence() {
		return nil
	}
	ctx, stop := b.Context(ctx, budget.Record, s.Now())
	addOthers, addRisk := sleuth.StartCredentialReport(ctx, otherCredentials(s.cfg, client)), sleuth.StartRisk(ctx, policies(s.cfg, client))
	addAPIKeys := sleuth.StartAPIKeys(ctx, apiKeys(s.cfg, client), s.Now().UTC())
	return func(found *report.Report) {
		defer stop()
		addRisk(found)
		addOthers(found)
		addAPIKeys(found)
	}
}

// leaveEvidence leaves what a run found and did. What goes wrong with that is a
// problem of the run. AddOthers, which may be nil, adds what is shown beside
// keys. A run that another has made meanwhile has found nothing.
func (s *session) leaveEvidence(ctx context.Context, b budget.Budget, summary *sleuth.Summary, addOthers func(*report.Report), log *slog.Logger) {
	if s.archive == nil || summary.Skipped != "" {
		return
	}
	name := evidence.Name(summary.Account.ID, summary.At, summary.Run)
	if s.dryRun {
		fmt.Fprintf(s.Out, "evidence would be left as %s and .html\n", s.archive.Location(name+".json"))
		return
	}
	fail := func(problem account.Problem) {
		log.ErrorContext(ctx, problem.Text)
		summary.Fail(problem)
	}
	found := s.evidenceOf(*summary)
	if addOthers != nil {
		addOthers(&found)
		for _, problem := range found.Problems[summary.Failed:] {
			fail(problem)
		}
		found.Run.Failed = summary.Failed
	}
	leaving, cancel := b.Context(context.WithoutCancel(ctx), budget.Evidence, s.Now()) // even if the run was interrupted
	defer cancel()
	if err := evidence.Leave(leaving, s.archive, name, found); err != nil {
		fail(account.Problem{Text: awserr.Message(err)})
	} else {
		log.InfoContext(ctx, "left the evidence of the run", "evidence", s.archive.Location(name+".json"))
	}
}

// leaveNotBegun leaves evidence of a run that did not begin, and why.
func (s *session) leaveNotBegun(ctx context.Context, why error) {
	home := s.accounts.home.Account
	summary := s.notEntered(home.ID, why)
	summary.Account = home
	s.leaveEvidence(ctx, s.onAccount(), &summary, nil, s.log.With("account", home.ID))
}

// evidenceOf is the report of a run.
func (s *session) evidenceOf(summary sleuth.Summary) report.Report {
	found := report.New(summary.Account, summary.At, report.Rules(s.cfg.Rules))
	found.Tally = summary.Tally
	found.Rows = append(found.Rows, summary.Rows...)
	found.NoteLastUses()
	found.Problems = append(found.Problems, summary.Problems...)
	found.Run = &report.RunResult{
		ID: summary.Run, Finished: summary.Finished, DryRun: summary.DryRun, Started: summary.Started, TimedOut: summary.TimedOut,
		AutoExpire: s.cfg.Policy.AutoExpire, Digest: s.cfg.Digest,
		Counts:         summary.Counts,
		DisabledKeys:   append([]account.KeyRef{}, summary.DisabledKeys...),
		DeletedKeys:    summary.DeletedKeys,
		UnreadableTags: append([]string{}, summary.UnreadableTags...),
		Announcement:   summary.Announcement,
	}
	return found
}

// usePathStyle serves endpoints that do not resolve a bucket's own host.
func usePathStyle(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }
