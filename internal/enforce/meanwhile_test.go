package enforce_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// meddling is an account where another process changes the record while the key
// is being disabled.
type meddling struct {
	*aws
	t      *testing.T
	store  *ledger.MemoryStore
	change func(*ledger.Record)
}

func (m *meddling) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput, opts ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	if m.change != nil {
		r := m.stored()
		m.change(&r)
		check(m.t, m.store.Put(ctx, &r))
	}
	return m.aws.UpdateAccessKey(ctx, in, opts...)
}

func (m *meddling) stored() ledger.Record {
	m.t.Helper()
	r, _, err := m.store.Get(m.t.Context(), "123456789012", "AKIA1")
	check(m.t, err)
	return r
}

func (m *meddling) enforcer() enforce.Enforcer {
	e := m.aws.enforcer()
	e.IAM, e.Ledger = m, m.store
	return e
}

func leakNotice(user audit.User, key audit.Key) notify.Notice {
	return notify.Notice{KeyID: key.ID, User: user.Name, Kind: notify.LeakedDisabled, Reason: audit.Exposure}
}

func notSpared(audit.User, audit.Key) string { return "" }

func intentOf(run string, reason audit.Reason, ago time.Duration) ledger.Intent {
	return ledger.Intent{
		At: now.Add(-ago), Run: run, Reason: reason, Due: ledger.Due{Channels: []string{"theirs"}},
		Notice: notify.Notice{KeyID: "AKIA1", User: "bot", Kind: notify.Disabled, Reason: reason},
	}
}

// TestAnotherRunsIntent stands if that run may be alive, whether it was recorded
// before this attempt or during it: it must still find out what it did.
func TestAnotherRunsIntent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		theirs *ledger.Intent
		stands bool
	}{
		{"none", nil, false},
		{"of this moment", new(intentOf("run-9", audit.CreationAge, 0)), true},
		{"that may not show yet", new(intentOf("run-9", audit.Inactivity, enforce.ConsistencyWindow-1)), true},
		{"that would show by now", new(intentOf("run-9", audit.CreationAge, enforce.ConsistencyWindow)), false},
		{"of another answer to the leak", new(intentOf("run-9", audit.Exposure, 0)), false},
	} {
		for _, during := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				if got := enforce.AtWork(c.theirs, now); got != c.stands {
					t.Errorf("at work: %t, want %t", got, c.stands)
				}
				m := &meddling{aws: due(), t: t, store: ledger.NewMemory()}
				record := leaked()
				if c.theirs != nil && !during {
					record.Intend(*c.theirs)
				}
				check(t, m.store.Put(t.Context(), record))
				if during {
					m.change = func(r *ledger.Record) {
						if c.theirs != nil {
							r.Intend(*c.theirs)
						} else {
							check(t, r.Withdraw(now))
						}
					}
				}
				outcome, err := m.enforcer().DisableLeaked(t.Context(), m.user, m.key, notSpared, leakNotice, record)
				if outcome != enforce.Disabled || err != nil {
					t.Fatalf("outcome %d, %v", outcome, err)
				}
				stored := m.stored()
				if got := stored.Intent(); (got != nil) != c.stands || got != nil && !got.Is(*c.theirs) {
					t.Errorf("during the attempt: %t; the intent is %+v, stands: %t", during, got, c.stands)
				}
				if stored.Final().Notice.Kind != notify.LeakedDisabled || !stored.FinalPending() || stored.Disabled() == nil {
					t.Errorf("stored is %+v", stored)
				}
			})
		}
	}
}

// TestTwoAnswersToOneLeak: what the other recorded, and delivered, is not
// recorded again. Anything less is no reason to keep silent.
func TestTwoAnswersToOneLeak(t *testing.T) {
	t.Parallel()
	theirs := intentOf("run-9", audit.Exposure, 0)
	theirs.Notice.Kind = notify.LeakedDisabled
	delivered := func(r *ledger.Record) {
		r.Intend(theirs)
		check(t, r.MarkDisabled(now, "run-9", nil))
		for _, channel := range r.Final().PendingOn() {
			check(t, r.Acknowledge(now, channel))
		}
	}
	for _, c := range []struct {
		name   string
		change func(*ledger.Record)
		silent bool
	}{
		{"disabled and delivered", delivered, true},
		{"disabled and delivered, and another answer is under way", func(r *ledger.Record) { delivered(r); r.Intend(theirs) }, false},
		{"disabled and delivered, and an audit is under way", func(r *ledger.Record) {
			delivered(r)
			r.Intend(intentOf("run-9", audit.CreationAge, 0))
		}, true},
		{"enabled again since", func(r *ledger.Record) { r.Reset(now) }, false},
		{"disabled, of which nobody was notified", func(r *ledger.Record) {
			r.Reset(now)
			r.Intend(intentOf("run-9", audit.CreationAge, 0))
			check(t, r.MarkDisabled(now, "run-9", nil))
			check(t, r.Acknowledge(now, "theirs"))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &meddling{aws: due(), t: t, store: ledger.NewMemory(), change: c.change}
			record := leaked()
			check(t, m.store.Put(t.Context(), record))
			outcome, err := m.enforcer().DisableLeaked(t.Context(), m.user, m.key, notSpared, leakNotice, record)
			if outcome != enforce.Disabled || err != nil {
				t.Fatalf("outcome %d, %v", outcome, err)
			}
			if stored := m.stored(); stored.FinalPending() == c.silent || stored.Final().Notice.Kind != notify.LeakedDisabled {
				t.Errorf("the notice is pending: %t, want %t: %+v", stored.FinalPending(), !c.silent, stored)
			}
		})
	}
}

// TestAnAuditStillWarnsAfterALeak: only another answer to the leak is.
func TestAnAuditStillWarnsAfterALeak(t *testing.T) {
	t.Parallel()
	m := &meddling{aws: due(), t: t, store: ledger.NewMemory()}
	m.change = func(r *ledger.Record) {
		r.MarkLeaked(now, "run-9", "arn:1", leakNotice(m.user, m.key), ledger.Due{Channels: []string{"slack"}})
		r.Intend(intentOf("run-9", audit.Exposure, 0))
		check(t, r.MarkDisabled(now, "run-9", nil))
		for _, channel := range r.Final().PendingOn() {
			check(t, r.Acknowledge(now, channel))
		}
	}
	record := blank()
	check(t, m.store.Put(t.Context(), record))
	v := audit.Judge(m.key, audit.Exemption{}, rules, now)
	if outcome, err := m.enforcer().Disable(t.Context(), m.user, m.key, v, final, record); outcome != enforce.Disabled || err != nil {
		t.Fatalf("outcome %d, %v", outcome, err)
	}
	if stored := m.stored(); stored.Disabled().Run != "run-2" || !stored.FinalPending() {
		t.Errorf("stored is %+v", stored)
	}
}
