package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// The keys of the scenario, by what must become of them.
var (
	// mustGo are past a limit, with their final notices as each channel says
	// them.
	mustGo = map[string]map[string]string{
		"AKIAOLD0000000000001": {
			onSlack: "OLD's key is disabled due to creation age.",
			onSNS:   "OLD's key is disabled due to creation age.",
		},
		"AKIAIDLE000000000001": {
			onSlack: "IDLE's key is disabled due to inactivity.",
			onSNS:   "IDLE's key is disabled due to inactivity.",
		},
		"AKIATEAM000000000001": {
			onSlack: "TEAM (TEAM)'s key is disabled due to creation age.",
			onSNS:   "TEAM's key is disabled due to creation age.",
		},
		"AKIATWIN000000000001": {
			onSlack: "TWIN's key is disabled due to creation age. It is key AKIATWIN000000000001.",
			onSNS:   "TWIN's key is disabled due to creation age. It is key AKIATWIN000000000001.",
		},
	}
	// lateKey reaches its limit a day after the others.
	lateKey  = "AKIALATE000000000001"
	lateLine = "LATE's key is disabled due to creation age."
)

// settle makes the users of the scenario, or only some of them.
func settle(w *world, some ...string) {
	ago := func(days int) time.Time { return w.Now().Add(-time.Duration(days)*day - time.Hour) }
	key := func(id string, age, idle int) awsfake.Key {
		return awsfake.Key{ID: id, Active: true, Created: ago(age), LastUsed: ago(idle)}
	}
	for _, u := range []awsfake.User{
		{Name: "OLD", Tags: map[string]string{"Name": "Old", "Slack": "UOLD"}, Keys: []awsfake.Key{key("AKIAOLD0000000000001", 90, 0)}},
		{Name: "IDLE", Tags: map[string]string{"Slack": "UIDLE"}, Keys: []awsfake.Key{key("AKIAIDLE000000000001", 70, 60)}},
		{Name: "TEAM", Tags: map[string]string{"Slack": "subteam-STEAM"}, Keys: []awsfake.Key{key("AKIATEAM000000000001", 400, 1)}},
		{Name: "TWIN", Tags: map[string]string{"Slack": "UTWIN", "KeyAutoExpire": "True"}, Keys: []awsfake.Key{
			key("AKIATWIN000000000001", 95, 3), key("AKIATWIN000000000002", 82, 3),
		}},
		{Name: "WARNED", Tags: map[string]string{"Slack": "UWARNED"}, Keys: []awsfake.Key{key("AKIAWARNED0000000001", 75, 55)}},
		{Name: "EXEMPT", Tags: map[string]string{"KeyAutoExpire": "False"}, Keys: []awsfake.Key{key("AKIAEXEMPT0000000001", 300, 200)}},
		{Name: "DOUBT", Tags: map[string]string{"KeyAutoExpire": "no"}, Keys: []awsfake.Key{key("AKIADOUBT00000000001", 300, 200)}},
		{Name: "YOUNG", Keys: []awsfake.Key{key("AKIAYOUNG00000000001", 3, 1), {ID: "AKIAYOUNG00000000002", Created: ago(200)}}},
		{Name: "LATE", Tags: map[string]string{"Slack": "ULATE"}, Keys: []awsfake.Key{key(lateKey, 89, 1)}},
	} {
		if len(some) == 0 || slices.Contains(some, u.Name) {
			w.home.AddUser(u)
		}
	}
}

// death is one way to die at a call.
type death struct {
	name string
	fate fate
	// cutOff: no repetition of the call leaves any more.
	cutOff bool
}

var deaths = []death{
	{name: "died before it left", fate: fate{takes: hasNoEffect, then: dies}},
	{name: "died after it took effect", fate: fate{then: dies}},
	{name: "answer lost", fate: fate{then: seesReset}},
	{name: "answer lost, and no retry gets out", fate: fate{then: seesReset}, cutOff: true},
}

// at is the fate of a process that meets a death at one call.
func (d death) at(where call, hit *atomic.Bool) func(call) fate {
	return func(c call) fate {
		switch {
		case c == where:
			hit.Store(true)
			return d.fate
		case d.cutOff && c.label == where.label && c.nth > where.nth:
			return fate{takes: hasNoEffect, then: seesReset}
		}
		return fate{}
	}
}

// start is how far the scenario has come when the run to be killed begins. It
// leaves the world as it is then.
type start struct {
	name string
	live func(t *testing.T, w *world, users ...string)
	// mustGo are the keys that must be disabled in the end; received those whose
	// final notice a channel has had before.
	mustGo   map[string]map[string]string
	received map[string]int // by channel
}

var starts = []start{
	{
		name:   "first run",
		live:   func(_ *testing.T, w *world, users ...string) { settle(w, users...) },
		mustGo: mustGo,
	},
	{
		// Slack was down when four keys were disabled; a day later a run died
		// as soon as it had disabled a fifth.
		name: "run after a crash",
		live: func(t *testing.T, w *world, users ...string) {
			t.Helper()
			settle(w, users...)
			slackIsDown := func(c call) fate {
				if c.label == "slack post" {
					return fate{takes: hasNoEffect, then: seesReset}
				}
				return fate{}
			}
			p := &process{w: w, fate: slackIsDown}
			if _, err := p.run(t.Context()); err == nil {
				t.Fatal("with Slack down a run fails, and this one succeeded")
			}
			w.advance(day)
			var hit atomic.Bool
			p = &process{w: w, fate: deaths[1].at(call{"aws UpdateAccessKey LATE " + lateKey, 1}, &hit)}
			// Slack stays down while the first run's notices are tried again.
			die := p.fate
			p.fate = func(c call) fate {
				if f := slackIsDown(c); f.then != seesTheAnswer {
					return f
				}
				return die(c)
			}
			if _, err := p.run(t.Context()); err == nil || !hit.Load() {
				t.Fatalf("the run was to die at the late key: %v", err)
			}
			w.advance(2 * lease)
		},
		mustGo:   withLate(),
		received: map[string]int{onSNS: 1},
	},
}

