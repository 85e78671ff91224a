package audit_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// TestNeedsLastUse: the reads that a verdict needs, age by age.
func TestNeedsLastUse(t *testing.T) {
	t.Parallel()
	inactive := keyOf(60, never)
	inactive.Status = audit.Inactive
	noOwn := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
	late := audit.Rules{ExpirationAge: 90, WarningAge: 10, InactivityAge: 60, InactivityWarningAge: 50}
	early := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 20}
	for _, c := range []struct {
		name  string
		key   audit.Key
		rules audit.Rules
		want  bool
		known time.Time
	}{
		{"a day too young for either warning", keyOf(19, never), seed, false, time.Time{}},
		{"old enough for the lower of the two warnings", keyOf(20, never), seed, true, time.Time{}},
		{"past the creation warning", keyOf(50, never), seed, true, time.Time{}},
		{"a day below the creation limit", keyOf(89, never), seed, true, time.Time{}},
		{"at the creation limit", keyOf(90, never), seed, false, time.Time{}},
		{"long past it", keyOf(4000, never), seed, false, time.Time{}},
		{"Inactive", inactive, seed, false, time.Time{}},
		{"the creation warning is the lower one", keyOf(10, never), late, true, time.Time{}},
		{"a day too young for that", keyOf(9, never), late, false, time.Time{}},
		{"no limits of its own: creation always comes first", keyOf(85, never), noOwn, false, time.Time{}},
		{"an earlier warning with the same limit", keyOf(30, never), early, true, time.Time{}},
		{"a day too young for the earlier warning", keyOf(19, never), early, false, time.Time{}},
		{"known to be used a second after the inactivity warning", keyOf(40, never), seed, false, now.Add(-20*day + time.Second)},
		{"known to be used at the inactivity warning", keyOf(40, never), seed, true, now.Add(-20 * day)},
		{"known to be used, and past the creation warning", keyOf(50, never), seed, true, now},
		{"known to be used before it was made", keyOf(20, never), seed, true, now.Add(-30 * day)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := audit.NeedsLastUse(c.key, c.known, c.rules, now); got != c.want {
				t.Errorf("needs its last use: %t, want %t", got, c.want)
			}
		})
	}
}

func TestNeedsTags(t *testing.T) {
	t.Parallel()
	for state, want := range map[audit.State]bool{
		audit.Good: false, audit.Disabled: false,
		audit.Idle: true, audit.Aging: true, audit.IdleExpired: true, audit.Expired: true,
	} {
		if got := audit.NeedsTags(audit.Verdict{State: state}); got != want {
			t.Errorf("%s: needs tags %t, want %t", state, got, want)
		}
	}
}
