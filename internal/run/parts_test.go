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
	if s := w.mustRun(as("larger.again")); !s.Begun || s.Disabled != 0 {
		t.Errorf("begun %t, disabled %d", s.Begun, s.Disabled)
	}
	wantLines(t, w.slack) // the final notice was given by the first
	w.sleep(time.Minute)
	for _, id := range []string{"other.first", "other"} {
		s, err := w.run(as(id))
		if s.Begun || !strings.Contains(errorText(err), "nothing is left to do") {
			t.Errorf("%s: begun %t, error %v", id, s.Begun, err)
		}
	}
}
