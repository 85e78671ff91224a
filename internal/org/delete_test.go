package org_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/run"
)

// TestDigestOfDeletions: the warnings count once the digest delivered them, and the
// digest says which keys were deleted.
func TestDigestOfDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(0, "ann", "U1", "AKIAONE", 95)
	deleting := func(r *run.Runner) { r.Config.Policy.DeleteAfterDays = 30 }
	round := func(days int, deleted int, want ...string) {
		t.Helper()
		w.now = w.now.Add(time.Duration(days) * day)
		runs := w.runAll(deleting)
		if runs[0].Deleted != deleted {
			t.Errorf("deleted %d keys, want %d", runs[0].Deleted, deleted)
		}
		if d := w.digest().Send(t.Context(), runs); len(d.Problems) != 0 && w.slack.err == nil {
			t.Errorf("delivered %+v", d)
		}
		w.wantLines(w.slack, want...)
	}
	first := "1: ann's key, disabled due to creation age, will be deleted in 14 days. It is key AKIAONE."
	round(0, 0, "1: ann's key is disabled due to creation age.")
	w.slack.err, w.sns.err = errDown, errDown
	round(16, 0) // nobody hears of it
	w.slack.err, w.sns.err = nil, nil
	round(1, 0, first)
	round(13, 0, "1: ann's key, disabled due to creation age, will be deleted in 1 day. It is key AKIAONE.")
	round(1, 1, "1: ann's key, disabled due to creation age, is deleted. It is key AKIAONE.")
	if r := w.record(0, "AKIAONE"); r.Pending() || r.Deletion().At.IsZero() {
		t.Errorf("the record is %+v", r)
	}
}

// TestALateDigestOfDeletions: a warning that is delivered hours after the run that
// left it gives the owner the time that it promises from then.
func TestALateDigestOfDeletions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(0, "ann", "U1", "AKIAONE", 95)
	deleting := func(r *run.Runner) { r.Config.Policy.DeleteAfterDays = 30 }
	for _, days := range []int{0, 16, 13} {
		w.now = w.now.Add(time.Duration(days) * day)
		runs := w.runAll(deleting)
		if days == 13 {
			w.now = w.now.Add(20 * time.Hour) // such as a step that is made again
		}
		w.digest().Send(t.Context(), runs)
	}
	w.now = w.now.Add(4 * time.Hour)
	if runs := w.runAll(deleting); runs[0].Deleted != 0 {
		t.Error("it was deleted 4 hours after the last warning")
	}
	w.now = w.now.Add(day)
	if runs := w.runAll(deleting); runs[0].Deleted != 1 {
		t.Errorf("a day later, %d were deleted", runs[0].Deleted)
	}
}
