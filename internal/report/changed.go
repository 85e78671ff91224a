package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Snapshot is what the report shows, as it is compared with other reports.
func (r Report) Snapshot() changes.Snapshot {
	s := changes.Snapshot{
		Account: r.Account, At: r.At, Limits: changes.Limits(r.Rules), Keys: make([]changes.Key, len(r.Rows)),
		Problems: r.Problems, Missing: r.Keys > len(r.Rows),
	}
	for i, row := range r.Rows {
		s.Keys[i] = changes.Key{
			User: row.User, DisplayName: row.DisplayName, SlackID: row.SlackID, KeyID: row.KeyID,
			AutoExpire: string(row.AutoExpire), State: row.State, Age: row.Age, Created: row.Created, Rule: row.Rule,
		}
	}
	return s
}

// AddHistory compares the report with the newest earlier one, which may be nil,
// and ends a trend with it. A month that the report is of too is the report's.
func (r *Report) AddHistory(newest *changes.Snapshot, trend []changes.Point) {
	now := r.Snapshot()
	if newest != nil {
		r.Changes = new(changes.Between(*newest, now))
	}
	point := changes.PointOf(now)
	trend = slices.DeleteFunc(slices.Clone(trend), func(p changes.Point) bool { return p.Month == point.Month })
	r.Trend = append(trend, point)
}

// changedLine is one change, as people read it.
type changedLine struct {
	User, What, KeyID, Detail string
	Account                   string // if there are several
}

// changed is the section of changes.
type changed struct {
	Since, Sentence string
	Lines           []changedLine
}

// changedIn is what changed in reports; nil if none was compared.
func changedIn(reports []Report) *changed {
	var all changes.Changes
	section := &changed{}
	for _, r := range reports {
		if r.Changes == nil {
			continue
		}
		all.Add(*r.Changes)
		for _, line := range linesOf(*r.Changes, asIs) {
			if len(reports) > 1 {
				line.Account = r.Account.ID
			}
			section.Lines = append(section.Lines, line)
		}
	}
	if all.Since.IsZero() {
		return nil
	}
	section.Since, section.Sentence = dayInWords(all.Since), changesInOneSentence(all)
	if len(reports) > 1 {
		section.Sentence += " Each account is compared with its newest evidence."
	}
	return section
}

func asIs(s string) string { return s }

// linesOf are the changes and, after them, the keys that could not be compared.
// named writes what others wrote, such as a tag.
func linesOf(c changes.Changes, named func(string) string) []changedLine {
	var lines []changedLine
	for _, change := range c.Changes {
		lines = append(lines, changedLine{User: change.User, What: kindOfChange(change.Kind), KeyID: change.KeyID, Detail: detailOf(change, named)})
	}
	for _, unclear := range c.Unclear {
		lines = append(lines, changedLine{User: unclear.User, What: "not known", KeyID: unclear.KeyID, Detail: unclear.Text})
	}
	return lines
}

// kindOfChange says in words what changed.
func kindOfChange(kind changes.Kind) string {
	switch kind {
	case changes.Enabled:
		return "enabled again"
	case changes.Exempted, changes.ExemptionEnded, changes.OwnerChanged, changes.RuleChanged, changes.LimitsChanged:
		return strings.ReplaceAll(string(kind), "_", " ")
	}
	return string(kind)
}

// detailOf says more about a change; "" if there is nothing more to say.
func detailOf(c changes.Change, named func(string) string) string {
	by := ""
	if c.Run != "" {
		by = " by run " + c.Run
	}
	value := func(s string) string {
		if s == "" {
			return "none"
		}
		return named(s)
	}
	from := value(c.Old) + " → " + value(c.New)
	switch c.Kind {
	case changes.Rotated:
		return fmt.Sprintf("in the place of %s, which was %s%s", c.Replaces, c.Replaced, by)
	case changes.Disabled:
		return strings.TrimPrefix(by, " ")
	case changes.New, changes.Enabled:
		return "state " + c.State.String()
	case changes.Deleted:
		return "its state was " + c.State.String()
	case changes.OwnerChanged:
		return map[string]string{"user": "user name", "display_name": "Name tag", "slack_id": "Slack tag"}[c.Field] + ": " + from
	case changes.LimitsChanged:
		return strings.ReplaceAll(c.Field, "_", " ") + ": " + from
	case changes.RuleChanged:
		return from
	}
	return ""
}

