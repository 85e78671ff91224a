package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

const day = 24 * time.Hour

// now is the moment that the tests judge at.
var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// seed are the limits of the sample deployment in aws-iam-sleuth's README.
var seed = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}

// never stands for a key that was never used.
const never = -1

// keyOf is an Active key made and last used so many days ago.
func keyOf(createdDaysAgo, usedDaysAgo int) audit.Key {
	key := audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.Add(-time.Duration(createdDaysAgo) * day)}
	if usedDaysAgo != never {
		key.LastUsed = now.Add(-time.Duration(usedDaysAgo) * day)
	}
	return key
}

// userTagged is a user with a KeyAutoExpire tag, or without one for "-".
func userTagged(value string) audit.User {
	if value == "-" {
		return audit.User{Name: "tfunke"}
	}
	return audit.User{Name: "tfunke", Tags: audit.Tags{{Key: audit.TagAutoExpire, Value: value}}}
}

// TestVerdicts is the policy: the rows of the table of verdicts, each reached
// from below and held against the rows that come after it.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const (
		good, stagnant, old     = audit.Good, audit.Idle, audit.Aging
		stagnantExpire, expire  = audit.IdleExpired, audit.Expired
		disabled                = audit.Disabled
		nothing, warn, disableK = audit.Nothing, audit.Warn, audit.Disable
	)
	for _, row := range []struct {
		when       string
		status     audit.Status
		tag        string // KeyAutoExpire
		created    int    // days ago
		used       int    // days ago
		state      audit.State
		underlying audit.State
		reason     audit.Reason
		action     audit.Action
	}{
		// 1: status Inactive -> disabled, nothing to do
		{"Inactive", audit.Inactive, "-", 10, 1, disabled, disabled, audit.NoReason, nothing},
		{"Inactive and past every limit", audit.Inactive, "-", 400, 300, disabled, disabled, audit.NoReason, nothing},
		{"Inactive beats exempt", audit.Inactive, "False", 400, 300, disabled, disabled, audit.NoReason, nothing},
		{"a status that IAM may yet invent", "Expired", "-", 400, 300, disabled, disabled, audit.NoReason, nothing},

		// 2: user exempt -> good, with the state it would otherwise have
		{"exempt, nothing to be exempt from", audit.Active, "False", 10, 1, good, good, audit.NoReason, nothing},
		{"exempt, else expire", audit.Active, "False", 90, 1, good, expire, audit.NoReason, nothing},
		{"exempt, else stagnant_expire", audit.Active, "False", 40, 30, good, stagnantExpire, audit.NoReason, nothing},
		{"exempt, else old", audit.Active, "False", 50, 1, good, old, audit.NoReason, nothing},
		{"exempt, else stagnant", audit.Active, "False", 40, 20, good, stagnant, audit.NoReason, nothing},
		{"exempt until a day to come", audit.Active, "False until 2026-12-31", 90, 1, good, expire, audit.NoReason, nothing},
		{"exempt until today", audit.Active, "False until 2026-03-02", 90, 1, good, expire, audit.NoReason, nothing},
		{"exempt until yesterday", audit.Active, "False until 2026-03-01", 90, 1, expire, expire, audit.CreationAge, disableK},
		{"tagged as not exempt", audit.Active, "True", 90, 1, expire, expire, audit.CreationAge, disableK},

		// 3: creation age >= EXPIRATION_AGE -> expire, disable
		{"creation age at the limit", audit.Active, "-", 90, 1, expire, expire, audit.CreationAge, disableK},
		{"creation age past the limit", audit.Active, "-", 4000, 1, expire, expire, audit.CreationAge, disableK},
		{"creation age beats last-use age", audit.Active, "-", 90, 30, expire, expire, audit.CreationAge, disableK},
		{"never used and past both limits", audit.Active, "-", 90, never, expire, expire, audit.CreationAge, disableK},

		// 4: last-use age >= INACTIVITY_AGE -> stagnant_expire, disable
		{"last-use age at the limit", audit.Active, "-", 40, 30, stagnantExpire, stagnantExpire, audit.Inactivity, disableK},
		{"last-use age beats a creation warning", audit.Active, "-", 89, 30, stagnantExpire, stagnantExpire, audit.Inactivity, disableK},
		{"never used for as long", audit.Active, "-", 30, never, stagnantExpire, stagnantExpire, audit.Inactivity, disableK},

		// 5: creation age >= WARNING_AGE -> old, warn
		{"creation age at the warning", audit.Active, "-", 50, 1, old, old, audit.CreationAge, warn},
		{"creation age a day below the limit", audit.Active, "-", 89, 1, old, old, audit.CreationAge, warn},
		{"creation warning beats last-use warning", audit.Active, "-", 50, 29, old, old, audit.CreationAge, warn},

		// 6: last-use age >= INACTIVITY_WARNING_AGE -> stagnant, warn
		{"last-use age at the warning", audit.Active, "-", 49, 20, stagnant, stagnant, audit.Inactivity, warn},
		{"last-use age a day below the limit", audit.Active, "-", 49, 29, stagnant, stagnant, audit.Inactivity, warn},
		{"never used for as long as the warning", audit.Active, "-", 20, never, stagnant, stagnant, audit.Inactivity, warn},

		// 7: otherwise -> good, nothing to do
		{"new and unused", audit.Active, "-", 0, never, good, good, audit.NoReason, nothing},
		{"a day below both warnings", audit.Active, "-", 49, 19, good, good, audit.NoReason, nothing},
		{"made a moment ahead of our clock", audit.Active, "-", -1, never, good, good, audit.NoReason, nothing},

		// doubt: audited and warned about, never disabled
		{"doubt, past the limit", audit.Active, "no", 90, 1, expire, expire, audit.CreationAge, warn},
		{"doubt, unused past the limit", audit.Active, "0", 40, 30, stagnantExpire, stagnantExpire, audit.Inactivity, warn},
		{"doubt, to be warned", audit.Active, "", 50, 1, old, old, audit.CreationAge, warn},
		{"doubt, nothing to do", audit.Active, "flase", 10, 1, good, good, audit.NoReason, nothing},
	} {
		t.Run(row.when, func(t *testing.T) {
			t.Parallel()
			key := keyOf(row.created, row.used)
			key.Status = row.status
			user := userTagged(row.tag)

			v := audit.Judge(key, audit.ExemptionOf(user, key.ID), seed, now)

			if v.State != row.state || v.Underlying != row.underlying || v.State.Reason() != row.reason {
				t.Errorf("state %s for %q, underlying %s; want %s for %q, underlying %s",
					v.State, v.State.Reason(), v.Underlying, row.state, row.reason, row.underlying)
			}
			if want := row.state == good && strings.HasPrefix(row.tag, "False"); v.Exempt != want {
				t.Errorf("exempt %t, want %t", v.Exempt, want)
			}
			if want := strings.HasPrefix(row.when, "doubt"); v.Doubt != want {
				t.Errorf("doubt %t, want %t", v.Doubt, want)
			}
			d := audit.Decide(key, v, seed, audit.History{}, audit.Policy{AutoExpire: true}, now)
			if d.Action != row.action {
				t.Errorf("action %s, want %s", d.Action, row.action)
			}
		})
	}
}

func TestAgesAreWholeDaysRoundedDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		ago  time.Duration
		days int
	}{
		{"this moment", 0, 0},
		{"a nanosecond", 1, 0},
		{"a nanosecond below a day", day - 1, 0},
		{"a day", day, 1},
		{"a nanosecond past a day", day + 1, 1},
		{"a nanosecond below 90 days", 90*day - 1, 89},
		{"90 days", 90 * day, 90},
		{"ahead of our clock", -5 * time.Minute, 0},
		{"days ahead of our clock", -5 * day, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			created := audit.Judge(audit.Key{Status: audit.Active, Created: now.Add(-c.ago)}, audit.Exemption{}, seed, now)
			if created.Age != c.days || created.IdleAge != c.days {
				t.Errorf("never used: age %d, last access age %d; want %d for both", created.Age, created.IdleAge, c.days)
			}
			used := audit.Judge(audit.Key{
				Status: audit.Active, Created: now.Add(-1000 * day), LastUsed: now.Add(-c.ago),
			}, audit.Exemption{}, seed, now)
			if used.Age != 1000 || used.IdleAge != c.days {
				t.Errorf("used: age %d, last access age %d; want 1000 and %d", used.Age, used.IdleAge, c.days)
			}
		})
	}
}

// TestAgesDoNotDependOnTheZone: the same moment is the same age wherever it
// was written down, and a change to summer time is no hour of age.
func TestAgesDoNotDependOnTheZone(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("far east", 14*60*60)
	key := keyOf(90, never)
	key.Created = key.Created.Add(1)
	in := key
	in.Created = in.Created.In(zone)
	a, b := audit.Judge(key, audit.Exemption{}, seed, now), audit.Judge(in, audit.Exemption{}, seed, now.In(zone))
	if a.State != b.State || a.Age != 89 || b.Age != 89 || !a.ExpiresAt.Equal(b.ExpiresAt) {
		t.Errorf("in UTC: %s at %d days; in another zone: %s at %d days", a.State, a.Age, b.State, b.Age)
	}
}

