package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

const (
	alpha = "111111111111"
	beta  = "222222222222"
)

// today is when the stores of the contract believe it to be.
var today = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// fullRecord is a record in which every field says something.
func fullRecord(account, keyID string) ledger.Record {
	notice := notify.Notice{
		KeyID: keyID, User: "tfunke", SlackTag: "U<&>é", ShowKeyID: true, Kind: notify.Disabled,
		Reason: audit.Inactivity, At: today, Note: "an aside",
		EarlierLimit: &notify.EarlierLimit{Reason: audit.CreationAge, DaysLeft: 3},
	}
	return ledger.FromFields(ledger.Fields{
		Account: account, KeyID: keyID, User: "tfunke",
		Warnings: audit.History{Creation: audit.LimitWarning{
			Deadline: today.AddDate(0, 0, 7), First: today.AddDate(0, 0, -7), Last: today, DaysLeft: 7,
		}},
		QueuedWarning: &ledger.QueuedWarning{Run: "run-1", Notice: notice, Deletion: &bothWarnings},

		Intent:   &ledger.Intent{At: today, Run: "run-1", Reason: audit.CreationAge, Notice: notice},
		Disabled: &ledger.Disabled{At: today.Add(time.Nanosecond), Run: "run-1", Reason: audit.CreationAge, Confirmed: true},
		Deletion: &ledger.Deletion{
			Warnings: bothWarnings, At: today, Run: "run-2",
			Intent: &ledger.Intent{At: today, Run: "run-2", Reason: audit.CreationAge, Notice: notice},
		},
		Leak: &ledger.Leak{At: today, Run: "run-1", Event: "arn:aws:health:global::event/RISK/1", Disabled: today},
		Final: &ledger.Final{
			Notice: notice, Due: ledger.Due{Channels: []string{"slack", "sns"}},
			Acknowledged: map[string]time.Time{"slack": today, "sns": today.Add(time.Second)},
			ClosedAt:     today.Add(time.Minute),
		},
		Changed: today,
	})
}

func warned(account, keyID string) *ledger.Record {
	r := ledger.FromFields(ledger.Fields{Account: account, KeyID: keyID, User: "tfunke", Changed: today})
	return &r
}

