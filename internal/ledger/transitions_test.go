package ledger_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

var (
	later  = today.Add(time.Hour)
	onBoth = ledger.Due{Channels: []string{"sns", "slack"}}
)

func noticeOf(kind notify.Kind, reason audit.Reason) notify.Notice {
	return notify.Notice{KeyID: "AKIA1", User: "tfunke", Kind: kind, Reason: reason}
}

func attempt(due ledger.Due) ledger.Intent {
	return ledger.Intent{At: today, Run: "run-1", Reason: audit.CreationAge, Notice: noticeOf(notify.Disabled, audit.CreationAge), Due: due}
}

func deletion(due ledger.Due) ledger.Intent {
	intent := attempt(due)
	intent.Notice.Kind = notify.Deleted
	return intent
}

// inPhase is a record in each phase.
func inPhase(t *testing.T, phase ledger.Phase) *ledger.Record {
	t.Helper()
	r := ledger.New(alpha, "AKIA1", "tfunke")
	switch phase {
	case ledger.Intended:
		r.Intend(attempt(onBoth))
	case ledger.DisabledPending, ledger.Closed:
		r.Intend(attempt(onBoth))
		must(t, r.MarkDisabled(today, "run-1", nil))
	case ledger.LeakedPending:
		r.MarkLeaked(today, "run-1", "arn:1", noticeOf(notify.LeakedActive, audit.Exposure), onBoth)
	case ledger.DeletionIntended, ledger.DeletedPending:
		disabled := attempt(onBoth)
		disabled.Confirmed = true
		r.Intend(disabled)
		must(t, r.MarkDisabled(today, "run-1", nil))
		must(t, r.Close(today))
		r.IntendDeletion(deletion(onBoth))
	case ledger.Idle:
	}
	if phase == ledger.DeletedPending {
		must(t, r.MarkDeleted(today, "run-1"))
	}
	if phase == ledger.Closed {
		must(t, r.Close(today))
	}
	if r.Phase() != phase {
		t.Fatalf("the record is %s, want %s", r.Phase(), phase)
	}
	return &r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPhaseByTransition: what each transition makes of a record in each phase;
// "" is a transition that does not apply, and changes nothing.
func TestPhaseByTransition(t *testing.T) {
	t.Parallel()
	phases := []ledger.Phase{
		ledger.Idle, ledger.Intended, ledger.DisabledPending, ledger.LeakedPending, ledger.Closed,
		ledger.DeletionIntended, ledger.DeletedPending,
	}
	never := func(change func(*ledger.Record)) func(*ledger.Record) error {
		return func(r *ledger.Record) error { change(r); return nil }
	}
	for name, c := range map[string]struct {
		do   func(*ledger.Record) error
		want [7]ledger.Phase
	}{
		"Intend":       {never(func(r *ledger.Record) { r.Intend(attempt(onBoth)) }), [7]ledger.Phase{ledger.Intended, ledger.Intended, ledger.Intended, ledger.Intended, ledger.Intended, ledger.Intended, ledger.Intended}},
		"Withdraw":     {func(r *ledger.Record) error { return r.Withdraw(later) }, [7]ledger.Phase{"", ledger.Idle, "", "", "", "", ""}},
		"MarkDisabled": {func(r *ledger.Record) error { return r.MarkDisabled(later, "run-2", nil) }, [7]ledger.Phase{"", ledger.DisabledPending, "", "", "", "", ""}},
		"MarkLeaked": {never(func(r *ledger.Record) {
			r.MarkLeaked(later, "run-2", "arn:2", noticeOf(notify.LeakedActive, audit.Exposure), onBoth)
		}), [7]ledger.Phase{ledger.LeakedPending, ledger.Intended, ledger.LeakedPending, ledger.LeakedPending, ledger.LeakedPending, ledger.DeletionIntended, ledger.LeakedPending}},
		"Reword":              {func(r *ledger.Record) error { return r.Reword(later, noticeOf(notify.LeakedDisabled, audit.Exposure)) }, [7]ledger.Phase{"", "", ledger.LeakedPending, ledger.LeakedPending, "", "", ledger.LeakedPending}},
		"Assign":              {func(r *ledger.Record) error { return r.Assign(later, []string{"sns"}) }, [7]ledger.Phase{"", "", "", "", "", "", ""}},
		"Acknowledge":         {func(r *ledger.Record) error { return r.Acknowledge(later, "sns") }, [7]ledger.Phase{"", "", ledger.DisabledPending, ledger.LeakedPending, "", "", ledger.DeletedPending}},
		"Acknowledge other":   {func(r *ledger.Record) error { return r.Acknowledge(later, "other") }, [7]ledger.Phase{"", "", "", "", "", "", ""}},
		"Close":               {func(r *ledger.Record) error { return r.Close(later) }, [7]ledger.Phase{"", "", ledger.Closed, ledger.Closed, "", "", ledger.Closed}},
		"MarkWarned":          {never(func(r *ledger.Record) { r.MarkWarned(later, audit.History{}) }), [7]ledger.Phase(phases)},
		"QueueWarning":        {never(func(r *ledger.Record) { r.QueueWarning(later, ledger.QueuedWarning{Run: "run-2"}) }), [7]ledger.Phase(phases)},
		"NoteUses":            {never(func(r *ledger.Record) { r.NoteUses(later, callers.Uses{At: later}) }), [7]ledger.Phase(phases)},
		"DropQueuedWarning":   {func(r *ledger.Record) error { return r.DropQueuedWarning(later) }, [7]ledger.Phase{"", "", "", "", "", "", ""}},
		"Reopen":              {func(r *ledger.Record) error { return r.Reopen(later) }, [7]ledger.Phase{"", "", ledger.DisabledPending, "", ledger.Idle, ledger.DeletionIntended, ledger.DeletedPending}},
		"MarkDeletionWarned":  {func(r *ledger.Record) error { return r.MarkDeletionWarned(later, audit.DeletionWarnings{}) }, [7]ledger.Phase{"", "", ledger.DisabledPending, "", ledger.Closed, ledger.DeletionIntended, ""}},
		"MarkQueuedDelivered": {func(r *ledger.Record) error { return r.MarkQueuedDelivered(later) }, [7]ledger.Phase{"", "", "", "", "", "", ""}},
		"IntendDeletion": {never(func(r *ledger.Record) { r.IntendDeletion(deletion(onBoth)) }), [7]ledger.Phase{
			ledger.DeletionIntended, ledger.Intended, ledger.DeletionIntended, ledger.DeletionIntended, ledger.DeletionIntended, ledger.DeletionIntended, ledger.DeletionIntended,
		}},
		"WithdrawDeletion": {func(r *ledger.Record) error { return r.WithdrawDeletion(later) }, [7]ledger.Phase{"", "", "", "", "", ledger.Closed, ""}},
		"MarkDeleted":      {func(r *ledger.Record) error { return r.MarkDeleted(later, "run-2") }, [7]ledger.Phase{"", "", "", "", "", ledger.DeletedPending, ""}},
		"KeepFromDeletion": {func(r *ledger.Record) error { return r.KeepFromDeletion(later) }, [7]ledger.Phase{"", "", "", "", "", "", ""}},
		"Reset":            {never(func(r *ledger.Record) { r.Reset(later) }), [7]ledger.Phase{ledger.Idle, ledger.Idle, ledger.Idle, ledger.Closed, ledger.Idle, ledger.Idle, ledger.Idle}},
	} {
		for i, phase := range phases {
			r := inPhase(t, phase)
			before := *r
			err := c.do(r)
			_, forbidden := errors.AsType[*ledger.TransitionError](err)
			switch {
			case c.want[i] == "" && (!forbidden || !r.Equal(before)):
				t.Errorf("%s while %s: error %v, and the record is %+v", name, phase, err, r)
			case c.want[i] == "":
			case err != nil || r.Phase() != c.want[i]:
				t.Errorf("%s while %s: %s, %v; want %s", name, phase, r.Phase(), err, c.want[i])
			case r.Changed().IsZero():
				t.Errorf("%s while %s: it does not say when it changed", name, phase)
			}
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	if got := r.Final().PendingOn(); !slices.Equal(got, []string{"slack", "sns"}) {
		t.Fatalf("pending on %v", got)
	}
	must(t, r.Acknowledge(later, "sns"))
	copied := *r
	must(t, r.Acknowledge(later, "slack"))
	if r.Pending() || !r.Final().ClosedAt.Equal(later) || r.Final().PendingOn() != nil {
		t.Errorf("all acknowledged, and the record is %+v", r)
	}
	if got := copied.Final().PendingOn(); !slices.Equal(got, []string{"slack"}) || !copied.Expires().IsZero() {
		t.Errorf("a copy changed with it: pending on %v", got)
	}
	if r.Expires().IsZero() {
		t.Error("a closed record never expires")
	}
}

// TestANoticeDueOnNoChannel is due on whichever channel can reach the owner later.
func TestANoticeDueOnNoChannel(t *testing.T) {
	t.Parallel()
	r := ledger.New(alpha, "AKIA1", "tfunke")
	r.Intend(attempt(ledger.Due{}))
	must(t, r.MarkDisabled(today, "run-1", nil))
	if !r.Pending() || len(r.Final().PendingOn()) != 0 {
		t.Fatalf("the record is %+v", r)
	}
	must(t, r.Assign(later, []string{"sns", "slack"}))
	if r.Assign(later, []string{"email"}) == nil || !slices.Equal(r.Final().PendingOn(), []string{"slack", "sns"}) {
		t.Errorf("pending on %v", r.Final().PendingOn())
	}
}

func TestASilentNoticeIsClosedAtOnce(t *testing.T) {
	t.Parallel()
	r := ledger.New(alpha, "AKIA1", "tfunke")
	r.Intend(attempt(ledger.Due{Silent: true}))
	must(t, r.MarkDisabled(later, "run-1", nil))
	if r.Pending() || r.Phase() != ledger.Closed || !r.Final().ClosedAt.Equal(later) {
		t.Errorf("the record is %+v", r)
	}
	// What is pending on a channel is not silenced by a later run.
	r = *inPhase(t, ledger.DisabledPending)
	r.Intend(attempt(ledger.Due{Silent: true}))
	must(t, r.MarkDisabled(later, "run-2", nil))
	if !slices.Equal(r.Final().PendingOn(), []string{"slack", "sns"}) {
		t.Errorf("pending on %v", r.Final().PendingOn())
	}
}

// TestDisabledTwice: channels that have not acknowledged the first notice get
// the second, beside those that it is due on itself.
func TestDisabledTwice(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	must(t, r.Acknowledge(later, "sns"))
	r.Intend(attempt(ledger.Due{Channels: []string{"email"}}))
	must(t, r.MarkDisabled(later, "run-2", nil))
	if got := r.Final().PendingOn(); !slices.Equal(got, []string{"email", "slack"}) {
		t.Errorf("pending on %v", got)
	}
	if d := r.Disabled(); d.Run != "run-2" || !d.At.Equal(later) || !r.Final().Notice.At.Equal(later) {
		t.Errorf("disabled %+v, with the notice %+v", d, r.Final().Notice)
	}
}

// TestAPendingLeakIsNotHidden by the notice of an ordinary disabling.
func TestAPendingLeakIsNotHidden(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.LeakedPending)
	other := attempt(onBoth)
	other.Run = "run-9"
	r.Intend(attempt(onBoth))
	must(t, r.MarkDisabled(later, "run-1", &other))
	if n := r.Final().Notice; n.Kind != notify.LeakedDisabled || n.Reason != audit.Exposure || !n.ShowKeyID || r.Disabled().Reason != audit.CreationAge {
		t.Errorf("the notice is %+v", n)
	}
	if r.Phase() != ledger.Intended || !r.Intent().Is(other) {
		t.Errorf("the intent of another run is %+v", r.Intent())
	}
	exposed := attempt(onBoth)
	exposed.Reason = audit.Exposure
	r.Intend(exposed)
	must(t, r.MarkDisabled(later, "run-1", nil))
	if !r.Leak().Disabled.Equal(later) {
		t.Errorf("the leak is %+v", r.Leak())
	}
}

func TestMarkLeaked(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.Idle)
	exposed := noticeOf(notify.LeakedActive, audit.Exposure)
	if !r.MarkLeaked(today, "run-1", "arn:1", exposed, onBoth) {
		t.Error("a first event is not new")
	}
	must(t, r.Acknowledge(today, "sns"))
	exposed.Note = "said once more"
	if r.MarkLeaked(later, "run-2", "arn:1", exposed, onBoth) || r.MarkLeaked(later, "run-2", "", exposed, onBoth) {
		t.Error("a known event is new")
	}
	if final := r.Final(); final.Notice.Note == "" || !slices.Equal(final.PendingOn(), []string{"slack"}) || r.Leak().Run != "run-1" {
		t.Errorf("a known event: %+v, %+v", final, r.Leak())
	}
	must(t, r.Close(later))
	if r.MarkLeaked(later, "run-2", "arn:1", exposed, onBoth); r.FinalPending() {
		t.Error("a known event is pending again")
	}
	if !r.MarkLeaked(later, "run-3", "arn:2", exposed, onBoth) || len(r.Final().PendingOn()) != 2 || r.Leak().Event != "arn:2" {
		t.Errorf("another event: %+v, %+v", r.Final(), r.Leak())
	}
}

// TestRewordDropsAcknowledgements only if the notice is of another kind.
func TestRewordDropsAcknowledgements(t *testing.T) {
	t.Parallel()
	for kind, want := range map[notify.Kind]int{notify.LeakedActive: 1, notify.LeakedDisabled: 2} {
		r := inPhase(t, ledger.LeakedPending)
		must(t, r.Acknowledge(today, "sns"))
		must(t, r.Reword(later, noticeOf(kind, audit.Exposure)))
		if got := r.Final(); len(got.PendingOn()) != want || got.Notice.Kind != kind {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

// TestReopenKeepsAPendingNotice, and starts the warnings over.
func TestReopenKeepsAPendingNotice(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	r.MarkWarned(today, audit.History{Creation: audit.LimitWarning{First: today}})
	must(t, r.Reopen(later))
	if r.Disabled() != nil || !r.FinalPending() || r.Warnings() != (audit.History{}) || !r.Changed().Equal(later) {
		t.Errorf("the record is %+v", r)
	}
	r = inPhase(t, ledger.Closed)
	must(t, r.Reopen(later))
	if r.Final() != nil {
		t.Errorf("a closed notice is kept: %+v", r.Final())
	}
}

// TestResetKeepsTheLeak, and nothing else but whose record it is.
func TestResetKeepsTheLeak(t *testing.T) {
	t.Parallel()
	r := fullRecord(alpha, "AKIA1")
	r.Reset(later)
	if r.Leak() == nil || r.Pending() || r.Disabled() != nil || r.Final() != nil || r.User() != "tfunke" || r.KeyID() != "AKIA1" {
		t.Errorf("the record is %+v", r)
	}
}

func TestQueuedWarnings(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.Idle)
	r.QueueWarning(today, ledger.QueuedWarning{Run: "run-1"})
	r.QueueWarning(later, ledger.QueuedWarning{Run: "run-2"})
	if q := r.QueuedWarning(); q == nil || q.Run != "run-2" || !r.Changed().Equal(later) {
		t.Fatalf("queued is %+v", q)
	}
	copied := *r
	must(t, r.DropQueuedWarning(later))
	copied.MarkWarned(later, audit.History{Creation: audit.LimitWarning{First: today}})
	if r.QueuedWarning() != nil || copied.QueuedWarning() != nil || copied.Warnings().Creation.First.IsZero() {
		t.Errorf("dropped %+v, delivered %+v", r, copied)
	}
}

// TestUsesAreKept: what was found of a key before it was disabled can be shown
// whatever becomes of the key.
func TestUsesAreKept(t *testing.T) {
	t.Parallel()
	uses := callers.Uses{At: today, Regions: 17, Calls: 1, Callers: []callers.Caller{{Client: "aws-cli", Calls: 1}}}
	r := inPhase(t, ledger.Idle)
	if r.Uses().LookedUp() {
		t.Error("a new record says that its key was looked up")
	}
	r.NoteUses(today, uses)
	r.Intend(attempt(onBoth))
	must(t, r.MarkDisabled(later, "run-1", nil))
	must(t, r.Close(later))
	must(t, r.Reopen(later))
	r.Reset(later)
	if got := r.Uses(); !got.At.Equal(today) || len(got.Callers) != 1 {
		t.Errorf("the uses are %+v, want %+v", got, uses)
	}
}
