package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// underLease keeps other runs off the account while work is done, and stops
// the work if the lease is lost.
func (p *pass) underLease(ctx context.Context, work func(context.Context) error) error {
	held, lease := ledger.Hold(ctx, p.Store, p.ID, p.Config.Lease, p.Now, ledger.Ticks(p.Ticker))
	err := lease.Acquire(held, p.Account.ID)
	if err != nil {
		err = fmt.Errorf("keep other runs off account %s: %w", p.Account.ID, err)
	} else {
		err = p.unlessDone(held, work)
	}
	p.release(ctx, lease)
	if lost := lease.Lost(); lost != nil {
		return fmt.Errorf("%w; the next run does what is left", lost)
	}
	return err
}

// release gives the lease back even if ctx has ended, as nothing else does so
// until it expires.
func (p *pass) release(ctx context.Context, lease *ledger.Holder) {
	last, cancel := p.Budget.Context(context.WithoutCancel(ctx), budget.Release, p.Now())
	defer cancel()
	if err := lease.Release(last); err != nil {
		p.problem(account.Problem{Text: awserr.Message(err)})
	}
}

// longestRun bounds by how much a run that is already under way can outlast
// the beginning of this one. What seems to have ended later than that was
// recorded by a clock that was wrong.
const longestRun = time.Hour

// unlessDone does the work unless another run has done it since this one
// began, as happens if a schedule fires twice.
func (p *pass) unlessDone(ctx context.Context, work func(context.Context) error) error {
	runs, ok := p.Store.(ledger.Runs)
	if !ok {
		return work(ctx)
	}
	last, err := p.lastRun(ctx, runs)
	if err != nil {
		return err
	}
	if !samePart(last.Run, p.ID) && last.Ended.After(p.began) && last.Ended.Before(p.began.Add(longestRun)) {
		p.summary.Skipped = fmt.Sprintf("another run on account %s ended on %s, after this one began; nothing is left to do",
			p.Account.ID, text.Date(last.Ended))
		p.Log.InfoContext(ctx, p.summary.Skipped)
		return nil
	}
	p.reader.After = last.ResumeAfter
	if p.last, err = p.rememberRules(ctx, runs, last); err != nil {
		return err
	}
	if err := work(ctx); err != nil {
		return err
	}
	p.last.Ended, p.last.ResumeAfter, p.last.Run = p.Now().UTC(), p.resumeAfter, p.ID
	if err = runs.SetLastRun(ctx, p.Account.ID, p.last); err != nil {
		return fmt.Errorf("record that this run has ended: %w", err)
	}
	return nil
}

// rememberRules records that there are rules for kinds of users, or that there are
// none any more, before anything is done by them.
func (p *pass) rememberRules(ctx context.Context, runs ledger.Runs, last ledger.LastRun) (ledger.LastRun, error) {
	now := last.UnderRules(p.Config.RulesFrom.IsSet(), p.started)
	if now == last {
		return last, nil
	}
	if err := runs.SetLastRun(ctx, p.Account.ID, now); err != nil {
		return last, fmt.Errorf("record that SLEUTH_RULES was set or removed: %w", err)
	}
	return now, nil
}

// lastRun reads the last run on the account. A damaged one is a problem, and
// the run goes on without it: it says where to begin, what was announced, and
// whether there were rules for kinds of users, which is then assumed.
func (p *pass) lastRun(ctx context.Context, runs ledger.Runs) (ledger.LastRun, error) {
	last, err := runs.LastRun(ctx, p.Account.ID)
	if damaged, ok := errors.AsType[*ledger.DamagedRunError](err); ok {
		p.problem(account.Problem{Text: damaged.Error()})
		return ledger.LastRun{}.UnderRules(true, p.started), nil
	}
	return last, err
}

// samePart reports whether two runs on an account are of one larger run, which
// then asks for the account again because it never got the first one's answer:
// their ids are the larger one's, a dot and more.
func samePart(a, b string) bool {
	larger, _, isPart := strings.Cut(a, ".")
	other, _, _ := strings.Cut(b, ".")
	return isPart && larger == other
}
