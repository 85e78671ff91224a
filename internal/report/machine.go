package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteJSON writes a value as docs/json.md describes it.
func WriteJSON(w io.Writer, value any) error {
	encode := func(w io.Writer) error { return encoderTo(w, "").Encode(value) }
	if r, ok := value.(Report); ok {
		encode = r.encode
	}
	if err := encode(w); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// encoderTo writes JSON for people, each line after the first behind a prefix.
func encoderTo(w io.Writer, prefix string) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, "  ")
	return encoder
}

// encode writes the report a row at a time: an encoder keeps all that it writes
// in memory, several times over.
func (r Report) encode(w io.Writer) error {
	rows := r.Rows
	if len(rows) == 0 {
		return encoderTo(w, "").Encode(r)
	}
	r.Rows = []Row{}
	var frame, one bytes.Buffer
	if err := encoderTo(&frame, "").Encode(r); err != nil {
		return err
	}
	head, tail, _ := bytes.Cut(frame.Bytes(), []byte("\n  \"rows\": []")) // within a text there is no line break
	out := bufio.NewWriter(w)                                             // keeps its first error
	_, _ = out.Write(head)
	encoder, before := encoderTo(&one, "    "), "\n  \"rows\": [\n    "
	for _, row := range rows {
		one.Reset()
		if err := encoder.Encode(row); err != nil {
			return err
		}
		_, _ = out.WriteString(before)
		_, _ = out.Write(bytes.TrimSuffix(one.Bytes(), []byte("\n")))
		before = ",\n    "
	}
	_, _ = out.WriteString("\n  ]")
	_, _ = out.Write(tail)
	return out.Flush()
}

// WriteCSV writes the rows as CSV: the table's columns first, then the rest.
func WriteCSV(w io.Writer, rows []Row) error {
	header, records := csvOf(rows, hasRisk(rows))
	return WriteRecords(w, header, records)
}

// WriteReportCSV is WriteCSV, and in a forecast each row says for when it is.
func WriteReportCSV(w io.Writer, r Report) error {
	header, records := csvOf(r.Rows, hasRisk(r.Rows))
	if r.Forecast != nil {
		header = append(header, "Forecast For")
		for i := range records {
			records[i] = append(records[i], r.At.Format(time.RFC3339))
		}
	}
	return WriteRecords(w, header, records)
}

func csvOf(rows []Row, withRisk bool) (header []string, records [][]string) {
	header = append(columns[:len(columns):len(columns)],
		"Name", "Exempt", "Underlying Status", "Days Left", "Created", "Last Used", "Expires At", "Stagnates At",
		"Exempt Until", "Exempt Reason", "Exempt Ignored",
		"Last Used Service", "Last Used Region", "Description", "Console", "Other Key", "Rotation", "Held", "Not Before", ruleHeading)
	if withRisk {
		header = append(header, "Risk", "Console Without MFA")
	}
	records = make([][]string, len(rows))
	for i, row := range rows {
		lastUsed, daysLeft, until, notBefore := "", "", "", ""
		if row.NotBefore != nil {
			notBefore = row.NotBefore.Format(time.RFC3339)
		}
		if row.ExemptUntil != nil {
			until = row.ExemptUntil.Format(time.RFC3339)
		}
		if row.LastUsed != nil {
			lastUsed = row.LastUsed.Format(time.RFC3339)
		}
		if row.DaysLeft != nil {
			daysLeft = strconv.Itoa(*row.DaysLeft)
		}
		cells := row.cells()
		records[i] = append(cells[:],
			row.DisplayName, strconv.FormatBool(row.Exempt), row.Underlying.String(), daysLeft,
			row.Created.Format(time.RFC3339), lastUsed,
			row.ExpiresAt.Format(time.RFC3339), row.IdleLimitAt.Format(time.RFC3339),
			until, row.ExemptReason, row.ExemptIgnored,
			row.LastUsedService, row.LastUsedRegion, row.Description, row.Console, row.otherKey(), row.RotationText(), row.Held, notBefore, row.Rule)
		if withRisk {
			records[i] = append(records[i], row.riskCells()...)
		}
	}
	return header, records
}

// WriteRecords writes a header and records as CSV that is safe to open in a
// spreadsheet.
func WriteRecords(w io.Writer, header []string, records [][]string) error {
	out := csv.NewWriter(w)
	_ = out.Write(header) // csv.Writer keeps the error for the end
	for _, record := range records {
		cells := make([]string, len(record))
		for i, cell := range record {
			cells[i] = harmless(cell)
		}
		_ = out.Write(cells)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// harmless keeps a spreadsheet from running a cell as a formula. A user name
// may begin with = + - or @, and a tag with more.
// https://owasp.org/www-community/attacks/CSV_Injection
func harmless(cell string) string {
	if _, err := strconv.Atoi(cell); err == nil {
		return cell
	}
	if strings.IndexAny(cell, "\t\r\n|%") == 0 || strings.IndexAny(strings.TrimSpace(cell), "=+-@") == 0 {
		return "'" + cell
	}
	return cell
}
