package ledger_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

var bothWarnings = audit.DeletionWarnings{
	First: audit.DeletionWarning{Delivered: today, Deletes: later},
	Last:  audit.DeletionWarning{Delivered: later, Deletes: later},
}

// disabledFor is the record of a key that Sleuth disabled, with its notice
// delivered; confirmed by IAM or not.
func disabledFor(t *testing.T, confirmed bool) *ledger.Record {
	t.Helper()
	r := ledger.New(alpha, "AKIA1", "tfunke")
	intent := attempt(onBoth)
	intent.Confirmed = confirmed
	r.Intend(intent)
	must(t, r.MarkDisabled(today, "run-1", nil))
	must(t, r.Close(today))
	return &r
}

// TestDeletion: from the confirmed disabling to the delivered notice.
func TestDeletion(t *testing.T) {
	t.Parallel()
	r := disabledFor(t, true)
	if d := r.Disabling(); !d.Confirmed || !d.At.Equal(today) {
		t.Fatalf("disabled %+v", d)
	}
	must(t, r.MarkDeletionWarned(later, bothWarnings))
	copied := *r
	r.IntendDeletion(deletion(onBoth))
	if !r.Pending() || copied.Pending() || copied.Deletion().Warnings != bothWarnings {
		t.Errorf("an intent is pending: %t; and of a copy: %t", r.Pending(), copied.Pending())
	}
	must(t, r.MarkDeleted(later, "run-2"))
	if d := r.Deletion(); !d.At.Equal(later) || d.Run != "run-2" || d.Intent != nil || !r.Disabling().Confirmed {
		t.Errorf("deleted %+v", d)
	}
	if n := r.Final(); n.Notice.Kind != notify.Deleted || !n.Notice.At.Equal(later) || !slices.Equal(n.PendingOn(), []string{"slack", "sns"}) {
		t.Errorf("the notice is %+v", n)
	}
	must(t, r.Acknowledge(later, "slack"))
	must(t, r.Acknowledge(later, "sns"))
	if r.Phase() != ledger.Closed || r.Pending() {
		t.Errorf("the record is %s", r.Phase())
	}
}

// TestOnlyAConfirmedDisablingIsCertain: what a later run found out may be the work
// of others.
func TestOnlyAConfirmedDisablingIsCertain(t *testing.T) {
	t.Parallel()
	r := disabledFor(t, false)
	if r.Disabling().Confirmed {
		t.Error("a disabling that IAM did not confirm is certain")
	}
	// A stored intent says nothing of its outcome.
	intent := attempt(onBoth)
	intent.Confirmed = true
	stored, err := json.Marshal(intent)
	must(t, err)
	var read ledger.Intent
	must(t, json.Unmarshal(stored, &read))
	if read.Confirmed {
		t.Errorf("read back %s as confirmed", stored)
	}
}

// TestWhatVoidsADisabling: found enabled or gone, or disabled once more, a key has
// no warnings of its deletion any more, queued or delivered.
func TestWhatVoidsADisabling(t *testing.T) {
	t.Parallel()
	for name, void := range map[string]func(r *ledger.Record) error{
		"kept":   func(r *ledger.Record) error { return r.KeepFromDeletion(later) },
		"opened": func(r *ledger.Record) error { return r.Reopen(later) },
		"reset":  func(r *ledger.Record) error { r.Reset(later); return nil },
		"disabled": func(r *ledger.Record) error {
			r.Intend(attempt(onBoth))
			return r.MarkDisabled(later, "run-2", nil)
		},
	} {
		r := disabledFor(t, true)
		must(t, r.MarkDeletionWarned(later, bothWarnings))
		r.QueueWarning(later, ledger.QueuedWarning{Run: "run-1", Deletion: &bothWarnings})
		must(t, void(r))
		if r.Disabling().Confirmed || r.Deletion() != (ledger.Deletion{}) || r.QueuedWarning() != nil {
			t.Errorf("%s: disabled %+v, deletion %+v, queued %+v", name, r.Disabling(), r.Deletion(), r.QueuedWarning())
		}
	}
}

// TestAnUndecidedDeletionIsKept, whatever else becomes of the record.
func TestAnUndecidedDeletionIsKept(t *testing.T) {
	t.Parallel()
	r := disabledFor(t, true)
	r.IntendDeletion(deletion(onBoth))
	must(t, r.Reopen(later))
	if r.Phase() != ledger.DeletionIntended {
		t.Errorf("the record is %s", r.Phase())
	}
	must(t, r.MarkDeleted(later, "run-2"))
	r.Intend(attempt(onBoth))
	must(t, r.MarkDisabled(later, "run-3", nil))
	if !r.Deletion().At.Equal(later) {
		t.Errorf("it was deleted, and the record says %+v", r.Deletion())
	}
}

// TestTheNoticeOfADeletionHidesNoLeak that the owner has yet to hear of.
func TestTheNoticeOfADeletionHidesNoLeak(t *testing.T) {
	t.Parallel()
	r := disabledFor(t, true)
	r.IntendDeletion(deletion(ledger.Due{Channels: []string{"email"}}))
	r.MarkLeaked(later, "run-1", "arn:1", noticeOf(notify.LeakedDisabled, audit.Exposure), onBoth)
	must(t, r.MarkDeleted(later, "run-2"))
	if n := r.Final(); n.Notice.Kind != notify.Deleted || n.Notice.Reason != audit.Exposure || !slices.Equal(n.PendingOn(), []string{"email", "slack", "sns"}) {
		t.Errorf("the notice is %+v", n)
	}
}

// TestQueuedDeletionWarning counts once it is delivered.
func TestQueuedDeletionWarning(t *testing.T) {
	t.Parallel()
	r := disabledFor(t, true)
	r.QueueWarning(later, ledger.QueuedWarning{Run: "run-1", Deletion: &bothWarnings})
	if r.Deletion().Warnings == bothWarnings {
		t.Error("a queued warning counts as delivered")
	}
	must(t, r.MarkQueuedDelivered(later))
	if r.Deletion().Warnings != bothWarnings || r.QueuedWarning() != nil {
		t.Errorf("delivered, and the record is %+v", r)
	}
}
