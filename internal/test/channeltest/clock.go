package channeltest

import (
	"context"
	"sync"
	"time"
)

// Clock is a clock that stands still except for the time slept by it.
type Clock struct {
	mu    sync.Mutex
	start time.Time
	now   time.Time
}

// NewClock returns a clock that begins at noon (UTC) of a day in 2026.
func NewClock() *Clock {
	start := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	return &Clock{start: start, now: start}
}

// Now is the time by the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep lets d pass at once, unless ctx has ended.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(0, d))
	return nil
}

// Elapsed is how much time was slept.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.Sub(c.start)
}
