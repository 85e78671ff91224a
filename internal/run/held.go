package run

import (
	"context"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
)

// HeldKey is a key past its limit that was not disabled although keys are.
type HeldKey struct {
	account.KeyRef
	Because string `json:"because"`
	// NotBefore (UTC) is the first moment at which the key may be disabled if
	// nothing changes; nil if that is not known.
	NotBefore *time.Time `json:"not_before,omitempty"`
}

// hold counts a key that is held, with the reason. The lock is held, or there is
// but one goroutine.
func (p *pass) hold(ctx context.Context, s *step) {
	held := HeldKey{KeyRef: account.KeyRef{User: s.user.Name, KeyID: s.key.ID}, Because: s.decision.Hold.Because(s.verdict)}
	if s.decision.Hold.Passes() {
		at := s.decision.At.UTC()
		held.NotBefore = &at
	}
	p.Log.WarnContext(ctx, "a key past its limit is not disabled", "user", held.User, "key", held.KeyID, "because", held.Because, "not_before", held.NotBefore)
	p.summary.Held++
	p.summary.HeldKeys = append(p.summary.HeldKeys, held)
}

// closed reports whether a key that the plan wanted disabled was not due when it was
// read again only because the calendar has closed meanwhile.
func closed(fresh audit.Decision) bool {
	return fresh.Hold == audit.HeldByFreeze || fresh.Hold == audit.HeldForWindow
}

// rememberingEnforcer returns an enforcer that leaves its last decision in fresh.
func (p *pass) rememberingEnforcer() (e enforce.Enforcer, fresh *audit.Decision) {
	e, fresh = p.enforcer(), &audit.Decision{}
	decide := e.Decide
	e.Decide = func(user audit.User, key audit.Key, now time.Time) (audit.Verdict, audit.Decision) {
		v, d := decide(user, key, now)
		*fresh = d
		return v, d
	}
	return e, fresh
}

// showHeld adds to the rows which keys are held, and why.
func (p *pass) showHeld() {
	byKey := map[string]HeldKey{}
	for _, held := range p.summary.HeldKeys {
		byKey[held.KeyID] = held
	}
	for i, row := range p.summary.Rows {
		if held, found := byKey[row.KeyID]; found {
			p.summary.Rows[i].Held, p.summary.Rows[i].NotBefore = held.Because, held.NotBefore
		}
	}
}
