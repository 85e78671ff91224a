package retry

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Pacer keeps requests an interval apart. It is safe for use by several
// goroutines, which then share its pace.
type Pacer struct {
	limiter *rate.Limiter
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
}

// NewPacer returns a Pacer that lets burst requests go ahead of the interval
// after a time with none; 1 is the usual. A nil now is time.Now, a nil sleep is
// Sleep.
func NewPacer(interval time.Duration, burst int, now func() time.Time, sleep func(context.Context, time.Duration) error) *Pacer {
	if now == nil {
		now = time.Now
	}
	if sleep == nil {
		sleep = Sleep
	}
	return &Pacer{rate.NewLimiter(rate.Every(interval), burst), now, sleep}
}

// Wait returns when the next request may leave, or with the error of ctx.
func (p *Pacer) Wait(ctx context.Context) error {
	now := p.now()
	return p.sleep(ctx, p.limiter.ReserveN(now, 1).DelayFrom(now))
}
