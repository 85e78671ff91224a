package ledger

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryStore is a Store that forgets everything when the process ends: the
// behaviour of aws-iam-sleuth.
type MemoryStore struct {
	mu     sync.Mutex
	texts  map[recordID][]byte
	runs   map[string]LastRun
	leases leases
}

type recordID struct{ account, keyID string }

// NewMemory returns an empty Memory.
func NewMemory() *MemoryStore {
	return &MemoryStore{texts: map[recordID][]byte{}, runs: map[string]LastRun{}}
}

// Load implements Store.
func (m *MemoryStore) Load(ctx context.Context, account string) ([]Record, error) {
	return m.matching(ctx, func(id recordID) bool { return id.account == account })
}

// List implements Store.
func (m *MemoryStore) List(ctx context.Context) ([]Record, error) {
	return m.matching(ctx, func(recordID) bool { return true })
}

// ListPending implements Store.
func (m *MemoryStore) ListPending(ctx context.Context) ([]Record, error) {
	records, err := m.List(ctx)
	return slices.DeleteFunc(records, func(r Record) bool { return !r.Pending() }), err
}

func (m *MemoryStore) matching(ctx context.Context, wanted func(recordID) bool) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for id := range m.texts {
		if !wanted(id) {
			continue
		}
		r, err := m.record(id)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	sortRecords(found)
	return found, nil
}

// record returns the record kept under id, or the zero Record. Records are
// kept encoded, as in the lasting stores, so that nothing is shared with a
// caller.
func (m *MemoryStore) record(id recordID) (Record, error) {
	text, found := m.texts[id]
	if !found {
		return Record{}, nil
	}
	r, err := decode(text, id.account, id.keyID)
	if err != nil {
		return Record{}, &DamagedError{Store: m.String(), Account: id.account, KeyID: id.keyID, Err: err}
	}
	return r, nil
}

// Get implements Store.
func (m *MemoryStore) Get(ctx context.Context, account, keyID string) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.record(recordID{account, keyID})
	return r, r.d.KeyID != "", err
}

// seed keeps records as they are, with their revisions.
func (m *MemoryStore) seed(records []Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		text, err := encode(r)
		if err != nil {
			return err
		}
		m.texts[recordID{r.d.Account, r.d.KeyID}] = text
	}
	return nil
}

func sortRecords(records []Record) {
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.d.Account, b.d.Account), cmp.Compare(a.d.KeyID, b.d.KeyID))
	})
}

// Put implements Store; of several records it writes all or none.
func (m *MemoryStore) Put(ctx context.Context, records ...*Record) error {
	if err := cmp.Or(ctx.Err(), checkPut(records)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := make([]revised, len(records))
	for i, r := range records {
		stored, err := m.record(recordID{r.d.Account, r.d.KeyID})
		if err != nil {
			return err
		}
		// Nothing expires here: no process lives that long.
		if batch[i], err = revise(stored, *r, time.Time{}); err != nil {
			return err
		}
	}
	for i, r := range records {
		m.texts[recordID{r.d.Account, r.d.KeyID}] = batch[i].text
		r.d.Revision = batch[i].revision
	}
	return nil
}

// Delete implements Store.
func (m *MemoryStore) Delete(ctx context.Context, account, keyID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.texts, recordID{account, keyID})
	return nil
}

// Acquire implements Store.
func (m *MemoryStore) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.leases.acquire(account, holder, now, ttl)
}

// Release implements Store.
func (m *MemoryStore) Release(ctx context.Context, account, holder string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.leases.release(account, holder)
	return nil
}

// String implements Store.
func (*MemoryStore) String() string { return "none" }

// Close implements Store.
func (*MemoryStore) Close() error { return nil }
