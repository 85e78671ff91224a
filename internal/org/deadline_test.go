package org_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// timeForDigest is what a digest may take in Lambda.
const timeForDigest = 105 * time.Second

// inTime is a digest that has to end at a deadline.
func (w *world) inTime() org.Digest {
	d := w.digest()
	d.Budget = budget.Sending(w.now, w.now.Add(timeForDigest))
	return d
}

// wantReleased checks that no lease is left behind.
func (w *world) wantReleased(t *testing.T) {
	t.Helper()
	for _, account := range w.accounts {
		if err := w.store.Acquire(t.Context(), account, "next", w.now, time.Minute); err != nil {
			t.Errorf("a lease was not given back: %v", err)
		}
	}
}

// TestADigestWithAHangingChannelEndsInTime, with its result and its leases
// released; the other channel is notified, and nothing pending is lost.
func TestADigestWithAHangingChannelEndsInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	w.slack.hang = true
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		d := w.inTime().Send(t.Context(), runs)
		if took := time.Since(began); took > timeForDigest {
			t.Errorf("the digest took %s", took)
		}
		if d.NoticesFailed != 3 || d.NoticesSent != 3 || len(d.Problems) != 1 {
			t.Errorf("delivered %+v", d)
		}
		w.wantReleased(t)
	})
	w.wantLines(w.sns, allOfIt...)
	if r := w.record(0, "AKIABOT"); !r.FinalPending() || len(r.Final().PendingOn()) != 1 {
		t.Errorf("remembered: %+v", r)
	}
}

// hanging is a store that answers every call but one kind.
type hanging struct {
	*ledger.MemoryStore
	on string
}

func (h hanging) wait(ctx context.Context, on string) error {
	if h.on != on {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h hanging) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	if err := h.wait(ctx, "Load"); err != nil {
		return nil, err
	}
	return h.MemoryStore.Load(ctx, account)
}

func (h hanging) Put(ctx context.Context, records ...*ledger.Record) error {
	return errors.Join(h.wait(ctx, "Put"), h.MemoryStore.Put(ctx, records...))
}

func (h hanging) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	return errors.Join(h.wait(ctx, "Acquire"), h.MemoryStore.Acquire(ctx, account, holder, now, ttl))
}

func (h hanging) Release(ctx context.Context, account, holder string) error {
	return errors.Join(h.wait(ctx, "Release"), h.MemoryStore.Release(ctx, account, holder))
}

// TestADigestWithAHangingStoreEndsInTime and says so.
func TestADigestWithAHangingStoreEndsInTime(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"Acquire", "Load", "Put", "Release"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			populate(w)
			runs := w.runAll()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				digest := w.inTime()
				// Who waits for a mutex does not let a bubble's time pass: one channel.
				digest.Channels = []notify.Channel{w.slack}
				digest.Store = hanging{w.store.(*ledger.MemoryStore), on}
				d := digest.Send(t.Context(), runs)
				if took := time.Since(began); took > timeForDigest || len(d.Problems) == 0 {
					t.Errorf("the digest took %s, and has the problems %+v", took, d.Problems)
				}
				if on != "Release" {
					w.wantReleased(t)
				}
			})
		})
	}
}

// TestTwoAttemptsAtOneDigest: the second, made because the first seemed lost,
// notifies nobody a second time, and does not give away the first's leases.
func TestTwoAttemptsAtOneDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	w.slack.hang = true
	synctest.Test(t, func(t *testing.T) {
		first, second := w.inTime(), w.inTime()
		second.Holder = "digest-1.2"
		ended := make(chan org.Delivered)
		go func() { ended <- first.Send(t.Context(), runs) }()
		synctest.Wait()
		d := second.Send(t.Context(), runs)
		if d.NoticesSent != 0 || len(d.Problems) != 2 || !strings.Contains(d.Problems[0].Text, "digest-1.1") {
			t.Errorf("the second attempt delivered %+v", d)
		}
		err := w.store.Acquire(t.Context(), w.accounts[0], "third", w.now, time.Minute)
		if leased, ok := errors.AsType[*ledger.LeasedError](err); !ok || leased.Holder != "digest-1.1" {
			t.Errorf("the second attempt freed the first's lease: %v", err)
		}
		if d := <-ended; d.NoticesSent != 3 {
			t.Errorf("the first attempt delivered %+v", d)
		}
	})
	w.wantLines(w.sns, allOfIt...)
}

// TestAnAccountThatAnotherRunHasDone is counted, and is no failure.
func TestAnAccountThatAnotherRunHasDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	began := w.now
	w.now = w.now.Add(time.Minute)
	w.runAll()
	w.now = w.now.Add(time.Minute)
	summary := org.NewSummary("doubled", org.Members{}, w.now, false)
	for _, one := range w.runAll(func(r *run.Runner) { r.Began = began }) {
		summary.Add(one)
	}
	summary.Finish(w.now)
	if err := summary.Err(); err != nil || summary.Totals.Skipped != 3 || summary.Totals.NotStarted != 0 || summary.Totals.Failed != 0 {
		t.Errorf("error %v, totals %+v", summary.Err(), summary.Totals)
	}
	if text := summary.String(); !slices.Contains(strings.Split(text, "\n"), "3 accounts, 3 done by another run") {
		t.Errorf("the summary says\n%s", text)
	}
}