func put(t *testing.T, store ledger.Store, records ...*ledger.Record) {
	t.Helper()
	if err := store.Put(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, store ledger.Store, account string) []ledger.Record {
	t.Helper()
	records, err := store.Load(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func ids(records []ledger.Record) []string {
	var ids []string
	for _, r := range records {
		ids = append(ids, r.Account()[:1]+"/"+r.KeyID())
	}
	return ids
}

func wantIDs(t *testing.T, got []ledger.Record, want ...string) {
	t.Helper()
	if !slices.Equal(ids(got), want) {
		t.Errorf("got the records %v, want %v", ids(got), want)
	}
}

// testContract is what every Store promises. Each call of open gives an empty
// store of its own.
func testContract(t *testing.T, open func(t *testing.T) ledger.Store) {
	for name, test := range map[string]func(*testing.T, ledger.Store){
		"every field comes back":           testRoundTrip,
		"nothing is shared":                testNothingShared,
		"an empty account":                 testEmpty,
		"order, and accounts apart":        testOrder,
		"many records":                     testManyRecords,
		"what is pending":                  testPending,
		"a writer who has not seen":        testConflict,
		"a second record after a delete":   testDelete,
		"several with one conflict":        testConflictAmongSeveral,
		"many writers lose nothing":        testManyWriters,
		"a lease keeps others out":         testLease,
		"a lease on one account":           testLeaseOfAnotherAccount,
		"release":                          testRelease,
		"many who want one lease":          testManyHolders,
		"many who want an abandoned lease": testManySuccessors,
		"the last run":                     testLastRun,
		"cancelled":                        testCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testRoundTrip(t *testing.T, store ledger.Store) {
	written := fullRecord(alpha, "AKIA1")
	put(t, store, &written)
	if written.Raw().Revision != 1 {
		t.Errorf("the first write left revision %d", written.Raw().Revision)
	}
	want := written
	want.Raw().Version = ledger.Version
	for name, read := range map[string]func() ([]ledger.Record, error){
		"Load": func() ([]ledger.Record, error) { return store.Load(t.Context(), alpha) },
		"List": func() ([]ledger.Record, error) { return store.List(t.Context()) },
		"Get": func() ([]ledger.Record, error) {
			got, found, err := store.Get(t.Context(), alpha, "AKIA1")
			if !found {
				return nil, err
			}
			return []ledger.Record{got}, err
		},
	} {
		got, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]ledger.Record{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func testNothingShared(t *testing.T, store ledger.Store) {
	written := fullRecord(alpha, "AKIA1")
	put(t, store, &written)
	before := load(t, store, alpha)

	written.Raw().Final.Acknowledged["sns"] = time.Time{}
	written.Raw().Intent.Run = "changed by the writer"
	first := load(t, store, alpha)
	first[0].Raw().Final.Acknowledged["slack"] = time.Time{}
	first[0].Raw().Final.Notice.User = "changed by a reader"

	if diff := cmp.Diff(before, load(t, store, alpha)); diff != "" {
		t.Errorf("a caller changed the stored record (-before +after):\n%s", diff)
	}
}

func testEmpty(t *testing.T, store ledger.Store) {
	wantIDs(t, load(t, store, alpha))
	all, err := store.List(t.Context())
	if err != nil || len(all) != 0 {
		t.Errorf("List of an empty store: %v, %v", all, err)
	}
	if _, found, err := store.Get(t.Context(), alpha, "AKIA1"); found || err != nil {
		t.Errorf("Get from an empty store: %t, %v", found, err)
	}
	if err := store.Delete(t.Context(), alpha, "AKIA1"); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
	if err := store.Put(t.Context()); err != nil {
		t.Errorf("put nothing: %v", err)
	}
	for _, r := range []*ledger.Record{warned("", "AKIA1"), warned(alpha, "")} {
		if err := store.Put(t.Context(), r); err == nil {
			t.Errorf("a record of key %q of account %q was taken", r.Raw().KeyID, r.Raw().Account)
		}
	}
	if err := store.Put(t.Context(), warned(alpha, "AKIA1"), warned(alpha, "AKIA1")); err == nil {
		t.Error("two records of one key were taken at once")
	}
	wantIDs(t, load(t, store, alpha))
}

func testOrder(t *testing.T, store ledger.Store) {
	put(t, store, warned(alpha, "AKIA3"), warned(beta, "AKIA2"), warned(alpha, "AKIA1"))
	put(t, store, warned(alpha, "AKIA2"), warned(beta, "AKIA1"))
	// An account whose name begins with another's is another account.
	put(t, store, warned(alpha+"1", "AKIA0"))

	wantIDs(t, load(t, store, alpha), "1/AKIA1", "1/AKIA2", "1/AKIA3")
	wantIDs(t, load(t, store, beta), "2/AKIA1", "2/AKIA2")
	all, err := store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, all, "1/AKIA1", "1/AKIA2", "1/AKIA3", "1/AKIA0", "2/AKIA1", "2/AKIA2")

	// The same key in another account is another record.
	if err := store.Delete(t.Context(), alpha, "AKIA2"); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, load(t, store, alpha), "1/AKIA1", "1/AKIA3")
	wantIDs(t, load(t, store, beta), "2/AKIA1", "2/AKIA2")
}

// testManyRecords: enough, and large enough, for several of DynamoDB's pages.
func testManyRecords(t *testing.T, store ledger.Store) {
	many := 1500
	if testing.Short() {
		many = 150
	}
	records := make([]*ledger.Record, many)
	for i := range records {
		r := fullRecord(alpha, fmt.Sprintf("AKIA%04d", i))
		records[i] = &r
	}
	put(t, store, records...)
	got := load(t, store, alpha)
	if len(got) != many {
		t.Fatalf("%d records came back of %d", len(got), many)
	}
	for i, r := range got {
		if want := fmt.Sprintf("AKIA%04d", i); r.Raw().KeyID != want || r.Raw().Revision != 1 || records[i].Raw().Revision != 1 {
			t.Fatalf("record %d is %s at revision %d (%d with its writer), want %s at 1",
				i, r.Raw().KeyID, r.Raw().Revision, records[i].Raw().Revision, want)
		}
	}
	all, err := store.List(t.Context())
	if err != nil || len(all) != many {
		t.Errorf("List gave %d records of %d, %v", len(all), many, err)
	}
}

// testPending: of each record that somebody waits for, and of no other.
func testPending(t *testing.T, store ledger.Store) {
	intended, final, closed := warned(alpha, "AKIA1"), warned(beta, "AKIA2"), warned(alpha, "AKIA3")
	intended.Raw().Intent = &ledger.Intent{At: today}
	final.Raw().Final = &ledger.Final{}
	closed.Raw().Final = &ledger.Final{ClosedAt: today}
	put(t, store, intended, final, closed, warned(beta, "AKIA4"))
	pending, err := store.ListPending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, pending, "1/AKIA1", "2/AKIA2")
}

func testConflict(t *testing.T, store ledger.Store) {
	first := warned(alpha, "AKIA1")
	put(t, store, first)
	one, two := load(t, store, alpha)[0], load(t, store, alpha)[0]
	one.Raw().User = "one"
	put(t, store, &one)
	if one.Raw().Revision != 2 {
		t.Errorf("the second write left revision %d", one.Raw().Revision)
	}

	two.Raw().User = "two"
	unseen := warned(alpha, "AKIA1")
	unseen.Raw().User = "unseen"
	ahead := warned(alpha, "AKIA1")
	ahead.Raw().Revision, ahead.Raw().User = 9, "ahead"
	for _, late := range []*ledger.Record{&two, unseen, ahead} {
		before := late.Raw().Revision
		if err := store.Put(t.Context(), late); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("writer %s got %v", late.Raw().User, err)
		}
		if late.Raw().Revision != before {
			t.Errorf("the refused writer %s was given revision %d", late.Raw().User, late.Raw().Revision)
		}
	}
	if got := load(t, store, alpha)[0]; got.Raw().User != "one" || got.Raw().Revision != 2 {
		t.Errorf("%s's write is there at revision %d", got.Raw().User, got.Raw().Revision)
	}
	missing := warned(alpha, "AKIA2")
	missing.Raw().Revision = 1
	if err := store.Put(t.Context(), missing); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a record that somebody removed was written again: %v", err)
	}
	wantIDs(t, load(t, store, alpha), "1/AKIA1")
}

func testDelete(t *testing.T, store ledger.Store) {
	first := warned(alpha, "AKIA1")
	put(t, store, first)
	if err := store.Delete(t.Context(), alpha, "AKIA1"); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, load(t, store, alpha))
	if err := store.Put(t.Context(), first); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a record deleted since it was read was written: %v", err)
	}
	put(t, store, warned(alpha, "AKIA1"))
	wantIDs(t, load(t, store, alpha), "1/AKIA1")
}

