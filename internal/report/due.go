package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// horizon is how many days ahead the calendar of what is due looks.
const horizon = 90

// due is one key with the moment at which it reaches its first limit.
type due struct {
	Row
	At time.Time
}

// week is what reaches a limit in seven days. The last of a calendar is cut
// short at the horizon.
type week struct {
	From, To time.Time // the first and the last day, UTC
	Keys     []due
}

// limitAt is the moment at which a key reaches the first of its limits, if it
// ever does: not before a dated exemption ends.
func limitAt(row Row) (time.Time, bool) { return notBeforeExemptionEnds(row, deadline(row)) }

// dueAt is the moment that the calendar shows a key under. A key in daily use
// is always some weeks away from its limit by last use, and never gets there;
// so that one counts only from the day on which the owner is warned of it.
func dueAt(row Row, rules Rules) (time.Time, bool) {
	at := row.ExpiresAt
	if row.IdleAge >= rules.InactivityWarningAge {
		at = deadline(row)
	}
	return notBeforeExemptionEnds(row, at)
}

func notBeforeExemptionEnds(row Row, at time.Time) (time.Time, bool) {
	switch {
	case row.State == audit.Disabled, row.Exempt && row.ExemptUntil == nil:
		return time.Time{}, false
	case row.Exempt && at.Before(*row.ExemptUntil):
		return *row.ExemptUntil, true
	}
	return at, true
}

// calendar sorts what is due: what is past a limit already, and what will be,
// by week, up to the horizon.
func calendar(r Report) (past []due, weeks []week) {
	first := midnight(r.At)
	for from := 0; from <= horizon; from += 7 {
		weeks = append(weeks, week{
			From: first.AddDate(0, 0, from),
			To:   first.AddDate(0, 0, min(from+6, horizon)),
		})
	}
	for _, row := range r.Rows {
		when, ever := dueAt(row, r.limitsOf(row))
		day := int(midnight(when).Sub(first) / (24 * time.Hour))
		switch {
		case !ever || day > horizon:
		case row.State.PastLimit():
			past = append(past, due{row, when})
		default:
			// Ages are whole days: a limit may be reached in the hour after
			// the audit, and belongs to this week.
			w := &weeks[max(0, day)/7]
			w.Keys = append(w.Keys, due{row, when})
		}
	}
	bySoonest := func(a, b due) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	}
	slices.SortFunc(past, bySoonest)
	for _, w := range weeks {
		slices.SortFunc(w.Keys, bySoonest)
	}
	return past, weeks
}

// who names users once each, in the order of what is due, at most a number of
// them; more is how many are left out.
func who(keys []due, most int) (names []string, more int) {
	seen := map[string]bool{}
	for _, key := range keys {
		if seen[key.User] {
			continue
		}
		seen[key.User] = true
		names = append(names, key.User)
	}
	if len(names) > most+1 { // "and 1 more" is no shorter than a name
		return names[:most], len(names) - most
	}
	return names, 0
}

// dueWithin counts what reaches a limit within a number of days.
func dueWithin(weeks []week, at time.Time, days int) (n int, first due) {
	end := midnight(at).AddDate(0, 0, days+1)
	for _, w := range weeks {
		for _, key := range w.Keys {
			if !key.At.Before(end) {
				return n, first
			}
			if n == 0 {
				first = key
			}
			n++
		}
	}
	return n, first
}
