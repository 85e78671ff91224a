package ledger

import (
	"sync"
	"time"
)

// leases are the leases taken within one process.
type leases struct {
	mu   sync.Mutex
	held map[string]lease // by account
}

type lease struct {
	holder string
	until  time.Time
}

// keepsOut reports whether the lease keeps holder out at now.
func (l lease) keepsOut(holder string, now time.Time) bool {
	return l.holder != "" && l.holder != holder && now.Before(l.until)
}

func (l *leases) acquire(account, holder string, now time.Time, ttl time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[account]; held.keepsOut(holder, now) {
		return &LeasedError{Account: account, Holder: held.holder, Until: held.until}
	}
	if l.held == nil {
		l.held = map[string]lease{}
	}
	l.held[account] = lease{holder, now.Add(ttl)}
	return nil
}

func (l *leases) release(account, holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[account].holder == holder {
		delete(l.held, account)
	}
}
