package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

func calendar(t interface{ Fatal(...any) }, windows, freezes string) audit.Calendar {
	w, err := audit.ParseWindows(windows, time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	f, err := audit.ParseFreezes(freezes, time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Calendar{Windows: w, Freezes: f}
}

func utc(t interface{ Fatal(...any) }, text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	const berlin = "Tue-Thu 09:00-15:00 Europe/Berlin"
	const christmas = "2026-12-20..2027-01-04"
	for _, test := range []struct {
		windows, freezes, at string // UTC
		want                 audit.Closure
		next                 string // UTC; "" is the same moment
	}{
		{"", "", "2026-11-24 12:00:00", audit.NotClosed, ""},
		// A Tuesday in winter: 09:00 is 08:00 UTC.
		{berlin, "", "2026-11-24 07:59:59", audit.OutsideWindows, "2026-11-24 08:00:00"},
		{berlin, "", "2026-11-24 08:00:00", audit.NotClosed, ""},
		{berlin, "", "2026-11-24 13:58:59", audit.NotClosed, ""},
		// Disabling takes up to a minute: the last one is not begun.
		{berlin, "", "2026-11-24 13:59:00", audit.OutsideWindows, "2026-11-25 08:00:00"},
		{berlin, "", "2026-11-24 14:00:00", audit.OutsideWindows, "2026-11-25 08:00:00"},
		{berlin, "", "2026-11-26 14:03:00", audit.OutsideWindows, "2026-12-01 08:00:00"},
		// In summer it is 07:00 UTC.
		{berlin, "", "2026-07-07 06:30:00", audit.OutsideWindows, "2026-07-07 07:00:00"},
		// Several windows, in several zones.
		{berlin + ", Sat 10:00-12:00 America/New_York", "", "2026-11-27 12:00:00", audit.OutsideWindows, "2026-11-28 15:00:00"},
		// Over midnight, from Friday and from Saturday alone.
		{"Fri-Sat 22:00-02:00 UTC", "", "2026-11-27 21:00:00", audit.OutsideWindows, "2026-11-27 22:00:00"},
		{"Fri-Sat 22:00-02:00 UTC", "", "2026-11-28 01:30:00", audit.NotClosed, ""},
		{"Fri-Sat 22:00-02:00 UTC", "", "2026-11-29 01:30:00", audit.NotClosed, ""},
		{"Fri-Sat 22:00-02:00 UTC", "", "2026-11-30 01:30:00", audit.OutsideWindows, "2026-12-04 22:00:00"},
		{"Fri 22:00-24:00 UTC, Sat 00:00-02:00 UTC", "", "2026-11-27 23:59:30", audit.NotClosed, ""},
		{"Sat-Mon 00:00-24:00 UTC", "", "2026-11-24 12:00:00", audit.OutsideWindows, "2026-11-28 00:00:00"},
		// A freeze, in UTC, in the zone of the window and in its own.
		{"", christmas, "2026-12-19 23:58:59", audit.NotClosed, ""},
		{"", christmas, "2026-12-19 23:59:00", audit.Frozen, "2027-01-05 00:00:00"},
		{"", christmas, "2027-01-04 23:59:59", audit.Frozen, "2027-01-05 00:00:00"},
		{"", christmas + " Australia/Sydney", "2026-12-19 12:58:59", audit.NotClosed, ""},
		{"", christmas + " Australia/Sydney", "2026-12-19 13:00:00", audit.Frozen, "2027-01-04 13:00:00"},
		{"Mon-Sun 00:00-24:00 Australia/Sydney", christmas, "2026-12-19 13:00:00", audit.Frozen, "2027-01-04 13:00:00"},
		{berlin, christmas, "2026-12-22 12:00:00", audit.Frozen, "2027-01-05 08:00:00"},
		{berlin, christmas, "2026-12-22 16:00:00", audit.OutsideWindows, "2027-01-05 08:00:00"},
		{"", "2026-11-24, 2026-11-25", "2026-11-24 12:00:00", audit.Frozen, "2026-11-26 00:00:00"},
		{"Mon-Sun 22:00-02:00 UTC", "2026-11-24", "2026-11-24 23:00:00", audit.Frozen, "2026-11-25 00:00:00"},
		// On 29 March 2026 the clocks in Berlin are set forward, from 02:00 to
		// 03:00 at 01:00 UTC: half the window is left of one, nothing of the other.
		{"Sun 02:30-04:00 Europe/Berlin", "", "2026-03-29 00:00:00", audit.OutsideWindows, "2026-03-29 01:00:00"},
		{"Sun 02:00-03:00 Europe/Berlin", "", "2026-03-29 00:59:59", audit.OutsideWindows, "2026-04-05 00:00:00"},
		// On 25 October 2026 they are set back, from 03:00 to 02:00 at 01:00 UTC:
		// the window is twice as long, or there are two.
		{"Sun 02:00-03:00 Europe/Berlin", "", "2026-10-25 00:00:00", audit.NotClosed, ""},
		{"Sun 02:00-03:00 Europe/Berlin", "", "2026-10-25 00:59:30", audit.NotClosed, ""},
		{"Sun 02:00-03:00 Europe/Berlin", "", "2026-10-25 01:58:59", audit.NotClosed, ""},
		{"Sun 01:00-02:30 Europe/Berlin", "", "2026-10-25 00:45:00", audit.OutsideWindows, "2026-10-25 01:00:00"},
		{"Sun 02:30-02:45 Europe/Berlin", "", "2026-10-25 00:50:00", audit.OutsideWindows, "2026-10-25 01:30:00"},
		// In Cairo the clocks are set forward at midnight: the freeze ends at 01:00.
		{"Mon-Sun 00:00-24:00 Africa/Cairo", "2026-04-23", "2026-04-23 12:00:00", audit.Frozen, "2026-04-23 22:00:00"},
	} {
		c, at := calendar(t, test.windows, test.freezes), utc(t, test.at)
		if got := c.At(at); got != test.want {
			t.Errorf("%q without %q at %s: %d, want %d", test.windows, test.freezes, test.at, got, test.want)
		}
		want := at
		if test.next != "" {
			want = utc(t, test.next)
		}
		if got, ever := c.Next(at); !ever || !got.Equal(want) {
			t.Errorf("%q without %q from %s: next is %s (%t), want %s", test.windows, test.freezes, test.at, got, ever, want)
		}
	}
}

// anyCalendar is of windows and freezes around changes of the clocks.
func anyCalendar() *rapid.Generator[audit.Calendar] {
	return rapid.Custom(func(t *rapid.T) audit.Calendar {
		zone := func() string {
			return rapid.SampledFrom([]string{
				"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu",
			}).Draw(t, "zone")
		}
		day := func() string {
			return rapid.SampledFrom([]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}).Draw(t, "weekday")
		}
		clock := func() string {
			return rapid.SampledFrom([]string{"00:00", "00:30", "01:00", "02:00", "02:30", "02:45", "03:00", "09:00", "15:00", "23:00", "23:45"}).Draw(t, "time")
		}
		var windows, freezes []string
		for range rapid.IntRange(0, 2).Draw(t, "windows") {
			begin := clock()
			end := rapid.SampledFrom([]string{"00:15", "02:15", "03:30", "10:00", "24:00"}).Draw(t, "end")
			windows = append(windows, day()+"-"+day()+" "+begin+"-"+end+" "+zone())
		}
		for range rapid.IntRange(0, 2).Draw(t, "freezes") {
			first := now.AddDate(0, 0, rapid.IntRange(-3, 12).Draw(t, "frozen from"))
			last := first.AddDate(0, 0, rapid.IntRange(0, 9).Draw(t, "frozen for"))
			freeze := first.Format(time.DateOnly) + ".." + last.Format(time.DateOnly)
			if rapid.Bool().Draw(t, "in a zone") {
				freeze += " " + zone()
			}
			freezes = append(freezes, freeze)
		}
		return calendar(t, strings.Join(windows, ","), strings.Join(freezes, ","))
	})
}

// TestNextIsTheFirstMoment compares Next with a clock that is looked at every
// minute.
func TestNextIsTheFirstMoment(t *testing.T) {
	t.Parallel()
	closed := 0
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar().Draw(t, "calendar")
		// Around the changes of the clocks in these zones.
		from := rapid.SampledFrom([]time.Time{
			now, utc(t, "2026-03-28 12:00:00"), utc(t, "2026-10-24 12:00:00"), utc(t, "2026-03-08 00:00:00"), utc(t, "2026-11-01 00:00:00"),
			utc(t, "2026-04-04 00:00:00"), utc(t, "2026-10-03 00:00:00"), utc(t, "2026-04-23 12:00:00"), utc(t, "2026-10-29 12:00:00"),
		}).Draw(t, "near").Add(anySpan(40*time.Hour).Draw(t, "later"))
		next, ever := c.Next(from)
		if !ever {
			t.Fatal("never")
		}
		if c.At(next) != audit.NotClosed {
			t.Fatalf("%s is closed", next)
		}
		if next.Equal(from) {
			return
		}
		closed++
		if next.Before(from) || !next.Equal(next.Truncate(time.Minute)) {
			t.Fatalf("%s is not a beginning after %s", next, from)
		}
		for at := from; at.Before(next); at = at.Truncate(time.Minute).Add(time.Minute) {
			if c.At(at) == audit.NotClosed {
				t.Fatalf("from %s: %s is open, but next is %s", from, at, next)
			}
		}
	})
	if closed == 0 {
		t.Error("no calendar was closed, so nothing was shown")
	}
}

