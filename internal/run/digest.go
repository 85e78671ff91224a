package run

import (
	"context"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// leaveForDigest writes the warnings down, to be delivered with those of other
// accounts; final notices are pending already. Warnings that an earlier run has
// left and no digest has delivered are out of date, and dropped.
func (p *pass) leaveForDigest(ctx context.Context, warnings []*step, deletions []*retirement) {
	queued := map[string]ledger.QueuedWarning{}
	var records []*ledger.Record
	for _, s := range warnings {
		if len(p.Channels) == 0 {
			break // no digest will be made
		}
		record := p.recordFor(s)
		queued[s.key.ID] = ledger.QueuedWarning{Run: p.ID, Notice: p.warning(s), Warnings: p.historyOf(*record).Add(s.verdict, s.limits.Ages, s.decision, p.started)}
		records = append(records, record)
	}
	for _, r := range deletions {
		if len(p.Channels) == 0 {
			break
		}
		given := r.record.Deletion().Warnings.Add(r.decision, p.started)
		queued[r.key.ID] = ledger.QueuedWarning{Run: p.ID, Notice: p.deletionWarning(r), Deletion: &given}
		records = append(records, r.record)
	}
	p.mu.Lock()
	for _, record := range p.records {
		if _, renewed := queued[record.KeyID()]; record.QueuedWarning() != nil && !renewed {
			records = append(records, record)
		}
	}
	p.mu.Unlock()
	err := ledger.UpdateAll(ctx, p.Store, records, func(r *ledger.Record) error {
		warning, renewed := queued[r.KeyID()]
		switch {
		case !renewed && r.QueuedWarning() == nil:
			return ledger.ErrUnchanged
		case !renewed:
			return r.DropQueuedWarning(p.Now().UTC())
		case warning.Deletion != nil:
			return p.queueDeletionWarning(r, warning)
		}
		if err := p.reopened(r); err != nil {
			return err
		}
		p.noteUses(r)
		r.QueueWarning(p.Now().UTC(), warning)
		return nil
	})
	if err != nil {
		p.problem(account.Problem{Text: fmt.Sprintf("leave %s for the digest: %s", text.Count(len(queued), "warning"), awserr.Message(err))})
	}
}

// queueDeletionWarning leaves the warning that a key will be deleted, unless it no
// longer holds.
func (p *pass) queueDeletionWarning(r *ledger.Record, warning ledger.QueuedWarning) error {
	if !r.Disabling().Confirmed || r.Pending() || !r.Deletion().At.IsZero() {
		return ledger.ErrUnchanged
	}
	r.QueueWarning(p.Now().UTC(), warning)
	return nil
}
