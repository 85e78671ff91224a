package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Phase is how far a key is in the protocol.
type Phase string

// The phases. If several apply, the first does.
const (
	Intended         Phase = "intended"          // an attempt to disable the key is recorded, its outcome is not
	DeletionIntended Phase = "deletion_intended" // an attempt to delete the key is recorded, its outcome is not
	LeakedPending    Phase = "leaked_pending"    // the notice of a leak is pending
	DeletedPending   Phase = "deleted_pending"   // the notice that the key was deleted is pending
	DisabledPending  Phase = "disabled_pending"  // the final notice is pending
	Closed           Phase = "closed"            // disabled, deleted or leaked, and nothing is pending
	Idle             Phase = "idle"              // anything else
)

// Phase says how far the key is in the protocol.
func (r Record) Phase() Phase {
	switch {
	case r.d.Intent != nil:
		return Intended
	case r.Deletion().Intent != nil:
		return DeletionIntended
	case r.LeakPending():
		return LeakedPending
	case r.FinalPending() && r.d.Final.Notice.Kind == notify.Deleted:
		return DeletedPending
	case r.FinalPending():
		return DisabledPending
	case r.d.Disabled != nil || r.d.Leak != nil:
		return Closed
	}
	return Idle
}

// Pending reports whether somebody is still to be notified, or something still
// to be found out, about the key.
func (r Record) Pending() bool {
	return r.d.Intent != nil || r.Deletion().Intent != nil || r.FinalPending()
}

// FinalPending reports whether the final notice is pending.
func (r Record) FinalPending() bool { return r.d.Final != nil && r.d.Final.Pending() }

// LeakPending reports whether the final notice is pending and is about a leak.
func (r Record) LeakPending() bool {
	return r.FinalPending() && r.d.Final.Notice.Reason == audit.Exposure
}

// TransitionError says that a transition does not apply to a record as it is.
// It is a fault of the program, or of a concurrent writer: the record is
// unchanged.
type TransitionError struct {
	Transition string
	Phase      Phase
	KeyID      string
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("%s does not apply to the record of key %s, which is %s", e.Transition, e.KeyID, e.Phase)
}

func (r Record) forbidden(transition string) error {
	return &TransitionError{Transition: transition, Phase: r.Phase(), KeyID: r.d.KeyID}
}

// changed is the only writer of the time of change.
func (r *Record) changed(at time.Time) { r.d.Changed = at.UTC() }

// Intend records an attempt to disable the key, before it is made. It replaces
// an earlier attempt: the newest is the one whose effect may show last. The user
// is the one that its notice names, who may have been renamed.
func (r *Record) Intend(intent Intent) {
	intent.At = intent.At.UTC()
	r.d.Intent, r.d.User = &intent, cmp.Or(intent.Notice.User, r.d.User)
	r.changed(intent.At)
}

// Withdraw records that the attempt had no effect.
func (r *Record) Withdraw(at time.Time) error {
	if r.d.Intent == nil {
		return r.forbidden("withdraw")
	}
	r.d.Intent = nil
	r.changed(at)
	return nil
}

// MarkDisabled records that the attempt had its effect, with the final notice
// pending on the channels that the intent names. An earlier notice that is still
// pending is replaced, and its channels stay due; if it is about a leak, so is
// the new one. A keep that is not nil is the intent of another run, which stands.
func (r *Record) MarkDisabled(at time.Time, run string, keep *Intent) error {
	if r.d.Intent == nil {
		return r.forbidden("mark disabled")
	}
	done, at := *r.d.Intent, at.UTC()
	final := done.Notice
	final.At = at
	r.d.Disabled = &Disabled{At: at, Run: run, Reason: done.Reason, Confirmed: done.Confirmed}
	r.keepFromDeletion() // what was said of an earlier disabling is void
	switch {
	case done.Reason == audit.Exposure && r.d.Leak != nil:
		leak := *r.d.Leak
		leak.Disabled = at
		r.d.Leak = &leak
	case r.LeakPending():
		final.Kind, final.Reason, final.EarlierLimit, final.ShowKeyID = notify.LeakedDisabled, audit.Exposure, nil, true
	}
	r.renew(final, done.Due, at)
	r.d.Intent = copyOf(keep)
	r.changed(at)
	return nil
}

// renew makes notice the final notice, unacknowledged. Channels that an earlier
// one is pending on stay due.
func (r *Record) renew(notice notify.Notice, due Due, at time.Time) {
	due.Channels = slices.Clone(due.Channels)
	if r.FinalPending() {
		due.Channels = append(due.Channels, r.d.Final.PendingOn()...)
	}
	slices.Sort(due.Channels)
	due.Channels = slices.Compact(due.Channels)
	final := Final{Notice: notice, Due: due}
	if due.Silent && len(due.Channels) == 0 {
		final.ClosedAt = at
	}
	r.d.Final = &final
}

