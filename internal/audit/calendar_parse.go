package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// shortestWindow is how long a window must be at least, in minutes: a run must be
// able to begin and end in it.
const shortestWindow = 15

// longestClosure is for how many days the freezes may keep all keys from being
// disabled.
const longestClosure = 366

// Zones finds a time zone by its name in the tz database, as time.LoadLocation does.
type Zones func(name string) (*time.Location, error)

// ParseWindows reads windows such as "Tue-Thu 09:00-15:00 Europe/Berlin", separated
// by commas. An empty text has none.
func ParseWindows(text string, zones Zones) ([]Window, error) {
	return parseList(text, func(part string) (Window, error) { return parseWindow(part, zones) })
}

// ParseFreezes reads freezes such as "2026-12-20..2027-01-04", each of which may
// name a zone behind a space, separated by commas. An empty text has none.
func ParseFreezes(text string, zones Zones) ([]Freeze, error) {
	return parseList(text, func(part string) (Freeze, error) { return parseFreeze(part, zones) })
}

func parseList[T any](text string, parse func(string) (T, error)) ([]T, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []T
	for part := range strings.SplitSeq(text, ",") {
		one, err := parse(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(part), err)
		}
		list = append(list, one)
	}
	return list, nil
}

func parseWindow(text string, zones Zones) (Window, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return Window{}, errors.New("must be days, hours and a time zone, such as Tue-Thu 09:00-15:00 Europe/Berlin")
	}
	days, notDays := parseDays(fields[0])
	begin, end, notHours := parseHours(fields[1])
	zone, notZone := parseZone(fields[2], zones)
	return Window{days, begin, end, zone}, errors.Join(notDays, notHours, notZone)
}

// parseDays reads a day of the week, such as Tue, or several, such as Tue-Thu or
// Fri-Mon.
func parseDays(text string) (days [7]bool, err error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, to := weekday(first), weekday(last)
	if from < 0 || to < 0 {
		return days, fmt.Errorf("%s: not valid days; use Mon, Tue, Wed, Thu, Fri, Sat and Sun, such as Tue-Thu", text)
	}
	for i := from; ; i = (i + 1) % len(days) {
		days[i] = true
		if i == to {
			return days, nil
		}
	}
}

// weekday is the number of a day of the week; -1 for none.
func weekday(name string) int {
	return slices.IndexFunc([]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}, func(day string) bool {
		return strings.EqualFold(name, day)
	})
}

// parseHours reads hours such as 09:00-15:00, in minutes after midnight. If they
// end no later than they begin, they end on the next day.
func parseHours(text string) (begin, end int, err error) {
	first, last, isRange := strings.Cut(text, "-")
	begin, notBegin := minuteOf(first)
	end, notEnd := minuteOf(last)
	if last == "24:00" {
		end, notEnd = minutesADay, nil
	}
	if !isRange || notBegin != nil || notEnd != nil {
		return 0, 0, fmt.Errorf("%s: not valid hours; use 00:00 to 24:00, such as 09:00-15:00", text)
	}
	length := end - begin
	if length <= 0 {
		length += minutesADay
	}
	if begin == end || length < shortestWindow {
		return 0, 0, fmt.Errorf("%s: shorter than %d minutes, and a run takes time", text, shortestWindow)
	}
	return begin, end, nil
}

func minuteOf(text string) (int, error) {
	at, err := time.Parse("15:04", text)
	return at.Hour()*60 + at.Minute(), err
}

func parseZone(name string, zones Zones) (*time.Location, error) {
	zone, err := zones(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%s: unknown time zone; use a name such as Europe/Berlin or UTC", name)
	}
	return zone, nil
}

func parseFreeze(text string, zones Zones) (Freeze, error) {
	fields := strings.Fields(text)
	if len(fields) != 1 && len(fields) != 2 {
		return Freeze{}, errors.New("must be the first and the last day, such as 2026-12-20..2027-01-04, and may end with a time zone")
	}
	var f Freeze
	var notZone error
	if len(fields) == 2 {
		f.Zone, notZone = parseZone(fields[1], zones)
	}
	first, last, isRange := strings.Cut(fields[0], "..")
	if !isRange {
		last = first
	}
	var notFirst, notLast error
	f.First, notFirst = time.Parse(time.DateOnly, first)
	f.Last, notLast = time.Parse(time.DateOnly, last)
	switch {
	case notFirst != nil || notLast != nil:
		return Freeze{}, fmt.Errorf("%s: not valid dates; use the first and the last day, such as 2026-12-20..2027-01-04", fields[0])
	case f.Last.Before(f.First):
		return Freeze{}, fmt.Errorf("%s: ends before it begins", fields[0])
	}
	return f, notZone
}

// Check returns an error if keys could not be disabled for more than a year,
// which is a mistake rather than a pause.
func (c Calendar) Check() error {
	for _, f := range c.Freezes {
		next, ever := c.Next(f.First)
		if !ever || next.Sub(f.First) > longestClosure*day {
			return fmt.Errorf("no key could be disabled for more than a year from %s; set ENABLE_AUTO_EXPIRE=false if none is to be", f.First.Format(time.DateOnly))
		}
	}
	return nil
}