// changesInOneSentence counts the changes.
func changesInOneSentence(c changes.Changes) string {
	var counts []string
	for _, kind := range changes.Kinds() {
		if n := c.Counts[kind]; n > 0 {
			counts = append(counts, text.Grouped(n)+" "+kindOfChange(kind))
		}
	}
	said := "Nothing changed."
	if len(counts) > 0 {
		said = text.Count(len(c.Changes), "change") + ": " + strings.Join(counts, ", ") + "."
	}
	if n := len(c.Unclear); n > 0 {
		said += fmt.Sprintf(" %s could not be compared, as not everything could be read.", text.Count(n, "key"))
	}
	return said
}

// sinceWhat names the older report.
func sinceWhat(c changes.Changes) string {
	if c.SinceRun == "" {
		return inWords(c.Since)
	}
	return inWords(c.Since) + " (run " + c.SinceRun + ")"
}

// writeChanged writes the changes as text; nil writes nothing.
func writeChanged(w io.Writer, c *changes.Changes, screen Screen) error {
	if c == nil {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", wrapped("Since "+sinceWhat(*c)+": "+lowerFirst(changesInOneSentence(*c)), screen.Width)); err != nil {
		return err
	}
	return writeChangedLines(w, linesOf(*c, onOneLine), screen)
}

func writeChangedLines(w io.Writer, lines []changedLine, screen Screen) error {
	if len(lines) == 0 {
		return nil
	}
	cells := make([][]string, len(lines))
	for i, l := range lines {
		cells[i] = []string{orDash(l.User), l.What, orDash(l.KeyID), l.Detail}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return WriteFitting(w, screen, 3, []string{"UserName", "Change", "Key ID", "Detail"}, cells)
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func changedInMarkdown(out io.Writer, c *changes.Changes) {
	if c == nil {
		return
	}
	fmt.Fprintf(out, "## Changes since %s\n\n%s\n\n", sinceWhat(*c), changesInOneSentence(*c))
	lines := linesOf(*c, codeSpan)
	if len(lines) == 0 {
		return
	}
	cells := make([][]string, len(lines))
	for i, l := range lines {
		cells[i] = []string{codeSpan(l.User), l.What, codeSpan(l.KeyID), l.Detail}
	}
	markdownTable(out, []string{"User", "Change", "Key", "Detail"}, "llll", cells)
}

// WriteDiffText writes what changed between two reports as text.
func WriteDiffText(w io.Writer, d *changes.Diff, screen Screen) error {
	for i, one := range d.Accounts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, onOneLine(one.Account.String()))
		if err := writeChanged(w, &one.Changes, screen); err != nil {
			return err
		}
	}
	for _, line := range notCompared(d, onOneLine) {
		fmt.Fprintln(w, wrapped(line, screen.Width))
	}
	return nil
}

// WriteDiffMarkdown writes what changed between two reports for a pull request
// or a wiki.
func WriteDiffMarkdown(w io.Writer, d *changes.Diff) error {
	for _, one := range d.Accounts {
		fmt.Fprintf(w, "# What changed in %s\n\n", accountInMarkdown(Report{Account: one.Account}))
		changedInMarkdown(w, &one.Changes)
	}
	for _, line := range notCompared(d, codeSpan) {
		if _, err := fmt.Fprintf(w, "%s\n\n", line); err != nil {
			return err
		}
	}
	return nil
}

// notCompared names the accounts that one report alone has.
func notCompared(d *changes.Diff, named func(string) string) []string {
	var lines []string
	for _, side := range []struct {
		where    string
		accounts []account.Account
	}{{"older", d.OnlyOld}, {"newer", d.OnlyNew}} {
		for _, a := range side.accounts {
			lines = append(lines, fmt.Sprintf("Not compared: account %s is in the %s report only.", named(strings.TrimSpace(a.ID+" "+a.Called())), side.where))
		}
	}
	return lines
}
