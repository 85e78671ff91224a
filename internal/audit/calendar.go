package audit

import (
	"slices"
	"time"
)

// Calendar says when keys may be disabled. The zero Calendar lets them be disabled
// at any time.
type Calendar struct {
	// Windows are the times at which keys may be disabled; none is at any time.
	Windows []Window
	// Freezes are days on which no key is disabled, window or not.
	Freezes []Freeze
}

// Window is a time of day on some days of the week, as the clocks of a zone show
// it. If the clocks are set forward over it, it is shorter or missing that day;
// if they are set back over it, longer.
type Window struct {
	Days [7]bool // by time.Weekday, of the day on which it begins
	// Begin and End are minutes after midnight; an End that is not after Begin is
	// on the day after.
	Begin, End int
	Zone       *time.Location
}

// Freeze is the days from First through Last.
type Freeze struct {
	First, Last time.Time // midnight UTC; only the date counts
	// Zone is where the days are counted; nil is the zone of the window, and UTC
	// if there is no window.
	Zone *time.Location
}

// IsSet reports whether there are times at which no key may be disabled.
func (c Calendar) IsSet() bool { return len(c.Windows)+len(c.Freezes) > 0 }

// lastCall is how long disabling a key may take once it was decided. A window is
// closed, and a freeze begins, that much earlier.
const lastCall = time.Minute

// Closure says why keys are not disabled at a moment.
type Closure uint8

// The closures.
const (
	NotClosed Closure = iota
	OutsideWindows
	Frozen
)

// At reports whether keys may be disabled at a moment, and why not.
func (c Calendar) At(t time.Time) Closure {
	return max(c.closure(t), c.closure(t.Add(lastCall)))
}

func (c Calendar) closure(t time.Time) Closure {
	closed := OutsideWindows
	for _, w := range c.windows() {
		switch {
		case !w.holds(t):
		case slices.ContainsFunc(c.Freezes, func(f Freeze) bool { return f.holds(t, w.Zone) }):
			closed = Frozen
		default:
			return NotClosed
		}
	}
	return closed
}

// windows are the calendar's, or the one that is always open.
func (c Calendar) windows() []Window {
	if len(c.Windows) > 0 {
		return c.Windows
	}
	everyDay := [7]bool{true, true, true, true, true, true, true}
	return []Window{{Days: everyDay, End: minutesADay, Zone: time.UTC}}
}

const minutesADay = 24 * 60

func (w Window) holds(t time.Time) bool {
	local := t.In(w.Zone)
	minute, today := local.Hour()*60+local.Minute(), local.Weekday()
	if w.Begin < w.End {
		return w.Days[today] && w.Begin <= minute && minute < w.End
	}
	yesterday := (today + 6) % 7
	return w.Days[today] && w.Begin <= minute || w.Days[yesterday] && minute < w.End
}

func (f Freeze) holds(t time.Time, zone *time.Location) bool {
	local := t.In(f.zone(zone))
	date := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	return !date.Before(f.First) && !date.After(f.Last)
}

func (f Freeze) zone(ofWindow *time.Location) *time.Location {
	if f.Zone != nil {
		return f.Zone
	}
	return ofWindow
}

// farthestOpening is how many days ahead Next looks.
const farthestOpening = 800

// Next returns the first moment, not before t, at which keys may be disabled. It is
// false if there is none within two years.
func (c Calendar) Next(t time.Time) (time.Time, bool) {
	if c.At(t) == NotClosed {
		return t, true
	}
	var first time.Time
	offer := func(moments []time.Time) {
		for _, at := range moments {
			if !at.Before(t) && (first.IsZero() || at.Before(first)) && c.At(at) == NotClosed {
				first = at
			}
		}
	}
	for _, w := range c.windows() {
		for _, f := range c.Freezes {
			offer(momentsOf(f.Last.AddDate(0, 0, 1), f.zone(w.Zone)))
		}
	}
	today := t.UTC().Truncate(day)
	for i := -2; i <= farthestOpening; i++ {
		date := today.AddDate(0, 0, i)
		if !first.IsZero() && date.Sub(first) > 2*day {
			break // later days hold no earlier moment
		}
		for _, w := range c.windows() {
			offer(momentsOf(date.Add(time.Duration(w.Begin)*time.Minute), w.Zone))
		}
	}
	return first.UTC(), !first.IsZero()
}

// nearby is how far a change of the clocks may be from what it decides about.
const nearby = 2 * day

// momentsOf are the moments that may be the first at which a clock in a zone shows
// a date and time, given as if in UTC, or a later one: the moment itself, of which
// there are two if the clocks are set back over it, and the change of the clocks,
// if they are set forward over it.
func momentsOf(wall time.Time, zone *time.Location) []time.Time {
	var moments []time.Time
	for _, near := range []time.Time{wall.Add(-nearby), wall.Add(nearby)} {
		_, offset := near.In(zone).Zone()
		_, change := near.In(zone).ZoneBounds()
		moments = append(moments, wall.Add(-time.Duration(offset)*time.Second))
		if !change.IsZero() && change.Sub(wall) < nearby {
			moments = append(moments, change)
		}
	}
	return moments
}