// TestNothingIsOpenAMinuteBeforeTheEnd: what begins while keys may be disabled,
// and takes less than a minute, ends so.
func TestNothingIsOpenAMinuteBeforeTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyCalendar().Draw(t, "calendar")
		at := now.Add(anySpan(14*day).Draw(t, "later"))
		if c.At(at) != audit.NotClosed {
			return
		}
		for _, later := range []time.Duration{0, time.Second, 30 * time.Second, 59 * time.Second} {
			if !holds(c, at.Add(later)) {
				t.Fatalf("%s is open, and %s later it is not", at, later)
			}
		}
	})
}

// holds reads the calendar as a person does: by what a clock on the wall shows.
func holds(c audit.Calendar, at time.Time) bool {
	windows := c.Windows
	if len(windows) == 0 {
		windows = []audit.Window{{Days: [7]bool{true, true, true, true, true, true, true}, End: 24 * 60, Zone: time.UTC}}
	}
	return slices.ContainsFunc(windows, func(w audit.Window) bool {
		for _, f := range c.Freezes {
			zone := f.Zone
			if zone == nil {
				zone = w.Zone
			}
			date := at.In(zone).Format(time.DateOnly)
			if date >= f.First.Format(time.DateOnly) && date <= f.Last.Format(time.DateOnly) {
				return false
			}
		}
		local := at.In(w.Zone)
		minute, end := local.Hour()*60+local.Minute(), w.End
		if end <= w.Begin {
			end += 24 * 60
		}
		day := int(local.Weekday())
		return w.Days[day] && minute >= w.Begin && minute < end ||
			w.Days[(day+6)%7] && minute+24*60 >= w.Begin && minute+24*60 < end
	})
}

