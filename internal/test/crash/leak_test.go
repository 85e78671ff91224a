package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/leak"
)

// The keys of these scenarios: one that was found in public and one that was
// not, of the same user; the first is past its limit in some.
const (
	leakedKey  = "AKIALEAKED0000000001"
	anotherKey = "AKIALEAKED0000000002"
)

const (
	isOff = "LEAK's key " + leakedKey + " was found in public and is disabled."
	isOn  = "LEAK's key " + leakedKey + " was found in public and is still active."
	isOld = "LEAK's key is disabled due to creation age. It is key " + leakedKey + "."
)

func leakEvent(w *world) leak.Event {
	return leak.Event{ARN: "arn:aws:health:global::event/RISK/1", Account: w.home.ID(), Keys: []leak.LeakedKey{{KeyID: leakedKey}}}
}

// settleLeak makes the user whose key is found, so many days old.
func settleLeak(w *world, age int) {
	key := func(id string, age int) awsfake.Key {
		return awsfake.Key{ID: id, Active: true, Created: w.Now().Add(-time.Duration(age)*day - time.Hour), LastUsed: w.Now().Add(-time.Hour)}
	}
	w.home.AddUser(awsfake.User{Name: "LEAK", Tags: map[string]string{"Slack": "ULEAK"}, Keys: []awsfake.Key{key(leakedKey, age), key(anotherKey, 3)}})
}

// TestLeakCutOffAtEveryCall: an answer to a leaked key dies at each of its
// calls, in each way. Whether AWS then sends its event again or the daily run
// comes by, no other key is disabled, and whoever is to hear of this one does.
func TestLeakCutOffAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, store := range []struct {
		name string
		open func(*testing.T, *world) opener
		at   string
	}{
		{name: "file", open: inFile},
		{name: "DynamoDB", open: inDynamoDB, at: "dynamodb "},
	} {
		for _, disables := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, disables %t", store.name, disables), func(t *testing.T) {
				t.Parallel()
				begin := func(t *testing.T) *world {
					t.Helper()
					w := newWorld(t, nextAccount(), store.open)
					w.disablesLeaked = disables
					settleLeak(w, 10)
					return w
				}
				w := begin(t)
				undisturbed := &process{w: w, fate: peaceful}
				if _, err := undisturbed.answer(t.Context(), leakEvent(w)); err != nil {
					t.Fatalf("without harm the answer fails: %v", err)
				}
				checkLeak(t, w, 1)
				calls := slices.DeleteFunc(undisturbed.calls, func(c call) bool { return !strings.HasPrefix(c.label, store.at) })
				calls = some(calls, store.at != "")
				t.Logf("%d calls, %d crash points", len(calls), len(calls)*len(deaths))
				for _, where := range calls {
					for _, how := range deaths {
						t.Run(fmt.Sprintf("%s, %s, the event again", where, how.name), func(t *testing.T) {
							t.Parallel()
							w := begin(t)
							cutOff(t, w, where, how)
							answerInPeace(t, w)
							runInPeace(t, w)
							checkLeak(t, w, 2)
						})
						t.Run(fmt.Sprintf("%s, %s, a run", where, how.name), func(t *testing.T) {
							t.Parallel()
							w := begin(t)
							cutOff(t, w, where, how)
							w.advance(20 * time.Minute)
							runInPeace(t, w)
							checkAfterRun(t, w)
							answerInPeace(t, w)
							runInPeace(t, w)
							checkLeak(t, w, 3)
						})
					}
				}
			})
		}
	}
}

// cutOff has an answer die at one call.
func cutOff(t *testing.T, w *world, where call, how death) {
	t.Helper()
	var hit atomic.Bool
	_, err := (&process{w: w, fate: how.at(where, &hit)}).answer(t.Context(), leakEvent(w))
	if !hit.Load() {
		t.Fatalf("the answer never reached %s: this tests nothing", where)
	}
	if how.fate.then == dies && err == nil {
		t.Error("the answer died and succeeded")
	}
	w.advance(time.Minute)
}

func answerInPeace(t *testing.T, w *world) {
	t.Helper()
	if _, err := (&process{w: w, fate: peaceful}).answer(t.Context(), leakEvent(w)); err != nil {
		t.Fatalf("an answer with nothing in its way fails: %v", err)
	}
}

