package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Columns are the table's, in the order that users of the original know.
var columns = [...]string{"UserName", "Slack ID", "Key ID", "AutoExpire", "Status", "Age in Days", "Last Access Age"}

// cells are a row's values under the columns.
func (r Row) cells() [len(columns)]string {
	return [...]string{
		r.User, r.SlackID, r.KeyID, string(r.AutoExpire), r.State.String(),
		strconv.Itoa(r.Age), strconv.Itoa(r.IdleAge),
	}
}

// WriteTable writes the rows as text in columns, for people and for awk.
func WriteTable(w io.Writer, rows []Row) error {
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Name:    "plain",
		Box:     table.BoxStyle{PaddingRight: "  "},
		Format:  table.FormatOptions{Header: text.FormatDefault},
		Options: table.OptionsNoBordersAndSeparators,
	})
	t.SuppressTrailingSpaces()
	t.AppendHeader(tableRow(columns))
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 6, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 7, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	for _, row := range rows {
		cells := row.cells()
		for i, cell := range cells {
			cells[i] = onOneLine(cell)
		}
		t.AppendRow(tableRow(cells))
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

func tableRow(cells [len(columns)]string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = cell
	}
	return row
}

// onOneLine keeps text that others wrote from breaking the table, or the
// terminal.
func onOneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, s)
}

// String is the tally in one line.
func (t Tally) String() string {
	parts := make([]string, 0, len(t.States))
	for _, s := range audit.States() {
		if n := t.States[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "none")
	}
	line := fmt.Sprintf("%s, %s: %s", count(t.Users, "user"), count(t.Keys, "key"), strings.Join(parts, ", "))
	if t.Exempt > 0 {
		line += fmt.Sprintf(" (%d exempt)", t.Exempt)
	}
	return line
}

// count writes a number with its noun, in the plural where it must be.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