// testConflictAmongSeveral: whatever became of the others, it is what their
// Revision says.
func testConflictAmongSeveral(t *testing.T, store ledger.Store) {
	put(t, store, warned(alpha, "AKIA2"))
	batch := []*ledger.Record{warned(alpha, "AKIA1"), warned(alpha, "AKIA2"), warned(alpha, "AKIA3")}
	for _, r := range batch {
		r.Raw().User = "batch"
	}
	if err := store.Put(t.Context(), batch...); !errors.Is(err, ledger.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	stored := map[string]*ledger.Record{}
	for _, r := range load(t, store, alpha) {
		stored[r.KeyID()] = &r
	}
	if batch[1].Raw().Revision != 0 || stored["AKIA2"].Raw().User != "tfunke" {
		t.Errorf("the refused record was written: %+v", stored["AKIA2"])
	}
	for _, r := range batch {
		kept, found := stored[r.KeyID()]
		if written := found && kept.User() == "batch"; written != (r.Raw().Revision == 1) {
			t.Errorf("key %s: written is %t, and its revision says %d", r.Raw().KeyID, written, r.Raw().Revision)
		}
	}
}

// testManyWriters: each adds a receipt of its own, and reads again when
// somebody else was faster. No receipt may be missing in the end.
func testManyWriters(t *testing.T, store ledger.Store) {
	const writers = 6
	put(t, store, warned(alpha, "AKIA1"))
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for range 1000 {
				records, err := store.Load(t.Context(), alpha)
				if err != nil || len(records) != 1 {
					t.Errorf("load: %d records, %v", len(records), err)
					return
				}
				r := records[0]
				if r.Raw().Final == nil {
					r.Raw().Final = &ledger.Final{Acknowledged: map[string]time.Time{}}
				}
				r.Raw().Final.Acknowledged[fmt.Sprint("channel ", w)] = today
				switch err := store.Put(t.Context(), &r); {
				case err == nil:
					return
				case !errors.Is(err, ledger.ErrConflict):
					t.Error(err)
					return
				}
			}
			t.Errorf("writer %d was never the faster one", w)
		})
	}
	done.Wait()
	if r := load(t, store, alpha)[0]; len(r.Raw().Final.Acknowledged) != writers || r.Raw().Revision != writers+1 {
		t.Errorf("%d of %d receipts are left at revision %d", len(r.Raw().Final.Acknowledged), writers, r.Raw().Revision)
	}
}