func runInPeace(t *testing.T, w *world) {
	t.Helper()
	if _, err := (&process{w: w, fate: peaceful}).run(t.Context()); err != nil {
		t.Fatalf("a run with nothing in its way fails: %v", err)
	}
}

// heardLines counts what each channel heard.
func heardLines(w *world) map[string]map[string]int {
	heard := map[string]map[string]int{onSlack: {}, onSNS: {}}
	for _, e := range w.history() {
		if e.what == "notified" {
			line := strings.SplitAfter(e.line, ".")[0]
			if which := " It is key " + e.keyID + "."; strings.HasPrefix(e.line, line+which) {
				line += which
			}
			heard[e.channel][line]++
		}
	}
	return heard
}

func isActive(t *testing.T, w *world, id string) bool {
	t.Helper()
	key, found := w.home.Key(id)
	if !found {
		t.Fatalf("key %s is gone", id)
	}
	return key.Active
}

// checkLeak holds the world to what must have come of it in the end.
func checkLeak(t *testing.T, w *world, most int) {
	t.Helper()
	if isActive(t, w, leakedKey) == w.disablesLeaked {
		t.Errorf("the leaked key is active: %t", !w.disablesLeaked)
	}
	if !isActive(t, w, anotherKey) {
		t.Error("another key was disabled")
	}
	said := isOn
	if w.disablesLeaked {
		said = isOff
	}
	for channel, lines := range heardLines(w) {
		if n := lines[said]; n < 1 || n > most {
			t.Errorf("%s heard %q %d times, want 1 to %d", channel, said, n, most)
		}
		if n := lines[isOn]; w.disablesLeaked && n > most {
			t.Errorf("%s heard %q %d times", channel, isOn, n)
		}
		if lines[isOld] > 0 || !w.disablesLeaked && lines[isOff] > 0 {
			t.Errorf("%s heard what is not so: %v", channel, lines)
		}
	}
	if pending := w.pending(t); len(pending) > 0 {
		t.Errorf("still pending: %+v", pending)
	}
}

// checkAfterRun holds the world to what a run alone must make of it: of a key
// that is disabled, everybody has heard.
func checkAfterRun(t *testing.T, w *world) {
	t.Helper()
	if !isActive(t, w, anotherKey) {
		t.Error("another key was disabled")
	}
	for channel, lines := range heardLines(w) {
		if !isActive(t, w, leakedKey) && lines[isOff] == 0 {
			t.Errorf("the leaked key is disabled, and %s heard only %v", channel, lines)
		}
	}
	if pending := w.pending(t); len(pending) > 0 {
		t.Errorf("still pending: %+v", pending)
	}
}

// TestLeakDuringARun: AWS's event comes at every call of a run that is about to
// disable the same key for its age, and a run begins at every call of the
// answer. Both may notify; whatever they do to each other, the key is disabled
// and everybody hears that it was found.
func TestLeakDuringARun(t *testing.T) {
	t.Parallel()
	for _, disables := range []bool{true, false} {
		for _, runFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("disables %t, run first %t", disables, runFirst), func(t *testing.T) {
				t.Parallel()
				begin := func(t *testing.T) *world {
					t.Helper()
					w := newWorld(t, nextAccount(), inMemory)
					w.disablesLeaked = disables
					settleLeak(w, 95)
					return w
				}
				live := func(t *testing.T, w *world, p *process, first bool) {
					t.Helper()
					if first {
						_, _ = p.run(t.Context()) // it may find that its record was changed
					} else {
						_, _ = p.answer(t.Context(), leakEvent(w))
					}
				}
				undisturbed := &process{w: begin(t), fate: peaceful}
				live(t, undisturbed.w, undisturbed, runFirst)
				for _, where := range undisturbed.calls {
					t.Run(where.String(), func(t *testing.T) {
						t.Parallel()
						w := begin(t)
						met := false
						p := &process{w: w, fate: func(c call) fate {
							if c != where {
								return fate{}
							}
							met = true
							return fate{before: func() { live(t, w, &process{w: w, fate: peaceful}, !runFirst) }}
						}}
						live(t, w, p, runFirst)
						if !met {
							t.Fatalf("it never reached %s: this tests nothing", where)
						}
						w.advance(20 * time.Minute)
						runInPeace(t, w)
						answerInPeace(t, w)
						runInPeace(t, w)
						if isActive(t, w, leakedKey) || !isActive(t, w, anotherKey) {
							t.Error("not the leaked key alone is disabled")
						}
						for channel, lines := range heardLines(w) {
							if lines[isOff]+lines[isOn] == 0 {
								t.Errorf("%s never heard of the leak, but %v", channel, lines)
							}
							if lines[isOff]+lines[isOld] == 0 {
								t.Errorf("%s never heard that the key is disabled, but %v", channel, lines)
							}
							if lines[isOff] > 2 || lines[isOn] > 2 || lines[isOld] > 2 {
								t.Errorf("%s heard too often: %v", channel, lines)
							}
						}
						if pending := w.pending(t); len(pending) > 0 {
							t.Errorf("still pending: %+v", pending)
						}
					})
				}
			})
		}
	}
}

