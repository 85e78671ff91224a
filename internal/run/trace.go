package run

import (
	"context"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// tracePages is the most pages that a run reads of a key in a region: enough to
// see who uses it.
const tracePages = 2

// beginTrace begins to look up who uses keys, beside everything else. Nothing
// waits for it but what comes after the notices.
func (p *pass) beginTrace(ctx context.Context) {
	if p.Tracer == nil {
		return
	}
	tracer := *p.Tracer
	tracer.Pages = tracePages
	if p.Afterwards != nil {
		ctx = context.WithoutCancel(ctx) // ends within the tracer's budget
	}
	p.lookups = tracer.Start(ctx)
}

// traceKey has a key looked up if there is something to say about it, unless it
// was today. The lock is held.
func (p *pass) traceKey(user audit.User, key inventory.Key, limits audit.Limits, v audit.Verdict) {
	if p.lookups == nil {
		return
	}
	decision := p.decide(user, key.Key, limits, v, p.started)
	if decision.Action == audit.Nothing {
		return
	}
	wanted := trace.Key{ID: key.ID, Region: key.Region, Urgency: max(0, decision.DaysLeft)}
	if decision.Action == audit.Disable {
		wanted.Urgency = -1
	}
	if record := p.records[key.ID]; record != nil {
		wanted.Looked = record.Uses().At
	}
	if !sameDay(wanted.Looked, p.started) {
		p.lookups.Add(wanted)
	}
}

func sameDay(a, b time.Time) bool { return a.UTC().Truncate(day).Equal(b.UTC().Truncate(day)) }

const day = 24 * time.Hour

// usesOf returns who uses a key as far as it is known now: what this run has
// found, or else what an earlier one did.
func (p *pass) usesOf(keyID string) callers.Uses {
	if p.lookups != nil {
		if uses := p.lookups.Of(keyID); uses.LookedUp() {
			return uses.Top(callers.Shown, callers.KeptActions)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if record := p.records[keyID]; record != nil {
		return record.Uses()
	}
	return callers.Uses{}
}

// withUses adds to a notice who uses its key. A notice that says so already is
// left alone, unless more is known.
func (p *pass) withUses(n notify.Notice) notify.Notice {
	if p.Tracer == nil {
		return n
	}
	uses := p.usesOf(n.KeyID)
	if n.Uses == nil || uses.LookedUp() {
		n.Uses = &uses
	}
	return n
}

// noteUses adds to a record who uses its key, if this run has found it. It
// reports whether the record changed.
func (p *pass) noteUses(r *ledger.Record) bool {
	if p.lookups == nil {
		return false
	}
	uses := p.lookups.Of(r.KeyID())
	if was := r.Uses(); !uses.LookedUp() || was.At.After(uses.At) ||
		was.At.Equal(uses.At) && was.Calls == uses.Calls && was.Regions == uses.Regions {
		return false
	}
	r.NoteUses(p.Now().UTC(), uses.Top(callers.Shown, callers.KeptActions))
	return true
}

// endTrace waits for what is still being looked up, now that the notices are
// sent, or leaves that for after the runs on other accounts, which must not wait
// for it either.
func (p *pass) endTrace(ctx context.Context) {
	switch {
	case p.lookups == nil:
	case p.Afterwards != nil:
		p.reportLookups(p.lookups.Problems())
		p.Afterwards(func(ctx context.Context) error {
			p.lookups.Finish(ctx) // the failures that come now were reported, or are not denials
			return p.recordUses(ctx)
		})
	default:
		ending, cancel := p.Budget.Context(ctx, budget.Notify, p.Now())
		defer cancel()
		p.reportLookups(p.lookups.Finish(ending))
		if err := p.recordUses(ctx); err != nil {
			p.problem(account.Problem{Text: awserr.Message(err)})
		}
		p.showUses()
	}
}

func (p *pass) reportLookups(failed []error) {
	for _, err := range failed {
		p.problem(account.Problem{Text: awserr.Message(err)})
	}
}

// recordUses keeps what was found, for the next notices.
func (p *pass) recordUses(ctx context.Context) error {
	var records []*ledger.Record
	for _, s := range p.steps {
		if p.lookups.Of(s.key.ID).LookedUp() {
			records = append(records, p.recordAsItIs(s))
		}
	}
	err := ledger.UpdateAll(ctx, p.Store, records, func(r *ledger.Record) error {
		if !p.noteUses(r) {
			return ledger.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record who uses %s of account %s: %w", text.Count(len(records), "key"), p.Account.ID, err)
	}
	return nil
}

// showUses adds to the rows who uses their keys, for the evidence.
func (p *pass) showUses() {
	for i, row := range p.summary.Rows {
		if uses := p.usesOf(row.KeyID); uses.LookedUp() {
			p.summary.Rows[i].Uses = &uses
		}
	}
}
