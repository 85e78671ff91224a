package report_test

import (
	"bytes"
	"html"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// underRules has a key with limits of a rule, one that is disabled, and one with those
// of the settings.
func underRules() report.Report {
	r := reportOf(audited, one{user: "ann", age: 85, used: 2}, one{user: "ci", age: 210, used: 150}, one{user: "old", age: 300, used: 200, inactive: true})
	for i := range r.Rows {
		if r.Rows[i].User != "ann" {
			r.Rows[i].Rule, r.Rows[i].Limits = "machines", report.Rules{ExpirationAge: 365, WarningAge: 355, InactivityAge: 180, InactivityWarningAge: 170}
		}
	}
	return r
}

// TestRuleInTables: each table names the rule of a key if rules set limits, and is as
// it ever was if they do not.
func TestRuleInTables(t *testing.T) {
	t.Parallel()
	write := func(f func(*bytes.Buffer) error) string {
		t.Helper()
		var out bytes.Buffer
		if err := f(&out); err != nil {
			t.Fatal(err)
		}
		return html.UnescapeString(out.String())
	}
	for name, table := range map[string]struct {
		of        func(report.Report) string
		with      []string
		withRules string // and never without
	}{
		"screen": {func(r report.Report) string {
			return write(func(out *bytes.Buffer) error { return report.WriteText(out, r, report.Screen{}) })
		}, []string{"created 90 ", "machines: created 365", "–           machines ", "created as long ago as its rule allows (80 days without a rule): its owner is warned"}, "machines"},
		"debug": {func(r report.Report) string {
			return write(func(out *bytes.Buffer) error { return report.WriteTable(out, r.Rows) })
		}, []string{"Last Access Age  Rule", "  settings\n", "  machines\n"}, "Rule"},
		"markdown": {func(r report.Report) string {
			return write(func(out *bytes.Buffer) error { return report.WriteMarkdown(out, r) })
		}, []string{"| Rotation | Rule |", "| settings |", "| machines |"}, "Rule"},
		"html": {func(r report.Report) string {
			return write(func(out *bytes.Buffer) error { return report.WriteHTML(out, r) })
		}, []string{`>Rule</th>`, "<td class=\"rule\">settings</td>", "<td class=\"rule\">machines</td>", "80 days without a rule", "limits of the settings"}, ">Rule"},
	} {
		shown := table.of(underRules())
		for _, want := range table.with {
			if !strings.Contains(shown, want) {
				t.Errorf("%s is without %q:\n%s", name, want, shown)
			}
		}
		if shown := table.of(reportOf(audited, one{user: "ann", age: 85, used: 2})); strings.Contains(shown, table.withRules) {
			t.Errorf("without rules, %s has %q:\n%s", name, table.withRules, shown)
		}
	}
}

// TestTheRuleOfARow: a row says which rule it is of, whatever shows it.
func TestTheRuleOfARow(t *testing.T) {
	t.Parallel()
	key := audit.Key{ID: "AKIA", Status: audit.Active, Created: audited.AddDate(0, 0, -100)}
	v := audit.Limits{Rule: "machines", Ages: limits}.Judge(audit.User{Name: "ci"}, key, audit.ExemptionRules{}, audited)
	if row := report.RowOf(audit.User{Name: "ci"}, key, v); row.Rule != "machines" || row.Limits != report.Rules(limits) {
		t.Errorf("the row has %q, %+v", row.Rule, row.Limits)
	}
	if row := report.RowOf(audit.User{Name: "ci"}, key, audit.Judge(key, audit.Exemption{}, limits, audited)); row.Rule != "settings" {
		t.Errorf("without a rule it has %q", row.Rule)
	}
}

// TestAnotherRuleIsAChange between two reports.
func TestAnotherRuleIsAChange(t *testing.T) {
	t.Parallel()
	before := reportOf(audited, one{user: "ann", age: 85, used: 2}, one{user: "ci", age: 210, used: 150}, one{user: "old", age: 300, used: 200, inactive: true})
	found := changes.Between(before.Snapshot(), underRules().Snapshot())
	if len(found.Changes) != 2 || found.Changes[0].Kind != changes.RuleChanged || found.Changes[0].Old != "settings" || found.Changes[0].New != "machines" {
		t.Errorf("changes %+v", found.Changes)
	}
	later := underRules()
	later.AddHistory(&readBack(t, before).Snapshots[0], nil)
	if diff := cmp.Diff(found.Changes, later.Changes.Changes); diff != "" {
		t.Errorf("since evidence, changes (-direct +got):\n%s", diff)
	}
}

// TestFindingsNameTheRule of a key, with its limits in the message.
func TestFindingsNameTheRule(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"ocsf", "sarif"} {
		text := strings.Join(strings.Fields(string(written(t, format, underRules()))), "")
		for _, want := range []string{`"rule":"settings"`, `"rule":"machines"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is without %s: %s", format, want, text)
			}
		}
	}
}
