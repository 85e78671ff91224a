package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// exemptions are the keys that are exempt, and those whose exemption the rules
// do not accept, in the order of the rows.
func exemptions(rows []Row) (honoured, refused []Row) {
	for _, row := range rows {
		switch {
		case row.Exempt:
			honoured = append(honoured, row)
		case row.ExemptIgnored != "":
			refused = append(refused, row)
		}
	}
	return honoured, refused
}

// exemptThrough is the last day of an exemption.
func exemptThrough(row Row) string {
	if row.ExemptUntil == nil {
		return "no end"
	}
	return shortDay(row.ExemptUntil.Add(-time.Nanosecond))
}

// exemptThroughInNumbers is exemptThrough for the narrowest of tables.
func exemptThroughInNumbers(row Row) string {
	if row.ExemptUntil == nil {
		return exemptThrough(row)
	}
	return row.ExemptUntil.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
}

// exemption says in a cell what the tags say of a key.
func (r Row) exemption() string {
	lastDay := func(end time.Time) string { return end.Add(-time.Nanosecond).UTC().Format(time.DateOnly) }
	switch {
	case r.Exempt && r.ExemptUntil == nil:
		return "no end"
	case r.Exempt:
		return "until " + lastDay(*r.ExemptUntil)
	case r.ExemptIgnored != "":
		return "ignored"
	case r.ExemptEnded != nil:
		return "ended " + lastDay(*r.ExemptEnded)
	case r.AutoExpire == AutoExpireUnreadable:
		return "unreadable"
	}
	return unknown
}

// writeEnded writes the exemptions that have ended as text.
func writeEnded(w io.Writer, rows []Row, screen Screen) error {
	ended := slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return row.ExemptEnded == nil })
	if len(ended) == 0 {
		return nil
	}
	if _, err := fmt.Fprint(w, "\nExemptions that have ended:\n\n"); err != nil {
		return err
	}
	for _, row := range ended {
		line := fmt.Sprintf("key %s of user %s (%s): exempt through %s", row.KeyID, row.User, row.State, shortDay(row.ExemptEnded.Add(-time.Nanosecond)))
		if _, err := fmt.Fprintln(w, wrapped(onOneLine(line), screen.Width)); err != nil {
			return err
		}
	}
	return nil
}

// writeExemptions writes the exemptions as text, below the table of keys. With
// none it writes nothing.
func writeExemptions(w io.Writer, r Report, screen Screen) error {
	honoured, refused := exemptions(r.Rows)
	if len(honoured) > 0 {
		header, rows := exemptionCells(honoured, screen.Width)
		if _, err := fmt.Fprintf(w, "\nExempt:\n\n%s", inColumns(header, rows, nil)); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		if _, err := fmt.Fprint(w, "\nIgnored exemptions:\n\n"); err != nil {
			return err
		}
	}
	for _, row := range refused {
		line := fmt.Sprintf("key %s of user %s (%s): %s", row.KeyID, row.User, row.State, row.ExemptIgnored)
		if _, err := fmt.Fprintln(w, wrapped(onOneLine(line), screen.Width)); err != nil {
			return err
		}
	}
	return writeEnded(w, r.Rows, screen)
}

// exemptionCells fits the exemptions into a width: if they do not fit, ages are
// left out, then what the key would be, and names and reasons are cut.
func exemptionCells(rows []Row, width int) (header []string, cells [][]string) {
	const (
		always = 20 + gap + 10 + gap // a key's id and a day as numbers
		named  = 5                   // more for a day with its weekday
		state  = 15 + gap
		ages   = 4 + gap + 5 + gap
	)
	room, through := width-always-gap, exemptThrough
	if width > 0 && room < named+2*shortNames {
		through = exemptThroughInNumbers
	} else {
		room -= named
	}
	withState, withAges := width <= 0 || room >= state+2*shortNames, width <= 0 || room >= state+ages+2*shortNames
	header = []string{auditColumns[atUser].heading, auditColumns[atKey].heading}
	if withState {
		header, room = append(header, "Would Be"), room-state
	}
	if withAges {
		header, room = append(header, auditColumns[atAge].heading, auditColumns[atUsed].heading), room-ages
	}
	header = append(header, "Through", "Reason")
	snip := func(s string, width int) string { return s }
	names := 0
	if width > 0 {
		snip = func(s string, width int) string { return text.Snip(onOneLine(s), width, "…") }
		for _, row := range rows {
			names = max(names, text.StringWidth(onOneLine(row.User)), len(header[0]))
		}
		names = min(names, max(narrowest, room/2))
	}
	header[0], header[len(header)-1] = snip(header[0], names), snip(header[len(header)-1], max(narrowest, room-names))
	for _, row := range rows {
		line := []string{snip(row.User, names), row.KeyID}
		if withState {
			line = append(line, row.Underlying.String())
		}
		if withAges {
			line = append(line, strconv.Itoa(row.Age), row.used())
		}
		cells = append(cells, append(line, through(row), snip(row.ExemptReason, max(narrowest, room-names))))
	}
	return header, cells
}
