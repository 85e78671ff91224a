package ledger_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

func TestOverlay(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T) ledger.Store {
		return ledger.NewOverlay(openFile(t, statePath(t), ledger.ReadOnly()))
	})
}

// TestOverlayChangesOnlyMemory: what is read, changed and deleted through it is
// as in any store, and the file below keeps every byte.
func TestOverlayChangesOnlyMemory(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	f := openFile(t, path)
	put(t, f, warned(alpha, "AKIA1"), warned(alpha, "AKIA2"), warned(beta, "AKIA3"))
	ended := ledger.LastRun{Run: "earlier", Ended: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if err := f.SetLastRun(t.Context(), alpha, ended); err != nil {
		t.Fatal(err)
	}
	if err := f.Plant(beta, "AKIABROKEN", "[]"); err != nil {
		t.Fatal(err)
	}
	closeFile(t, f)
	before := contents(t, path)
	store := ledger.NewOverlay(openFile(t, path, ledger.ReadOnly()))

	records := load(t, store, alpha)
	wantIDs(t, records, "1/AKIA1", "1/AKIA2")
	if records[0].Raw().Revision != 1 {
		t.Errorf("revision %d, want the stored one", records[0].Raw().Revision)
	}
	put(t, store, &records[0], warned(alpha, "AKIA4"))
	if err := store.Put(t.Context(), warned(alpha, "AKIA2")); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a record as if new: %v, want a conflict", err)
	}
	if err := store.Delete(t.Context(), alpha, "AKIA2"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := store.Get(t.Context(), alpha, "AKIA2"); found || err != nil {
		t.Errorf("a deleted record: found %t, %v", found, err)
	}
	all, err := store.List(t.Context())
	wantIDs(t, all, "1/AKIA1", "1/AKIA4", "2/AKIA3")
	if named := damagedIn(t, err); named["AKIABROKEN"] == nil {
		t.Errorf("List names %v", named)
	}
	_, err = store.Load(t.Context(), beta)
	if named := damagedIn(t, err); named["AKIABROKEN"] == nil {
		t.Errorf("Load names %v", named)
	}
	var damaged *ledger.DamagedError
	if _, _, err := store.Get(t.Context(), beta, "AKIABROKEN"); !errors.As(err, &damaged) {
		t.Errorf("Get of a damaged record: %v", err)
	}
	if err := store.Put(t.Context(), warned(beta, "AKIABROKEN")); !errors.As(err, &damaged) {
		t.Errorf("Put on a damaged record: %v", err)
	}

	if last, err := store.LastRun(t.Context(), alpha); err != nil || last != ended {
		t.Errorf("the last run is %+v, %v", last, err)
	}
	later := ledger.LastRun{Run: "dry", Ended: ended.Ended.Add(time.Hour)}
	if err := store.SetLastRun(t.Context(), alpha, later); err != nil {
		t.Fatal(err)
	}
	if last, err := store.LastRun(t.Context(), alpha); err != nil || last != later {
		t.Errorf("the last run is %+v, %v", last, err)
	}
	if err := store.Acquire(t.Context(), alpha, "me", ended.Ended, time.Minute); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(before, contents(t, path)) {
		t.Error("the file was changed")
	}
}