// TestBoundaries: each limit is reached at its very moment and not a
// nanosecond before.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		created       func(time.Time) audit.Key
		age           int
		before, after audit.State
	}{
		{"EXPIRATION_AGE", madeAt, 90, audit.Aging, audit.Expired},
		{"WARNING_AGE", madeAt, 50, audit.Good, audit.Aging},
		{"INACTIVITY_AGE", usedAt, 30, audit.Idle, audit.IdleExpired},
		{"INACTIVITY_WARNING_AGE", usedAt, 20, audit.Good, audit.Idle},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := now.Add(-time.Duration(c.age) * day)
			for _, moment := range []struct {
				from time.Time
				want audit.State
			}{
				{from.Add(1), c.before}, // a nanosecond to go
				{from, c.after},
				{from.Add(-1), c.after},
			} {
				if v := audit.Judge(c.created(moment.from), audit.Exemption{}, seed, now); v.State != moment.want {
					t.Errorf("%v from the limit: %s, want %s", moment.from.Sub(from), v.State, moment.want)
				}
			}
		})
	}
}

// madeAt is a key in daily use.
func madeAt(t time.Time) audit.Key {
	return audit.Key{Status: audit.Active, Created: t, LastUsed: now}
}

// usedAt is a key too young for its creation to matter.
func usedAt(t time.Time) audit.Key {
	return audit.Key{Status: audit.Active, Created: now.Add(-45 * day), LastUsed: t}
}

func TestBothDeadlinesTravelWithTheVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                   string
		created, used          int
		state                  audit.State
		expiresIn, stagnatesIn int
		daysLeft, firstDay     int // from now
	}{
		{"old, and sooner stagnant", 60, 25, audit.Aging, 30, 5, 30, 5},
		{"old, and in use", 60, 0, audit.Aging, 30, 30, 30, 30},
		{"stagnant", 40, 25, audit.Idle, 50, 5, 5, 5},
		{"never used", 25, never, audit.Idle, 65, 5, 5, 5},
		{"expire", 95, 3, audit.Expired, -5, 27, -5, -5},
		{"stagnant_expire", 60, 33, audit.IdleExpired, 30, -3, -3, -3},
		{"good", 10, 1, audit.Good, 80, 29, 0, 29},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key := keyOf(c.created, c.used)
			v := audit.Judge(key, audit.Exemption{}, seed, now)
			if v.State != c.state || v.ExpiresIn != c.expiresIn || v.StagnatesIn != c.stagnatesIn || v.DaysLeft() != c.daysLeft {
				t.Errorf("%s, expires in %d, stagnates in %d, %d left; want %s, %d, %d, %d",
					v.State, v.ExpiresIn, v.StagnatesIn, v.DaysLeft(), c.state, c.expiresIn, c.stagnatesIn, c.daysLeft)
			}
			if want := now.Add(time.Duration(c.expiresIn) * day); !v.ExpiresAt.Equal(want) {
				t.Errorf("expires at %v, want %v", v.ExpiresAt, want)
			}
			if want := now.Add(time.Duration(c.stagnatesIn) * day); !v.IdleLimitAt.Equal(want) {
				t.Errorf("stagnates at %v, want %v", v.IdleLimitAt, want)
			}
			if want := now.Add(time.Duration(c.firstDay) * day); !v.Deadline().Equal(want) {
				t.Errorf("first deadline %v, want %v", v.Deadline(), want)
			}
		})
	}
}

