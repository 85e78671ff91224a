package crash

import (
	"testing"
	"time"
)

// TestLagHidesWhatADeadRunDid: IAM may still show a key as Active that a run has
// disabled before it died. What the next runs read then must not keep them
// from notifying its owner.
func TestLagHidesWhatADeadRunDid(t *testing.T) {
	t.Parallel()
	const update, tags = "aws UpdateAccessKey OLD AKIAOLD0000000000001", "aws ListUserTags OLD"
	exempt := func(w *world) { w.home.SetTag("OLD", "KeyAutoExpire", "False") }
	for name, live := range map[string]func(t *testing.T, w *world){
		"exempted between the plan and the fresh read of the next run": func(t *testing.T, w *world) {
			t.Helper()
			meet(t, w, call{update, 1}, fate{then: dies})
			w.advance(2 * lease)
			// The first read settles, the second plans, the third is the fresh one.
			meet(t, w, call{tags, 3}, fate{before: func() { exempt(w) }})
		},
		"exempted after a second attempt, long after the first": func(t *testing.T, w *world) {
			t.Helper()
			meet(t, w, call{update, 1}, fate{takes: hasNoEffect, then: dies})
			w.advance(14 * time.Minute)
			meet(t, w, call{update, 1}, fate{then: dies})
			w.advance(2 * lease)
			exempt(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "123456789012", inMemory)
			w.aws.SetLag(5 * time.Minute)
			w.speakPlainly(t)
			settle(w)
			live(t, w)
			for range 2 {
				if _, err := (&process{w: w, fate: peaceful}).run(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.advance(20 * time.Minute)
			}
			for _, text := range broken(w.history(), 2) {
				t.Error(text)
			}
			if pending := w.pending(t); len(pending) > 0 {
				t.Errorf("still pending: %+v", pending)
			}
		})
	}
}

// meet makes a run that meets a fate at one call.
func meet(t *testing.T, w *world, where call, f fate) {
	t.Helper()
	met := false
	p := &process{w: w, fate: func(c call) fate {
		if c != where {
			return fate{}
		}
		met = true
		return f
	}}
	_, _ = p.run(t.Context()) // whatever it says: what counts is what comes of it
	if !met {
		t.Fatalf("the run never reached %s: this tests nothing", where)
	}
}
