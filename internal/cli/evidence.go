package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/evidence"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// archiveOf is where runs leave their evidence, which is reached with our own
// credentials whatever account a run is on; nil for nowhere.
func archiveOf(e config.Evidence, home aws.Config) evidence.Archive {
	switch {
	case e.Dir != "":
		return evidence.Folder{Dir: e.Dir}
	case e.Bucket != "":
		return evidence.NewBucket(s3.NewFromConfig(home, usePathStyle), e.Bucket, e.Prefix)
	}
	return nil
}

const (
	// timeForEvidence bounds the leaving of one run's evidence, even where the
	// run was interrupted.
	timeForEvidence = 30 * time.Second
	// keptForEvidence is time kept back at the end of a process's life.
	keptForEvidence = 20 * time.Second
)

// leavesEvidence reports whether runs of the session leave any.
func (s *session) leavesEvidence() bool { return s.archive != nil && !s.dryRun }

// deadlineOfRun is when a run has to end, so that there is time left for its
// findings and its evidence.
func (s *session) deadlineOfRun() time.Time {
	var kept time.Duration
	if s.leavesEvidence() {
		kept += keptForEvidence
	}
	if s.keepsFindings() {
		kept += keptForFindings
	}
	if s.deadline.IsZero() || kept == 0 {
		return s.deadline
	}
	return s.deadline.Add(-min(kept, s.deadline.Sub(s.now())/8))
}

// beginOthers begins to read what evidence shows beside keys.
func (s *session) beginOthers(ctx context.Context, client inventory.ReportIAM) func(*report.Report) {
	if !s.leavesEvidence() {
		return nil
	}
	stop := context.CancelFunc(func() {})
	if deadline := s.deadlineOfRun(); !deadline.IsZero() {
		ctx, stop = context.WithDeadline(ctx, deadline)
	}
	add := sleuth.BeginOthers(ctx, otherCredentials(s.cfg, client))
	return func(found *report.Report) {
		defer stop()
		add(found)
	}
}

// leaveEvidence leaves what a run found and did. What goes wrong with that is a
// problem of the run. AddOthers, which may be nil, adds what is shown beside
// keys.
func (s *session) leaveEvidence(ctx context.Context, summary *sleuth.Summary, addOthers func(*report.Report), log *slog.Logger) error {
	if s.archive == nil {
		return nil
	}
	name := evidence.Name(summary.Account.ID, summary.At, summary.Run)
	if s.dryRun {
		_, err := fmt.Fprintf(s.stdout, "evidence would be left as %s and .html\n", s.archive.Place(name+".json"))
		return err
	}
	var failed error
	fail := func(problem report.Problem) {
		log.ErrorContext(ctx, problem.Text)
		summary.Fail(problem)
		failed = cmp.Or(failed, errors.New(problem.Text)) // the summary has them all
	}
	found := s.evidenceOf(*summary)
	if addOthers != nil {
		addOthers(&found)
		for _, problem := range found.Problems[summary.Failed:] {
			fail(problem)
		}
		found.Run.Failed = summary.Failed
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeForEvidence)
	defer cancel()
	if err := evidence.Leave(leaving, s.archive, name, found); err != nil {
		fail(report.Problem{Text: awserr.Message(err)})
	} else {
		log.InfoContext(ctx, "left the evidence of the run", "evidence", s.archive.Place(name+".json"))
	}
	return failed
}

// leaveNotBegun leaves evidence of a run that did not begin, and why.
func (s *session) leaveNotBegun(ctx context.Context, account notify.Account, why error, log *slog.Logger) {
	summary := org.NotEntered(account.ID, s.id, s.now(), s.dryRun, why)
	summary.Account = account
	_ = s.leaveEvidence(ctx, &summary, nil, log) // the run has failed already, and the log says what else did
}

// evidenceOf is the report of a run.
func (s *session) evidenceOf(summary sleuth.Summary) report.Report {
	found := report.New(summary.Account, summary.At, report.Rules(s.cfg.Rules))
	found.Tally = summary.Tally
	found.Rows = append(found.Rows, summary.Rows...)
	found.Problems = append(found.Problems, summary.Problems...)
	found.Run = &report.Ran{
		ID: summary.Run, Finished: summary.Finished, DryRun: summary.DryRun, Begun: summary.Begun, Incomplete: summary.Incomplete,
		AutoExpire: s.cfg.Policy.AutoExpire, Digest: s.digest,
		Warned: summary.Warned, Disabled: summary.Disabled, Held: summary.Held, Changed: summary.Changed, Failed: summary.Failed,
		NoticesSent: summary.NoticesSent, NoticesFailed: summary.NoticesFailed, MessagesSent: summary.MessagesSent, NoticesOwed: summary.NoticesOwed,
		DisabledKeys:   append([]report.KeyRef{}, summary.DisabledKeys...),
		UnreadableTags: append([]string{}, summary.UnreadableTags...),
		Announcement:   summary.Announcement,
	}
	return found
}
