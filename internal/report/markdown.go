package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// WriteMarkdown writes the report for a pull request or a wiki. All text that
// others wrote, such as a user's name, stands in code spans: there it can
// neither mention anyone, nor link, nor break the page.
func WriteMarkdown(w io.Writer, r Report) error {
	out := bufio.NewWriter(w)
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	f := figuresOf(r)
	past, weeks := calendar(r)

	line("# Access keys of %s\n", accountInMarkdown(r))
	if r.Forecast != nil {
		line("> **FORECAST for %s**, from keys read on %s. It assumes that %s.\n",
			inWords(r.At), inWords(r.Forecast.ReadAt), r.Forecast.Assumes)
	} else {
		line("As of %s.\n", inWords(r.At))
	}
	if r.Filter != nil {
		line("Only some keys are shown: %s.\n", codeSpan(r.Filter.String()))
	}
	line("%s\n", inOneSentence(f, weeks, r, codeSpan))
	if warning := r.warning(); warning != "" {
		line("**%s**\n", warning)
	}

	markdownTable(out, []string{"Active keys", "Past a limit", "Warned", "Exempt", "Disabled"}, "rrrrr",
		[][]string{{text.Grouped(f.Active), text.Grouped(f.Past), text.Grouped(f.Warned), text.Grouped(f.Exempt), text.Grouped(f.Disabled)}})

	if len(r.Problems) > 0 {
		line("## Could not be read\n")
		line("The audit completed with %s:\n", text.Count(len(r.Problems), "error"))
		for _, problem := range r.Problems {
			line("- %s", codeSpan(problem.Text))
		}
		line("")
	}
	changedInMarkdown(out, r.Changes)
	riskInMarkdown(out, r)
	dueInMarkdown(out, past, weeks)
	exemptionsInMarkdown(out, r.Rows)
	credentialsInMarkdown(out, r)

	line("## Keys\n")
	if len(r.Rows) == 0 {
		line("None.")
		return out.Flush()
	}
	cells := make([][]string, len(r.Rows))
	for i, row := range r.Rows {
		left := "–"
		if row.DaysLeft != nil {
			left = text.Grouped(*row.DaysLeft)
		}
		cells[i] = []string{
			codeSpan(row.User), codeSpan(row.SlackID), linked(codeSpan(row.KeyID), row.Console), stateInMarkdown(row),
			text.Grouped(row.Age), text.Grouped(row.IdleAge), left, dateOf(row), codeSpan(row.UsedWith()), codeSpan(row.Description), codeSpan(row.RotationText()),
		}
		if r.HasRules() {
			cells[i] = append(cells[i], row.Rule)
		}
	}
	header, align := []string{"User", "Slack", "Key", "State", "Age", "Unused for", "Days left", "Limit on", "Last used", "Description", "Rotation"}, "llllrrrllll"
	if r.HasRules() {
		header, align = append(header, ruleHeading), align+"l"
	}
	markdownTable(out, header, align, cells)
	return out.Flush()
}

func accountInMarkdown(r Report) string {
	if r.Account.ID == "" {
		return "an AWS account"
	}
	return "AWS account " + codeSpan(strings.TrimSuffix(r.Account.ID+" "+r.Account.Called(), " "))
}

func dueInMarkdown(out io.Writer, past []due, weeks []week) {
	var cells [][]string
	add := func(when string, keys []due) {
		if len(keys) == 0 {
			return
		}
		names, more := who(keys, 5)
		for i, name := range names {
			names[i] = codeSpan(name)
		}
		whose := strings.Join(names, ", ")
		if more > 0 {
			whose += fmt.Sprintf(" and %d more", more)
		}
		cells = append(cells, []string{when, text.Grouped(len(keys)), whose})
	}
	add("Past a limit", past)
	for _, w := range weeks {
		add(fmt.Sprintf("%s to %s", shortDay(w.From), shortDay(w.To)), w.Keys)
	}
	fmt.Fprintf(out, "## Due in the next %d days\n\n%s\n\n", horizon, whatIsDue)
	if len(cells) == 0 {
		fmt.Fprint(out, "Nothing.\n\n")
		return
	}
	markdownTable(out, []string{"When (UTC)", "Keys", "Whose"}, "lrl", cells)
}

func exemptionsInMarkdown(out io.Writer, rows []Row) {
	honoured, refused := exemptions(rows)
	if len(honoured) > 0 {
		fmt.Fprint(out, "## Exempt\n\n")
		var cells [][]string
		for _, row := range honoured {
			cells = append(cells, []string{
				codeSpan(row.User), codeSpan(row.KeyID), row.Underlying.String(), text.Grouped(row.Age), text.Grouped(row.IdleAge),
				exemptThrough(row), codeSpan(row.ExemptReason),
			})
		}
		markdownTable(out, []string{"User", "Key", "Would be", "Age", "Unused for", "Through", "Reason"}, "lllrrll", cells)
	}
	if len(refused) > 0 {
		fmt.Fprint(out, "## Ignored exemptions\n\n")
		var cells [][]string
		for _, row := range refused {
			cells = append(cells, []string{
				codeSpan(row.User), codeSpan(row.KeyID), row.State.String(), text.Grouped(row.Age), text.Grouped(row.IdleAge),
				exemptThrough(row), codeSpan(row.ExemptReason), row.ExemptIgnored,
			})
		}
		markdownTable(out, []string{"User", "Key", "Is", "Age", "Unused for", "Through", "Reason", "Why not"}, "lllrrlll", cells)
	}
}

func stateInMarkdown(row Row) string {
	switch {
	case row.Exempt:
		return "good (exempt)"
	case row.Held != "":
		return "**" + row.State.String() + "**" + refusedInMarkdown(row) + " (held: " + codeSpan(row.Held) + ")"
	case row.State.PastLimit():
		return "**" + row.State.String() + "**" + refusedInMarkdown(row)
	}
	return row.State.String() + refusedInMarkdown(row)
}

// linked makes text, which is safe already, a link to an address of ours.
func linked(text, address string) string {
	if address == "" {
		return text
	}
	return "[" + text + "](" + address + ")"
}

func refusedInMarkdown(row Row) string {
	if row.ExemptIgnored == "" {
		return ""
	}
	return " (exemption ignored)"
}

// dateOf is the day of the limit that a key reaches first, as numbers: a list
// of keys is sorted by it.
func dateOf(row Row) string {
	if when, ever := limitAt(row); ever {
		return when.UTC().Format(time.DateOnly)
	}
	return "–"
}

// markdownTable writes a table of cells that are safe already; align holds l
// or r for each column.
func markdownTable(out io.Writer, header []string, align string, rows [][]string) {
	rules := make([]string, len(header))
	for i := range rules {
		rules[i] = map[byte]string{'l': "---", 'r': "---:"}[align[i]]
	}
	for _, cells := range append([][]string{header, rules}, rows...) {
		fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintln(out)
}

// codeSpan writes text as code, in which Markdown has no meaning: no backtick in it
// can end the span, and no bar a table's cell. (A bar can't be written in a
// table so that every reader of Markdown understands it. No name in AWS holds
// one.)
func codeSpan(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(onOneLine(s), "|", "¦"))
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}
