package crash

import (
	"slices"
	"time"
	_ "time/tzdata" // the calendars name zones

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// openTimes is a calendar of Sleuth's, and the same in hours of UTC: all days of
// these tests in which clocks matter are in winter.
type openTimes struct {
	windows, freezes string

	weekdays   bool // not on Saturday and Sunday
	begin, end time.Duration
	frozen     []string
}

// calendars open and close while the runs of a schedule are made: they begin on
// Monday 2 March 2026, 09:00 UTC.
func calendars() []openTimes {
	return []openTimes{
		{windows: "Mon-Sun 08:00-09:02 UTC", begin: 8 * time.Hour, end: 9*time.Hour + 2*time.Minute},
		{windows: "Mon-Sun 14:30-15:00 Asia/Kolkata", begin: 9 * time.Hour, end: 9*time.Hour + 30*time.Minute},
		{
			windows: "Mon-Fri 04:20-10:00 America/Bogota", begin: 9*time.Hour + 20*time.Minute, end: 15 * time.Hour,
			weekdays: true, freezes: "2026-03-03", frozen: []string{"2026-03-03"},
		},
		{freezes: "2026-03-03..2026-03-05", end: day, frozen: []string{"2026-03-03", "2026-03-04", "2026-03-05"}},
	}
}

func (o openTimes) isOpen(at time.Time) bool {
	at = at.UTC()
	sinceMidnight := at.Sub(at.Truncate(day))
	switch {
	case o.end == 0:
		return true
	case slices.Contains(o.frozen, at.Format(time.DateOnly)):
		return false
	case o.weekdays && (at.Weekday() == time.Saturday || at.Weekday() == time.Sunday):
		return false
	}
	return o.begin <= sinceMidnight && sinceMidnight < o.end
}

// parsed is the calendar as Sleuth reads it.
func (o openTimes) parsed() audit.Calendar {
	windows, err := audit.ParseWindows(o.windows, time.LoadLocation)
	if err != nil {
		panic(err)
	}
	freezes, err := audit.ParseFreezes(o.freezes, time.LoadLocation)
	if err != nil {
		panic(err)
	}
	return audit.Calendar{Windows: windows, Freezes: freezes}
}
