package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Screen is what a table is shown on. The zero Screen is a file or a pipe:
// nothing is cut and nothing is coloured.
type Screen struct {
	// Width is how many characters a line holds; zero is any number.
	Width int
	// Wide adds the columns that take most room; nothing is cut then.
	Wide bool
	// Paint colours a text by a key's state; may be nil.
	Paint func(state audit.State, text string) string
}

// The columns of an audit's table, in their order. Each has one name at every
// width.
const (
	atUser = iota
	atSlack
	atKey
	atState
	atLeft
	atDue
	atRule
	atAge
	atUsed
	atExempt
	// Shown on a wide screen alone.
	atUsedWith
	atDescription
	atRotation
	atConsole
)

// auditColumns are the names of the columns and, for those that need it, what
// the legend says of them.
var auditColumns = [...]struct{ heading, meaning string }{
	atUser:        {heading: "UserName"},
	atSlack:       {heading: "Slack ID"},
	atKey:         {heading: "Key ID"},
	atState:       {heading: "Status"},
	atLeft:        {"Left", "days until the key reaches its first limit, below zero past it"},
	atDue:         {"Due", "the day (UTC) on which it does, or on which its exemption ends"},
	atRule:        {"Rule", "its first limit, in days since it was created or used, and the rule that sets it if any does"},
	atAge:         {"Age", "days since the key was created"},
	atUsed:        {"Used", "days since its last use"},
	atUsedWith:    {"Used With", "service and region of its last use"},
	atDescription: {"Description", "its description in the IAM console, a tag of the user named by the key's id"},
	atRotation:    {"Rotation", "what the user's two keys show of an unfinished rotation"},
	atConsole:     {heading: "Console"},

	atExempt: {"Exempt", "whether the KeyAutoExpire tag exempts the key, and through which day"},
}

// auditCells are a row's values under the columns.
func (r Row) auditCells() [len(auditColumns)]string {
	return [...]string{
		atUser: r.User, atSlack: r.SlackID, atKey: r.KeyID, atState: r.State.String(),
		atLeft: numberOrDash(r.DaysLeft), atDue: dateOf(r), atRule: r.ruleAndLimit(), atAge: strconv.Itoa(r.Age), atUsed: r.used(), atExempt: r.exemption(),
		atUsedWith: orDash(r.UsedWith()), atDescription: orDash(r.Description), atRotation: orDash(r.RotationText()), atConsole: r.Console,
	}
}

// ruleAndLimit is the limit that a key reaches first, after the rule for kinds of
// users that sets it.
func (r Row) ruleAndLimit() string {
	limit := ""
	switch {
	case r.State == audit.Disabled:
		return orDash(r.userRule())
	case r.IdleLimitAt.Before(r.ExpiresAt):
		limit = fmt.Sprintf("unused %d", r.Limits.InactivityAge)
	default:
		limit = fmt.Sprintf("created %d", r.Limits.ExpirationAge)
	}
	if rule := r.userRule(); rule != "" {
		return rule + ": " + limit
	}
	return limit
}

// used is how many days ago a key was last used.
func (r Row) used() string {
	if r.LastUsed == nil {
		return neverUsed
	}
	return strconv.Itoa(r.IdleAge)
}

func orDash(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

// writeAuditTable writes the rows as text in columns that fit the screen: if
// they do not, columns are left out and long names are cut with an ellipsis. A
// key's id and state are always complete. It returns the columns that are shown.
func writeAuditTable(w io.Writer, rows []Row, screen Screen) ([]column, error) {
	columns, width := int(atUsedWith), screen.Width
	if screen.Wide {
		columns, width = len(auditColumns), 0
	}
	all := make([]column, columns)
	for i := range all {
		all[i] = newColumn(i, rows)
	}
	shown := fit(all, width)

	header := make([]string, len(shown))
	for j, c := range shown {
		header[j] = text.Snip(c.heading(), c.width, "…")
	}
	cells := make([][]string, len(rows))
	for i, row := range rows {
		values := row.auditCells()
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
	return shown, err
}

// WriteKeys writes keys as an audit's table shows them.
func WriteKeys(w io.Writer, rows []Row, screen Screen) error {
	_, err := writeAuditTable(w, rows, screen)
	return err
}

// column is one of the table's columns on a screen.
type column struct {
	index int // in auditColumns
	width int
}

func (c column) heading() string { return auditColumns[c.index].heading }

func newColumn(index int, rows []Row) column {
	c := column{index: index}
	c.width = text.StringWidth(c.heading())
	for _, row := range rows {
		c.width = max(c.width, text.StringWidth(onOneLine(row.auditCells()[index])))
	}
	return c
}

const (
	gap        = 2  // between columns
	shortNames = 12 // names are not cut below this for the sake of other columns
	narrowest  = 6  // nor below this for any reason
)

// fit makes columns fit a width: those that people can do without go first.
func fit(shown []column, width int) []column {
	if width <= 0 || excess(shown, width) <= 0 {
		return shown
	}
	for _, leaveOut := range []int{-1, atSlack, atRule, atAge, atExempt, atUsed, atDue, atLeft} {
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

// WriteText writes a report for a terminal: the table, a line that sums it up, a
// legend, and then the exemptions and the other credentials, if there are any.
// What distinguishes a forecast from facts stands above them.
func WriteText(w io.Writer, r Report, screen Screen) error {
	if r.Forecast != nil {
		if _, err := fmt.Fprintf(w, "%s\n\n", wrapped(r.headline(), screen.Width)); err != nil {
			return err
		}
	}
	shown, err := writeAuditTable(w, r.Rows, screen)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\n%s", wrapped(r.closing(), screen.Width), r.legend(shown, screen.Width)); err != nil {
		return err
	}
	if err := writeExemptions(w, r, screen); err != nil {
		return err
	}
	if err := writeRisk(w, r, screen); err != nil {
		return err
	}
	if err := writeCredentials(w, r, screen); err != nil {
		return err
	}
	return writeChanged(w, r.Changes, screen)
}

// legend explains the columns that are shown and the states that occur, a line
// each. A table without keys needs none.
func (r Report) legend(shown []column, width int) string {
	if len(r.Rows) == 0 {
		return ""
	}
	var entries [][2]string
	for _, c := range shown {
		if about := auditColumns[c.index]; about.meaning != "" {
			entries = append(entries, [2]string{about.heading, about.meaning})
		}
	}
	for _, about := range r.whatStatesMean() {
		if slices.ContainsFunc(r.Rows, func(row Row) bool { return row.State.String() == about[0] }) {
			entries = append(entries, about)
		}
	}
	var lines strings.Builder
	lines.WriteByte('\n')
	for _, entry := range entries {
		lines.WriteString(explained(entry[0], entry[1], width))
	}
	return lines.String()
}

// termWidth is that of the longest term of a legend, stagnant_expire.
const termWidth = 15

// explained is one line of a legend, or several that are indented alike.
func explained(term, meaning string, width int) string {
	const indent = termWidth + gap
	if width > 0 {
		meaning = wrapped(meaning, max(width-indent, narrowest))
	}
	meaning = strings.ReplaceAll(meaning, "\n", "\n"+strings.Repeat(" ", indent))
	return fmt.Sprintf("%-*s%s\n", indent, term, meaning)
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
	lines := strings.Split(text.WrapSoft(sentence, width), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
