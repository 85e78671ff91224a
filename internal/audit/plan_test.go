package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// in is so many days from now.
func in(days int) time.Time { return now.Add(time.Duration(days) * day) }

// decide judges a key of an untagged user and decides about it.
func decide(key audit.Key, history audit.History, policy audit.Policy) audit.Decision {
	return audit.Decide(key, audit.Judge(key, audit.Exemption{}, seed, now), seed, history, policy, now)
}

func TestDecideWithoutHistory(t *testing.T) {
	t.Parallel()
	on := audit.Policy{AutoExpire: true}
	for _, c := range []struct {
		name   string
		key    audit.Key
		tag    string
		policy audit.Policy
		want   audit.Decision
	}{
		{"good", keyOf(10, 1), "-", on, audit.Decision{}},
		{"old", keyOf(60, 1), "-", on, audit.Decision{Action: audit.Warn, DaysLeft: 30, At: in(29)}},
		{"stagnant", keyOf(40, 25), "-", on, audit.Decision{Action: audit.Warn, DaysLeft: 5, At: in(5)}},
		{"expire", keyOf(95, 1), "-", on, audit.Decision{Action: audit.Disable, At: in(-5)}},
		{"stagnant_expire", keyOf(40, 33), "-", on, audit.Decision{Action: audit.Disable, At: in(-3)}},

		{"policy off, warned all the same", keyOf(60, 1), "-", audit.Policy{}, audit.Decision{Action: audit.Warn, DaysLeft: 30, At: in(29)}},
		{"policy off", keyOf(95, 1), "-", audit.Policy{}, audit.Decision{Action: audit.Warn, Hold: audit.HeldByPolicy, At: in(-5)}},
		{"doubt", keyOf(95, 1), "no", on, audit.Decision{Action: audit.Warn, Hold: audit.HeldByDoubt, At: in(-5)}},
		{"own key", keyOf(95, 1), "-", audit.Policy{AutoExpire: true, OwnKeys: []string{"AKIA1"}}, audit.Decision{Action: audit.Warn, Hold: audit.HeldAsOwnKey, At: in(-5)}},
		{"another's own key", keyOf(95, 1), "-", audit.Policy{AutoExpire: true, OwnKeys: []string{"AKIA2"}}, audit.Decision{Action: audit.Disable, At: in(-5)}},
		{"minimum notice", keyOf(95, 1), "-", audit.Policy{AutoExpire: true, MinNoticeDays: 7}, audit.Decision{Action: audit.Warn, Hold: audit.HeldForNotice, DaysLeft: 7, At: in(7)}},

		// The first hold that applies is the one that is named.
		{"policy off, doubt, own key and minimum notice", keyOf(95, 1), "no", audit.Policy{OwnKeys: []string{"AKIA1"}, MinNoticeDays: 7}, audit.Decision{Action: audit.Warn, Hold: audit.HeldByPolicy, At: in(7)}},
		{"doubt, own key and minimum notice", keyOf(95, 1), "no", audit.Policy{AutoExpire: true, OwnKeys: []string{"AKIA1"}, MinNoticeDays: 7}, audit.Decision{Action: audit.Warn, Hold: audit.HeldByDoubt, At: in(7)}},
		{"own key and minimum notice", keyOf(95, 1), "-", audit.Policy{AutoExpire: true, OwnKeys: []string{"AKIA1"}, MinNoticeDays: 7}, audit.Decision{Action: audit.Warn, Hold: audit.HeldAsOwnKey, At: in(7)}},

		{"exempt", keyOf(95, 1), "false", on, audit.Decision{}},
		{"an unnamed key is nobody's own", audit.Key{Status: audit.Active, Created: in(-95)}, "-", on, audit.Decision{Action: audit.Disable, At: in(-5)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := audit.Judge(c.key, audit.ExemptionOf(userTagged(c.tag), c.key.ID), seed, now)
			got := audit.Decide(c.key, v, seed, audit.History{}, c.policy, now)
			if got.Action != c.want.Action || got.Hold != c.want.Hold || got.DaysLeft != c.want.DaysLeft || !got.At.Equal(c.want.At) {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestMinimumNotice counts from the first warning that was delivered, for the
// limit that the key goes for.
func TestMinimumNotice(t *testing.T) {
	t.Parallel()
	old, unused := keyOf(95, 1), keyOf(40, 33)
	created := func(first time.Time) audit.History {
		return audit.History{Creation: audit.LimitWarning{Deadline: in(-5), First: first, Last: now, DaysLeft: 1}}
	}
	idle := func(first time.Time) audit.History {
		return audit.History{Inactivity: audit.LimitWarning{Deadline: in(-3), First: first, Last: now, DaysLeft: 1}}
	}
	for _, c := range []struct {
		name    string
		key     audit.Key
		history audit.History
		action  audit.Action
		left    int
		at      time.Time
		hold    audit.Hold
	}{
		{"older than the limit and never warned", keyOf(4000, 1), audit.History{}, audit.Warn, 7, in(7), audit.HeldForNotice},
		{"warned just now", old, created(now), audit.Warn, 7, in(7), audit.HeldForNotice},
		{"warned 6 days ago", old, created(in(-6)), audit.Warn, 1, in(1), audit.HeldForNotice},
		{"warned 7 days ago but for a nanosecond", old, created(in(-7).Add(1)), audit.Warn, 1, now.Add(1), audit.HeldForNotice},
		{"warned 7 days ago", old, created(in(-7)), audit.Disable, 0, now, audit.NotHeld},
		{"warned long ago", old, created(in(-40)), audit.Disable, 0, in(-5), audit.NotHeld},
		{"warned of another limit only", old, idle(in(-40)), audit.Warn, 7, in(7), audit.HeldForNotice},
		{"warned of the limit as it was before the rules changed", old,
			audit.History{Creation: audit.LimitWarning{Deadline: in(-35), First: in(-40)}}, audit.Warn, 7, in(7), audit.HeldForNotice},
		{"unused, warned 6 days ago", unused, idle(in(-6)), audit.Warn, 1, in(1), audit.HeldForNotice},
		{"unused, warned 7 days ago", unused, idle(in(-7)), audit.Disable, 0, now, audit.NotHeld},
		{"unused, warned of its age only", unused, created(in(-40)), audit.Warn, 7, in(7), audit.HeldForNotice},
		{"used since it was warned", unused,
			audit.History{Inactivity: audit.LimitWarning{Deadline: in(-10), First: in(-40)}}, audit.Warn, 7, in(7), audit.HeldForNotice},
		{"not yet due, and warned late", keyOf(88, 1), audit.History{}, audit.Warn, 7, in(7), audit.NotHeld},
		{"not yet due, and warned in time", keyOf(80, 1), audit.History{}, audit.Warn, 10, in(10), audit.NotHeld},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(c.key, c.history, audit.Policy{AutoExpire: true, MinNoticeDays: 7})
			if d.Action != c.action || d.DaysLeft != c.left || !d.At.Equal(c.at) {
				t.Errorf("%s with %d days left, at %v; want %s with %d, at %v", d.Action, d.DaysLeft, d.At, c.action, c.left, c.at)
			}
			if d.Hold != c.hold {
				t.Errorf("hold %q, want %q", d.Hold, c.hold)
			}
		})
	}
}

// TestTheNoticeOfARefusedExemption is as long as that of a key without one: from
// the warning age to the limit.
func TestTheNoticeOfARefusedExemption(t *testing.T) {
	t.Parallel()
	refused := audit.ParseExemption("False").Apply(audit.ExemptionRules{MaxDays: 30}, now)
	for _, c := range []struct {
		name   string
		key    audit.Key
		notice int // SLEUTH_MIN_NOTICE_DAYS
		want   int
	}{
		{"past its age", keyOf(95, 1), 0, 40},
		{"past its age, and the minimum is longer", keyOf(95, 1), 50, 50},
		{"unused", keyOf(40, 33), 0, 10},
		{"unused, and the minimum is longer", keyOf(40, 33), 14, 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := audit.Judge(c.key, refused, seed, now)
			d := audit.Decide(c.key, v, seed, audit.History{}, audit.Policy{AutoExpire: true, MinNoticeDays: c.notice}, now)
			if d.Hold != audit.HeldForNotice || d.DaysLeft != c.want || !d.At.Equal(in(c.want)) {
				t.Errorf("%q with %d days left, at %v; want %d", d.Hold, d.DaysLeft, d.At, c.want)
			}
		})
	}
}

// TestANoticeThatHasNotBegun begins as the key reaches the warning age.
func TestANoticeThatHasNotBegun(t *testing.T) {
	t.Parallel()
	// Its use is in sight in 5 days and at its limit in 15.
	d := decide(keyOf(50, 15), audit.History{}, audit.Policy{AutoExpire: true, MinNoticeDays: 14})
	if d.OtherDaysLeft != 19 || !d.At.Equal(in(19)) || d.DaysLeft != 40 {
		t.Errorf("got %+v, want 40 days and 19 to the other limit", d)
	}
}

// TestRemindAt is the ladder: one warning on each rung.
func TestRemindAt(t *testing.T) {
	t.Parallel()
	ladder := []int{30, 14, 7, 3, 1}
	// expiring is a key in daily use with so many days left.
	expiring := func(left int) audit.Key { return keyOf(90-left, 0) }
	// warned is the history after a warning with so many days left.
	warned := func(key audit.Key, left int) audit.History {
		return audit.History{Creation: audit.LimitWarning{Deadline: key.Created.Add(90 * day), First: in(-9), Last: in(-1), DaysLeft: left}}
	}
	for _, c := range []struct {
		name      string
		left      int
		warned    int // days left in the last warning, 0 for never
		wantWarns bool
	}{
		{"above the ladder", 31, 0, false},
		{"on the highest rung", 30, 0, true},
		{"on the highest rung, warned", 30, 30, false},
		{"between rungs, warned on the one above", 29, 30, false},
		{"between rungs, late warning on the one above", 15, 22, false},
		{"between rungs, not warned", 22, 0, true},
		{"on the next rung", 14, 30, true},
		{"on the next rung, warned", 14, 14, false},
		{"missed a weekend: the rung that fell due", 5, 8, true},
		{"missed a weekend, warned since", 4, 5, false},
		{"missed two rungs: warned once", 2, 14, true},
		{"missed two rungs, warned since", 2, 2, false},
		{"on the lowest rung", 1, 3, true},
		{"on the lowest rung, warned", 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, history := expiring(c.left), audit.History{}
			if c.warned != 0 {
				history = warned(key, c.warned)
			}
			d := decide(key, history, audit.Policy{AutoExpire: true, RemindAt: ladder})
			if got := d.Action == audit.Warn; got != c.wantWarns {
				t.Errorf("warns: %t, want %t (%+v)", got, c.wantWarns, d)
			}
			if d.Action != audit.Nothing && d.DaysLeft != c.left {
				t.Errorf("shows %d days left, want %d", d.DaysLeft, c.left)
			}
		})
	}
}

// TestRemindAtPastTheLimit: a key past its limit that is not disabled stands
// below the ladder, and its owner hears of that once.
func TestRemindAtPastTheLimit(t *testing.T) {
	t.Parallel()
	key := keyOf(95, 1)
	policy := audit.Policy{RemindAt: []int{30, 7, 1}}
	warned := func(left int) audit.History {
		return audit.History{Creation: audit.LimitWarning{Deadline: in(-5), First: in(-9), Last: in(-1), DaysLeft: left}}
	}
	for _, c := range []struct {
		name    string
		history audit.History
		want    audit.Action
	}{
		{"never warned", audit.History{}, audit.Warn},
		{"warned on the lowest rung", warned(1), audit.Warn},
		{"warned that it is past the limit", warned(0), audit.Nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, notice := range []int{0, 7} {
				policy := policy
				policy.MinNoticeDays = notice
				if d := decide(key, c.history, policy); d.Action != c.want || d.Hold != audit.HeldByPolicy || d.DaysLeft != 0 {
					t.Errorf("%d days' notice: got %+v, want %s with no days left, held by policy", notice, d, c.want)
				}
			}
		})
	}
	if d := decide(key, warned(0), audit.Policy{AutoExpire: true, RemindAt: policy.RemindAt}); d.Action != audit.Disable {
		t.Errorf("the ladder keeps a key from being disabled: %+v", d)
	}
}