// TestExamplesOfAwsIamSleuth checks the two examples in aws-iam-sleuth's README: a key made today, for a user
// who is exempt and one who is not.
func TestExamplesOfAwsIamSleuth(t *testing.T) {
	t.Parallel()
	for _, walk := range []struct {
		name     string
		rules    audit.Rules
		want     audit.State
		daysLeft int
	}{
		{"creation age", audit.Rules{ExpirationAge: 90, WarningAge: 0, InactivityAge: 90, InactivityWarningAge: 0}, audit.Aging, 90},
		{"inactivity", audit.Rules{ExpirationAge: 90, WarningAge: 1, InactivityAge: 30, InactivityWarningAge: 0}, audit.Idle, 30},
		{"both at once: creation age first", audit.Rules{ExpirationAge: 90, WarningAge: 0, InactivityAge: 30, InactivityWarningAge: 0}, audit.Aging, 90},
	} {
		t.Run(walk.name, func(t *testing.T) {
			t.Parallel()
			key := keyOf(0, never)
			exempt := audit.Judge(key, audit.ExemptionOf(userTagged("FALSE"), key.ID), walk.rules, now)
			if exempt.State != audit.Good || !exempt.Exempt || exempt.Age != 0 || exempt.IdleAge != 0 {
				t.Errorf("sleuth-test1: %+v, want good and exempt at 0 days", exempt)
			}
			v := audit.Judge(key, audit.ExemptionOf(userTagged("TRUE"), key.ID), walk.rules, now)
			if v.State != walk.want || v.Age != 0 || v.IdleAge != 0 || v.DaysLeft() != walk.daysLeft {
				t.Errorf("sleuth-test2: %s with %d days left at ages %d and %d; want %s with %d at 0 and 0",
					v.State, v.DaysLeft(), v.Age, v.IdleAge, walk.want, walk.daysLeft)
			}
		})
	}
}

// TestNamesAreAContract: other programs read the names of states and reasons.
func TestNamesAreAContract(t *testing.T) {
	t.Parallel()
	var names []string
	for _, s := range audit.States() {
		names = append(names, s.String())
		if back, ok := audit.ParseState(s.String()); !ok || back != s {
			t.Errorf("%s read back as %s (%t)", s, back, ok)
		}
		if text, err := s.MarshalText(); err != nil || string(text) != s.String() {
			t.Errorf("%s marshals as %q, %v", s, text, err)
		}
	}
	if got, want := strings.Join(names, " "), "good stagnant old stagnant_expire expire disabled"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	for _, bad := range []string{"", "Good", "unknown", "old "} {
		if s, ok := audit.ParseState(bad); ok {
			t.Errorf("%q was read as the state %s", bad, s)
		}
	}
	for _, s := range []audit.State{audit.Disabled + 1, 200} {
		if got := s.String(); got != "unknown" {
			t.Errorf("a state that is none is called %q", got)
		}
	}
	for reason, want := range map[audit.Reason]string{audit.NoReason: "", audit.CreationAge: "creation age", audit.Inactivity: "inactivity"} {
		text, err := reason.MarshalText()
		if err != nil || string(text) != want {
			t.Errorf("reason %d marshals as %q, %v; want %q", reason, text, err, want)
		}
		var back audit.Reason
		if err := back.UnmarshalText(text); err != nil || back != reason {
			t.Errorf("reason %q read back as %q, %v", text, back, err)
		}
	}
	var reason audit.Reason
	if err := reason.UnmarshalText([]byte("whim")); err == nil {
		t.Error("a reason that is none was read")
	}
}

// TestNoKeyWasUsedBeforeItWasCreated: whatever is said of its last use, it is
// judged like one that was never used. Of another credential, which may have been
// changed since, the last use counts.
func TestNoKeyWasUsedBeforeItWasCreated(t *testing.T) {
	t.Parallel()
	created := now.Add(-25 * day)
	for _, used := range []time.Time{{}, created.Add(-1), created.Add(-300 * day), time.Unix(0, 0)} {
		v := audit.Judge(audit.Key{Status: audit.Active, Created: created, LastUsed: used}, audit.Exemption{}, seed, now)
		if v.IdleAge != 25 || !v.IdleLimitAt.Equal(created.Add(time.Duration(seed.InactivityAge)*day)) {
			t.Errorf("last used %v: idle for %d days, until %v", used, v.IdleAge, v.IdleLimitAt)
		}
	}
	password := audit.Credential{Kind: audit.ConsolePassword, Active: true, Changed: created, LastUsed: now.Add(-40 * day)}
	if v := audit.JudgeCredential(password, seed, now); v.IdleAge != 40 {
		t.Errorf("a password is idle for %d days, want 40", v.IdleAge)
	}
}
