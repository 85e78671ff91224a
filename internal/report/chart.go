package report

import (
	"fmt"
	"math"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// chart is a histogram of ages, laid out for drawing: all coordinates are in
// pixels, from the top left.
type chart struct {
	ID                     string // its own on the page
	Title, Text            string // for those who can't see it
	Width, Height          int
	Left, Right, Top, Base float64 // the plot's edges
	Bars                   []bar
	Lines                  []gridLine
	Ticks                  []tick
	Limits                 []limitLine
}

// bar is one segment of a column.
type bar struct {
	Kind                string // its class: good, warned, past or exempt
	X, Y, Width, Height float64
	Tip                 string
}

// gridLine is a number of keys.
type gridLine struct {
	Y     float64
	Label string
}

// tick is an age below the plot.
type tick struct {
	X     float64
	Label string
}

// limitLine is a threshold.
type limitLine struct {
	Kind           string // warned or past
	X              float64
	LabelX, LabelY float64
	Anchor         string
	Label          string
}

// The kinds of keys that a chart distinguishes, from the bottom of a column up.
const (
	kindGood   = "good"
	kindExempt = "exempt"
	kindWarned = "warned"
	kindPast   = "past"
)

func kinds() []string { return []string{kindGood, kindExempt, kindWarned, kindPast} }

func kindOf(row Row) string {
	switch {
	case row.Exempt:
		return kindExempt
	case row.State.PastLimit():
		return kindPast
	case row.State.NeedsWarning():
		return kindWarned
	}
	return kindGood
}

// histogram says what a chart shows.
type histogram struct {
	id, title   string
	age         func(Row) int
	warn, limit int // thresholds in days
	width       int // in pixels
}

const (
	chartHeight = 260
	plotTop     = 44 // room for the thresholds' names
	plotBase    = chartHeight - 40
	plotLeft    = 36
	plotRight   = 12
)

// scale draws the lines that the columns are read by, and returns the height of a
// number of keys. A column is made of parts.
func (c *chart) scale(columns []map[string]int) (y func(int) float64) {
	highest := 0
	for _, parts := range columns {
		total := 0
		for _, n := range parts {
			total += n
		}
		highest = max(highest, total)
	}
	ceiling, every := niceCeiling(highest)
	y = func(n int) float64 { return c.Base - (c.Base-c.Top)*float64(n)/float64(ceiling) }
	for n := 0; n <= ceiling; n += every {
		c.Lines = append(c.Lines, gridLine{Y: round(y(n)), Label: text.Grouped(n)})
	}
	return y
}

// draw counts the Active keys by age, and lays the columns out. The plot
// reaches half as far again as the limit; what is older is one column at its
// end.
func (h histogram) draw(rows []Row) chart {
	step := h.step()
	bins := int(math.Ceil(1.5 * float64(h.limit) / float64(step)))
	counts := make([]map[string]int, bins+1)
	for i := range counts {
		counts[i] = map[string]int{}
	}
	active := 0
	for _, row := range rows {
		if row.State != audit.Disabled {
			counts[min(h.age(row)/step, bins)][kindOf(row)]++
			active++
		}
	}

	c := chart{
		ID: h.id, Title: h.title, Width: h.width, Height: chartHeight,
		Left: plotLeft, Right: float64(h.width - plotRight), Top: plotTop, Base: plotBase,
	}
	y := c.scale(counts)

	// The last column stands apart, as its ages have no end.
	slot := (c.Right - c.Left) / (float64(bins) + 1.5)
	for i, bin := range counts {
		x := c.Left + slot*float64(i)
		if i == bins {
			x += slot / 2
		}
		c.Bars = append(c.Bars, stack(bin, x, slot, y, h.ages(i, step, bins))...)
	}
	perDay := slot / float64(step)
	for days := 0; days < bins*step; days += step * max(1, (bins+5)/6) {
		c.Ticks = append(c.Ticks, tick{X: round(c.Left + perDay*float64(days)), Label: text.Grouped(days)})
	}
	c.Ticks = append(c.Ticks, tick{X: round(c.Left + slot*(float64(bins)+1)), Label: text.Grouped(bins*step) + "+"})

	warnX, limitX := round(c.Left+perDay*float64(h.warn)), round(c.Left+perDay*float64(h.limit))
	c.Limits = []limitLine{
		{Kind: kindWarned, X: warnX, LabelX: warnX - 6, LabelY: 30, Anchor: "end", Label: "warned from " + text.Grouped(h.warn)},
		{Kind: kindPast, X: limitX, LabelX: limitX + 6, LabelY: 30, Anchor: "start", Label: "limit " + text.Grouped(h.limit)},
	}
	if warnX < plotLeft+110 { // no room to its left
		c.Limits[0].LabelX, c.Limits[0].LabelY, c.Limits[0].Anchor = warnX+6, 14, "start"
	}
	c.Text = h.inWords(rows, active)
	return c
}

// step is the width of a column in days: one that gives the limit about
// eighteen columns, or fewer if there is little room.
func (h histogram) step() int {
	room := 18
	if h.width < 600 {
		room = 9
	}
	for _, step := range []int{1, 2, 5, 10, 15, 30, 60, 90} {
		if h.limit <= step*room {
			return step
		}
	}
	return (h.limit + room - 1) / room
}

func (h histogram) ages(i, step, bins int) string {
	switch {
	case i == bins:
		return text.Grouped(bins*step) + " days or more"
	case step == 1:
		return text.Count(i, "day")
	}
	return fmt.Sprintf("%s to %s days", text.Grouped(i*step), text.Grouped((i+1)*step-1))
}

// inWords describes the chart for people who do not see it.
func (h histogram) inWords(rows []Row, active int) string {
	var below, between, past, exempt int
	for _, row := range rows {
		switch age := h.age(row); {
		case row.State == audit.Disabled:
		case row.Exempt:
			exempt++
		case age >= h.limit:
			past++
		case age >= h.warn:
			between++
		default:
			below++
		}
	}
	content := fmt.Sprintf("Of %s, %s are younger than the %s days from which owners are warned, %s lie between that and the limit of %s days, and %s have reached it.",
		text.Count(active, "active key"), text.Grouped(below), text.Grouped(h.warn), text.Grouped(between), text.Grouped(h.limit), text.Grouped(past))
	if exempt > 0 {
		content += " " + text.Grouped(exempt) + " exempt are not counted here."
	}
	return content
}

// stack piles up the segments of one column.
func stack(bin map[string]int, x, slot float64, y func(int) float64, ages string) (bars []bar) {
	below := 0
	for _, kind := range kinds() {
		n := bin[kind]
		if n == 0 {
			continue
		}
		top := y(below + n)
		bars = append(bars, bar{
			Kind: kind, X: round(x + slot*0.1), Width: round(slot * 0.8), Y: round(top), Height: round(y(below) - top),
			Tip: fmt.Sprintf("%s: %s, %s", ages, text.Count(n, "key"), kindInWords(kind)),
		})
		below += n
	}
	return bars
}

func kindInWords(kind string) string {
	switch kind {
	case kindPast:
		return "past a limit"
	case kindWarned:
		return "owner is warned"
	case kindExempt:
		return "exempt"
	}
	return "good"
}

// niceCeiling is a round number at or above n, and the round steps to it.
func niceCeiling(n int) (ceiling, every int) {
	for size := 1; ; size *= 10 {
		for _, unit := range []int{1, 2, 5} {
			every = unit * size
			if n <= 4*every {
				return every * max(1, (n+every-1)/every), every
			}
		}
	}
}

// round keeps coordinates short.
func round(x float64) float64 { return math.Round(x*10) / 10 }
