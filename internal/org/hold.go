package org

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// holding is the leases on several accounts, renewed until they are released.
type holding struct {
	store  ledger.Store
	holder string
	ttl    time.Duration
	now    func() time.Time
	stop   context.CancelCauseFunc
	idle   chan struct{} // closed once nothing is renewed any more

	mu    sync.Mutex
	until map[string]time.Time // when each account's lease ends
}

// hold begins with no lease. The context that it returns ends once a lease is
// lost, or with ctx.
func hold(ctx context.Context, store ledger.Store, holder string, ttl time.Duration, now func() time.Time) (context.Context, *holding) {
	h := &holding{store: store, holder: holder, ttl: ttl, now: now, idle: make(chan struct{}), until: map[string]time.Time{}}
	holding, stop := context.WithCancelCause(ctx)
	h.stop = stop
	go func() {
		defer close(h.idle)
		h.renew(holding)
	}()
	return holding, h
}

// take takes or renews one lease.
func (h *holding) take(ctx context.Context, account string) error {
	now := h.now().UTC()
	if err := h.store.Acquire(ctx, account, h.holder, now, h.ttl); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until[account] = now.Add(h.ttl)
	return nil
}

func (h *holding) leases() map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.until)
}

// renew extends the leases well before they end, until ctx does.
func (h *holding) renew(ctx context.Context) {
	tick := time.NewTicker(h.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.renewAll(ctx)
		}
	}
}

func (h *holding) renewAll(ctx context.Context) {
	for account, until := range h.leases() {
		err := h.take(ctx, account)
		if err != nil && ctx.Err() == nil && h.now().After(until.Add(-h.ttl/3)) {
			h.stop(fmt.Errorf("the lease on account %s was lost: %w; the next run does what is left", account, err))
			return
		}
	}
}

// release gives the leases back, even where ctx has ended, as nothing else
// would until they expire.
func (h *holding) release(ctx context.Context) error {
	h.stop(nil)
	<-h.idle
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var failed []error
	for account := range h.leases() {
		if err := h.store.Release(last, account, h.holder); err != nil {
			failed = append(failed, fmt.Errorf("give back the lease on account %s (it expires by itself): %w", account, err))
		}
	}
	return errors.Join(failed...)
}