func withLate() map[string]map[string]string {
	all := map[string]map[string]string{lateKey: {onSlack: lateLine, onSNS: lateLine}}
	for id, lines := range mustGo {
		all[id] = lines
	}
	return all
}

// TestCrashAtEveryCall makes a run once without harm, to learn its calls, and
// then once for each call and each way to die there, and lets later runs clean
// up.
func TestCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, store := range []struct {
		name  string
		open  func(*testing.T, *world) opener
		at    string   // calls to crash at, by how their labels begin
		users []string // of the scenario; none is all
	}{
		{name: "file", open: inFile},
		// moto takes its time. What differs with DynamoDB is the calls to it.
		{name: "DynamoDB", open: inDynamoDB, at: "dynamodb ", users: []string{"OLD", "TWIN", "EXEMPT", "LATE"}},
	} {
		for _, begun := range starts {
			t.Run(store.name+", "+begun.name, func(t *testing.T) {
				t.Parallel()
				calls := callsOf(t, begun, store.open, store.users)
				calls = slices.DeleteFunc(calls, func(c call) bool { return !strings.HasPrefix(c.label, store.at) })
				calls = some(calls, store.at != "")
				t.Logf("%d calls, %d crash points", len(calls), len(calls)*len(deaths))
				for _, where := range calls {
					for _, how := range deaths {
						t.Run(fmt.Sprintf("%s, %s", where, how.name), func(t *testing.T) {
							t.Parallel()
							w := newWorld(t, nextAccount(), store.open)
							begun.live(t, w, store.users...)
							crash(t, w, begun, where, how)
						})
					}
				}
			})
		}
	}
}

// accounts counts the accounts handed out, so that every scenario has its own
// and all can share one table.
var accounts atomic.Int64

func nextAccount() string { return fmt.Sprintf("%012d", 300_000_000_000+accounts.Add(1)) }

// callsOf are the calls of a run that nothing happens to.
func callsOf(t *testing.T, begun start, open func(*testing.T, *world) opener, users []string) []call {
	t.Helper()
	w := newWorld(t, nextAccount(), open)
	begun.live(t, w, users...)
	p := &process{w: w, fate: peaceful}
	if _, err := p.run(t.Context()); err != nil {
		t.Fatalf("without harm the run fails: %v", err)
	}
	check(t, w, begun, 0)
	return p.calls
}

// mostRuns is how many runs it may take after a crash until all is quiet, the
// quiet one included.
const mostRuns = 3

func crash(t *testing.T, w *world, begun start, where call, how death) {
	t.Helper()
	var hit atomic.Bool
	p := &process{w: w, fate: how.at(where, &hit)}
	_, err := p.run(t.Context())
	if !hit.Load() {
		t.Fatalf("the run never reached %s: this tests nothing", where)
	}
	if how.fate.then == dies && err == nil {
		t.Error("the run died and succeeded")
	}
	for range mostRuns {
		w.advance(2 * lease)
		p := &process{w: w, fate: peaceful}
		summary, err := p.run(t.Context())
		if err != nil {
			t.Fatalf("a run after the crash, with nothing in its way, fails: %v", err)
		}
		if isQuiet(p, summary) {
			check(t, w, begun, 1)
			return
		}
	}
	t.Errorf("after %d runs it is not quiet yet", mostRuns)
}

// isQuiet reports whether a run that nothing happened to has found nothing to
// do but to warn.
func isQuiet(p *process, summary run.Summary) bool {
	return summary.Disabled == 0 && summary.Changed == 0 && len(summary.Problems) == 0 &&
		!slices.ContainsFunc(p.w.history()[p.heardBefore:], func(e event) bool { return e.what == "notified" })
}

// check holds the world to the promises after so many crashes.
func check(t *testing.T, w *world, begun start, crashes int) {
	t.Helper()
	history := w.history()
	for _, user := range w.home.Users() {
		for _, key := range user.Keys {
			_, gone := begun.mustGo[key.ID]
			wasActive := key.ID != "AKIAYOUNG00000000002"
			if key.Active != (wasActive && !gone) {
				t.Errorf("key %s is active: %t", key.ID, key.Active)
			}
			disabled := 0
			for _, e := range history {
				if e.what == "disabled" && e.keyID == key.ID {
					disabled++
				}
			}
			if gone != (disabled == 1) {
				t.Errorf("key %s was disabled %d times", key.ID, disabled)
			}
		}
	}
	for _, channel := range channelNames {
		heard := map[string]int{}
		for _, e := range history {
			if e.what == "notified" && e.channel == channel {
				heard[e.line]++
			}
		}
		for id, lines := range begun.mustGo {
			if _, here := w.home.Key(id); !here {
				continue
			}
			most := 1 + crashes
			if id != lateKey && begun.received[channel] > 0 {
				most = begun.received[channel] // it had its receipt before the crash
			}
			if n := heard[lines[channel]]; n < 1 || n > most {
				t.Errorf("%s heard %q %d times, want 1 to %d", channel, lines[channel], n, most)
			}
			delete(heard, lines[channel])
		}
		for line, n := range heard {
			t.Errorf("%s heard %q %d times, which nobody was to say", channel, line, n)
		}
	}
	if pending := w.pending(t); len(pending) > 0 {
		t.Errorf("still pending: %+v", pending)
	}
}
