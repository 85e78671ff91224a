package enforce_test

import (
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// TestSettle: what became of an intent that an earlier run left.
func TestSettle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		ago     time.Duration
		world   func(*aws)
		outcome enforce.Outcome
		err     string
		diary   []string
		pending bool
	}{
		{
			name: "it took effect", ago: day, world: func(a *aws) { a.key.Status = audit.Inactive },
			outcome: enforce.Disabled, diary: []string{"read", "disabled"}, pending: true,
		},
		{
			name: "it took effect moments ago", ago: time.Second, world: func(a *aws) { a.key.Status = audit.Inactive },
			outcome: enforce.Disabled, diary: []string{"read", "disabled"}, pending: true,
		},
		{
			name: "the key is Active, and may not show it yet", ago: enforce.ConsistencyWindow - 1,
			outcome: enforce.Pending, diary: []string{"read"}, pending: true,
		},
		{
			name: "the key is Active, and would show it by now", ago: enforce.ConsistencyWindow,
			outcome: enforce.Changed, diary: []string{"read", "nothing"},
		},
		{
			name: "the user is gone", ago: day, world: func(a *aws) { a.readErr = gone },
			outcome: enforce.Disabled, diary: []string{"read", "disabled"}, pending: true,
		},
		{
			name: "the key is gone", ago: day, world: func(a *aws) { a.readErr = inventory.ErrKeyGone },
			outcome: enforce.Disabled, diary: []string{"read", "disabled"}, pending: true,
		},
		{
			name: "it cannot be known", ago: day, world: func(a *aws) { a.readErr = errBroken },
			outcome: enforce.Pending, err: "find out whether an earlier run disabled key AKIA1 of user bot: broken", diary: []string{"read"}, pending: true,
		},
		{
			name: "it took effect, and that cannot be written down", ago: day,
			world: func(a *aws) {
				a.key.Status, a.putErr = audit.Inactive, map[int]error{1: errDisk}
			},
			outcome: enforce.Disabled, err: "disk full", diary: []string{"read", "put fails"}, pending: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, record := due(), leftover(c.ago)
			a.stored = []ledger.Record{*record}
			if c.world != nil {
				c.world(a)
			}
			outcome, err := a.enforcer().Settle(t.Context(), record)
			if outcome != c.outcome {
				t.Errorf("outcome %d, want %d (%v)", outcome, c.outcome, err)
			}
			wantError(t, err, c.err)
			if !slices.Equal(a.diary, c.diary) {
				t.Errorf("did %v, want %v", a.diary, c.diary)
			}
			if got := a.last().Pending(); got != c.pending {
				t.Errorf("stored as pending: %t, want %t", got, c.pending)
			}
			if outcome == enforce.Disabled && (record.Final() == nil || record.Final().Notice.Reason != audit.Inactivity || !record.Final().Notice.At.Equal(now)) {
				t.Errorf("the notice to give is %+v", record.Final())
			}
		})
	}
}

// TestSettleWritesNothingToIAM, whatever it finds.
func TestSettleWritesNothingToIAM(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{0, enforce.ConsistencyWindow, 100 * day} {
		a := due()
		_, _ = a.enforcer().Settle(t.Context(), leftover(ago))
		if slices.Contains(a.diary, "write") {
			t.Errorf("%v later: %v", ago, a.diary)
		}
	}
}

// TestSettleFindsARenamedUser: nobody is notified that a key is disabled which is
// Active under the user's new name.
func TestSettleFindsARenamedUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  audit.Status
		outcome enforce.Outcome
	}{{audit.Active, enforce.Changed}, {audit.Inactive, enforce.Disabled}} {
		a, record := due(), leftover(day)
		a.user.Name, a.key.Status = "robot", c.status
		outcome, err := a.enforcer().Settle(t.Context(), record)
		if outcome != c.outcome || err != nil {
			t.Errorf("%s: outcome %d, error %v", c.status, outcome, err)
		}
		if outcome == enforce.Disabled && (record.User() != "robot" || record.Final().Notice.User != "robot") {
			t.Errorf("the record is of %s, and the notice names %s", record.User(), record.Final().Notice.User)
		}
	}
}