func testLease(t *testing.T, store ledger.Store) {
	acquire := func(holder string, at time.Duration, want *ledger.LeasedError) {
		t.Helper()
		err := store.Acquire(t.Context(), alpha, holder, today.Add(at), 10*time.Minute)
		var leased *ledger.LeasedError
		if want == nil && err != nil || want != nil && !errors.As(err, &leased) {
			t.Fatalf("%s at %v got %v", holder, at, err)
		}
		if diff := cmp.Diff(want, leased); diff != "" {
			t.Errorf("%s at %v (-want +got):\n%s", holder, at, diff)
		}
	}
	until := func(at time.Duration) *ledger.LeasedError {
		return &ledger.LeasedError{Account: alpha, Holder: "one", Until: today.Add(at)}
	}
	acquire("one", 0, nil)
	acquire("two", 0, until(10*time.Minute))
	acquire("one", 5*time.Minute, nil) // renewed
	acquire("two", 10*time.Minute, until(15*time.Minute))
	acquire("two", 15*time.Minute-time.Nanosecond, until(15*time.Minute))
	acquire("two", 15*time.Minute, nil) // expired
	err := store.Acquire(t.Context(), alpha, "one", today.Add(16*time.Minute), time.Minute)
	var leased *ledger.LeasedError
	if !errors.As(err, &leased) || leased.Holder != "two" {
		t.Errorf("the one whose lease had expired got %v", err)
	}
	wantIDs(t, load(t, store, alpha)) // a lease is not a record
}

func testLeaseOfAnotherAccount(t *testing.T, store ledger.Store) {
	for _, account := range []string{alpha, beta} {
		if err := store.Acquire(t.Context(), account, "holder of "+account, today, time.Minute); err != nil {
			t.Errorf("account %s: %v", account, err)
		}
	}
}

func testRelease(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	if err := store.Release(ctx, alpha, "one"); err != nil {
		t.Errorf("release what nobody holds: %v", err)
	}
	if err := store.Acquire(ctx, alpha, "one", today, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := store.Release(ctx, alpha, "two"); err != nil {
		t.Errorf("release by another: %v", err)
	}
	var leased *ledger.LeasedError
	if err := store.Acquire(ctx, alpha, "two", today, time.Minute); !errors.As(err, &leased) {
		t.Errorf("another's release gave the lease up: %v", err)
	}
	if err := store.Release(ctx, alpha, "one"); err != nil {
		t.Fatal(err)
	}
	if err := store.Acquire(ctx, alpha, "two", today, time.Minute); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

func testManyHolders(t *testing.T, store ledger.Store) { testOneWins(t, store, today) }

func testManySuccessors(t *testing.T, store ledger.Store) {
	if err := store.Acquire(t.Context(), alpha, "dead", today, time.Minute); err != nil {
		t.Fatal(err)
	}
	testOneWins(t, store, today.Add(time.Hour))
}

func testOneWins(t *testing.T, store ledger.Store, now time.Time) {
	var won atomic.Int32
	var done sync.WaitGroup
	for i := range 12 {
		done.Go(func() {
			err := store.Acquire(t.Context(), alpha, fmt.Sprint("holder ", i), now, time.Hour)
			var leased *ledger.LeasedError
			switch {
			case err == nil:
				won.Add(1)
			case !errors.As(err, &leased):
				t.Error(err)
			}
		})
	}
	done.Wait()
	if won.Load() != 1 {
		t.Errorf("%d have the lease", won.Load())
	}
}

func testCancelled(t *testing.T, store ledger.Store) {
	put(t, store, warned(alpha, "AKIA1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, loadErr := store.Load(ctx, alpha)
	_, listErr := store.List(ctx)
	for call, err := range map[string]error{
		"Load":    loadErr,
		"List":    listErr,
		"Put":     store.Put(ctx, warned(alpha, "AKIA2")),
		"Delete":  store.Delete(ctx, alpha, "AKIA1"),
		"Acquire": store.Acquire(ctx, alpha, "one", today, time.Minute),
		"Release": store.Release(ctx, alpha, "one"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", call, err)
		}
	}
	wantIDs(t, load(t, store, alpha), "1/AKIA1")
	if err := store.Acquire(t.Context(), alpha, "two", today, time.Minute); err != nil {
		t.Errorf("the cancelled Acquire took the lease: %v", err)
	}
}
