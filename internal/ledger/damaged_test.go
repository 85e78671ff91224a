package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// workshop is a lasting store whose records can be tampered with.
type workshop struct {
	store ledger.Store
	// plant stores text as the record of a key, text that of none.
	plant func(t *testing.T, account, keyID, text string)
	// plantRun stores text as the last run on an account.
	plantRun func(t *testing.T, account, text string)
	text     func(t *testing.T, account, keyID string) string
}

// testLastingContract is what the stores promise that outlive a process.
func testLastingContract(t *testing.T, open func(t *testing.T) workshop) {
	for name, test := range map[string]func(*testing.T, workshop){
		"damaged records":      testDamaged,
		"fields of the future": testUnknownField,
		"expired records":      testExpired,
		"a damaged last run":   testDamagedRun,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testDamaged(t *testing.T, w workshop) {
	good := func(version int, account, keyID string) string {
		return fmt.Sprintf(`{"version":%d,"account":%q,"key_id":%q,"user":"u","changed":"2026-03-01T00:00:00Z","revision":1}`,
			version, account, keyID)
	}
	tests := map[string]struct{ text, says string }{
		"AKIABROKEN":  {`{"version":3,"account":`, "not JSON"},
		"AKIALIST":    {`[]`, "not JSON"},
		"AKIANEWER":   {good(ledger.Version+1, alpha, "AKIANEWER"), "use a newer Sleuth"},
		"AKIANONE":    {`{}`, "no version"},
		"AKIANULL":    {`null`, "no version"},
		"AKIAOTHER":   {good(ledger.Version, alpha, "AKIAELSE"), `key "AKIAELSE"`},
		"AKIAFOREIGN": {good(ledger.Version, beta, "AKIAFOREIGN"), beta},
		"AKIATIME":    {strings.Replace(good(ledger.Version, alpha, "AKIATIME"), "2026-03", "2026-13", 1), "read its fields"},
		"AKIAREV":     {strings.Replace(good(ledger.Version, alpha, "AKIAREV"), `"revision":1`, `"revision":0`, 1), "revision 0"},
	}
	put(t, w.store, warned(alpha, "AKIAGOOD"), warned(alpha, "AKIAZGOOD"), warned(beta, "AKIAGOOD"))
	for keyID, tt := range tests {
		w.plant(t, alpha, keyID, tt.text)
	}

	got, err := w.store.Load(t.Context(), alpha)
	wantIDs(t, got, "1/AKIAGOOD", "1/AKIAZGOOD")
	named := damagedIn(t, err)
	for keyID, tt := range tests {
		damaged := named[keyID]
		if damaged == nil {
			t.Errorf("%s is not named", keyID)
			continue
		}
		if damaged.Account != alpha || damaged.Store != w.store.String() {
			t.Errorf("%s is named as of account %s in %s", keyID, damaged.Account, damaged.Store)
		}
		if text := damaged.Error(); !strings.Contains(text, tt.says) || !strings.Contains(text, "state forget "+keyID) {
			t.Errorf("%s: the error does not say %q and what to do: %s", keyID, tt.says, text)
		}
	}
	if len(named) != len(tests) {
		t.Errorf("%d are named, want %d", len(named), len(tests))
	}
	all, err := w.store.List(t.Context())
	wantIDs(t, all, "1/AKIAGOOD", "1/AKIAZGOOD", "2/AKIAGOOD")
	if named := damagedIn(t, err); len(named) != len(tests) {
		t.Errorf("List names %d, want %d", len(named), len(tests))
	}
	if _, err := w.store.Load(t.Context(), beta); err != nil {
		t.Errorf("another account's damage was felt: %v", err)
	}

	for keyID, tt := range tests {
		for _, revision := range []int64{0, 9} {
			r := warned(alpha, keyID)
			r.Raw().Revision = revision
			err := w.store.Put(t.Context(), r)
			var damaged *ledger.DamagedError
			if !errors.As(err, &damaged) || damaged.KeyID != keyID {
				t.Errorf("Put on %s at revision %d: %v", keyID, revision, err)
			}
			if r.Raw().Revision != revision {
				t.Errorf("%s was given revision %d", keyID, r.Raw().Revision)
			}
		}
		if now := w.text(t, alpha, keyID); now != tt.text {
			t.Errorf("%s was overwritten: %s", keyID, now)
		}
		if err := w.store.Delete(t.Context(), alpha, keyID); err != nil {
			t.Errorf("remove %s: %v", keyID, err)
		}
		if now := w.text(t, alpha, keyID); now != "" {
			t.Errorf("%s is still there: %s", keyID, now)
		}
	}
	wantIDs(t, load(t, w.store, alpha), "1/AKIAGOOD", "1/AKIAZGOOD")
}

// damagedIn returns the damaged records that an error names, and fails for any
// other error in it.
func damagedIn(t *testing.T, err error) map[string]*ledger.DamagedError {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the contract says a join
	if !ok {
		t.Fatalf("not a join of errors: %v", err)
	}
	named := map[string]*ledger.DamagedError{}
	for _, err := range joined.Unwrap() {
		var damaged *ledger.DamagedError
		if !errors.As(err, &damaged) {
			t.Errorf("another error: %v", err)
			continue
		}
		named[damaged.KeyID] = damaged
	}
	return named
}

// testUnknownField: a field that this version does not know is ignored,
// and lost when the record is written again.
func testUnknownField(t *testing.T, w workshop) {
	w.plant(t, alpha, "AKIA1", `{"version":3,"account":"`+alpha+`","key_id":"AKIA1","user":"before",`+
		`"mood":{"of":["the","owner"]},"changed":"2026-03-01T00:00:00Z","revision":1}`)
	records := load(t, w.store, alpha)
	wantIDs(t, records, "1/AKIA1")
	records[0].Raw().User = "after"
	put(t, w.store, &records[0])
	if text := w.text(t, alpha, "AKIA1"); !strings.Contains(text, `"after"`) || strings.Contains(text, "mood") {
		t.Errorf("it was written as %s", text)
	}
}

func testExpired(t *testing.T, w workshop) {
	longAgo := today.Add(-401 * 24 * time.Hour)
	expired := warned(alpha, "AKIAEXPIRED")
	expired.Raw().Changed = longAgo
	pending := warned(alpha, "AKIAOWED")
	pending.Raw().Changed, pending.Raw().Final = longAgo, &ledger.Final{}
	settled := warned(alpha, "AKIASETTLED")
	settled.Raw().Changed, settled.Raw().Final = longAgo, &ledger.Final{ClosedAt: longAgo}
	undated := warned(alpha, "AKIAUNDATED")
	undated.Raw().Changed = time.Time{}
	recent := warned(alpha, "AKIARECENT")
	recent.Raw().Changed = today.Add(-399 * 24 * time.Hour)
	put(t, w.store, expired, pending, settled, undated, recent)
	put(t, w.store, expired, settled) // a second revision

	wantIDs(t, load(t, w.store, alpha), "1/AKIAOWED", "1/AKIARECENT", "1/AKIAUNDATED")
	all, err := w.store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, all, "1/AKIAOWED", "1/AKIARECENT", "1/AKIAUNDATED")

	if _, found, err := w.store.Get(t.Context(), alpha, "AKIAEXPIRED"); found || err != nil {
		t.Errorf("Get of an expired record: %t, %v", found, err)
	}

	// Who finds no record writes a first one, and it counts on.
	again := warned(alpha, "AKIAEXPIRED")
	again.Raw().User = "again"
	put(t, w.store, again)
	if again.Raw().Revision != 3 {
		t.Errorf("it was written with revision %d, want 3", again.Raw().Revision)
	}
	// Who still knows the expired one is too late.
	if err := w.store.Put(t.Context(), expired); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("the writer from before the expiry got %v", err)
	}
	wantIDs(t, load(t, w.store, alpha), "1/AKIAEXPIRED", "1/AKIAOWED", "1/AKIARECENT", "1/AKIAUNDATED")
	// And if nobody else wrote, it may go on.
	settled.Raw().Changed = today
	put(t, w.store, settled)
}

