package run

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
)

// notify sends the warnings of this run and the final notices that are pending.
func (p *pass) notify(ctx context.Context) {
	warnings, deletions := p.warnings(), p.deletionWarnings()
	p.logTagProblems(ctx)
	p.reportOwners(ctx)
	p.summary.Warned = len(warnings) + len(deletions)
	p.openExemptionsOnceAMonth()
	p.summary.sortExemptions()
	if p.summary.Silent {
		p.summary.Warned = 0
	}
	if p.Digest {
		p.leaveForDigest(ctx, warnings, deletions)
		return
	}
	items := slices.Concat(p.warningItems(warnings), p.deletionItems(deletions), p.finalItems())
	result := p.deliver(ctx, p.Budget.End(budget.Notify, p.Now()), items, joined(p.summary.Announcement, AboutExemptions(false, p.summary)))
	if result.Announced && p.summary.ToldOfAllOpenExemptions() {
		p.last.ExemptionsNotified = p.started
	}
	if len(p.deliverable) > 0 {
		p.summary.Warned = len(result.Warned)
	}
}

// warnings are the steps whose owners are warned.
func (p *pass) warnings() []*step {
	var warnings []*step
	for _, s := range p.steps {
		if s.decision.Action == audit.Warn {
			warnings = append(warnings, s)
		}
	}
	return warnings
}

// warningItems are the warnings, as they are delivered.
func (p *pass) warningItems(warnings []*step) (items []outbox.Item) {
	for _, s := range warnings {
		items = append(items, outbox.Item{Record: p.recordFor(s), Notice: new(p.warning(s)), Delivered: p.markWarned(s)})
	}
	return items
}

// finalItems are the final notices that are pending, as they are delivered.
func (p *pass) finalItems() (items []outbox.Item) {
	for _, record := range p.finals {
		item := outbox.Final(record, account.Account{})
		item.Notice = new(p.withUses(*item.Notice))
		items = append(items, item)
	}
	return items
}

// deliver hands the items and the announcement to every channel, and adds the
// result to the summary.
func (p *pass) deliver(ctx context.Context, deadline time.Time, items []outbox.Item, announcement string) outbox.Result {
	batch := p.Config.NewBatch()
	batch.Account, batch.Run, batch.Announcement = p.Account, p.ID, announcement
	p.stage("sending messages")
	box := outbox.Outbox{Channels: p.Channels, Ledger: p.Store, Breaker: p.Breaker, Now: p.Now, Log: p.Log}
	result := box.Deliver(ctx, deadline, batch, items)
	p.summary.NoticesSent += result.Notices
	p.summary.MessagesSent += result.Messages
	p.summary.NoticesFailed += result.Failed
	for _, problem := range result.Problems {
		p.problem(account.Problem{User: problem.User, KeyID: problem.KeyID, Text: awserr.Message(problem.Err)})
	}
	return result
}

// markWarned records that the owner received the warning of a step.
func (p *pass) markWarned(s *step) ledger.Change {
	return func(r *ledger.Record) error {
		if err := p.reopened(r); err != nil {
			return err
		}
		p.noteUses(r)
		r.MarkWarned(p.Now().UTC(), r.Warnings().Add(s.verdict, s.limits.Ages, s.decision, p.started))
		return nil
	}
}

// reopened starts the record of a key over that Sleuth disabled and that was
// found enabled again.
func (p *pass) reopened(r *ledger.Record) error {
	if r.Disabled() == nil || r.Intent() != nil {
		return nil
	}
	return r.Reopen(p.Now().UTC())
}

// joined are the parts of an announcement, with an empty line between them.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n\n")
}

func (p *pass) warning(s *step) notify.Notice {
	n := p.notice(s, s.user, s.key, s.verdict)
	n.Kind, n.DaysLeft, n.At = notify.Expiring, s.decision.DaysLeft, s.decision.At
	switch {
	case s.verdict.State.PastLimit() && !s.decision.Hold.Passes():
		n.Kind, n.DaysLeft = notify.PastLimit, 0
		if s.decision.Hold != audit.HeldByPolicy {
			n.Note = "It was not disabled: " + s.decision.Hold.Because(s.verdict) + "."
		}
	case s.decision.OtherDaysLeft < n.DaysLeft:
		n.EarlierLimit = &notify.EarlierLimit{Reason: otherReason(n.Reason), DaysLeft: s.decision.OtherDaysLeft}
	}
	n.Disables = n.Kind == notify.Expiring && p.policy.AutoExpire && !s.verdict.Doubt
	n.NotBefore = n.Disables && p.policy.Calendar.IsSet()
	if s.verdict.Doubt && n.Kind == notify.Expiring && p.policy.AutoExpire {
		n.Note = aboutDoubt(s.verdict)
	}
	at := n.At
	if n.Kind == notify.PastLimit {
		at = time.Time{} // unknown
	}
	n.Note = strings.TrimSpace(n.Note + " " + aboutRefusal(s.verdict, at, n.NotBefore, p.policy.AutoExpire))
	return n
}

func otherReason(r audit.Reason) audit.Reason {
	if r == audit.CreationAge {
		return audit.Inactivity
	}
	return audit.CreationAge
}

func (p *pass) finalNotice(s *step) enforce.FinalNotice {
	return func(user audit.User, key audit.Key, v audit.Verdict) notify.Notice {
		n := p.notice(s, user, key, v)
		n.Kind, n.Deletes = notify.Disabled, p.policy.DeleteAfterDays > 0
		n.Pair = s.finalPair(key, p.started)
		if v.Refused() {
			n.Note = "Its exemption was ignored: " + v.Exemption.Refusal.String() + "."
		}
		return n
	}
}

func (p *pass) notice(s *step, user audit.User, key audit.Key, v audit.Verdict) notify.Notice {
	n := p.noticeOf(user, key, v)
	n.ShowKeyID = s.keys > 1
	n.Pair = notify.PairIn(s.pair, p.started)
	return p.withUses(n)
}

// pairOf is the pair of a user's keys. The lock is held.
func (p *pass) pairOf(s inventory.UserKeys, key audit.Key) audit.Pair {
	pair, _ := s.PairOf(key)
	if record := p.records[pair.Other.ID]; record != nil && record.Disabled() != nil {
		pair.OtherDisabled = record.Disabled().At
	}
	return pair
}

// finalPair is what the pair says once the key is Inactive. It is nil if the other one is
// due as well, as that one may yet stay active.
func (s *step) finalPair(key audit.Key, now time.Time) *notify.Pair {
	if s.bothDue {
		return nil
	}
	pair := s.pair
	pair.Key = key
	pair.Key.Status = audit.Inactive
	return notify.PairIn(pair, now)
}

func (p *pass) noticeOf(user audit.User, key audit.Key, v audit.Verdict) notify.Notice {
	n := notify.About(user, key, p.Config.Owners.Of(user))
	n.Reason, n.Rule = v.State.Reason(), v.Rule
	return n
}
