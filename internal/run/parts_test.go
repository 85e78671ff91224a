package run_test

import (
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/run"
)

// TestAPartIsAskedForAgain: a run that is a part of a larger one may be made
// once more where the larger one never got its answer; one of another larger
// run that began before may not.
func TestAPartIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	began := w.clock()
	as := func(id string) func(*run.Runner) {
		return func(r *run.Runner) { r.ID, r.Began = id, began }
	}
	w.sleep(time.Minute)
	w.mustRun(as("larger.first"))
	w.sleep(time.Minute)
	if s := w.mustRun(as("larger.again")); !s.Started || s.Disabled != 0 {
		t.Errorf("begun %t, disabled %d", s.Started, s.Disabled)
	}
	wantLines(t, w.slack) // the final notice was given by the first
	w.sleep(time.Minute)
	for _, id := range []string{"other.first", "other"} {
		s, err := w.run(as(id))
		// It is no failure: whoever asked need not ask again.
		if s.Started || err != nil || s.Failed != 0 || !strings.Contains(s.Skipped, "nothing is left to do") || !strings.Contains(s.String(), s.Skipped) {
			t.Errorf("%s: begun %t, %d failed, skipped %q, error %v", id, s.Started, s.Failed, s.Skipped, err)
		}
	}
}