// testDamagedRun: it is named as such, concerns no other account, and is
// replaced.
func testDamagedRun(t *testing.T, w workshop) {
	runs := w.store.(ledger.Runs)
	for _, text := range []string{`{"ended":`, `[]`, `{"ended":"yesterday"}`} {
		w.plantRun(t, alpha, text)
		_, err := runs.LastRun(t.Context(), alpha)
		damaged, ok := errors.AsType[*ledger.DamagedRunError](err)
		if !ok || damaged.Account != alpha || damaged.Store != w.store.String() {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := runs.LastRun(t.Context(), beta); err != nil {
			t.Error(err)
		}
	}
	if err := runs.SetLastRun(t.Context(), alpha, ledger.LastRun{Run: "next"}); err != nil {
		t.Fatal(err)
	}
	if last, err := runs.LastRun(t.Context(), alpha); err != nil || last.Run != "next" {
		t.Errorf("after the next run: %+v, %v", last, err)
	}
}

// TestSplitDamaged: the records that cannot be understood, however deep they
// are, and the rest.
func TestSplitDamaged(t *testing.T) {
	t.Parallel()
	one, two, broken := &ledger.DamagedError{KeyID: "AKIA1"}, &ledger.DamagedError{KeyID: "AKIA2"}, errors.New("broken")
	for name, c := range map[string]struct {
		err     error
		damaged []*ledger.DamagedError
		other   bool
	}{
		"nothing":       {nil, nil, false},
		"another error": {broken, nil, true},
		"one record":    {one, []*ledger.DamagedError{one}, false},
		"all of them":   {errors.Join(one, errors.Join(broken, fmt.Errorf("load: %w", two))), []*ledger.DamagedError{one, two}, true},
	} {
		damaged, other := ledger.SplitDamaged(c.err)
		if !slices.Equal(damaged, c.damaged) || errors.Is(other, broken) != c.other || (other != nil) != c.other {
			t.Errorf("%s: %v and %v", name, damaged, other)
		}
	}
}
