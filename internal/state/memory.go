package state

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a Store that forgets everything when the process ends: the
// original's way.
type Memory struct {
	mu      sync.Mutex
	records map[recordID]Record
	leases  map[string]lease
}

type recordID struct{ account, keyID string }

type lease struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// heldAgainst reports whether the lease keeps holder out at now.
func (l lease) heldAgainst(holder string, now time.Time) bool {
	return l.Holder != "" && l.Holder != holder && now.Before(l.Until)
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{records: map[recordID]Record{}, leases: map[string]lease{}}
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, account string) ([]Record, error) {
	return m.matching(func(id recordID) bool { return id.account == account }), nil
}

// List implements Store.
func (m *Memory) List(context.Context) ([]Record, error) {
	return m.matching(func(recordID) bool { return true }), nil
}

func (m *Memory) matching(wanted func(recordID) bool) []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Record
	for id, r := range m.records {
		if wanted(id) {
			found = append(found, r)
		}
	}
	sortRecords(found)
	return found
}

func sortRecords(records []Record) {
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.KeyID, b.KeyID))
	})
}

// Put implements Store.
func (m *Memory) Put(_ context.Context, records ...*Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		if m.records[recordID{r.Account, r.KeyID}].Revision != r.Revision {
			return ErrConflict
		}
		// Through the same encoding as the lasting stores, so that nothing is
		// shared with the caller.
		r.Revision++
		text, err := encode(*r)
		if err != nil {
			return err
		}
		kept, err := decode(text, r.Account, r.KeyID)
		if err != nil {
			return err
		}
		m.records[recordID{r.Account, r.KeyID}] = kept
	}
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, account, keyID string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, recordID{account, keyID})
	return nil
}

// Acquire implements Store.
func (m *Memory) Acquire(_ context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.leases[account]; l.heldAgainst(holder, now) {
		return &LeasedError{account, l.Holder, l.Until}
	}
	m.leases[account] = lease{holder, now.Add(ttl)}
	return nil
}

// Release implements Store.
func (m *Memory) Release(_ context.Context, account, holder string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leases[account].Holder == holder {
		delete(m.leases, account)
	}
	return nil
}

// String implements Store.
func (*Memory) String() string { return "none" }

// Close implements Store.
func (*Memory) Close() error { return nil }