func TestRemindAtAMovedDeadlineStartsAgain(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{AutoExpire: true, RemindAt: []int{30, 7, 1}}
	key := keyOf(40, 24) // 6 days left by inactivity
	warned := func(deadline time.Time) audit.History {
		return audit.History{Inactivity: audit.LimitWarning{Deadline: deadline, First: in(-30), Last: in(-25), DaysLeft: 6}}
	}
	if d := decide(key, warned(in(6)), policy); d.Action != audit.Nothing {
		t.Errorf("warned of this deadline at this rung, and warned again: %+v", d)
	}
	if d := decide(key, warned(in(-15)), policy); d.Action != audit.Warn {
		t.Errorf("used since the warning, and not warned of the new deadline: %+v", d)
	}
}

// TestRemindAtLooksAtBothLimits: an old key whose inactivity passes a rung is
// warned about, though its creation age stands still on its own.
func TestRemindAtLooksAtBothLimits(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{AutoExpire: true, RemindAt: []int{30, 7, 1}}
	key := keyOf(65, 23) // 25 days left by creation, 7 by inactivity
	creation := audit.LimitWarning{Deadline: in(25), First: in(-5), Last: in(-1), DaysLeft: 26}
	inactivity := func(left int) audit.LimitWarning {
		return audit.LimitWarning{Deadline: in(7), First: in(-3), Last: in(-1), DaysLeft: left}
	}
	if d := decide(key, audit.History{Creation: creation, Inactivity: inactivity(8)}, policy); d.Action != audit.Warn {
		t.Errorf("its inactivity passed a rung: %+v", d)
	}
	if d := decide(key, audit.History{Creation: creation, Inactivity: inactivity(7)}, policy); d.Action != audit.Nothing {
		t.Errorf("nothing passed a rung: %+v", d)
	}
	if d := decide(key, audit.History{Inactivity: inactivity(7)}, policy); d.Action != audit.Warn {
		t.Errorf("there was no warning of its age: %+v", d)
	}
}

