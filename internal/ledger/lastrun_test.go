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
	// It is no record of a key.
	wantIDs(t, load(t, store, alpha))
}
