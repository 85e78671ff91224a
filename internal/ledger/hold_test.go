package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

const (
	holdTTL     = time.Minute
	heldAccount = "123456789012"
)

// leaser keeps leases in memory, and fails, hangs or changes on demand.
type leaser struct {
	*ledger.MemoryStore
	mu      sync.Mutex
	acquire func(ctx context.Context) error
	calls   int
}

func (l *leaser) then(acquire func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acquire = acquire
}

func (l *leaser) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	l.mu.Lock()
	acquire := l.acquire
	l.calls++
	l.mu.Unlock()
	if acquire != nil {
		if err := acquire(ctx); err != nil {
			return err
		}
	}
	return l.MemoryStore.Acquire(ctx, account, holder, now, ttl)
}

// held begins to hold the lease on one account.
func held(t *testing.T, store ledger.Leaser) (context.Context, *ledger.Holder) {
	t.Helper()
	ctx, holder := ledger.Hold(t.Context(), store, "first", holdTTL, time.Now)
	if err := holder.Acquire(ctx, heldAccount); err != nil {
		t.Fatal(err)
	}
	return ctx, holder
}

// release gives the leases back before the bubble ends.
func release(t *testing.T, holder *ledger.Holder) {
	t.Helper()
	if err := holder.Release(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestHoldRenews: a lease outlives its ttl as long as it is held, and another
// can have it once it is released.
func TestHoldRenews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &leaser{MemoryStore: ledger.NewMemory()}
		ctx, holder := held(t, store)
		time.Sleep(10*holdTTL + time.Second)
		synctest.Wait()
		if ctx.Err() != nil || holder.Lost() != nil || !holder.Holds(heldAccount) || holder.Holds("999999999999") {
			t.Errorf("the lease was lost: %v", context.Cause(ctx))
		}
		if store.calls != 31 {
			t.Errorf("the lease was written %d times, want once and 30 times more", store.calls)
		}
		err := store.MemoryStore.Acquire(t.Context(), heldAccount, "second", time.Now(), holdTTL)
		if leased, ok := errors.AsType[*ledger.LeasedError](err); !ok || leased.Holder != "first" {
			t.Errorf("another was given the lease: %v", err)
		}
		release(t, holder)
		if ctx.Err() == nil || holder.Lost() != nil {
			t.Errorf("after the release: %v, lost %v", ctx.Err(), holder.Lost())
		}
		if err := store.MemoryStore.Acquire(t.Context(), heldAccount, "second", time.Now(), holdTTL); err != nil {
			t.Error(err)
		}
	})
}

func TestHoldLoses(t *testing.T) {
	t.Parallel()
	errDown := errors.New("the store is down")
	for name, c := range map[string]struct {
		acquire func(store *leaser) func(context.Context) error
		after   time.Duration // that the work goes on
		cause   string
	}{
		"a store that fails": {
			func(*leaser) func(context.Context) error {
				return func(context.Context) error { return errDown }
			}, 2 * holdTTL / 3, "the store is down",
		},
		"a store that does not answer": {
			func(*leaser) func(context.Context) error {
				return func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				}
			}, 2 * holdTTL / 3, "deadline exceeded",
		},
		"a lease that another has taken": {
			func(store *leaser) func(context.Context) error {
				return func(ctx context.Context) error {
					_ = store.Release(ctx, heldAccount, "first")
					return store.MemoryStore.Acquire(ctx, heldAccount, "second", time.Now(), holdTTL)
				}
			}, holdTTL / 3, "second",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &leaser{MemoryStore: ledger.NewMemory()}
				began := time.Now()
				ctx, holder := held(t, store)
				store.then(c.acquire(store))
				<-ctx.Done()
				if got := time.Since(began); got != c.after {
					t.Errorf("the work ended after %s, want %s", got, c.after)
				}
				lost := holder.Lost()
				if lost == nil || !strings.Contains(lost.Error(), c.cause) || !strings.Contains(lost.Error(), heldAccount) {
					t.Errorf("lost: %v, want %q in it", lost, c.cause)
				}
				release(t, holder)
				if holder.Lost() == nil {
					t.Error("the release hides that the lease was lost")
				}
			})
		})
	}
}

