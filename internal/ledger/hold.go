package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Leaser is the part of a Store that keeps leases.
type Leaser interface {
	Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error
	Release(ctx context.Context, account, holder string) error
}

// Ticker returns a channel that receives a value after every period, and a
// function that ends it.
type Ticker func(period time.Duration) (ticks <-chan time.Time, stop func())

func realTicker(period time.Duration) (<-chan time.Time, func()) {
	ticker := time.NewTicker(period)
	return ticker.C, ticker.Stop
}

// HoldOption changes how leases are held.
type HoldOption func(*Holder)

// Ticks says when to renew, in place of time.NewTicker; nil leaves that.
func Ticks(ticker Ticker) HoldOption {
	return func(h *Holder) {
		if ticker != nil {
			h.ticker = ticker
		}
	}
}

// Holder holds leases on accounts, and renews them until Release. It is safe
// for concurrent use.
type Holder struct {
	store  Leaser
	name   string
	ttl    time.Duration
	now    func() time.Time
	ticker Ticker

	held context.Context // ends once a lease is lost
	stop context.CancelCauseFunc
	idle chan struct{} // closed once nothing is renewed any more

	mu    sync.Mutex
	until map[string]time.Time // when each account's lease ends
}

// LostError says that a lease could not be renewed in time, so that another
// may have taken it.
type LostError struct {
	Account string
	Err     error // of the last attempt
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the lease on account %s was lost: %v", e.Account, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// Hold begins to hold leases in the name of holder, with none yet. Each is
// renewed every third of ttl. The context that it returns, which is the one to
// work with, ends with ctx, with Release, or with a *LostError as its cause:
// once another has taken a lease, or a third of ttl before one expires that
// cannot be renewed. The caller has to call Release.
func Hold(ctx context.Context, store Leaser, holder string, ttl time.Duration, now func() time.Time, options ...HoldOption) (context.Context, *Holder) {
	h := &Holder{store: store, name: holder, ttl: ttl, now: now, ticker: realTicker, idle: make(chan struct{}), until: map[string]time.Time{}}
	for _, option := range options {
		option(h)
	}
	h.held, h.stop = context.WithCancelCause(ctx)
	go func() {
		defer close(h.idle)
		h.renew(h.held)
	}()
	return h.held, h
}

// Acquire takes the lease on an account, or renews it. One that another holds
// is a *LeasedError.
func (h *Holder) Acquire(ctx context.Context, account string) error {
	now := h.now().UTC()
	if err := h.store.Acquire(ctx, account, h.name, now, h.ttl); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until[account] = now.Add(h.ttl)
	return nil
}

// Holds reports whether the lease on an account was acquired.
func (h *Holder) Holds(account string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, holds := h.until[account]
	return holds
}

// Lost returns the *LostError that ended the work; nil if no lease was lost.
func (h *Holder) Lost() error {
	if lost, ok := errors.AsType[*LostError](context.Cause(h.held)); ok {
		return lost
	}
	return nil
}

// Release stops renewing and gives the leases back. Nothing else does so until
// they expire, so ctx should not be one that ends with the work.
func (h *Holder) Release(ctx context.Context) error {
	h.stop(nil)
	<-h.idle
	return h.each(func(account string, _ time.Time) error {
		if err := h.store.Release(ctx, account, h.name); err != nil {
			return fmt.Errorf("give back the lease on account %s (it expires by itself): %w", account, err)
		}
		return nil
	})
}

// renew renews the leases until ctx ends.
func (h *Holder) renew(ctx context.Context) {
	ticks, stop := h.ticker(h.ttl / 3)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			h.renewAll(ctx)
		}
	}
}

// slowAnswer is how long a store may take to answer, however short the leases.
const slowAnswer = 10 * time.Second

// renewAll renews every lease once. A store that does not answer in time is one
// that failed.
func (h *Holder) renewAll(ctx context.Context) {
	once, cancel := context.WithTimeout(ctx, max(h.ttl/3, slowAnswer))
	defer cancel()
	_ = h.each(func(account string, until time.Time) error {
		err := h.Acquire(once, account)
		if err != nil && ctx.Err() == nil && h.lost(err, until) {
			h.stop(&LostError{Account: account, Err: err})
		}
		return err
	})
}

// lost reports whether a lease that could not be renewed, and ends at until, is
// to be given up.
func (h *Holder) lost(err error, until time.Time) bool {
	_, taken := errors.AsType[*LeasedError](err)
	return taken || !h.now().Before(until.Add(-h.ttl/3))
}

// leasesAtOnce is how many leases are written side by side.
const leasesAtOnce = 16

// each does something with every lease, and joins the errors in the order of
// the accounts.
func (h *Holder) each(do func(account string, until time.Time) error) error {
	h.mu.Lock()
	accounts := make([]string, 0, len(h.until))
	until := make([]time.Time, 0, len(h.until))
	for account := range h.until {
		accounts = append(accounts, account)
	}
	slices.Sort(accounts)
	for _, account := range accounts {
		until = append(until, h.until[account])
	}
	h.mu.Unlock()

	failed := make([]error, len(accounts))
	var group errgroup.Group
	group.SetLimit(leasesAtOnce)
	for i, account := range accounts {
		group.Go(func() error {
			failed[i] = do(account, until[i])
			return nil
		})
	}
	_ = group.Wait() // the failures are joined
	return errors.Join(failed...)
}
