package inventory

import (
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// NeedsRead reports whether a user must be read live to be judged at now: whether
// some key of theirs may be anything but good or disabled already.
//
// The report is a picture of the past, and this errs towards reading:
//   - No key is older than its user, so a user younger than both warning ages
//     has none that is due, whatever the report says of them.
//   - A key is at least as old as its last change, and was idle for at most as
//     long as the report says. A key that was not deactivated and activated
//     again is exactly as old as its last change.
//   - A key used before its last change was activated again, and is older than
//     it looks by we know not how much: it is read.
//   - What is Active without a date, or cannot be read, is doubt: it is read. So
//     is a user with a date that lies ahead, which would look young, or with a
//     key that is older than the user.
//
// What is missed until later is a key that was activated again after the
// report, and one that was activated again before it and was used since, or
// never. docs/performance.md says for how long.
func (row ReportRow) NeedsRead(rules audit.Rules, now time.Time) bool {
	if row.Doubt != nil || checkDate(row.Created, now) != nil || slices.ContainsFunc(row.Keys, row.isOlder) {
		return true
	}
	if daysSince(row.Created, now) < min(rules.WarningAge, rules.InactivityWarningAge) {
		return false
	}
	for _, key := range row.Keys {
		if key.needsRead(rules, now) {
			return true
		}
	}
	return false
}

// isOlder reports whether a key in use is older than its user, as none can be.
func (row ReportRow) isOlder(key ReportKey) bool {
	return key.Active && !key.Changed.IsZero() && key.Changed.Before(row.Created)
}

func (key ReportKey) needsRead(rules audit.Rules, now time.Time) bool {
	switch {
	case !key.Active:
		return false
	case key.Changed.IsZero() || checkDate(key.Changed, now) != nil:
		return true
	case !key.LastUsed.IsZero() && checkDate(key.LastUsed, now) != nil:
		return true
	case !key.LastUsed.IsZero() && key.LastUsed.Before(key.Changed):
		return true
	}
	lastUse := key.LastUsed
	if lastUse.IsZero() {
		lastUse = key.Changed
	}
	return daysSince(key.Changed, now) >= rules.WarningAge || daysSince(lastUse, now) >= rules.InactivityWarningAge
}

// daysSince counts full days, as a verdict does.
func daysSince(t, now time.Time) int { return max(0, int(now.Sub(t)/(24*time.Hour))) }

// reportSlack is how much older than its date a report is taken to be: it is
// put together over some time, from data that may lag a little.
const reportSlack = time.Hour

// newestCovered reports whether a report made at a moment leaves out no key
// that can be due at now. A key younger than the report is not in it; it is
// due only once it is as old as the lower of the two warning ages.
func newestCovered(made time.Time, rules audit.Rules, now time.Time) bool {
	return daysSince(made.Add(-reportSlack), now) < min(rules.WarningAge, rules.InactivityWarningAge)
}

// Skipped counts the keys of a user who was not read live.
type Skipped struct {
	// Active keys are good: too young, and used too lately, to be due.
	Active int
	// Inactive keys are counted as far as the report shows them.
	Inactive int
}

// user is the user of the row.
func (row ReportRow) user() audit.User {
	return audit.User{Name: row.User, ARN: row.ARN, Created: row.Created, Password: row.Password}
}

func (row ReportRow) skipped() *Skipped {
	var p Skipped
	for _, key := range row.Keys {
		if key.Active {
			p.Active++
		} else {
			p.Inactive++
		}
	}
	return &p
}
