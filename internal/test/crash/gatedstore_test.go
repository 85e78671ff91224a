package crash

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// gated is a store whose calls pass the gate of a process. It remembers runs
// as well, as all real stores do.
type gated struct {
	ledger.Store
	p *process
}

func (g gated) Load(ctx context.Context, account string) (records []ledger.Record, err error) {
	err = g.p.pass(ctx, "state Load", func() error {
		var err error
		records, err = g.Store.Load(ctx, account)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (g gated) List(ctx context.Context) (records []ledger.Record, err error) {
	err = g.p.pass(ctx, "state List", func() error {
		var err error
		records, err = g.Store.List(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (g gated) ListPending(ctx context.Context) (records []ledger.Record, err error) {
	err = g.p.pass(ctx, "state ListPending", func() error {
		var err error
		records, err = g.Store.ListPending(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (g gated) Get(ctx context.Context, account, keyID string) (record ledger.Record, found bool, err error) {
	err = g.p.pass(ctx, "state Get "+keyID, func() error {
		var err error
		record, found, err = g.Store.Get(ctx, account, keyID)
		return err
	})
	if err != nil {
		return ledger.Record{}, false, err
	}
	return record, found, nil
}

func (g gated) Put(ctx context.Context, records ...*ledger.Record) error {
	if !g.p.eachRecordAlone {
		return g.put(ctx, records)
	}
	var refused error
	for _, r := range records {
		err := g.put(ctx, []*ledger.Record{r})
		if err != nil && !errors.Is(err, ledger.ErrConflict) {
			return errors.Join(refused, err)
		}
		refused = errors.Join(refused, err)
	}
	return refused
}

// put writes copies: a caller that does not see the answer does not see the new
// revision either.
func (g gated) put(ctx context.Context, records []*ledger.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	copies := make([]*ledger.Record, len(records))
	ids := make([]string, len(records))
	for i, r := range records {
		c := *r
		copies[i], ids[i] = &c, r.KeyID()
	}
	slices.Sort(ids)
	err := g.p.pass(ctx, "state Put "+strings.Join(ids, " "), func() error { return g.Store.Put(ctx, copies...) })
	if err != nil {
		return err
	}
	for i, r := range records {
		*r = *copies[i]
	}
	return nil
}

func (g gated) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	return g.p.pass(ctx, "state Acquire", func() error { return g.Store.Acquire(ctx, account, holder, now, ttl) })
}

func (g gated) Release(ctx context.Context, account, holder string) error {
	return g.p.pass(ctx, "state Release", func() error { return g.Store.Release(ctx, account, holder) })
}

func (g gated) LastRun(ctx context.Context, account string) (last ledger.LastRun, err error) {
	err = g.p.pass(ctx, "state LastRun", func() error {
		var err error
		last, err = g.Store.(ledger.Runs).LastRun(ctx, account)
		return err
	})
	if err != nil {
		return ledger.LastRun{}, err
	}
	return last, nil
}

func (g gated) SetLastRun(ctx context.Context, account string, last ledger.LastRun) error {
	return g.p.pass(ctx, "state SetLastRun", func() error {
		return g.Store.(ledger.Runs).SetLastRun(ctx, account, last)
	})
}
