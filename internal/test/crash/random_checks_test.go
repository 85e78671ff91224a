package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// checkEnd holds a process that ended by itself to its deadline, its cap and its
// leases.
func (s *schedule) checkEnd(t *testing.T, p *process, began time.Time, said string) {
	t.Helper()
	if p.died() {
		return
	}
	if took := s.w.Now().Sub(began); p.lasts > 0 && took > p.lasts && !p.heldUp.Load() {
		s.judge.object("%s took %s, and its deadline was after %s: %s", p.name, took, p.lasts, said)
	}
	if n := s.countBy(p, "deleted"); s.cap > 0 && n > s.cap && p.change != nil {
		s.judge.object("%s deleted %d keys, and SLEUTH_MAX_DELETE is %d", p.name, n, s.cap)
	}
	if n := s.countBy(p, "disabled"); s.cap > 0 && n > s.cap && p.change != nil {
		s.judge.object("%s disabled %d keys, and SLEUTH_MAX_DISABLE is %d", p.name, n, s.cap)
	}
	if p.bad() > 0 || p.heldUp.Load() && p.lasts > 0 || strings.Contains(said, "give back the lease") {
		return // the call that gives the lease back was hit, or was too slow
	}
	for _, account := range s.w.accounts {
		if holder := s.holder(t, account); holder != "" && (holder == p.lastID || holder == p.id) {
			s.judge.object("%s ended and still has the lease on account %s", p.name, account.ID())
		}
	}
}

// checkPending holds a process that reported no problem to having nothing
// pending on the accounts, unless another has their lease.
func (s *schedule) checkPending(t *testing.T, p *process, accounts ...*awsfake.Account) {
	t.Helper()
	for _, r := range s.w.pending(t) {
		at := slices.IndexFunc(accounts, func(a *awsfake.Account) bool { return a.ID() == r.Account() })
		if r.FinalPending() && at >= 0 && s.holder(t, accounts[at]) == "" {
			s.judge.object("%s succeeded, and the notice of key %s is pending", p.name, r.KeyID())
		}
	}
}

// holder is who has the lease on an account; empty if nobody does.
func (s *schedule) holder(t *testing.T, account *awsfake.Account) (holder string) {
	t.Helper()
	s.w.look(t, func(ctx context.Context, store ledger.Store) {
		const other = "somebody who looks"
		err := store.Acquire(ctx, account.ID(), other, s.w.Now().Add(-clockError-s.back), lease)
		if leased, is := errors.AsType[*ledger.LeasedError](err); is {
			holder = leased.Holder
			return
		}
		_ = store.Release(ctx, account.ID(), other)
	})
	return holder
}

// countBy counts the keys that a process has disabled for their age, or deleted.
func (s *schedule) countBy(p *process, what string) int {
	n := 0
	for _, e := range s.w.history() {
		if e.what == what && e.by == p {
			n++
		}
	}
	return n
}

// calmRounds is how many rounds it may take after a storm, the quiet one
// included, and daysOfNotice more if keys are held for their notice.
const calmRounds = 5

// calmDown runs in peace until a round finds nothing to do.
func (s *schedule) calmDown(t *testing.T) bool {
	t.Helper()
	s.w.advance(6 * time.Hour) // past what a clock that was ahead has left in the future
	held := s.w.warnings.minNotice > 0 || s.ruled > 0
	s.odds, s.cap, s.ruled, s.back, s.machines = odds{}, 0, 0, 0, []time.Duration{0}
	s.log("calm")
	rounds, gap := calmRounds, 20*time.Minute
	if held {
		rounds, gap = calmRounds+15, day+time.Minute // keys come to their limits meanwhile
	}
	for i := range rounds {
		for !s.w.calendar.isOpen(s.w.Now()) {
			s.w.advance(10 * time.Minute)
		}
		before := len(s.w.history())
		s.calls(t, fmt.Sprintf("calm-%d", i+1))
		if s.isQuietSince(t, before) {
			s.checkWarnings(before)
			return true
		}
		s.w.advance(gap)
	}
	return false
}

// calls is a round in which everything has to succeed.
func (s *schedule) calls(t *testing.T, name string) {
	t.Helper()
	s.round(t, name, s.random(name))
}

// isQuietSince reports whether nothing but warnings happened since, nothing is
// pending, and no key waits for the end of its notice.
func (s *schedule) isQuietSince(t *testing.T, before int) bool {
	t.Helper()
	return len(s.w.pending(t)) == 0 && len(s.overdue()) == 0 && !slices.ContainsFunc(s.w.history()[before:], func(e event) bool {
		return e.what == "notified" || e.what == "disabled" || e.what == "deleted"
	})
}

// checkWarnings holds the last round to the warnings that it had to give.
func (s *schedule) checkWarnings(before int) {
	history := s.w.history()
	missed := unreminded(s.w.users(), history, s.w.warnings, s.w.Now())
	switch {
	case len(s.w.warnings.remindAt) == 0:
		missed = unwarned(s.w.users(), history[before:], allChannels, s.w.Now())
	case s.w.warnings.minNotice > 0 || s.w.warnings.delayed:
		return // the days left are those of the notice, or of the calendar, then
	}
	for _, text := range missed {
		s.judge.object("%s", text)
	}
}

// overdue are the keys that are past their limit, and Active.
func (s *schedule) overdue() (promises []string) {
	for _, user := range s.w.users() {
		for _, key := range user.Keys {
			if key.Active && isDue(key, s.w.Now()) && mayGo(user, key, s.w.Now()) {
				promises = append(promises, fmt.Sprintf("key %s of user %s is past its limit, and Active", key.ID, user.Name))
			}
		}
	}
	return promises
}

func (s *schedule) check(t *testing.T) {
	t.Helper()
	history := s.w.history()
	failed := append(slices.Clone(s.judge.objections), broken(history, s.bad)...)
	s.w.warnings.floors = s.judge.floors
	failed = append(failed, brokenWarnings(history, s.w.warnings, s.bad)...)
	failed = append(failed, s.overdue()...)
	for _, text := range failed {
		t.Error(text)
	}
	if len(failed) > 0 {
		for i, e := range history {
			s.log("event %d: %s %s %s %s %q %d on %s", i, e.what, e.user, e.keyID, e.channel, e.line, e.days, e.at.Format(time.DateTime))
		}
	}
}
