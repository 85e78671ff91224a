package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

// byHand is a clock that only its sleeps move.
type byHand struct{ time.Time }

func (c *byHand) now() time.Time { return c.Time }

func (c *byHand) sleep(ctx context.Context, d time.Duration) error {
	c.Time = c.Add(d)
	return ctx.Err()
}

func TestPacer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		interval time.Duration
		burst    int
		after    []time.Duration // when each request leaves
	}{
		"one at a time":   {time.Second, 1, []time.Duration{0, time.Second, 2 * time.Second}},
		"a fifth":         {time.Second / 5, 1, []time.Duration{0, time.Second / 5, 2 * time.Second / 5}},
		"some in advance": {2 * time.Second, 3, []time.Duration{0, 0, 0, 2 * time.Second, 4 * time.Second}},
		"hardly any wait": {1, 1, []time.Duration{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
			clock := &byHand{start}
			pacer := retry.NewPacer(test.interval, test.burst, clock.now, clock.sleep)
			for i, want := range test.after {
				if err := pacer.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := clock.Sub(start); got != want {
					t.Errorf("request %d left after %s, want %s", i, got, want)
				}
			}
		})
	}
}

// TestPacerAfterAPause: time that passes without requests earns none in advance.
func TestPacerAfterAPause(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	var waits []time.Duration
	pacer := retry.NewPacer(time.Second, 1, func() time.Time { return now }, func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return ctx.Err()
	})
	for _, passed := range []time.Duration{0, 0, 0, 5 * time.Second, 600 * time.Millisecond} {
		now = now.Add(passed)
		if err := pacer.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []time.Duration{0, time.Second, 2 * time.Second, 0, 400 * time.Millisecond}
	if diff := cmp.Diff(want, waits); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestPacerStopsWithItsContext(t *testing.T) {
	t.Parallel()
	pacer := retry.NewPacer(time.Hour, 1, nil, nil)
	if err := pacer.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pacer.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait returned %v, want context.Canceled", err)
	}
}
