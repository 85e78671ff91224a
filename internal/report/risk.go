package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/risk"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// riskNotEvaluated says what the levels leave out of account.
const riskNotEvaluated = "By the policies of users and their groups. Not evaluated: permission boundaries, policies of the organization and of resources, conditions, statements that deny, and what assumed roles may do."

// RiskLimits says what the levels leave out of account.
func (page) RiskLimits() string { return riskNotEvaluated }

func activeRow(row Row) bool { return row.State != audit.Disabled }

// AddRisk adds to each row what its user may do.
func (r *Report) AddRisk(of func(user string) risk.Risk) {
	known := map[string]*risk.Risk{}
	for i := range r.Rows {
		user := r.Rows[i].User
		if known[user] == nil {
			known[user] = new(of(user))
		}
		r.Rows[i].Risk = known[user]
	}
}

// NotePasswords adds whether users can sign in to the console with a password
// alone, for those of whom the credential report says so.
func (r *Report) NotePasswords(alone map[string]bool) {
	for _, row := range r.Rows {
		if without, known := alone[row.User]; known && row.Risk != nil {
			row.Risk.ConsoleWithoutMFA = &without
		}
	}
}

// hasRisk reports whether what users may do was asked for.
func hasRisk(rows []Row) bool {
	return slices.ContainsFunc(rows, func(row Row) bool { return row.Risk != nil })
}

// riskRank is zero for the gravest level.
func riskRank(r *risk.Risk) int {
	if r == nil {
		return len(risk.Levels())
	}
	return slices.Index(risk.Levels(), r.Level)
}

func (r Row) passwordAlone() bool {
	return r.Risk != nil && r.Risk.ConsoleWithoutMFA != nil && *r.Risk.ConsoleWithoutMFA
}

// compareRisk puts the gravest first; within a level, users who sign in to the
// console without MFA, and then the fewest days left.
func compareRisk(a, b Row) int {
	console := func(row Row) int {
		if row.passwordAlone() {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(riskRank(a.Risk), riskRank(b.Risk)), cmp.Compare(console(a), console(b)), compareDaysLeft(a, b))
}

// levelInWords is a level for people.
func levelInWords(level risk.Level) string {
	switch level {
	case risk.NoneFound:
		return "none found"
	case risk.NotEvaluated:
		return "not evaluated"
	}
	return abilityInWords(risk.Ability(level))
}

func abilityInWords(ability risk.Ability) string {
	switch ability {
	case risk.ReadData:
		return "read data"
	case risk.OwnCredentials:
		return "create own credentials"
	}
	return strings.ReplaceAll(string(ability), "_", " ")
}

// RiskText is what the user of a key may do at worst, for people.
func (r Row) RiskText() string {
	if r.Risk == nil {
		return unknown
	}
	said := levelInWords(r.Risk.Level)
	if r.passwordAlone() {
		said += ", console without MFA"
	}
	return said
}

// mayInWords lists what the user may do and by which policy, and what could not
// be read. named writes what others wrote, such as a policy's name.
func mayInWords(r *risk.Risk, named func(string) string) string {
	var said []string
	for _, grant := range r.May {
		if len(said) > 0 && r.May[0].Ability == risk.Administrator {
			break // which says all
		}
		said = append(said, fmt.Sprintf("%s (%s)", abilityInWords(grant.Ability), named(grant.By)))
	}
	for _, missing := range r.NotEvaluated {
		said = append(said, "not evaluated: "+named(missing))
	}
	return strings.Join(said, "; ")
}

// riskLine is one user in the section about risk.
type riskLine struct {
	Row
	Keys []string
	May  string
}

// riskLines are the users with keys that are not disabled, the gravest first,
// without those for whom nothing was found.
func riskLines(rows []Row, named func(string) string) []riskLine {
	var lines []riskLine
	at := map[string]int{}
	for _, row := range slices.SortedStableFunc(slices.Values(rows), compareRisk) {
		if row.Risk == nil || !activeRow(row) || (row.Risk.Level == risk.NoneFound && !row.passwordAlone()) {
			continue
		}
		owner := row.Account + "/" + row.User
		if i, found := at[owner]; found {
			lines[i].Keys = append(lines[i].Keys, row.KeyID)
			continue
		}
		at[owner] = len(lines)
		lines = append(lines, riskLine{Row: row, Keys: []string{row.KeyID}, May: mayInWords(row.Risk, named)})
	}
	return lines
}

// riskInOneSentence counts the users of active keys by level.
func riskInOneSentence(rows []Row) string {
	users := map[string]bool{}
	counts := map[risk.Level]int{}
	console := 0
	for _, row := range rows {
		if row.Risk == nil || !activeRow(row) || users[row.Account+"/"+row.User] {
			continue
		}
		users[row.Account+"/"+row.User] = true
		counts[row.Risk.Level]++
		if row.passwordAlone() {
			console++
		}
	}
	var said []string
	for _, level := range risk.Levels() {
		if n := counts[level]; n > 0 {
			said = append(said, text.Grouped(n)+" "+levelInWords(level))
		}
	}
	sentence := "Users of active keys, by the most that they may do: " + strings.Join(said, ", ") + "."
	if len(said) == 0 {
		sentence = "There are no users with active keys."
	}
	if console > 0 {
		sentence += " " + text.Count(console, "user") + " can sign in to the console without MFA."
	}
	return sentence
}

// writeRisk writes who may do what below the table of keys.
func writeRisk(w io.Writer, r Report, screen Screen) error {
	if !hasRisk(r.Rows) {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s\n%s\n", wrapped(riskInOneSentence(r.Rows), screen.Width), wrapped(riskNotEvaluated, screen.Width)); err != nil {
		return err
	}
	lines := riskLines(r.Rows, onOneLine)
	if len(lines) == 0 {
		return nil
	}
	cells := make([][]string, len(lines))
	for i, l := range lines {
		cells[i] = []string{l.User, l.RiskText(), l.May}
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return WriteFitting(w, screen, 2, []string{"UserName", "May", "By"}, cells)
}

func riskInMarkdown(out io.Writer, r Report) {
	if !hasRisk(r.Rows) {
		return
	}
	fmt.Fprintf(out, "## What the users may do\n\n%s\n\n%s\n\n", riskInOneSentence(r.Rows), riskNotEvaluated)
	lines := riskLines(r.Rows, codeSpan)
	if len(lines) == 0 {
		return
	}
	cells := make([][]string, len(lines))
	for i, l := range lines {
		cells[i] = []string{codeSpan(l.User), l.RiskText(), l.May}
	}
	markdownTable(out, []string{"User", "May", "By"}, "lll", cells)
}

// raised reports whether what the user may do makes a finding graver: the user
// could get more than the key itself opens, or nobody knows.
func raised(r *risk.Risk) bool {
	return r != nil && riskRank(r) <= slices.Index(risk.Levels(), risk.Level(risk.PassRoles))
}

// riskCells are the cells of CSV: the level, and whether the user can sign in
// without MFA, if known.
func (r Row) riskCells() []string {
	if r.Risk == nil {
		return []string{"", ""}
	}
	console := ""
	if r.Risk.ConsoleWithoutMFA != nil {
		console = strconv.FormatBool(*r.Risk.ConsoleWithoutMFA)
	}
	return []string{string(r.Risk.Level), console}
}
