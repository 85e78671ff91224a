package slack

import (
	"context"
	"sync"
	"time"
)

// pace keeps requests an interval apart, whoever sends them.
type pace struct {
	interval time.Duration
	// burst is how many may go ahead of that, after a time with none.
	burst int
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu   sync.Mutex
	next time.Time // when the next request is due
}

// wait returns when a request may leave; the first one may at once.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	leave := now
	if earliest := p.next.Add(-time.Duration(p.burst) * p.interval); earliest.After(now) {
		leave = earliest
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(p.interval)
	p.mu.Unlock()
	return p.sleep(ctx, leave.Sub(now))
}
