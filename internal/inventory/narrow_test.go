package inventory_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return now.AddDate(0, 0, -n) }

func TestMatters(t *testing.T) {
	t.Parallel()
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 30, InactivityWarningAge: 20}
	key := func(active bool, changed, used time.Time) inventory.ReportKey {
		return inventory.ReportKey{Active: active, Changed: changed, LastUsed: used}
	}
	var never time.Time
	for _, c := range []struct {
		name string
		born time.Time
		keys []inventory.ReportKey
		want bool
	}{
		{"no keys", daysAgo(900), nil, false},
		{"an old key, Inactive", daysAgo(900), []inventory.ReportKey{key(false, daysAgo(500), never)}, false},
		{"young and used", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(79), daysAgo(1))}, false},
		{"at the warning age to the second", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(80), daysAgo(1))}, true},
		{"a second under it", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(80).Add(time.Second), daysAgo(1))}, false},
		{"idle up to the warning", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(50), daysAgo(20))}, true},
		{"a second under that", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(50), daysAgo(20).Add(time.Second))}, false},
		{"never used since it was made", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(20), never)}, true},
		{"used before its last change, so older than it looks", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(2), daysAgo(3))}, true},
		{"that, of a user too young for it to count", daysAgo(19), []inventory.ReportKey{key(true, daysAgo(2), daysAgo(3))}, false},
		{"Active without a date", daysAgo(900), []inventory.ReportKey{key(true, never, daysAgo(1))}, true},
		{"the second key", daysAgo(900), []inventory.ReportKey{key(true, daysAgo(3), daysAgo(1)), key(true, daysAgo(85), daysAgo(1))}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			row := inventory.ReportRow{User: "u", Created: c.born, Keys: c.keys}
			if got := row.NeedsRead(rules, now); got != c.want {
				t.Errorf("matters: %t, want %t", got, c.want)
			}
		})
	}
}

// past is the life of one key: the truth, and what a report made of it.
type past struct {
	key      audit.Key // as a live run reads it
	reported inventory.ReportKey
	// reactivated: it was activated again before the report; revived: since.
	reactivated, revived bool
}

// drawPast lives a key's life from its making, in random steps, through the
// making of the report to now.
func drawPast(t *rapid.T, userCreated, reportMade time.Time) past {
	p := past{}
	longest := int(now.Sub(userCreated) / time.Second)
	made := userCreated.Add(time.Duration(rapid.IntRange(0, longest).Draw(t, "made")) * time.Second)
	p.key = audit.Key{ID: "AKIA", Status: audit.Active, Created: made}
	picture := inventory.ReportKey{}
	if !made.After(reportMade) {
		picture = inventory.ReportKey{Active: true, Changed: made}
	}
	at := made
	for range rapid.IntRange(0, 6).Draw(t, "events") {
		at = at.Add(time.Duration(rapid.IntRange(0, 1+int(now.Sub(at)/time.Second)).Draw(t, "later")) * time.Second)
		if at.After(now) {
			break
		}
		inReport := !at.After(reportMade)
		switch rapid.SampledFrom([]string{"use", "use", "deactivate", "activate"}).Draw(t, "event") {
		case "use":
			if p.key.Status != audit.Active {
				continue
			}
			p.key.LastUsed = at
			// The report may not have heard of the newest uses.
			if inReport && rapid.Bool().Draw(t, "heard of") {
				picture.LastUsed = at
			}
		case "deactivate":
			p.key.Status = audit.Inactive
			if inReport {
				picture.Active, picture.Changed = false, at
			}
		case "activate":
			if p.key.Status == audit.Active {
				continue
			}
			p.key.Status = audit.Active
			if inReport {
				picture.Active, picture.Changed = true, at
				p.reactivated = true
			} else {
				p.revived = true
			}
		}
	}
	p.reported = picture
	return p
}

// Whoever is left out by the report has no key that a live run would warn of
// or disable, except for those that the documentation names.
func TestNarrowingLosesNothingButWhatIsDocumented(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := drawRules(t)
		reportMade := now.Add(-time.Duration(rapid.IntRange(0, 4*3600).Draw(t, "report's age")) * time.Second)
		born := now.Add(-time.Duration(rapid.IntRange(0, 300*24*3600).Draw(t, "user's age")) * time.Second)
		row := inventory.ReportRow{User: "u", Created: born}
		var pasts []past
		for range rapid.IntRange(0, 2).Draw(t, "keys") {
			p := drawPast(t, born, reportMade)
			pasts = append(pasts, p)
			if p.reported != (inventory.ReportKey{}) {
				row.Keys = append(row.Keys, p.reported)
			}
		}
		if row.NeedsRead(rules, now) {
			return
		}
		for _, p := range pasts {
			v := audit.Judge(p.key, audit.Exemption{}, rules, now)
			if !v.State.NeedsWarning() && !v.State.PastLimit() {
				continue
			}
			switch {
			case p.revived: // seen by the next report
			case p.reactivated && p.reported.Changed.After(p.key.Created):
				// Seen a warning age after it was activated again, at the latest.
				if daysBetween(p.reported.Changed, now) >= rules.WarningAge {
					t.Fatalf("a key activated again is missed past its time: %+v", p)
				}
			default:
				t.Fatalf("rules %+v, report of %s: user left out with a key that is %s: %+v", rules, reportMade, v.State, p)
			}
		}
	})
}

// drawRules draws a valid set that the mode serves.
func drawRules(t *rapid.T) audit.Rules {
	var r audit.Rules
	r.ExpirationAge = rapid.IntRange(2, 120).Draw(t, "expiration age")
	r.WarningAge = rapid.IntRange(1, r.ExpirationAge-1).Draw(t, "warning age")
	r.InactivityAge = rapid.IntRange(2, r.ExpirationAge).Draw(t, "inactivity age")
	r.InactivityWarningAge = rapid.IntRange(1, r.InactivityAge-1).Draw(t, "inactivity warning age")
	return r
}

func daysBetween(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }
