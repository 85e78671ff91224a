package run

import (
	"context"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/report"
)

// underLease keeps other runs off the account while work is done, and stops
// the work should the lease be lost.
func (p *pass) underLease(ctx context.Context, work func(context.Context) error) error {
	if p.DryRun {
		return work(ctx)
	}
	ttl := p.Config.Lease
	if err := p.Store.Acquire(ctx, p.Account.ID, p.ID, p.Now().UTC(), ttl); err != nil {
		return fmt.Errorf("keep other runs off account %s: %w", p.Account.ID, err)
	}
	working, stop := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		p.renew(working, ttl, stop)
	}()
	err := work(working)
	stop(nil)
	<-renewed

	// Given back even where ctx has ended, as nothing else would be for ttl.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := p.Store.Release(last, p.Account.ID, p.ID); err != nil {
		p.problem(report.Problem{Text: fmt.Sprintf("give back the lease on account %s (it expires by itself): %v", p.Account.ID, err)})
	}
	return err
}

// renew extends the lease well before it ends, until ctx does.
func (p *pass) renew(ctx context.Context, ttl time.Duration, stop context.CancelCauseFunc) {
	tick := time.NewTicker(ttl / 3)
	defer tick.Stop()
	until := p.Now().Add(ttl)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := p.Now()
		err := p.Store.Acquire(ctx, p.Account.ID, p.ID, now.UTC(), ttl)
		switch {
		case err == nil:
			until = now.Add(ttl)
		case ctx.Err() != nil:
			return
		case now.After(until.Add(-ttl / 3)):
			stop(fmt.Errorf("the lease on account %s was lost: %w", p.Account.ID, err))
			return
		}
	}
}