func TestParseCalendar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Tue-Thu":                               "must be days, hours and a time zone",
		"Tue 09:00-15:00":                       "must be days, hours and a time zone",
		"Tue-Thu 09:00-15:00 Europe/Berlin UTC": "must be days, hours and a time zone",
		"Tue-Thu 09:00-15:00 UTC,":              `"": must be days`,
		"Tu 09:00-15:00 UTC":                    "not valid days",
		"Mon-Tue-Wed 09:00-15:00 UTC":           "not valid days",
		"Mon 09:00 UTC":                         "not valid hours",
		"Mon 09:00-25:00 UTC":                   "not valid hours",
		"Mon 24:00-09:00 UTC":                   "not valid hours",
		"Mon 9-17 UTC":                          "not valid hours",
		"Mon 09:00-09:00 UTC":                   "shorter than 15 minutes",
		"Mon 09:00-09:14 UTC":                   "shorter than 15 minutes",
		"Mon 23:50-00:04 UTC":                   "shorter than 15 minutes",
		"Mon 09:00-15:00 Europe/Atlantis":       "unknown time zone",
		"Mon 09:00-15:00 Local":                 "unknown time zone",
		"Mon 09:00-15:00 ../UTC":                "unknown time zone",
		"Mondy 9-17 Nowhere":                    "not valid hours",
	} {
		if _, err := audit.ParseWindows(text, time.LoadLocation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"2026-12-20..2027-01-04 UTC UTC":      "must be the first and the last day",
		"2026-12-20-2027-01-04":               "not valid dates",
		"2026-12-20..":                        "not valid dates",
		"2026-02-30":                          "not valid dates",
		"2027-01-04..2026-12-20":              "ends before it begins",
		"2026-12-20..2027-01-04 Nowhere":      "unknown time zone",
		"2026-12-20..2027-01-04,, 2027-05-01": `"": must be the first`,
	} {
		if _, err := audit.ParseFreezes(text, time.LoadLocation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if c := calendar(t, " ", ""); c.Windows != nil || c.Freezes != nil {
		t.Errorf("nothing is %+v", c)
	}
	upper, lower := calendar(t, "FRI-MON 9:00-24:00 UTC", ""), calendar(t, " fri-mon  09:00-24:00  UTC ", "")
	if len(upper.Windows) != 1 || upper.Windows[0].Days != [7]bool{true, true, false, false, false, true, true} || upper.Windows[0] != lower.Windows[0] {
		t.Errorf("%+v and %+v", upper, lower)
	}
}

func TestACalendarThatNeverOpensIsRefused(t *testing.T) {
	t.Parallel()
	for _, freezes := range []string{"2026-01-01..2027-01-02", "0001-01-01..9999-12-31", "2026-01-01..2026-06-30, 2026-07-01..2027-06-30"} {
		if err := calendar(t, "", freezes).Check(); err == nil || !strings.Contains(err.Error(), "no key could be disabled for more than a year") {
			t.Errorf("%s: %v", freezes, err)
		}
	}
	for _, freezes := range []string{"", "2026-01-01..2027-01-01", "2026-01-01..2026-06-30, 2026-07-02..2027-06-30"} {
		if err := calendar(t, "", freezes).Check(); err != nil {
			t.Errorf("%s: %v", freezes, err)
		}
	}
}

// FuzzParseCalendar: what is accepted is a calendar that opens, and reads the
// same if it is written with other spaces.
func FuzzParseCalendar(f *testing.F) {
	f.Add("Tue-Thu 09:00-15:00 Europe/Berlin", "2026-12-20..2027-01-04")
	f.Add("Fri-Mon 22:00-02:00 UTC,Wed 00:00-24:00 Asia/Tokyo", "2026-12-24, 2026-12-31..2027-01-01 America/New_York")
	f.Add("Sun 02:00-02:15 Africa/Cairo", "0001-01-01..9999-12-31")
	f.Fuzz(func(t *testing.T, windows, freezes string) {
		w, notWindows := audit.ParseWindows(windows, time.LoadLocation)
		fr, notFreezes := audit.ParseFreezes(freezes, time.LoadLocation)
		if notWindows != nil || notFreezes != nil {
			return
		}
		c := audit.Calendar{Windows: w, Freezes: fr}
		if c.Check() != nil || len(w) > 5 || len(fr) > 5 {
			return
		}
		next, ever := c.Next(now)
		if !ever || next.Before(now) || c.At(next) != audit.NotClosed || !holds(c, next) {
			t.Errorf("%q without %q: next is %s (%t)", windows, freezes, next, ever)
		}
		again, err := audit.ParseWindows(" "+strings.Join(strings.Fields(windows), "  ")+" ", time.LoadLocation)
		if err != nil || !slices.EqualFunc(again, w, func(a, b audit.Window) bool {
			return a.Days == b.Days && a.Begin == b.Begin && a.End == b.End && a.Zone.String() == b.Zone.String()
		}) {
			t.Errorf("%q is %+v, then %+v (%v)", windows, w, again, err)
		}
	})
}
