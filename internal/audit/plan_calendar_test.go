package audit_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Now is a Monday, 12:00 UTC.
func TestDecideByTheCalendar(t *testing.T) {
	t.Parallel()
	const tuesday = "Tue 09:00-15:00 UTC"
	opens := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	on := audit.Policy{AutoExpire: true}
	for _, c := range []struct {
		name             string
		key              audit.Key
		tag              string
		windows, freezes string
		policy           audit.Policy
		want             audit.Decision
	}{
		{"outside the window", keyOf(95, 1), "-", tuesday, "", on, audit.Decision{Action: audit.Warn, Hold: audit.HeldForWindow, DaysLeft: 1, At: opens}},
		{"inside", keyOf(95, 1), "-", "Mon 09:00-15:00 UTC", "", on, audit.Decision{Action: audit.Disable, At: in(-5)}},
		{"frozen", keyOf(95, 1), "-", "", "2026-03-02..2026-03-04", on, audit.Decision{Action: audit.Warn, Hold: audit.HeldByFreeze, DaysLeft: 3, At: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}},
		{"the limit is in a freeze", keyOf(60, 1), "-", "", "2026-03-30..2026-04-04", on, audit.Decision{Action: audit.Warn, DaysLeft: 34, At: time.Date(2026, 4, 5, 0, 0, 0, 0, time.UTC)}},
		{"the sooner limit is inside the window", keyOf(60, 1), "-", "Tue 09:00-15:00 UTC", "", on, audit.Decision{Action: audit.Warn, DaysLeft: 36, At: in(29)}},
		{"the limit is behind the window", keyOf(60, 1), "-", "Tue 09:00-11:00 UTC", "", on, audit.Decision{Action: audit.Warn, DaysLeft: 36, At: time.Date(2026, 4, 7, 9, 0, 0, 0, time.UTC)}},
		{"the notice ends outside", keyOf(95, 1), "-", tuesday, "", audit.Policy{AutoExpire: true, MinNoticeDays: 7},
			audit.Decision{Action: audit.Warn, Hold: audit.HeldForNotice, DaysLeft: 8, At: opens.AddDate(0, 0, 7)}},
		// Nothing is said of a window to the owner of a key that nobody disables.
		{"policy off", keyOf(95, 1), "-", tuesday, "", audit.Policy{}, audit.Decision{Action: audit.Warn, Hold: audit.HeldByPolicy, At: in(-5)}},
		{"policy off, warned all the same", keyOf(60, 1), "-", "Fri 09:00-15:00 UTC", "", audit.Policy{}, audit.Decision{Action: audit.Warn, DaysLeft: 30, At: in(29)}},
		{"doubt", keyOf(95, 1), "no", tuesday, "", on, audit.Decision{Action: audit.Warn, Hold: audit.HeldByDoubt, At: in(-5)}},
		{"own key", keyOf(95, 1), "-", tuesday, "", audit.Policy{AutoExpire: true, OwnKeys: []string{"AKIA1"}}, audit.Decision{Action: audit.Warn, Hold: audit.HeldAsOwnKey, At: opens}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := audit.Judge(c.key, audit.ExemptionOf(userTagged(c.tag), c.key.ID), seed, now)
			c.policy.Calendar = calendar(t, c.windows, c.freezes)
			got := audit.Decide(c.key, v, seed, audit.History{}, c.policy, now)
			if got.Action != c.want.Action || got.Hold != c.want.Hold || got.DaysLeft != c.want.DaysLeft || !got.At.Equal(c.want.At) {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// With a calendar, the first warning may name more days than the ladder has. The
// rungs below it are warned at even so.
func TestRemindAtBelowAWarningOffTheLadder(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{AutoExpire: true, MinNoticeDays: 7, RemindAt: []int{14, 3}, Calendar: calendar(t, "", "2026-03-02..2026-03-31")}
	key, history := keyOf(95, 1), audit.History{}
	var warned []int
	for i := range 31 {
		v := audit.Judge(key, audit.Exemption{}, seed, in(i))
		d := audit.Decide(key, v, seed, history, policy, in(i))
		if d.Action == audit.Disable && i != 30 {
			t.Errorf("disabled on day %d", i)
		}
		if d.Action == audit.Warn {
			warned = append(warned, d.DaysLeft)
			history = history.Add(v, seed, d, in(i))
		}
	}
	if len(warned) != 4 || warned[0] != 30 || warned[1] != 14 || warned[2] != 7 || warned[3] != 3 {
		t.Errorf("warned at %v days left", warned)
	}
}

// TestTheCalendarDelaysNoNotice: every run comes after a window has closed, so
// that the key would be disabled in more days than the notice has. The warning
// that begins the notice is sent all the same.
func TestTheCalendarDelaysNoNotice(t *testing.T) {
	t.Parallel()
	policy := audit.Policy{AutoExpire: true, MinNoticeDays: 7, RemindAt: []int{3}, Calendar: calendar(t, "Mon 09:00-11:00 UTC", "")}
	d := decide(keyOf(95, 1), audit.History{}, policy)
	if d.Action != audit.Warn || d.DaysLeft != 14 {
		t.Errorf("got %+v", d)
	}
}
