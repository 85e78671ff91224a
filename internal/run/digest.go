package run

import (
	"context"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// leaveForDigest writes the warnings down to be told with those of other
// accounts; final notices are owed already. Warnings that an earlier run has
// left and no digest has told are out of date, and dropped.
func (p *pass) leaveForDigest(ctx context.Context, w *warned) {
	if p.DryRun {
		p.summary.Untold = w.notices
		for _, record := range p.finals {
			p.summary.Untold = append(p.summary.Untold, *record.Final)
		}
		return
	}
	if len(p.Channels) == 0 {
		p.settleUntold(ctx)
	}
	p.settleTold(ctx)

	p.mu.Lock()
	changed := p.warningsLeft(w)
	p.mu.Unlock()
	if err := p.Store.Put(ctx, changed...); err != nil {
		p.problem(report.Problem{Text: fmt.Sprintf("leave %s for the digest: %s", plural(len(w.notices), "warning"), awserr.Message(err))})
	}
}

// warningsLeft brings the records up to what this run has to warn of, and
// returns those that changed. The lock is held.
func (p *pass) warningsLeft(w *warned) []*ledger.Record {
	now := p.Now().UTC()
	var changed []*ledger.Record
	for _, record := range p.records {
		if record.Warning != nil && w.steps[record.KeyID] == nil {
			record.Warning, record.Changed = nil, now
			changed = append(changed, record)
		}
	}
	if len(p.Channels) == 0 {
		return changed // no digest will be made
	}
	for _, n := range w.notices {
		record, s := p.recordToWarn(n), w.steps[n.KeyID]
		record.Warning = &ledger.Warning{Run: p.ID, Notice: n, Told: record.Told.Told(s.verdict, p.Config.Rules, s.decision, p.started)}
		record.Changed = now
		changed = append(changed, record)
	}
	return changed
}
