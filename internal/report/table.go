package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	colour "github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/text"

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
func WriteTable(w io.Writer, rows []Row) error { return WriteTableOn(w, rows, Screen{}) }

// WriteColumns writes a header and rows of cells as text in columns. Columns
// of numbers are set to the right.
func WriteColumns(w io.Writer, header []string, rows [][]string) error {
	_, err := io.WriteString(w, inColumns(header, rows, nil))
	return err
}

// inColumns lays out a header and rows of cells. Paint, which may be nil,
// colours a cell of a row.
func inColumns(header []string, rows [][]string, paint func(row, column int, text string) string) string {
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Name:    "plain",
		Box:     table.BoxStyle{PaddingRight: "  "},
		Format:  table.FormatOptions{Header: colour.FormatDefault},
		Options: table.OptionsNoBordersAndSeparators,
	})
	t.SuppressTrailingSpaces()
	t.AppendHeader(tableRow(header))
	t.SetColumnConfigs(numbersToTheRight(rows))
	for i, cells := range rows {
		row := tableRow(cells)
		if paint != nil {
			for j := range row {
				row[j] = paint(i, j, row[j].(string))
			}
		}
		t.AppendRow(row)
	}
	return t.Render() + "\n"
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = onOneLine(cell)
	}
	return row
}

// unknown stands where a column has no number.
const unknown = "–"

func numbersToTheRight(rows [][]string) []table.ColumnConfig {
	if len(rows) == 0 {
		return nil
	}
	var configs []table.ColumnConfig
	for i := range rows[0] {
		isNumber := func(row []string) bool { _, err := strconv.Atoi(row[i]); return err == nil || row[i] == unknown }
		if !slices.ContainsFunc(rows, func(row []string) bool { return !isNumber(row) }) {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: colour.AlignRight, AlignHeader: colour.AlignRight})
		}
	}
	return configs
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
			parts = append(parts, fmt.Sprintf("%s %s", text.Grouped(n), s))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "none")
	}
	line := fmt.Sprintf("%s, %s: %s", text.Count(t.Users, "user"), text.Count(t.Keys, "key"), strings.Join(parts, ", "))
	if t.Exempt > 0 {
		line += fmt.Sprintf(" (%s exempt)", text.Grouped(t.Exempt))
	}
	return line
}
