package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/leak"
)

// The keys of the scenario: Sleuth has disabled all but one of them.
const (
	forgotten = "AKIAOLD0000000000001" // nobody wants it back
	alsoGone  = "AKIATEAM000000000001"
	wanted    = "AKIAIDLE000000000001" // its owner exempts it before the last day
	back      = "AKIATWIN000000000001" // enabled for a day, and made Inactive by its owner
	never     = "AKIAYOUNG00000000002" // Inactive before Sleuth came
)

// dueForDeletion is a world in which the next run deletes the two keys that nobody
// wants.
func dueForDeletion(t *testing.T, open func(*testing.T, *world) opener) *world {
	t.Helper()
	w := newWorld(t, nextAccount(), open)
	w.deleteAfter = 30
	w.speakPlainly(t)
	settle(w, "OLD", "TEAM", "IDLE", "TWIN", "YOUNG")
	peacefully := func() {
		p := &process{w: w, fate: peaceful}
		if _, err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	peacefully()
	w.advance(day)
	w.home.SetKeyStatus(back, true)
	w.home.SetTag("TWIN", "KeyAutoExpire", "False")
	peacefully()
	w.home.SetKeyStatus(back, false)
	w.home.RemoveTag("TWIN", "KeyAutoExpire")
	w.advance(16 * day)
	peacefully()
	w.advance(13 * day)
	w.home.SetTag("IDLE", "KeyAutoExpire", "False")
	peacefully()
	w.advance(day + time.Minute)
	return w
}

// TestCrashAtEveryCallOfADeletion ends a run that deletes keys at each of its calls,
// in each way, and lets later runs clean up.
func TestCrashAtEveryCallOfADeletion(t *testing.T) {
	t.Parallel()
	w := dueForDeletion(t, inFile)
	p := &process{w: w, fate: peaceful}
	if summary, err := p.run(t.Context()); err != nil || summary.Deleted != 2 {
		t.Fatalf("without harm the run deletes %d keys: %v", summary.Deleted, err)
	}
	checkDeleted(t, w, 0)
	calls := slices.DeleteFunc(slices.Clone(p.calls), func(c call) bool {
		// The others are the same in every run.
		return !strings.Contains(c.label, forgotten) && !strings.Contains(c.label, "OLD") && strings.HasPrefix(c.label, "aws ") && !strings.Contains(c.label, "Publish")
	})
	t.Logf("%d calls, %d crash points", len(calls), len(calls)*len(deaths))
	for _, where := range calls {
		for _, how := range deaths {
			t.Run(fmt.Sprintf("%s, %s", where, how.name), func(t *testing.T) {
				t.Parallel()
				crashADeletion(t, where, how)
			})
		}
	}
}

func crashADeletion(t *testing.T, where call, how death) {
	t.Helper()
	w := dueForDeletion(t, inFile)
	var hit atomic.Bool
	p := &process{w: w, fate: how.at(where, &hit)}
	_, err := p.run(t.Context())
	if !hit.Load() {
		t.Fatalf("the run never reached %s: this tests nothing", where)
	}
	if how.fate.then == dies && err == nil {
		t.Error("the run died and succeeded")
	}
	for range mostRuns + 1 {
		w.advance(20 * time.Minute) // longer than IAM may lag
		p := &process{w: w, fate: peaceful}
		summary, err := p.run(t.Context())
		if err != nil {
			t.Fatalf("a run after the crash, with nothing in its way, fails: %v", err)
		}
		if isQuiet(p, summary) && summary.Deleted == 0 && len(w.pending(t)) == 0 && !exists(w, forgotten) {
			checkDeleted(t, w, 1)
			return
		}
	}
	t.Errorf("after %d runs it is not quiet yet", mostRuns+1)
}

func exists(w *world, keyID string) bool {
	_, found := w.home.Key(keyID)
	return found
}

// checkDeleted holds the world to the promises after so many crashes: two keys are
// deleted, once, and every channel heard of each.
func checkDeleted(t *testing.T, w *world, crashes int) {
	t.Helper()
	for keyID, gone := range map[string]bool{forgotten: true, alsoGone: true, wanted: false, back: false, never: false} {
		if exists(w, keyID) == gone {
			t.Errorf("key %s exists: %t", keyID, !gone)
		}
	}
	deleted, heard := map[string]int{}, map[string]int{}
	for _, e := range w.history() {
		switch {
		case e.what == "deleted":
			deleted[e.keyID]++
		case e.what == "notified" && strings.HasPrefix(e.line, "@@deleted"):
			heard[e.channel+" "+e.keyID]++
		}
	}
	for _, keyID := range []string{forgotten, alsoGone} {
		if deleted[keyID] != 1 {
			t.Errorf("key %s was deleted %d times", keyID, deleted[keyID])
		}
		for _, channel := range channelNames {
			n := heard[channel+" "+keyID]
			if n < 1 || n > 1+crashes {
				t.Errorf("%s heard %d times that key %s was deleted", channel, n, keyID)
			}
			delete(heard, channel+" "+keyID)
		}
	}
	if len(heard) > 0 {
		t.Errorf("false notices: %v", heard)
	}
}

// TestADeletionAndALeakAtOnce: a key that was found in public as it was being
// deleted is deleted, and its owner hears of both.
func TestADeletionAndALeakAtOnce(t *testing.T) {
	t.Parallel()
	w := dueForDeletion(t, inMemory)
	p := &process{w: w}
	p.fate = func(c call) fate {
		if c.label != "aws DeleteAccessKey OLD "+forgotten {
			return fate{}
		}
		return fate{before: func() {
			responder := &process{w: w, name: "responder", fate: peaceful}
			if _, err := responder.answer(t.Context(), leak.Event{ARN: "arn:aws:health:global::event/RISK/1", Account: w.home.ID(), Keys: []leak.LeakedKey{{KeyID: forgotten}}}); err != nil {
				t.Error(err)
			}
		}}
	}
	if summary, err := p.run(t.Context()); err != nil || summary.Deleted != 2 || exists(w, forgotten) {
		t.Errorf("deleted %d: %v", summary.Deleted, err)
	}
	for _, kind := range []string{"@@leaked", "@@deleted"} {
		for _, channel := range channelNames {
			if !slices.ContainsFunc(w.history(), func(e event) bool {
				return e.what == "notified" && e.channel == channel && e.keyID == forgotten && strings.HasPrefix(e.line, kind)
			}) {
				t.Errorf("%s never heard %s of the key", channel, kind)
			}
		}
	}
}
