package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// contended is a store in which another writer comes first, some times.
type contended struct {
	ledger.Store
	others []func(context.Context, ledger.Store)
	puts   int
}

func (c *contended) Put(ctx context.Context, records ...*ledger.Record) error {
	c.puts++
	if len(c.others) > 0 {
		c.others[0](ctx, c.Store)
		c.others = c.others[1:]
	}
	return c.Store.Put(ctx, records...)
}

func warnedBy(t *testing.T, keyID string) func(context.Context, ledger.Store) {
	return func(ctx context.Context, store ledger.Store) {
		r, found, err := store.Get(ctx, alpha, keyID)
		if err != nil || !found {
			t.Fatalf("found %t, %v", found, err)
		}
		r.MarkWarned(later, audit.History{Creation: audit.LimitWarning{First: today}})
		put(t, store, &r)
	}
}

func acknowledge(channel string) ledger.Change {
	return func(r *ledger.Record) error { return r.Acknowledge(later, channel) }
}

// TestUpdateMerges: what another process wrote in between stays, and the change
// is made on top of it.
func TestUpdateMerges(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	store := &contended{Store: ledger.NewMemory()}
	put(t, store, r)
	store.others = []func(context.Context, ledger.Store){warnedBy(t, "AKIA1"), warnedBy(t, "AKIA1")}
	must(t, ledger.Update(t.Context(), store, r, acknowledge("sns")))
	stored := load(t, store, alpha)[0]
	if !stored.Equal(*r) || stored.Warnings().Creation.First.IsZero() || len(stored.Final().Acknowledged) != 1 {
		t.Errorf("stored is %+v, with its writer %+v", stored, r)
	}
}

// TestUpdateGivesUp on a record that others never stop changing.
func TestUpdateGivesUp(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	store := &contended{Store: ledger.NewMemory()}
	put(t, store, r)
	for range 20 {
		store.others = append(store.others, warnedBy(t, "AKIA1"))
	}
	if err := ledger.Update(t.Context(), store, r, acknowledge("sns")); !errors.Is(err, ledger.ErrConflict) || store.puts != 6 {
		t.Errorf("after %d writes: %v", store.puts, err)
	}
}

// TestUpdateOfARemovedRecord writes what its writer knows.
func TestUpdateOfARemovedRecord(t *testing.T) {
	t.Parallel()
	r := inPhase(t, ledger.DisabledPending)
	store := &contended{Store: ledger.NewMemory()}
	put(t, store, r)
	must(t, store.Delete(t.Context(), alpha, "AKIA1"))
	must(t, ledger.Update(t.Context(), store, r, acknowledge("sns")))
	if stored := load(t, store, alpha); len(stored) != 1 || len(stored[0].Final().Acknowledged) != 1 {
		t.Errorf("stored is %+v", stored)
	}
}

// TestUpdateAll: one record that others changed, one that has nothing to change,
// and one whose change does not apply keep none of the others back.
func TestUpdateAll(t *testing.T) {
	t.Parallel()
	store := &contended{Store: ledger.NewMemory()}
	var records []*ledger.Record
	for _, id := range []string{"AKIA1", "AKIA2", "AKIA3", "AKIA4"} {
		r := ledger.New(alpha, id, "tfunke")
		r.Intend(attempt(onBoth))
		must(t, r.MarkDisabled(today, "run-1", nil))
		records = append(records, &r)
	}
	must(t, records[2].Close(today))
	put(t, store, records...)
	store.others = []func(context.Context, ledger.Store){warnedBy(t, "AKIA2")}
	err := ledger.UpdateAll(t.Context(), store, records, func(r *ledger.Record) error {
		if r.KeyID() == "AKIA4" {
			return ledger.ErrUnchanged
		}
		return r.Acknowledge(later, "sns")
	})
	if _, forbidden := errors.AsType[*ledger.TransitionError](err); !forbidden {
		t.Errorf("the closed one: %v", err)
	}
	for i, want := range []int{1, 1, 0, 0} {
		stored, _, err := store.Get(t.Context(), alpha, records[i].KeyID())
		if err != nil || len(stored.Final().Acknowledged) != want || !stored.Equal(*records[i]) {
			t.Errorf("%s: %v, stored is %+v", records[i].KeyID(), err, stored)
		}
	}
}

// TestUpdateThatIsNotWritten: the record is what it should be in the store.
func TestUpdateThatIsNotWritten(t *testing.T) {
	t.Parallel()
	store := ledger.NewMemory()
	r := inPhase(t, ledger.DisabledPending)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ledger.Update(ctx, store, r, acknowledge("sns")); !errors.Is(err, context.Canceled) || len(r.Final().Acknowledged) != 1 {
		t.Errorf("%v, and the record is %+v", err, r)
	}
}