// TestTwoEventsOfALeakAtOnce: EventBridge may bring an event twice at the same
// moment.
func TestTwoEventsOfALeakAtOnce(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) *world {
		t.Helper()
		w := newWorld(t, nextAccount(), inMemory)
		w.disablesLeaked = true
		settleLeak(w, 10)
		return w
	}
	undisturbed := &process{w: begin(t), fate: peaceful}
	if _, err := undisturbed.answer(t.Context(), leakEvent(undisturbed.w)); err != nil {
		t.Fatal(err)
	}
	for _, where := range undisturbed.calls {
		t.Run(where.String(), func(t *testing.T) {
			t.Parallel()
			w := begin(t)
			p := &process{w: w, fate: func(c call) fate {
				if c != where {
					return fate{}
				}
				return fate{before: func() { answerInPeace(t, w) }}
			}}
			if _, err := p.answer(t.Context(), leakEvent(w)); err != nil {
				t.Errorf("the first fails: %v", err)
			}
			checkLeak(t, w, 2)
		})
	}
}

// TestCrashAtAConflict ends a run as it reads a record again that the answer to
// a leak has written meanwhile, in each way.
func TestCrashAtAConflict(t *testing.T) {
	t.Parallel()
	const put = "state Put " + leakedKey
	begin := func(t *testing.T, nth int, then func(call) fate) (*world, *process) {
		t.Helper()
		w := newWorld(t, nextAccount(), inMemory)
		w.disablesLeaked = true
		settleLeak(w, 95)
		p := &process{w: w, fate: func(c call) fate {
			if c == (call{put, nth}) {
				return fate{before: func() { _, _ = (&process{w: w, fate: peaceful}).answer(t.Context(), leakEvent(w)) }}
			}
			return then(c)
		}}
		_, _ = p.run(t.Context())
		return w, p
	}
	points := 0
	for nth := range 4 { // the intent, what became of it, and two acknowledgements
		_, undisturbed := begin(t, nth+1, peaceful)
		for _, where := range undisturbed.calls {
			if !strings.HasPrefix(where.label, "state Get") {
				continue
			}
			for _, how := range deaths {
				points++
				t.Run(fmt.Sprintf("write %d, %s, %s", nth+1, where, how.name), func(t *testing.T) {
					t.Parallel()
					var hit atomic.Bool
					w, _ := begin(t, nth+1, how.at(where, &hit))
					if !hit.Load() {
						t.Fatalf("it never reached %s: this tests nothing", where)
					}
					w.advance(20 * time.Minute)
					runInPeace(t, w)
					answerInPeace(t, w)
					runInPeace(t, w)
					if isActive(t, w, leakedKey) || !isActive(t, w, anotherKey) {
						t.Error("not the leaked key alone is disabled")
					}
					for channel, lines := range heardLines(w) {
						if lines[isOff]+lines[isOn] == 0 || lines[isOff]+lines[isOld] == 0 {
							t.Errorf("%s heard only %v", channel, lines)
						}
					}
					if pending := w.pending(t); len(pending) > 0 {
						t.Errorf("still pending: %+v", pending)
					}
				})
			}
		}
	}
	t.Logf("%d crash points", points)
	if points == 0 {
		t.Error("no run read a record again: this tests nothing")
	}
}
