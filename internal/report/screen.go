package report

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Screen is what a table is shown on. The zero Screen is a file or a pipe:
// nothing is cut, nothing is coloured.
type Screen struct {
	// Width is how many columns there are; zero for no end of them.
	Width int
	// Paint colours a text by a key's state; may be nil.
	Paint func(state audit.State, text string) string
}

// WriteTableOn writes the rows as text in columns that fit the screen: where
// they do not, headings are shortened, long names are cut with an ellipsis,
// and then columns are left out. A key's id and state are always whole.
func WriteTableOn(w io.Writer, rows []Row, screen Screen) error {
	all := make([]column, len(columns))
	for i, heading := range columns {
		all[i] = newColumn(i, heading, rows)
	}
	shown := fit(all, screen.Width)

	header := make([]string, len(shown))
	for j, c := range shown {
		header[j] = text.Snip(c.heading, c.width, "…")
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		values := row.cells()
		cells[i] = make([]string, len(shown))
		for j, c := range shown {
			cells[i][j] = text.Snip(onOneLine(values[c.index]), c.width, "…")
		}
	}
	paint := func(i, j int, text string) string {
		if screen.Paint == nil || shown[j].index != atState {
			return text
		}
		return screen.Paint(rows[i].State, text)
	}
	_, err := io.WriteString(w, inColumns(header, cells, paint))
	return err
}

// The places of the table's columns.
const (
	atUser = iota
	atSlack
	atKey
	atAutoExpire
	atState
	atAge
	atIdleAge
)

// column is one of the table's columns on a screen.
type column struct {
	index   int // in columns
	heading string
	content int // width of the widest cell
	width   int
}

func newColumn(index int, heading string, rows []Row) column {
	c := column{index: index, heading: heading}
	for _, row := range rows {
		c.content = max(c.content, text.StringWidth(onOneLine(row.cells()[index])))
	}
	c.width = max(c.content, text.StringWidth(heading))
	return c
}

const (
	gap        = 2  // between columns
	shortNames = 12 // names are not cut below this for the sake of other columns
	narrowest  = 6  // nor below this for any reason
)

// fit makes columns fit a width, the gentlest means first.
func fit(shown []column, width int) []column {
	if width <= 0 || excess(shown, width) <= 0 {
		return shown
	}
	for i, short := range map[int]string{atAutoExpire: "Auto", atAge: "Age", atIdleAge: "Idle"} {
		shown[i].heading = short
		shown[i].width = max(shown[i].content, len(short))
	}
	for _, leaveOut := range []int{-1, atSlack, atAutoExpire, atIdleAge, atAge} {
		shown = without(shown, leaveOut)
		if excess(shown, width) <= spare(shown, shortNames) {
			return shrink(shown, width, shortNames)
		}
	}
	return shrink(shown, width, narrowest)
}

func without(shown []column, index int) []column {
	var kept []column
	for _, c := range shown {
		if c.index != index {
			kept = append(kept, c)
		}
	}
	return kept
}

// excess is by how much columns are too wide.
func excess(shown []column, width int) int {
	total := gap * (len(shown) - 1)
	for _, c := range shown {
		total += c.width
	}
	return total - width
}

func holdsNames(c column) bool { return c.index == atUser || c.index == atSlack }

// spare is how much could be cut off names.
func spare(shown []column, least int) (total int) {
	for _, c := range shown {
		if holdsNames(c) {
			total += max(0, c.width-least)
		}
	}
	return total
}

// shrink cuts the wider of the columns of names until all fits.
func shrink(shown []column, width, least int) []column {
	for excess(shown, width) > 0 {
		widest := -1
		for i, c := range shown {
			if holdsNames(c) && c.width > least && (widest < 0 || c.width > shown[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		shown[widest].width--
	}
	return shown
}

// WriteText writes a whole report for a terminal: the table, a line that sums
// it up, and then the exemptions and the other credentials, where there are any. What the keys are
// not, such as a forecast, stands above them.
func WriteText(w io.Writer, r Report, screen Screen) error {
	if r.Forecast != nil {
		if _, err := fmt.Fprintf(w, "%s\n\n", wrapped(r.headline(), screen.Width)); err != nil {
			return err
		}
	}
	if err := WriteTableOn(w, r.Rows, screen); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, wrapped(r.closing(), screen.Width)); err != nil {
		return err
	}
	if err := writeExemptions(w, r, screen); err != nil {
		return err
	}
	return writeCredentials(w, r, screen)
}

// closing sums a report up in one line.
func (r Report) closing() string {
	line := fmt.Sprintf("%s: %s", r.Account, r.Tally)
	if r.Forecast != nil {
		line = "FORECAST for " + dayInWords(r.At) + ": " + line
	}
	if r.Filter != nil {
		line += " [shown: " + onOneLine(r.Filter.String()) + "]"
	}
	return line
}

// wrapped breaks a sentence between words into lines of at most a width; zero
// leaves it as it is.
func wrapped(sentence string, width int) string {
	if width <= 0 {
		return sentence
	}
	return text.WrapSoft(sentence, width)
}
