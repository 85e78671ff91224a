package crash

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// The accounts of the scenario. What is pending for the last one is of a run
// before; later runs leave the account out.
var digestAccounts = []string{"400000000001", "400000000002", "400000000003"}

// keyOf is the key of an account that must be disabled.
func keyOf(account int) string { return fmt.Sprintf("AKIADIGEST%d000000001", account) }

// warnedKeyOf is the key of an account whose owner must be warned.
func warnedKeyOf(account int) string { return fmt.Sprintf("AKIADIGEST%d000000002", account) }

// digestWorld is three accounts with a key past its limit and one near it in
// each. Of the third, the notice is pending.
func digestWorld(t *testing.T, open func(*testing.T, *world) opener, digest bool) *world {
	t.Helper()
	w := newWorld(t, nextAccount(), open)
	w.speakPlainly(t)
	w.accounts = nil
	for i, id := range digestAccounts {
		account := w.aws.Account(id)
		w.accounts = append(w.accounts, account)
		key := func(id string, age int) awsfake.Key {
			return awsfake.Key{ID: id, Active: true, Created: w.Now().Add(-time.Duration(age)*day - time.Hour), LastUsed: w.Now().Add(-time.Hour)}
		}
		account.AddUser(awsfake.User{Name: fmt.Sprintf("USER%d", i), Keys: []awsfake.Key{key(keyOf(i), 100), key(warnedKeyOf(i), 85)}})
	}
	p := &process{w: w, id: "run-0.a", account: w.accounts[2], digest: digest, fate: func(c call) fate {
		if strings.HasSuffix(c.label, "post") || strings.HasPrefix(c.label, "aws Publish") {
			return fate{takes: hasNoEffect, then: seesReset}
		}
		return fate{}
	}}
	_, _ = p.run(t.Context())
	if n := len(w.pending(t)); n != 1 {
		t.Fatalf("%d notices are pending in the account that later runs leave out", n)
	}
	w.advance(day)
	return w
}

// carried is a summary as it comes out of the bucket that Step Functions hand
// results on through.
func carried(t *testing.T, summary run.Summary) (read run.Summary) {
	t.Helper()
	text, err := json.Marshal(summary)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// cycle is a run over the first two accounts and what is sent after it. The fate
// is that of what is sent, or of the run on the first account.
type cycle struct {
	id             string
	ofFirst, ofEnd func(call) fate
	missing        bool // the result of the first account
}

// live makes the cycle, and returns the processes of the first run and of the
// end, and what the end says.
func (c cycle) live(t *testing.T, w *world, digest bool) (first, end *process, said error) {
	t.Helper()
	var runs []run.Summary
	for i, member := range w.accounts[:2] {
		p := &process{w: w, id: fmt.Sprintf("%s.%d", c.id, i), account: member, digest: digest, fate: peaceful}
		if i == 0 && c.ofFirst != nil {
			p.fate = c.ofFirst
		}
		summary, err := p.run(t.Context())
		said = errors.Join(said, err)
		if i == 0 {
			first = p
		}
		if p.died() || i == 0 && c.missing {
			summary = org.NotEntered(account.Account{ID: member.ID()}, p.id, w.Now(), errors.New("no result"))
		}
		runs = append(runs, carried(t, summary))
	}
	end = &process{w: w, id: c.id, digest: digest, fate: peaceful}
	if c.ofEnd != nil {
		end.fate = c.ofEnd
	}
	delivered, err := end.send(t.Context(), runs)
	for _, problem := range delivered.Problems {
		err = errors.Join(err, errors.New(problem.Text))
	}
	return first, end, errors.Join(said, err)
}

// TestDigestAtEveryCall ends the process that makes the digest of several
// accounts, or that delivers what is pending for accounts left out, and the run
// on one of the accounts, at each of its calls and in each way. Later cycles
// that nothing happens to leave nothing pending, and everybody is notified.
func TestDigestAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, digest := range []bool{true, false} {
		t.Run(fmt.Sprintf("digest %t", digest), func(t *testing.T) {
			t.Parallel()
			w := digestWorld(t, inMemory, digest)
			first, end, err := cycle{id: "run-1"}.live(t, w, digest)
			if err != nil {
				t.Fatalf("without harm: %v", err)
			}
			checkDigest(t, w, 1, digest)
			calls := slices.Concat(first.calls, end.calls)
			t.Logf("%d calls, %d crash points", len(calls), len(calls)*len(deaths))
			for i, where := range calls {
				for _, how := range deaths {
					name := "of the run"
					if i >= len(first.calls) {
						name = "of what is sent"
					}
					t.Run(fmt.Sprintf("%s %s, %s", where, name, how.name), func(t *testing.T) {
						t.Parallel()
						var hit atomic.Bool
						c := cycle{id: "run-1"}
						if i < len(first.calls) {
							c.ofFirst = how.at(where, &hit)
						} else {
							c.ofEnd = how.at(where, &hit)
						}
						w := digestWorld(t, inMemory, digest)
						_, _, _ = c.live(t, w, digest)
						if !hit.Load() {
							t.Fatalf("it never reached %s: this tests nothing", where)
						}
						afterwards(t, w, digest)
					})
				}
			}
		})
	}
}

// TestAMissingResult: the result of a run does not reach the digest, and nothing
// that it left is lost.
func TestAMissingResult(t *testing.T) {
	t.Parallel()
	w := digestWorld(t, inMemory, true)
	if _, _, err := (cycle{id: "run-1", missing: true}).live(t, w, true); err != nil {
		t.Fatal(err)
	}
	checkDigest(t, w, 1, true)
}

// afterwards lives cycles that nothing happens to, and checks what comes of it.
func afterwards(t *testing.T, w *world, digest bool) {
	t.Helper()
	for i := range 2 {
		w.advance(20 * time.Minute)
		if _, _, err := (cycle{id: fmt.Sprintf("run-%d", i+2)}).live(t, w, digest); err != nil {
			t.Fatalf("a cycle that nothing happens to: %v", err)
		}
	}
	checkDigest(t, w, 2, digest)
}

// checkDigest holds the world to the promises: each key past its limit was
// disabled once, each channel received its final notice at most so many times,
// and the warnings of the accounts that are covered, and nothing is pending.
func checkDigest(t *testing.T, w *world, most int, _ bool) {
	t.Helper()
	for i := range w.accounts {
		if key := w.key(keyOf(i)); key.Active {
			t.Errorf("key %s is still active", keyOf(i))
		}
		if key := w.key(warnedKeyOf(i)); !key.Active {
			t.Errorf("key %s was disabled", warnedKeyOf(i))
		}
		warned, disabled := map[string]int{}, 0
		for _, e := range w.history() {
			switch {
			case e.keyID == keyOf(i) && e.what == "disabled":
				disabled++
			case e.keyID == warnedKeyOf(i) && e.what == "warned":
				warned[e.channel]++
			}
		}
		if disabled != 1 {
			t.Errorf("key %s was disabled %d times", keyOf(i), disabled)
		}
		for _, channel := range channelNames {
			if n := finals(w, keyOf(i))[channel]; n < 1 || n > most {
				t.Errorf("%s received %d final notices of key %s, want 1 to %d", channel, n, keyOf(i), most)
			}
			if i < 2 && warned[channel] == 0 {
				t.Errorf("%s received no warning of key %s", channel, warnedKeyOf(i))
			}
		}
	}
	if pending := w.pending(t); len(pending) > 0 {
		t.Errorf("still pending: %+v", pending)
	}
}
