package retry

import (
	"context"
	"sync"
	"time"
)

// Spacing keeps requests to a service an interval apart; its Wait is a Policy's
// Pace. It is safe for use by several goroutines, which share it.
type Spacing struct {
	Interval time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Sleep is as in Policy.
	Sleep func(context.Context, time.Duration) error

	mu   sync.Mutex
	next time.Time // when the next request may leave
}

// Wait returns when a request may leave, or with ctx's error; the first request
// may leave at once.
func (s *Spacing) Wait(ctx context.Context) error {
	s.mu.Lock()
	now := time.Now()
	if s.Now != nil {
		now = s.Now()
	}
	leave := now
	if s.next.After(now) {
		leave = s.next
	}
	s.next = leave.Add(s.Interval)
	s.mu.Unlock()
	if s.Sleep == nil {
		return Sleep(ctx, leave.Sub(now))
	}
	return s.Sleep(ctx, leave.Sub(now))
}
