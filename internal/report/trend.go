package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// trendMonths is how many months a trend shows.
const trendMonths = 12

// TrendKinds explains the colours of the trend.
func (page) TrendKinds() []kindLabel {
	return []kindLabel{{kindGood, trendPart(kindGood)}, {kindPast, trendPart(kindPast)}}
}

// trendPart names a part of a month's active keys.
func trendPart(kind string) string {
	if kind == kindGood {
		return "not past a limit"
	}
	return kindInWords(kind)
}

// trendCharts draws a trend for a wide and for a narrow page. A trend of one
// month is none.
func trendCharts(trend []changes.Point) (wide, narrow []chart) {
	if len(trend) < 2 {
		return nil, nil
	}
	wide = []chart{keysOverTime("keys", trend, 508), agesOverTime("median", trend, 508)}
	narrow = []chart{keysOverTime("keys-narrow", trend, 350), agesOverTime("median-narrow", trend, 350)}
	return wide, narrow
}

// keysOverTime draws how many keys were active in each month, and past a limit.
func keysOverTime(id string, trend []changes.Point, width int) chart {
	c := series{id: id, title: "Active keys by month", width: width}
	for _, p := range trend {
		c.add(p, map[string]int{kindGood: p.Keys - p.PastLimit, kindPast: p.PastLimit}, trendPart,
			fmt.Sprintf("%s, %s of them past a limit", text.Count(p.Keys, "active key"), text.Grouped(p.PastLimit)))
	}
	return c.draw(func(n int) string { return text.Count(n, "key") })
}

// agesOverTime draws the median age of the active keys in each month.
func agesOverTime(id string, trend []changes.Point, width int) chart {
	c := series{id: id, title: "Median age of active keys, in days", width: width}
	for _, p := range trend {
		said, days := "no active key", 0
		if p.MedianAge != nil {
			days = *p.MedianAge
			said = "median age " + text.Count(days, "day")
		}
		c.add(p, map[string]int{kindGood: days}, func(string) string { return "median age" }, said)
	}
	return c.draw(func(n int) string { return text.Count(n, "day") })
}

// series is a number for each month, in parts.
type series struct {
	id, title string
	width     int
	months    []changes.Point
	parts     []map[string]int
	what      func(kind string) string
	said      []string
}

func (s *series) add(p changes.Point, parts map[string]int, what func(kind string) string, said string) {
	s.months, s.parts, s.what = append(s.months, p), append(s.parts, parts), what
	month := fmt.Sprint(p.At.UTC().Month(), " ", p.At.UTC().Year())
	if p.Accounts > 0 {
		month += " (" + text.Count(p.Accounts, "account") + ")"
	}
	if p.Partial {
		said += " (not everything could be read)"
	}
	s.said = append(s.said, month+": "+said)
}

// draw lays the columns out, a place for each month of the trend, also for one
// of which there is no evidence.
func (s *series) draw(count func(int) string) chart {
	c := chart{
		ID: s.id, Title: s.title, Width: s.width, Height: chartHeight - plotTop,
		Left: plotLeft, Right: float64(s.width - plotRight), Top: 12, Base: plotBase - plotTop,
		Text: strings.Join(s.said, "; ") + ".",
	}
	y := c.scale(s.parts)
	last := s.months[len(s.months)-1].At
	slot := (c.Right - c.Left) / trendMonths
	for i, p := range s.months {
		place := trendMonths - 1 - monthsBetween(p.At, last)
		if place < 0 {
			continue
		}
		x := c.Left + slot*float64(place)
		month, _, _ := strings.Cut(s.said[i], ":")
		for _, b := range stack(s.parts[i], x, slot, y, month) {
			b.Tip = month + ": " + count(s.parts[i][b.Kind]) + ", " + s.what(b.Kind)
			c.Bars = append(c.Bars, b)
		}
	}
	for place := range trendMonths {
		label := firstOfMonth(last).AddDate(0, place-trendMonths+1, 0).Format("Jan")
		if s.width < 400 {
			label = label[:1]
		}
		c.Ticks = append(c.Ticks, tick{X: round(c.Left + slot*(float64(place)+0.5)), Label: label})
	}
	return c
}

// TrendBegins is the first moment of the months of a trend that ends at a moment.
func TrendBegins(end time.Time) time.Time { return firstOfMonth(end).AddDate(0, 1-trendMonths, 0) }

func firstOfMonth(t time.Time) time.Time {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

// monthsBetween counts the months from one moment's to another's.
func monthsBetween(from, to time.Time) int {
	from, to = from.UTC(), to.UTC()
	return 12*(to.Year()-from.Year()) + int(to.Month()) - int(from.Month())
}
