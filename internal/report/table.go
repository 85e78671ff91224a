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

// columns are those of a run's table, as aws-iam-sleuth shows them.
var columns = [...]string{"UserName", "Slack ID", "Key ID", "AutoExpire", "Status", "Age in Days", "Last Access Age"}

// cells are a row's values under the columns.
func (r Row) cells() [len(columns)]string {
	return [...]string{
		r.User, r.SlackID, r.KeyID, string(r.AutoExpire), r.State.String(),
		strconv.Itoa(r.Age), strconv.Itoa(r.IdleAge),
	}
}

// WriteTable writes the rows as aws-iam-sleuth does: the same columns, as text. If
// rules for kinds of users set limits, their names are in one more.
func WriteTable(w io.Writer, rows []Row) error {
	header, withRules := columns[:], hasRules(rows)
	if withRules {
		header = append(slices.Clone(header), ruleHeading)
	}
	all := make([][]string, len(rows))
	for i, row := range rows {
		cells := row.cells()
		all[i] = cells[:]
		if withRules {
			all[i] = append(all[i], row.Rule)
		}
	}
	return WriteColumns(w, header, all)
}

// ruleHeading is that of the column with the rule for kinds of users.
const ruleHeading = "Rule"

// WriteColumns writes a header and rows of cells as text in columns. Columns
// of numbers are set to the right.
func WriteColumns(w io.Writer, header []string, rows [][]string) error {
	_, err := io.WriteString(w, inColumns(header, rows, nil))
	return err
}

// WriteFitting writes a table as WriteColumns does, with the cells of one column
// cut if the table is wider than the screen.
func WriteFitting(w io.Writer, screen Screen, cut int, header []string, rows [][]string) error {
	if screen.Width > 0 {
		room := screen.Width - gap*(len(header)-1)
		for i := range header {
			if i != cut {
				room -= widest(i, header, rows)
			}
		}
		rows = slices.Clone(rows)
		for i, row := range rows {
			rows[i] = slices.Clone(row)
			rows[i][cut] = colour.Snip(onOneLine(row[cut]), max(room, narrowest), "…")
		}
	}
	return WriteColumns(w, header, rows)
}

// widest is the width of a column.
func widest(column int, header []string, rows [][]string) int {
	width := colour.StringWidthWithoutEscSequences(header[column])
	for _, row := range rows {
		width = max(width, colour.StringWidthWithoutEscSequences(onOneLine(row[column])))
	}
	return width
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

const (
	// unknown is the cell of a column that has no value for a row.
	unknown = "–"
	// neverUsed is the cell of the last use of a key that has none.
	neverUsed = "never"
)

func numbersToTheRight(rows [][]string) []table.ColumnConfig {
	if len(rows) == 0 {
		return nil
	}
	var configs []table.ColumnConfig
	for i := range rows[0] {
		if ofNumbers(rows, i) {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: colour.AlignRight, AlignHeader: colour.AlignRight})
		}
	}
	return configs
}

// ofNumbers reports whether a column has numbers, and nothing else but what
// stands for one.
func ofNumbers(rows [][]string, column int) bool {
	some := false
	for _, row := range rows {
		_, err := strconv.Atoi(row[column])
		if err != nil && row[column] != unknown && row[column] != neverUsed {
			return false
		}
		some = some || err == nil || row[column] == neverUsed
	}
	return some
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
