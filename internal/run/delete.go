package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// retirement is one key that Sleuth disabled and that its owner is to be warned
// about, or that is to be deleted.
type retirement struct {
	record   *ledger.Record
	user     audit.User
	key      audit.Key
	decision audit.Deletion
}

// noteEnabled takes in a key that is Active. If Sleuth disabled it, somebody has
// enabled it since, or IAM does not show the change yet. The lock is held.
func (p *pass) noteEnabled(key audit.Key) {
	record := p.records[key.ID]
	if key.Status == audit.Active && record != nil && record.Disabled() != nil && record.Intent() == nil {
		p.enabledAgain = append(p.enabledAgain, record)
	}
}

// recordEnabled records which keys that Sleuth disabled were found Active, so that
// no later run deletes one that somebody else makes Inactive meanwhile.
func (p *pass) recordEnabled(ctx context.Context) {
	if len(p.enabledAgain) == 0 {
		return
	}
	err := ledger.UpdateAll(ctx, p.Store, p.enabledAgain, func(r *ledger.Record) error {
		disabled := r.Disabled()
		switch {
		case disabled == nil || r.Intent() != nil:
			return ledger.ErrUnchanged
		case p.started.Sub(disabled.At) >= enforce.ConsistencyWindow:
			return r.Reopen(p.Now().UTC())
		case disabled.Confirmed && r.Deletion().Intent == nil:
			return r.KeepFromDeletion(p.Now().UTC())
		}
		return ledger.ErrUnchanged
	})
	if err != nil {
		p.problem(account.Problem{Text: fmt.Sprintf("record that %s that Sleuth disabled were enabled again: %s", text.Count(len(p.enabledAgain), "key"), awserr.Message(err))})
	}
}

// mayBeEnabled says of the users in a credential report whether a key of theirs
// that Sleuth disabled may have been enabled since, so that they are to be read.
func (p *pass) mayBeEnabled() func(inventory.ReportRow) bool {
	disabled := map[string]time.Time{}
	for _, record := range p.records {
		if d := record.Disabling(); d.Confirmed && (disabled[record.User()].IsZero() || d.At.Before(disabled[record.User()])) {
			disabled[record.User()] = d.At
		}
	}
	return func(row inventory.ReportRow) bool {
		at, known := disabled[row.User]
		return known && slices.ContainsFunc(row.Keys, func(key inventory.ReportKey) bool {
			return key.Active && (key.Changed.IsZero() || key.Changed.After(at))
		})
	}
}

// planDeletions finds the keys that Sleuth disabled and that are due to be deleted,
// or to be warned about, reads each, decides, and applies the cap.
func (p *pass) planDeletions(ctx context.Context) {
	if p.policy.DeleteAfterDays > 0 && !p.policy.AutoExpire {
		p.Log.WarnContext(ctx, "SLEUTH_DELETE_AFTER_DAYS has no effect, as ENABLE_AUTO_EXPIRE is not true")
		return
	}
	planning, cancel := p.Budget.Context(ctx, budget.Disable, p.Now())
	defer cancel()
	p.eachAtOnce(p.deletionsDue(), func(r *retirement) { p.decideDeletion(planning, r) })
	p.retirements = slices.DeleteFunc(p.retirements, func(r *retirement) bool { return r.decision.Step == audit.NoDeletion })
	slices.SortFunc(p.retirements, func(a, b *retirement) int { return cmp.Compare(a.key.ID, b.key.ID) })
	p.capDeletions()
}

// deletionsDue are the keys about which something is to be done by their dates. A
// key whose owner has yet to hear that it was disabled waits for that.
func (p *pass) deletionsDue() (due []*retirement) {
	for _, record := range p.records {
		deletion := record.Deletion()
		if record.Pending() || !deletion.At.IsZero() {
			continue
		}
		if d := audit.DeletionDue(record.Disabling(), deletion.Warnings, p.policy, p.started); d.Step != audit.NoDeletion {
			due = append(due, &retirement{record: record})
		}
	}
	return due
}

// eachAtOnce does something for each key, several side by side.
func (p *pass) eachAtOnce(keys []*retirement, do func(*retirement)) {
	var group errgroup.Group
	group.SetLimit(max(1, p.Config.Concurrency))
	for _, r := range keys {
		group.Go(func() error { do(r); return nil })
	}
	_ = group.Wait() // failures are problems of the pass, not errors
}

