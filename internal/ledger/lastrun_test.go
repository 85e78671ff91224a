package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// testLastRun holds a store to remembering the last run on each account.
func testLastRun(t *testing.T, store ledger.Store) {
	runs := store.(ledger.Runs)
	want := func(account string, want ledger.LastRun) {
		t.Helper()
		got, err := runs.LastRun(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the last run on %s (-want +got):\n%s", account, diff)
		}
	}
	set := func(account string, run ledger.LastRun) {
		t.Helper()
		if err := runs.SetLastRun(t.Context(), account, run); err != nil {
			t.Fatal(err)
		}
	}
	want(alpha, ledger.LastRun{})
	set(alpha, ledger.LastRun{Ended: today, ResumeAfter: "tfunke", ExemptionsNotified: today.AddDate(0, -1, 0)})
	set(beta, ledger.LastRun{Ended: today.Add(time.Nanosecond)})
	want(alpha, ledger.LastRun{Ended: today, ResumeAfter: "tfunke", ExemptionsNotified: today.AddDate(0, -1, 0)})
	want(beta, ledger.LastRun{Ended: today.Add(time.Nanosecond)})

	set(alpha, ledger.LastRun{Ended: today.Add(time.Hour)})
	want(alpha, ledger.LastRun{Ended: today.Add(time.Hour)})
	set(beta, ledger.LastRun{Ended: today, Rules: true})
	want(beta, ledger.LastRun{Ended: today, Rules: true})
	set(beta, ledger.LastRun{Ended: today, RulesUntil: today})
	want(beta, ledger.LastRun{Ended: today, RulesUntil: today})
	// It is no record of a key.
	wantIDs(t, load(t, store, alpha))
}

// TestThatThereWereRulesIsNeverForgotten: from the first run without them on, it is
// known when that was.
func TestThatThereWereRulesIsNeverForgotten(t *testing.T) {
	t.Parallel()
	var last ledger.LastRun
	for i, step := range []struct {
		rules bool
		want  ledger.LastRun
	}{
		{false, ledger.LastRun{}},
		{true, ledger.LastRun{Rules: true}},
		{true, ledger.LastRun{Rules: true}},
		{false, ledger.LastRun{RulesUntil: today.AddDate(0, 0, 3)}},
		{false, ledger.LastRun{RulesUntil: today.AddDate(0, 0, 3)}},
		{true, ledger.LastRun{Rules: true}},
		{false, ledger.LastRun{RulesUntil: today.AddDate(0, 0, 6)}},
	} {
		if last = last.UnderRules(step.rules, today.AddDate(0, 0, i)); last != step.want {
			t.Errorf("step %d: %+v, want %+v", i, last, step.want)
		}
	}
}
