package slack

import (
	"context"
	"sync"
	"time"
)

// pace keeps the requests to one webhook an interval apart, whoever sends them.
type pace struct {
	interval time.Duration
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error

	mu   sync.Mutex
	next time.Time // when the next request may leave
}

// wait returns when a request may leave; the first one may at once.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := p.now()
	leave := now
	if p.next.After(now) {
		leave = p.next
	}
	p.next = leave.Add(p.interval)
	p.mu.Unlock()
	return p.sleep(ctx, leave.Sub(now))
}
