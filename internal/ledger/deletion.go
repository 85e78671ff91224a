package ledger

import (
	"cmp"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// setDeletion replaces what is recorded of deleting the key.
func (r *Record) setDeletion(deletion Deletion, at time.Time) {
	r.d.Deletion = &deletion
	r.changed(at)
}

// MarkDeletionWarned records the warnings that the key will be deleted, after one
// was delivered or an exemption made an earlier one void. It takes the warning out
// of the queue. It applies to a key that Sleuth disabled and has not deleted.
func (r *Record) MarkDeletionWarned(at time.Time, warnings audit.DeletionWarnings) error {
	deletion := r.Deletion()
	if r.d.Disabled == nil || !deletion.At.IsZero() {
		return r.forbidden("mark warned of deletion")
	}
	deletion.Warnings, r.d.QueuedWarning = warnings, nil
	r.setDeletion(deletion, at)
	return nil
}

// IntendDeletion records an attempt to delete the key, before it is made. It
// replaces an earlier attempt.
func (r *Record) IntendDeletion(intent Intent) {
	intent.At = intent.At.UTC()
	r.d.User = cmp.Or(intent.Notice.User, r.d.User)
	deletion := r.Deletion()
	deletion.Intent = &intent
	r.setDeletion(deletion, intent.At)
}

// WithdrawDeletion records that the attempt to delete the key had no effect.
func (r *Record) WithdrawDeletion(at time.Time) error {
	deletion := r.Deletion()
	if deletion.Intent == nil {
		return r.forbidden("withdraw the deletion")
	}
	deletion.Intent = nil
	r.setDeletion(deletion, at)
	return nil
}

// MarkDeleted records that the attempt to delete the key had its effect, with the
// notice pending on the channels that the intent names. An earlier notice that is
// still pending is replaced, and its channels stay due; if it is about a leak, so
// is the new one.
func (r *Record) MarkDeleted(at time.Time, run string) error {
	deletion, at := r.Deletion(), at.UTC()
	if deletion.Intent == nil {
		return r.forbidden("mark deleted")
	}
	notice := deletion.Intent.Notice
	notice.At = at
	if r.LeakPending() {
		notice.Reason, notice.ShowKeyID = audit.Exposure, true
	}
	r.renew(notice, deletion.Intent.Due, at)
	deletion.Intent, deletion.At, deletion.Run = nil, at, run
	r.setDeletion(deletion, at)
	return nil
}

// KeepFromDeletion records that the key, which Sleuth disabled, is not to be
// deleted: it may have been enabled since, or is gone. The warnings that it will
// be deleted are void.
func (r *Record) KeepFromDeletion(at time.Time) error {
	if deletion := r.Deletion(); !r.Disabling().Confirmed || deletion.Intent != nil || !deletion.At.IsZero() {
		return r.forbidden("keep from deletion")
	}
	disabled := *r.d.Disabled
	disabled.Confirmed = false
	r.d.Disabled = &disabled
	r.keepFromDeletion()
	r.changed(at)
	return nil
}

// keepFromDeletion makes the warnings void, unless an attempt is undecided or was
// made.
func (r *Record) keepFromDeletion() {
	if deletion := r.Deletion(); deletion.Intent == nil && deletion.At.IsZero() {
		r.d.Deletion = nil
	}
	if queued := r.d.QueuedWarning; queued != nil && queued.Deletion != nil {
		r.d.QueuedWarning = nil
	}
}