// decideDeletion reads a key and decides what is to be done about it.
func (p *pass) decideDeletion(ctx context.Context, r *retirement) {
	user, keyID := r.record.User(), r.record.KeyID()
	if !p.mayBeginDeletion(user, keyID) {
		return
	}
	var err error
	r.user, r.key, err = p.readerOfInactive().ReadKey(ctx, audit.User{Name: user}, keyID)
	gone := inventory.IsGone(err)
	if err != nil && !gone {
		p.problem(account.Problem{User: user, KeyID: keyID, Text: fmt.Sprintf("read key %s of user %s, which may be due to be deleted: %s", keyID, user, awserr.Message(err))})
		return
	}
	if !gone {
		r.decision = p.judgeDeletion(r.user, r.key, *r.record, p.started)
	}
	if gone || r.decision.Kept != audit.NotKept {
		p.keep(ctx, r, gone)
		return
	}
	if r.decision.Step == audit.DeleteKey && !notify.CanReach(p.Channels, p.deletionNotice(r)(r.user, r.key)) {
		r.decision = audit.Deletion{}
		p.problem(account.Problem{User: user, KeyID: keyID, Text: fmt.Sprintf("key %s of user %s is due to be deleted and was not: %s", keyID, user, outbox.ErrUnreachable)})
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retirements = append(p.retirements, r)
}

// judgeDeletion decides about a key as it was just read.
func (p *pass) judgeDeletion(user audit.User, key audit.Key, record ledger.Record, now time.Time) audit.Deletion {
	e := audit.ExemptionOf(user, key.ID).Apply(p.Config.Exemptions, now)
	return audit.DecideDeletion(key, e, record.Disabling(), record.Deletion().Warnings, p.policy, now)
}

// keep records that a key which is due to be deleted is left alone: the warnings
// that were delivered no longer count, and a key that is gone, or was enabled
// since, is never deleted.
func (p *pass) keep(ctx context.Context, r *retirement, gone bool) {
	because := r.decision.Kept.String()
	if gone {
		because = "it no longer exists"
	}
	p.Log.InfoContext(ctx, "a key that Sleuth disabled is not deleted", "user", r.record.User(), "key", r.record.KeyID(), "because", because)
	forGood := gone || r.decision.Kept == audit.KeptAsEnabled
	err := ledger.Update(ctx, p.Store, r.record, func(record *ledger.Record) error {
		switch {
		case record.Disabled() == nil || record.Pending():
			return ledger.ErrUnchanged // another process was faster
		case forGood && record.Disabled().Confirmed:
			return record.KeepFromDeletion(p.Now().UTC())
		case record.Deletion().Warnings == audit.DeletionWarnings{}:
			return ledger.ErrUnchanged
		}
		return record.MarkDeletionWarned(p.Now().UTC(), audit.DeletionWarnings{})
	})
	if err != nil {
		p.problem(account.Problem{User: r.record.User(), KeyID: r.record.KeyID(), Text: fmt.Sprintf("record that key %s is not to be deleted: %s", r.record.KeyID(), awserr.Message(err))})
	}
}

// capDeletions keeps every key if more are to be deleted than the cap allows.
func (p *pass) capDeletions() {
	deletes := func(r *retirement) bool { return r.decision.Step == audit.DeleteKey }
	var due int
	for _, r := range p.retirements {
		if deletes(r) {
			due++
		}
	}
	inactive := p.summary.States[audit.Disabled]
	if !p.Config.MaxDelete.Exceeded(due, inactive) {
		return
	}
	announcement := fmt.Sprintf("No key was deleted: this run would have deleted %d of %d inactive keys, more than SLEUTH_MAX_DELETE=%s allows. "+
		"Check the settings, then raise SLEUTH_MAX_DELETE for one run.", due, inactive, p.Config.MaxDelete.Text)
	p.summary.Announcement = joined(p.summary.Announcement, announcement)
	p.problem(account.Problem{Text: announcement})
	p.retirements = slices.DeleteFunc(p.retirements, deletes)
}

// deleteKeys deletes what the plan says.
func (p *pass) deleteKeys(ctx context.Context) {
	due := slices.DeleteFunc(slices.Clone(p.retirements), func(r *retirement) bool { return r.decision.Step != audit.DeleteKey })
	if len(due) == 0 {
		return
	}
	p.stage("deleting " + text.Count(len(due), "disabled key"))
	deleting, cancel := p.Budget.Context(ctx, budget.Disable, p.Now())
	defer cancel()
	p.eachAtOnce(due, func(r *retirement) { p.deleteKey(deleting, r) })
}

// mayBeginDeletion reports whether there is time left for one more key.
func (p *pass) mayBeginDeletion(user, keyID string) bool {
	if p.Budget.MayBegin(budget.Disable, p.Now()) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary.TimedOut = true
	p.problemLocked(account.Problem{User: user, KeyID: keyID,
		Text: fmt.Sprintf("time was up before key %s of user %s, which Sleuth disabled, could be warned about or deleted; it is left to the next run", keyID, user)})
	return false
}

func (p *pass) deleteKey(ctx context.Context, r *retirement) {
	if !p.mayBeginDeletion(r.user.Name, r.key.ID) {
		return
	}
	outcome, err := p.deleter().Delete(ctx, r.user, r.key, p.deletionNotice(r), r.record)
	if err != nil {
		p.problem(account.Problem{User: r.user.Name, KeyID: r.key.ID, Text: awserr.Message(err)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch outcome {
	case enforce.Deleted:
		p.addDeleted(ctx, r.record)
		p.addFinal(ctx, r.record)
	case enforce.Changed, enforce.Gone:
		p.Log.InfoContext(ctx, "a key that was due to be deleted has changed or is gone, and was left alone", "user", r.user.Name, "key", r.key.ID)
		p.summary.Changed++
	}
}

// addDeleted takes in a key that Sleuth deleted. The lock is held.
func (p *pass) addDeleted(ctx context.Context, record *ledger.Record) {
	p.Log.InfoContext(ctx, "deleted a key that Sleuth had disabled", "user", record.User(), "key", record.KeyID())
	p.summary.Deleted++
	p.summary.DeletedKeys = append(p.summary.DeletedKeys, deletedKeyOf(*record))
}

// deletedKeyOf is what is kept of a key that was deleted.
func deletedKeyOf(record ledger.Record) report.DeletedKey {
	key := report.DeletedKey{KeyRef: account.KeyRef{User: record.User(), KeyID: record.KeyID()}, Deleted: record.Deletion().At}
	if disabled := record.Disabled(); disabled != nil {
		key.Disabled, key.Reason = disabled.At, disabled.Reason
	}
	if final := record.Final(); final != nil {
		key.Created, key.LastUsed = final.Notice.Created, final.Notice.LastUsed
	}
	if uses := record.Uses(); uses.LookedUp() {
		key.Uses = &uses
	}
	return key
}

func (p *pass) deleter() enforce.Deleter {
	enforcer := p.enforcer()
	enforcer.Reader = p.readerOfInactive()
	return enforce.Deleter{Enforcer: enforcer, Keys: p.IAM, Decide: p.judgeDeletion}
}

// readerOfInactive reads keys whose limits no longer matter. What only decides which
// rule is a user's, such as the console password, need not be readable for that.
func (p *pass) readerOfInactive() inventory.Reader {
	reader := p.reader
	reader.UserRules = audit.UserRules{}
	return reader
}

// settleDeletion finds out the outcome of an attempt of an earlier run to delete a
// key.
func (p *pass) settleDeletion(ctx context.Context, record *ledger.Record) {
	outcome, err := p.deleter().SettleDeletion(ctx, record)
	switch {
	case err != nil:
		p.problem(account.Problem{User: record.User(), KeyID: record.KeyID(), Text: awserr.Message(err)})
	case outcome == enforce.Pending:
		p.Log.WarnContext(ctx, "an earlier run tried to delete this key, and whether it did cannot be known yet", "user", record.User(), "key", record.KeyID())
	}
	if outcome == enforce.Deleted {
		p.Log.WarnContext(ctx, "an earlier run deleted this key but ended before it could notify the owner", "user", record.User(), "key", record.KeyID())
		p.mu.Lock()
		defer p.mu.Unlock()
		p.addDeleted(ctx, record)
	}
}

// deletionWarnings are the keys whose owners are warned that they will be deleted.
func (p *pass) deletionWarnings() []*retirement {
	return slices.DeleteFunc(slices.Clone(p.retirements), func(r *retirement) bool { return r.decision.Step == audit.DeleteKey })
}

// deletionItems are these warnings, as they are delivered.
func (p *pass) deletionItems(warnings []*retirement) (items []outbox.Item) {
	for _, r := range warnings {
		items = append(items, outbox.Item{Record: r.record, Notice: new(p.deletionWarning(r)), Delivered: p.markDeletionWarned(r)})
	}
	return items
}

// deletionWarning is the warning that a key will be deleted.
func (p *pass) deletionWarning(r *retirement) notify.Notice {
	n := p.aboutRetired(r, r.user, r.key)
	n.Kind, n.At, n.DaysLeft, n.NotBefore = notify.Deleting, r.decision.At, r.decision.DaysLeft, p.policy.Calendar.IsSet()
	return n
}

// deletionNotice is the notice that a key was deleted.
func (p *pass) deletionNotice(r *retirement) enforce.DeletionNotice {
	return func(user audit.User, key audit.Key) notify.Notice {
		n := p.aboutRetired(r, user, key)
		n.Kind = notify.Deleted
		return n
	}
}

func (p *pass) aboutRetired(r *retirement, user audit.User, key audit.Key) notify.Notice {
	n := notify.About(user, key, p.Config.Owners.Of(user))
	n.ShowKeyID, n.Reason = true, r.record.Disabled().Reason
	if final := r.record.Final(); final != nil {
		n.Partition = final.Notice.Partition // reading one key shows no ARN
	}
	if uses := r.record.Uses(); uses.LookedUp() {
		n.Uses = &uses // of when the key was in use
	}
	return n
}

// markDeletionWarned records that the owner received the warning of a deletion.
func (p *pass) markDeletionWarned(r *retirement) ledger.Change {
	disabled := r.record.Disabled().At
	return func(record *ledger.Record) error {
		if now := record.Disabled(); now == nil || !now.At.Equal(disabled) || !record.Deletion().At.IsZero() {
			return ledger.ErrUnchanged // the warning no longer holds
		}
		warnings := record.Deletion().Warnings.Add(r.decision, p.started)
		if warnings == record.Deletion().Warnings {
			return ledger.ErrUnchanged // another channel was first
		}
		return record.MarkDeletionWarned(p.Now().UTC(), warnings)
	}
}
