package run

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
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
	err := p.afterOthers(working, work)
	stop(nil)
	<-renewed

	// Given back even where ctx has ended, as nothing else would be for ttl.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := p.Store.Release(last, p.Account.ID, p.ID); err != nil {
		p.problem(report.Problem{Text: fmt.Sprintf("give back the lease on account %s (it expires by itself): %s", p.Account.ID, awserr.Message(err))})
	}
	return err
}

// longestRun bounds by how much a run that is already under way can outlast
// the beginning of this one. What seems to have ended later than that was
// recorded by a clock that was wrong.
const longestRun = time.Hour

// afterOthers does the work unless another run has done it since this one
// began, as happens where a schedule fires twice.
func (p *pass) afterOthers(ctx context.Context, work func(context.Context) error) error {
	runs, ok := p.Store.(ledger.Runs)
	if !ok {
		return work(ctx)
	}
	last, err := runs.LastRun(ctx, p.Account.ID)
	if err != nil {
		return err
	}
	if !samePart(last.Run, p.ID) && last.Ended.After(p.began) && last.Ended.Before(p.began.Add(longestRun)) {
		return fmt.Errorf("another run on account %s ended on %s, after this one began; nothing is left to do",
			p.Account.ID, notify.Date(last.Ended))
	}
	p.reader.After, p.last = last.CameTo, last
	if err := work(ctx); err != nil {
		return err
	}
	err = runs.SetLastRun(ctx, p.Account.ID, ledger.LastRun{Ended: p.Now().UTC(), CameTo: p.cameTo, Run: p.ID, ExemptionsTold: p.last.ExemptionsTold})
	if err != nil {
		return fmt.Errorf("record that this run has ended: %w", err)
	}
	return nil
}

// samePart reports whether two runs on an account are of one larger run, which
// then asks for the account again because it never got the first one's answer:
// their ids are the larger one's, a dot and more.
func samePart(a, b string) bool {
	larger, _, isPart := strings.Cut(a, ".")
	other, _, _ := strings.Cut(b, ".")
	return isPart && larger == other
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
			stop(fmt.Errorf("the lease on account %s was lost: %w; the next run does what is left", p.Account.ID, err))
			return
		}
	}
}
