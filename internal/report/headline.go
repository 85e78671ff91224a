package report

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// figures sum a report up.
type figures struct {
	Active   int // keys that are not disabled
	Past     int // past a limit
	Warned   int // whose owners are warned
	Exempt   int
	NoEnd    int // exempt without an end
	Disabled int
	Oldest   int // age in days of the oldest Active key that is not exempt
	Never    int // Active keys that were never used
}

func figuresOf(r Report) figures {
	f := figures{Active: r.Active(), Disabled: r.States[audit.Disabled]}
	for _, row := range r.Rows {
		if row.State == audit.Disabled {
			continue
		}
		switch {
		case row.State.PastLimit():
			f.Past++
		case row.State.NeedsWarning():
			f.Warned++
		case row.Exempt:
			f.Exempt++
			if row.ExemptUntil == nil {
				f.NoEnd++
			}
		}
		if !row.Exempt {
			f.Oldest = max(f.Oldest, row.Age)
		}
		if row.LastUsed == nil {
			f.Never++
		}
	}
	return f
}

// oldest says which keys it speaks of: without those that are exempt, whose age
// the table shows.
func (f figures) oldest() string {
	if f.Exempt > 0 {
		return "oldest not exempt: " + text.Count(f.Oldest, "day")
	}
	return "oldest: " + text.Count(f.Oldest, "day")
}

// share is how much of the Active keys is within policy, in whole percent and
// rounded down, so that 100 % means every one.
func (f figures) share() string {
	if f.Active == 0 {
		return "–"
	}
	return fmt.Sprintf("%d %%", 100*(f.Active-f.Past)/f.Active)
}

// inOneSentence sums the report up. named writes a user's name.
func inOneSentence(f figures, weeks []week, r Report, named func(user string) string) string {
	if f.Active == 0 {
		return "There are no active access keys."
	}
	is := func(n int) string {
		switch {
		case r.Forecast != nil:
			return "will be"
		case n == 1:
			return "is"
		}
		return "are"
	}
	var sentence strings.Builder
	switch {
	case f.Past == 0 && f.Active == 1:
		fmt.Fprintf(&sentence, "The one active key %s within policy.", is(1))
	case f.Past == 0:
		fmt.Fprintf(&sentence, "All %s %s within policy.", text.Count(f.Active, "active key"), is(f.Active))
	default:
		fmt.Fprintf(&sentence, "%s of %s %s past a limit.", text.Grouped(f.Past), text.Count(f.Active, "active key"), is(f.Past))
	}
	n, first := dueWithin(weeks, r.At, 30)
	switch n {
	case 0:
		sentence.WriteString(" None reaches a limit within 30 days.")
	case 1:
		fmt.Fprintf(&sentence, " One more reaches a limit within 30 days: that of %s, on %s.", named(first.User), dayInWords(first.At))
	default:
		fmt.Fprintf(&sentence, " %s more reach a limit within 30 days; the first, that of %s, on %s.", text.Grouped(n), named(first.User), dayInWords(first.At))
	}
	return sentence.String()
}

// whatIsDue says how the calendar counts.
const whatIsDue = "By the day on which a key that is not rotated reaches its limit. Its limit by last use counts once its owner is warned of it."

// whatStatesMean explains the states under the limits in force. Where rules for
// kinds of users set limits, the numbers are those of the settings.
func (r Report) whatStatesMean() [][2]string {
	created := func(days int) string { return fmt.Sprintf("created %s or more days ago", text.Grouped(days)) }
	unused := func(days int) string { return fmt.Sprintf("not used for %s or more days", text.Grouped(days)) }
	if r.HasRules() {
		created = func(days int) string {
			return fmt.Sprintf("created as long ago as its rule allows (%s days without a rule)", text.Grouped(days))
		}
		unused = func(days int) string {
			return fmt.Sprintf("unused for as long as its rule allows (%s days without a rule)", text.Grouped(days))
		}
	}
	return [][2]string{
		{"expire", created(r.Rules.ExpirationAge) + ": past the limit"},
		{"stagnant_expire", unused(r.Rules.InactivityAge) + ": past the limit"},
		{"old", created(r.Rules.WarningAge) + ": its owner is warned"},
		{"stagnant", unused(r.Rules.InactivityWarningAge) + ": its owner is warned"},
		{"good", "within policy, or exempt by the KeyAutoExpire tag of its user"},
		{"disabled", "Inactive in IAM: it cannot be used"},
	}
}