// MarkLeaked records that the key was found in public, with the notice that is
// pending from now on. It reports whether that is new: an event that was not
// known. A known one leaves a notice that was acknowledged as it is.
func (r *Record) MarkLeaked(at time.Time, run, event string, notice notify.Notice, due Due) (isNew bool) {
	at = at.UTC()
	isNew = r.d.Leak == nil || event != "" && event != r.d.Leak.Event
	if isNew {
		r.d.Leak = &Leak{At: at, Run: run, Event: event}
	}
	same := r.d.Final != nil && r.d.Final.Notice.Reason == audit.Exposure && r.d.Final.Notice.Kind == notice.Kind
	switch {
	case isNew || !same:
		r.renew(notice, due, at)
	case r.FinalPending():
		r.reword(notice)
	}
	r.changed(at)
	return isNew
}

// Reword replaces the text of the pending final notice. What channels have
// acknowledged stays so, unless the notice is now of another kind.
func (r *Record) Reword(at time.Time, notice notify.Notice) error {
	if !r.FinalPending() {
		return r.forbidden("reword")
	}
	if notice.Kind != r.d.Final.Notice.Kind {
		due := r.d.Final.Due
		r.d.Final = nil
		r.renew(notice, due, at)
	} else {
		r.reword(notice)
	}
	r.changed(at)
	return nil
}

func (r *Record) reword(notice notify.Notice) {
	final := *r.d.Final
	final.Notice = notice
	r.d.Final = &final
}

// Assign sets on which channels a pending notice is due that was due on none,
// as no channel could reach the owner then.
func (r *Record) Assign(at time.Time, channels []string) error {
	if !r.FinalPending() || len(r.d.Final.Due.Channels) > 0 {
		return r.forbidden("assign")
	}
	final := *r.d.Final
	final.Due = Due{Channels: slices.Sorted(slices.Values(channels))}
	r.d.Final = &final
	r.changed(at)
	return nil
}

// Acknowledge records that a channel accepted the final notice. Once each
// channel that it is due on has, nothing is pending.
func (r *Record) Acknowledge(at time.Time, channel string) error {
	if !r.FinalPending() || !slices.Contains(r.d.Final.Due.Channels, channel) {
		return r.forbidden("acknowledge")
	}
	final := *r.d.Final
	final.Acknowledged = maps.Clone(final.Acknowledged)
	if final.Acknowledged == nil {
		final.Acknowledged = map[string]time.Time{}
	}
	final.Acknowledged[channel] = at.UTC()
	if len(final.PendingOn()) == 0 {
		final.ClosedAt = at.UTC()
	}
	r.d.Final = &final
	r.changed(at)
	return nil
}

// Close records that a person wants the pending final notice delivered to nobody
// any more.
func (r *Record) Close(at time.Time) error {
	if !r.FinalPending() {
		return r.forbidden("close")
	}
	final := *r.d.Final
	final.ClosedAt = at.UTC()
	r.d.Final = &final
	r.changed(at)
	return nil
}

// MarkWarned records the owner's history of warnings after one was delivered,
// or after an exemption made an earlier one void. It takes the warning out of
// the queue. It is independent of any notice that is pending.
func (r *Record) MarkWarned(at time.Time, warnings audit.History) {
	r.d.Warnings, r.d.QueuedWarning = warnings, nil
	r.changed(at)
}

// QueueWarning leaves a warning for a digest, in place of an earlier one.
func (r *Record) QueueWarning(at time.Time, warning QueuedWarning) {
	r.d.QueuedWarning = &warning
	r.changed(at)
}

// MarkQueuedDelivered records that the warning which waited for a digest was
// delivered.
func (r *Record) MarkQueuedDelivered(at time.Time) error {
	queued := r.d.QueuedWarning
	switch {
	case queued == nil:
		return r.forbidden("mark a queued warning as delivered")
	case queued.Deletion != nil:
		return r.MarkDeletionWarned(at, queued.Deletion.DeliveredAt(at))
	}
	r.MarkWarned(at, queued.Warnings)
	return nil
}

// DropQueuedWarning removes a warning that no longer holds.
func (r *Record) DropQueuedWarning(at time.Time) error {
	if r.d.QueuedWarning == nil {
		return r.forbidden("drop a queued warning")
	}
	r.d.QueuedWarning = nil
	r.changed(at)
	return nil
}

// NoteUses records who used the key, in place of what was found earlier. It is
// kept for good, as a disabled key leaves no trace.
func (r *Record) NoteUses(at time.Time, uses callers.Uses) {
	r.d.Uses = &uses
	r.changed(at)
}

// Reopen records that a key which Sleuth disabled was found enabled again: its
// warnings start over. A notice that is pending stays so, as the key was
// disabled; that the key was found in public is kept.
func (r *Record) Reopen(at time.Time) error {
	if r.d.Disabled == nil || r.d.Intent != nil {
		return r.forbidden("reopen")
	}
	r.d.Disabled, r.d.Warnings, r.d.QueuedWarning = nil, audit.History{}, nil
	r.keepFromDeletion()
	if !r.FinalPending() {
		r.d.Final = nil
	}
	r.changed(at)
	return nil
}

// Reset records that a person enabled the key again with Sleuth's help: nothing
// is pending, and its warnings start over. That the key was found in public is
// kept.
func (r *Record) Reset(at time.Time) {
	r.d = fields{Account: r.d.Account, KeyID: r.d.KeyID, User: r.d.User, Leak: r.d.Leak, Uses: r.d.Uses, Revision: r.d.Revision}
	r.changed(at)
}