func TestWarningsAreRecorded(t *testing.T) {
	t.Parallel()
	earlier := in(-4)
	for _, c := range []struct {
		name   string
		key    audit.Key
		before audit.History
		warned int // days
		other  int // days to the other limit
		want   audit.History
	}{
		{
			name: "first of one limit", key: keyOf(60, 1), warned: 30,
			want: audit.History{Creation: audit.LimitWarning{Deadline: in(30), First: now, Last: now, DaysLeft: 30}},
		},
		{
			name: "first of both", key: keyOf(65, 23), warned: 25, other: 7,
			want: audit.History{
				Creation:   audit.LimitWarning{Deadline: in(25), First: now, Last: now, DaysLeft: 25},
				Inactivity: audit.LimitWarning{Deadline: in(7), First: now, Last: now, DaysLeft: 7},
			},
		},
		{
			name: "the other reaches its warning age today", key: keyOf(65, 20), warned: 25, other: 10,
			want: audit.History{
				Creation:   audit.LimitWarning{Deadline: in(25), First: now, Last: now, DaysLeft: 25},
				Inactivity: audit.LimitWarning{Deadline: in(10), First: now, Last: now, DaysLeft: 10},
			},
		},
		{
			name: "its use is in sight, and its age comes first", key: keyOf(85, 22), warned: 5, other: 8,
			want: audit.History{Creation: audit.LimitWarning{Deadline: in(5), First: now, Last: now, DaysLeft: 5}},
		},
		{
			name: "again: the first stays", key: keyOf(60, 1), warned: 30,
			before: audit.History{Creation: audit.LimitWarning{Deadline: in(30), First: earlier, Last: earlier, DaysLeft: 34}},
			want:   audit.History{Creation: audit.LimitWarning{Deadline: in(30), First: earlier, Last: now, DaysLeft: 30}},
		},
		{
			name: "a moved deadline starts again", key: keyOf(40, 25), warned: 5,
			before: audit.History{Inactivity: audit.LimitWarning{Deadline: in(-9), First: earlier, Last: earlier, DaysLeft: 1}},
			want:   audit.History{Inactivity: audit.LimitWarning{Deadline: in(5), First: now, Last: now, DaysLeft: 5}},
		},
		{
			name: "past the limit", key: keyOf(95, 1), warned: 0,
			want: audit.History{Creation: audit.LimitWarning{Deadline: in(-5), First: now, Last: now, DaysLeft: 0}},
		},
		{
			name: "past the limit, with notice to give", key: keyOf(95, 1), warned: 7,
			want: audit.History{Creation: audit.LimitWarning{Deadline: in(-5), First: now, Last: now, DaysLeft: 7}},
		},
		{
			name: "the limit out of sight keeps its history", key: keyOf(60, 1), warned: 30,
			before: audit.History{Inactivity: audit.LimitWarning{Deadline: in(-50), First: earlier, Last: earlier, DaysLeft: 3}},
			want: audit.History{
				Creation:   audit.LimitWarning{Deadline: in(30), First: now, Last: now, DaysLeft: 30},
				Inactivity: audit.LimitWarning{Deadline: in(-50), First: earlier, Last: earlier, DaysLeft: 3},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := audit.Judge(c.key, audit.Exemption{}, seed, now)
			if got := c.before.Add(v, seed, audit.Decision{DaysLeft: c.warned, OtherDaysLeft: c.other}, now); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// TestHoldsAndActionsHaveNames: they stand in logs and messages.
func TestHoldsAndActionsHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for hold := audit.HeldByPolicy; hold <= audit.HeldAsJustChanged; hold++ {
		if name := hold.String(); name == "" || seen[name] {
			t.Errorf("hold %d is called %q, which is nothing or taken", hold, name)
		} else {
			seen[name] = true
		}
	}
	if audit.NotHeld.String() != "" {
		t.Errorf("no hold is called %q", audit.NotHeld)
	}
	for action, want := range map[audit.Action]string{audit.Nothing: "nothing", audit.Warn: "warn", audit.Disable: "disable"} {
		if action.String() != want {
			t.Errorf("action %d is called %q, want %q", action, action, want)
		}
	}
}

// TestRemindAtAndMinimumNotice: under a minimum notice the ladder counts the
// days that warnings show, and the warning that begins the notice is a rung itself.
func TestRemindAtAndMinimumNotice(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{AutoExpire: true, RemindAt: []int{3, 1}, MinNoticeDays: 7}
	key := keyOf(400, 1)
	var history audit.History
	var warned []int
	for i := range 10 {
		at := in(i)
		v := audit.Judge(key, audit.Exemption{}, seed, at)
		d := audit.Decide(key, v, seed, history, policy, at)
		if d.Action == audit.Disable {
			if i != 7 {
				t.Errorf("disabled on day %d, want day 7", i)
			}
			break
		}
		if d.Action == audit.Warn {
			warned = append(warned, d.DaysLeft)
			history = history.Add(v, seed, d, at)
		}
	}
	if want := []int{7, 3, 1}; !slices.Equal(warned, want) {
		t.Errorf("warned of %v days left, want %v", warned, want)
	}
}

// TestRemindAtCreationPastItsLimit: what becomes of a key past its creation
// limit has nothing to do with its use, which is then not even read.
func TestRemindAtCreationPastItsLimit(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{RemindAt: []int{30, 7, 1}}
	history := audit.History{}.Add(audit.Judge(keyOf(95, 0), audit.Exemption{}, seed, now), seed, audit.Decision{}, now)
	for _, used := range []int{never, 0, 19, 20, 29, 30, 40} {
		if d := decide(keyOf(95, used), history, policy); d.Action != audit.Nothing {
			t.Errorf("last used %d days ago: warned again: %+v", used, d)
		}
	}
}

// TestTheSoonerLimitUnderMinimumNotice: the days to either limit are the days
// until the key goes for it, the notice included.
func TestTheSoonerLimitUnderMinimumNotice(t *testing.T) {
	t.Parallel()
	warned := func(deadline, first int) audit.LimitWarning {
		return audit.LimitWarning{Deadline: in(deadline), First: in(first)}
	}
	for _, c := range []struct {
		name        string
		key         audit.Key
		history     audit.History
		left, other int
		at          time.Time
	}{
		{"not warned yet", keyOf(80, 27), audit.History{}, 10, 7, in(7)},
		{"warned of both 5 days ago", keyOf(80, 27), audit.History{Creation: warned(10, -5), Inactivity: warned(3, -5)}, 10, 3, in(3)},
		{"warned of its use 2 days ago", keyOf(80, 27), audit.History{Inactivity: warned(3, -2)}, 10, 5, in(5)},
		{"its use not yet in sight", keyOf(50, 15), audit.History{}, 40, 15, in(15)},
		{"held for its use, its age comes first", keyOf(85, 33), audit.History{Creation: warned(5, -20)}, 7, 5, in(5)},
		{"past its age, its use is of no matter", keyOf(95, 29), audit.History{Inactivity: warned(1, -20)}, 7, 7, in(7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := decide(c.key, c.history, audit.Policy{AutoExpire: true, MinNoticeDays: 7})
			if d.Action != audit.Warn || d.DaysLeft != c.left || d.OtherDaysLeft != c.other || !d.At.Equal(c.at) {
				t.Errorf("%s with %d days left and %d to the other limit, at %v; want %s with %d and %d, at %v",
					d.Action, d.DaysLeft, d.OtherDaysLeft, d.At, audit.Warn, c.left, c.other, c.at)
			}
		})
	}
}

// TestRemindAtAfterTheSoonerLimitIsGone: a key that was past its inactivity
// limit, was not disabled and is used again still hears of its age in time.
func TestRemindAtAfterTheSoonerLimitIsGone(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{RemindAt: []int{30, 14, 7}}
	past := keyOf(60, 35)
	v := audit.Judge(past, audit.Exemption{}, seed, now)
	history := audit.History{}.Add(v, seed, audit.Decide(past, v, seed, audit.History{}, policy, now), now)
	at := in(16) // 14 days left by age
	used := past
	used.LastUsed = at
	v = audit.Judge(used, audit.Exemption{}, seed, at)
	if d := audit.Decide(used, v, seed, history, policy, at); d.Action != audit.Warn || d.DaysLeft != 14 {
		t.Errorf("got %+v, want a warning of 14 days", d)
	}
}
