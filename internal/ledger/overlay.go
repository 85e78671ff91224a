package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Overlay is a Store for a dry run: it reads another store, keeps every change
// in memory, and forgets them when the process ends. An account is read from the
// other store once, when it is first needed.
type Overlay struct {
	*MemoryStore // what was read and changed; its leases are the overlay's own

	base Store

	mu      sync.Mutex // guards what follows
	copied  map[string]bool
	damaged map[recordID]*DamagedError
}

// NewOverlay returns an overlay without changes.
func NewOverlay(base Store) *Overlay {
	return &Overlay{MemoryStore: NewMemory(), base: base, copied: map[string]bool{}, damaged: map[recordID]*DamagedError{}}
}

// copyAccount copies an account's records into memory. Those that cannot be read
// are returned as an error on each call.
func (o *Overlay) copyAccount(ctx context.Context, account string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.copied[account] {
		records, err := o.base.Load(ctx, account)
		damaged, others := SplitDamaged(err)
		if others != nil {
			return others
		}
		if err := o.seed(records); err != nil {
			return err
		}
		for _, d := range damaged {
			o.damaged[recordID{account, d.KeyID}] = d
		}
		o.copied[account] = true
	}
	return nil
}

func (o *Overlay) damagedIn(account string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []error
	for id, d := range o.damaged {
		if id.account == account {
			all = append(all, d)
		}
	}
	return errors.Join(all...)
}

// Load implements Store.
func (o *Overlay) Load(ctx context.Context, account string) ([]Record, error) {
	if err := o.copyAccount(ctx, account); err != nil {
		return nil, err
	}
	records, err := o.MemoryStore.Load(ctx, account)
	if err != nil {
		return nil, err
	}
	return records, o.damagedIn(account)
}

// List implements Store.
func (o *Overlay) List(ctx context.Context) ([]Record, error) {
	return o.merged(ctx, o.base.List, o.MemoryStore.List)
}

// ListPending implements Store.
func (o *Overlay) ListPending(ctx context.Context) ([]Record, error) {
	return o.merged(ctx, o.base.ListPending, o.MemoryStore.ListPending)
}

// merged returns the records of both stores, of each account from one.
func (o *Overlay) merged(ctx context.Context, base, changed func(context.Context) ([]Record, error)) ([]Record, error) {
	records, err := base(ctx)
	if _, others := SplitDamaged(err); others != nil {
		return nil, others
	}
	ours, failed := changed(ctx)
	if failed != nil {
		return nil, failed
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	records = slices.DeleteFunc(records, func(r Record) bool { return o.copied[r.d.Account] })
	records = append(records, ours...)
	sortRecords(records)
	return records, err
}

// Get implements Store.
func (o *Overlay) Get(ctx context.Context, account, keyID string) (Record, bool, error) {
	if err := o.writable(ctx, account, keyID); err != nil {
		return Record{}, false, err
	}
	return o.MemoryStore.Get(ctx, account, keyID)
}

// writable copies the account, and refuses a record that cannot be read.
func (o *Overlay) writable(ctx context.Context, account, keyID string) error {
	if err := o.copyAccount(ctx, account); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.damaged[recordID{account, keyID}]; d != nil {
		return d
	}
	return nil
}

// Put implements Store.
func (o *Overlay) Put(ctx context.Context, records ...*Record) error {
	for _, r := range records {
		if err := o.writable(ctx, r.d.Account, r.d.KeyID); err != nil {
			return err
		}
	}
	return o.MemoryStore.Put(ctx, records...)
}

// Delete implements Store.
func (o *Overlay) Delete(ctx context.Context, account, keyID string) error {
	if err := o.copyAccount(ctx, account); err != nil {
		return err
	}
	o.mu.Lock()
	delete(o.damaged, recordID{account, keyID})
	o.mu.Unlock()
	return o.MemoryStore.Delete(ctx, account, keyID)
}

// LastRun implements Runs.
func (o *Overlay) LastRun(ctx context.Context, account string) (LastRun, error) {
	last, err := o.MemoryStore.LastRun(ctx, account)
	runs, remembers := o.base.(Runs)
	if err != nil || !last.Ended.IsZero() || !remembers {
		return last, err
	}
	return runs.LastRun(ctx, account)
}

// String implements Store.
func (o *Overlay) String() string { return o.base.String() }

// Close implements Store.
func (o *Overlay) Close() error { return o.base.Close() }
