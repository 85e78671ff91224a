package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// Forecast marks a report that judges the keys at a moment to come.
type Forecast struct {
	// ReadAt (UTC) is when the keys were read.
	ReadAt time.Time `json:"read_at"`
	// Assumes says under what condition the forecast comes true.
	Assumes string `json:"assumes"`
}

// forecastAssumes is what no forecast can know.
const forecastAssumes = "no key is used, rotated, made or deleted meanwhile, and tags and rules stay as they are"

// farthest is how many days ahead a forecast may look: ten years.
const farthest = 3650

// NewForecast returns the mark for keys that were read at a moment.
func NewForecast(readAt time.Time) *Forecast {
	return &Forecast{ReadAt: readAt, Assumes: forecastAssumes}
}

// ParseAsOf reads the moment of a forecast: a date such as 2027-01-15, or the
// days from now such as +30d. Of a date it takes the same time of day as now,
// in UTC, so that both ways of naming a day mean the same.
func ParseAsOf(text string, now time.Time) (time.Time, error) {
	now = now.UTC()
	text = strings.TrimSpace(text)
	if days, isSpan := strings.CutPrefix(text, "+"); isSpan {
		n, err := strconv.Atoi(strings.TrimSuffix(days, "d"))
		if err != nil || !strings.HasSuffix(days, "d") || n < 1 || n > farthest {
			return time.Time{}, fmt.Errorf("%q is not a valid number of days ahead; use +1d to +%dd", text, farthest)
		}
		return now.AddDate(0, 0, n), nil
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a date nor a number of days ahead; use one such as 2027-01-15 or +30d", text)
	}
	at := date.Add(now.Sub(midnight(now)))
	if !at.After(now) || at.After(now.AddDate(0, 0, farthest)) {
		return time.Time{}, fmt.Errorf("%q does not lie ahead, or too far; use a day from tomorrow on, in UTC, and within ten years", text)
	}
	return at, nil
}

// headline says in one line that a report is a forecast.
func (r Report) headline() string {
	if r.Forecast == nil {
		return ""
	}
	return fmt.Sprintf("FORECAST for %s, from keys read on %s. It assumes that %s.",
		inWords(r.At), inWords(r.Forecast.ReadAt), r.Forecast.Assumes)
}

// inWords writes a moment for people.
func inWords(t time.Time) string { return text.Date(t) }

// dayInWords writes a day for people. Days are UTC.
func dayInWords(t time.Time) string { return t.UTC().Format("Monday 2 January 2006") }

// shortDay writes a day for a table, if there is little room.
func shortDay(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") }

func midnight(t time.Time) time.Time {
	year, month, date := t.UTC().Date()
	return time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
}
