package report_test

import (
	"bytes"
	"encoding/json"
	"html"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/risk"
)

// risky is everyState with what its users may do.
func risky(at time.Time) report.Report {
	r := everyState(at)
	may := map[string]risk.Risk{
		"amara": {Level: "pass_roles", May: []risk.Grant{{Ability: risk.PassRoles, By: "inline policy deploy"}, {Ability: risk.ReadData, By: "policy Read of group readers"}}},
		"bjorn": {Level: "read_data", May: []risk.Grant{{Ability: risk.ReadData, By: "policy Read"}}},
		"chen":  {Level: "administrator", May: []risk.Grant{{Ability: risk.Administrator, By: "policy AdministratorAccess"}}},
		"emeka": risk.Unknown("policy Broken: it is not valid JSON"),
		"grace": {Level: "administrator", May: []risk.Grant{{Ability: risk.Administrator, By: "policy AdministratorAccess"}}}, // her key is disabled
		"tom":   {Level: "read_data", May: []risk.Grant{{Ability: risk.ReadData, By: "policy Read"}}},
	}
	r.AddRisk(func(user string) risk.Risk {
		found, known := may[user]
		if !known {
			found = risk.Risk{Level: risk.NoneFound}
		}
		if found.May == nil {
			found.May = []risk.Grant{}
		}
		if found.NotEvaluated == nil {
			found.NotEvaluated = []string{}
		}
		return found
	})
	r.NotePasswords(map[string]bool{"tom": true, "bjorn": false, "priya": true, "nobody": true})
	return r
}

const riskSum = "Users of active keys, by the most that they may do: 1 administrator, 1 not evaluated, 1 pass roles, 2 read data, 4 none found. 2 users can sign in to the console without MFA."

func TestRiskSortsTheGravestFirst(t *testing.T) {
	t.Parallel()
	r := risky(audited)
	order, err := report.ParseOrder("risk")
	if err != nil || !order.ByRisk() {
		t.Fatalf("%v, %v", order, err)
	}
	r.SortBy(order)
	var users []string
	for _, row := range r.Rows {
		users = append(users, row.User)
	}
	// Chen before Grace, whose key has no days left to count; Tom signs in without
	// MFA, and Bjorn does not.
	if got := strings.Join(users, " "); !strings.HasPrefix(got, "chen grace emeka amara tom bjorn priya ") {
		t.Errorf("sorted %s", got)
	}
	reverse, _ := report.ParseOrder("-risk")
	r.SortBy(reverse)
	if r.Rows[len(r.Rows)-1].User != "chen" {
		t.Errorf("the last of the reverse is %s", r.Rows[len(r.Rows)-1].User)
	}
}

func TestRiskInEveryFormat(t *testing.T) {
	t.Parallel()
	r := risky(audited)
	var text, markdown, csv bytes.Buffer
	for _, err := range []error{
		report.WriteText(&text, r, report.Screen{}), report.WriteMarkdown(&markdown, r), report.WriteReportCSV(&csv, r),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	page := html.UnescapeString(between(t, htmlOf(t, r), `<h2 id="risk">`, "</section>"))
	const limits = "Not evaluated: permission boundaries, policies of the organization and of resources, conditions, statements that deny, and what assumed roles may do."
	for name, said := range map[string]string{"text": text.String(), "markdown": markdown.String(), "html": page} {
		said = strings.ReplaceAll(said, "`", "")
		for _, want := range []string{riskSum, limits, "pass roles (inline policy deploy); read data (policy Read of group readers)", "not evaluated: policy Broken: it is not valid JSON", "read data, console without MFA", "none found, console without MFA"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: no %q in\n%s", name, want, said)
			}
		}
	}
	if strings.Contains(page, "grace") || strings.Contains(page, "data-import") {
		t.Errorf("the page names users without active keys or without risk:\n%s", page)
	}
	header, rest, _ := strings.Cut(csv.String(), "\n")
	if !strings.HasSuffix(strings.TrimSpace(header), "Risk,Console Without MFA") || !strings.Contains(rest, ",read_data,true") || !strings.Contains(rest, ",administrator,\n") {
		t.Errorf("CSV:\n%s", csv.String())
	}
	csv.Reset()
	if err := report.WriteAccountsCSV(&csv, []report.Report{r, reportOf(audited, one{user: "x", age: 1})}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(csv.String()), "\n")
	for _, line := range lines {
		if strings.Count(line, ",") != strings.Count(lines[0], ",") {
			t.Errorf("a line of several accounts has other columns than the header:\n%s\n%s", lines[0], line)
		}
	}
	// Without --risk nothing of it is shown.
	text.Reset()
	if err := report.WriteText(&text, everyState(audited), report.Screen{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "may do") || strings.Contains(htmlOf(t, everyState(audited)), `id="risk"`) {
		t.Error("risk is shown although it was not asked for")
	}
}

// severities are the OCSF severity of each user's finding.
func severities(t *testing.T, r report.Report) map[string]string {
	t.Helper()
	var text bytes.Buffer
	if err := report.WriteOCSF(&text, report.Tool{}, r); err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Severity  string
		Resources []struct{ Owner struct{ Name string } }
	}
	if err := json.Unmarshal(text.Bytes(), &events); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range events {
		found[e.Resources[0].Owner.Name] = e.Severity
	}
	return found
}

func TestRiskRaisesTheSeverityOfFindingsAndNothingElse(t *testing.T) {
	t.Parallel()
	without, with := severities(t, everyState(audited)), severities(t, risky(audited))
	if len(without) != len(with) {
		t.Errorf("risk makes findings: %v, %v", without, with)
	}
	for user, want := range map[string][2]string{
		"chen":  {"High", "Critical"}, // past a limit, administrator
		"emeka": {"High", "Critical"}, // past a limit, not evaluated
		"bjorn": {"Medium", "Medium"}, // warned, reads data
	} {
		if without[user] != want[0] || with[user] != want[1] {
			t.Errorf("%s: %s without and %s with risk, want %v", user, without[user], with[user], want)
		}
	}
	var sarif bytes.Buffer
	if err := report.WriteSARIF(&sarif, report.Tool{}, risky(audited)); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Results []struct {
				Rank    *float64
				RuleID  string
				Message struct{ Text string }
			}
		}
	}
	if err := json.Unmarshal(sarif.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	ranks := map[string]float64{}
	for _, result := range log.Runs[0].Results {
		for _, user := range []string{"chen", "bjorn", "emeka"} {
			if strings.Contains(result.Message.Text, "user "+user) && result.Rank != nil {
				ranks[user] = *result.Rank
			}
		}
	}
	if !(ranks["chen"] > ranks["emeka"] && ranks["emeka"] > ranks["bjorn"] && ranks["bjorn"] > 0) {
		t.Errorf("ranks %v", ranks)
	}
	if states := risky(audited).States; !slices.Equal([]int{states[0], states[4]}, []int{everyState(audited).States[0], everyState(audited).States[4]}) {
		t.Error("risk changed a verdict")
	}
}