// TestHoldOutlivesOneFailure: what fails once is tried again in time.
func TestHoldOutlivesOneFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &leaser{MemoryStore: ledger.NewMemory()}
		ctx, holder := held(t, store)
		defer release(t, holder)
		store.then(func(context.Context) error {
			store.then(nil)
			return errors.New("down for a moment")
		})
		time.Sleep(2 * holdTTL)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Errorf("the lease was lost: %v", context.Cause(ctx))
		}
	})
}

// TestHoldAfterASuspension: a process that was suspended goes on if nobody has
// taken its lease meanwhile, and stops at once if somebody has.
func TestHoldAfterASuspension(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ticks := make(chan time.Time)
			store, clock := ledger.NewMemory(), time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
			ctx, holder := ledger.Hold(t.Context(), store, "first", holdTTL, func() time.Time { return clock },
				ledger.Ticks(func(time.Duration) (<-chan time.Time, func()) { return ticks, func() {} }))
			defer release(t, holder)
			if err := holder.Acquire(ctx, heldAccount); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			clock = clock.Add(2 * holdTTL)
			if taken {
				if err := store.Acquire(ctx, heldAccount, "second", clock, holdTTL); err != nil {
					t.Fatal(err)
				}
			}
			ticks <- clock
			synctest.Wait()
			if lost := holder.Lost(); (lost != nil) != taken || (ctx.Err() != nil) != taken {
				t.Errorf("taken by another: %t; lost: %v", taken, lost)
			}
		})
	}
}

// TestHoldOfManyAccounts: one that is lost ends the work, and all the others
// are given back.
func TestHoldOfManyAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := ledger.NewMemory()
		ctx, holder := ledger.Hold(t.Context(), store, "first", holdTTL, time.Now)
		account := func(i int) string { return fmt.Sprintf("1000000%05d", i) }
		for i := range 50 {
			if err := holder.Acquire(ctx, account(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Release(ctx, account(7), "first"); err != nil {
			t.Fatal(err)
		}
		if err := store.Acquire(ctx, account(7), "second", time.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := holder.Acquire(ctx, account(7)); err == nil {
			t.Error("a lease that another holds was acquired")
		}
		<-ctx.Done()
		if lost, ok := errors.AsType[*ledger.LostError](holder.Lost()); !ok || lost.Account != account(7) {
			t.Errorf("lost: %v", holder.Lost())
		}
		release(t, holder)
		for i := range 50 {
			err := store.Acquire(t.Context(), account(i), "third", time.Now(), holdTTL)
			if (err == nil) != (i != 7) {
				t.Errorf("account %d after the release: %v", i, err)
			}
		}
	})
}

// holdingFast is a Leaser that gives no lease back.
type holdingFast struct{ *ledger.MemoryStore }

func (holdingFast) Release(ctx context.Context, account, _ string) error {
	return fmt.Errorf("%s is held fast", account)
}

func TestHoldNamesWhatIsNotReleased(t *testing.T) {
	t.Parallel()
	ctx, holder := ledger.Hold(t.Context(), holdingFast{ledger.NewMemory()}, "first", holdTTL, time.Now)
	for _, account := range []string{"200000000002", "100000000001"} {
		if err := holder.Acquire(ctx, account); err != nil {
			t.Fatal(err)
		}
	}
	err := holder.Release(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "give back the lease on account 100000000001 (it expires by itself): ") ||
		!strings.Contains(err.Error(), "200000000002 is held fast") {
		t.Errorf("released: %v", err)
	}
}

// TestHoldEndsWithItsContext, and gives the leases back all the same.
func TestHoldEndsWithItsContext(t *testing.T) {
	t.Parallel()
	store := ledger.NewMemory()
	outer, interrupt := context.WithCancel(t.Context())
	ctx, holder := ledger.Hold(outer, store, "first", holdTTL, time.Now)
	if err := holder.Acquire(ctx, heldAccount); err != nil {
		t.Fatal(err)
	}
	interrupt()
	if <-ctx.Done(); holder.Lost() != nil {
		t.Errorf("lost: %v", holder.Lost())
	}
	release(t, holder)
	if err := store.Acquire(t.Context(), heldAccount, "second", time.Now(), holdTTL); err != nil {
		t.Error(err)
	}
}
