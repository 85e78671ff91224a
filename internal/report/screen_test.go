package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

func crowded() report.Report {
	return reportOf(audited,
		one{user: "bartholomew.featherstonehaugh-cholmondeley", age: 97, used: 2, slack: "subteam-S09PLATFORM0000"},
		one{user: "名前名前名前名前名前名前名前", age: 70, used: 52, slack: "U1"},
		one{user: "ann", age: 5, used: 0, exempt: "nonsense"},
	)
}

func tableOn(t *testing.T, screen report.Screen, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteText(&out, r, screen); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTableFitsTheScreen(t *testing.T) {
	t.Parallel()
	r := crowded()
	for width := 45; width <= 200; width++ {
		shown := tableOn(t, report.Screen{Width: width}, r)
		lines := strings.Split(shown, "\n")
		for _, line := range lines {
			if n := text.StringWidth(line); n > width {
				t.Errorf("%d columns wide on %d: %q", n, width, line)
			}
		}
		for _, row := range r.Rows {
			for _, whole := range []string{row.State.String(), row.KeyID} {
				if !strings.Contains(shown, whole) {
					t.Errorf("on %d columns %s is not whole:\n%s", width, whole, shown)
				}
			}
		}
		if !strings.HasPrefix(lines[1], "barth") || len(lines) < 5 {
			t.Errorf("on %d columns a row is not on its line:\n%s", width, shown)
		}
	}
}

func TestNothingIsCutElsewhere(t *testing.T) {
	t.Parallel()
	shown := tableOn(t, report.Screen{}, crowded())
	for _, whole := range []string{"bartholomew.featherstonehaugh-cholmondeley", "subteam-S09PLATFORM0000", "Slack ID", "Exempt"} {
		if !strings.Contains(shown, whole) {
			t.Errorf("without %q:\n%s", whole, shown)
		}
	}
	if strings.Contains(shown, "…") {
		t.Errorf("cut:\n%s", shown)
	}
}

func TestColumnsGiveWayInTurn(t *testing.T) {
	t.Parallel()
	r := reportOf(audited, one{user: "bartholomew", age: 97, used: 2, slack: "U0BARTHOLOMEW"})
	for _, c := range []struct {
		width int
		head  string
	}{
		{200, "UserName Slack ID Key ID Status Left Due Rule Age Used Exempt"},
		{80, "UserName Key ID Status Left Due Age Used Exempt"},
		{74, "UserName Key ID Status Left Due Used Exempt"},
		{66, "UserName Key ID Status Left Due Used"},
		{60, "UserName Key ID Status Left Due"},
		{48, "UserName Key ID Status Left"},
		{40, "UserName Key ID Status"},
	} {
		head, _, _ := strings.Cut(tableOn(t, report.Screen{Width: c.width}, r), "\n")
		if got := strings.Join(strings.Fields(head), " "); got != c.head {
			t.Errorf("on %d columns: %q, want %q", c.width, got, c.head)
		}
	}
}

// TestCellsOfTheAuditTable: a key that was never used is not one that was used
// as many days ago as it is old, and an exemption that has ended is shown.
func TestCellsOfTheAuditTable(t *testing.T) {
	t.Parallel()
	shown := tableOn(t, report.Screen{}, reportOf(audited,
		one{user: "dated", age: 130, used: 0, exempt: "False until 2026-10-20"},
		one{user: "ended", age: 95, used: 3, exempt: "False until 2026-10-04"},
		one{user: "gone", age: 210, used: 150, inactive: true, exempt: "False until 2026-10-04"},
		one{user: "never", age: 20, used: -1},
		one{user: "open", age: 412, used: 0, exempt: "False"},
		one{user: "typo", age: 55, used: 3, exempt: "flase"},
	))
	for _, row := range []string{
		"dated good – 2026-10-21 created 90 130 0 until 2026-10-20",
		"ended expire -5 2026-09-30 created 90 95 3 ended 2026-10-04",
		"gone disabled – – – 210 150 –",
		"never good 25 2026-10-30 unused 45 20 never –",
		"open good – – created 90 412 0 no end",
		"typo good 35 2026-11-09 created 90 55 3 unreadable",
	} {
		found := false
		for line := range strings.Lines(shown) {
			cells := strings.Fields(line)
			found = found || len(cells) > 3 && strings.Join(append(cells[:1], cells[3:]...), " ") == row
		}
		if !found {
			t.Errorf("no row %q in\n%s", row, shown)
		}
	}
	if want := "\nExemptions that have ended:\n\nkey " + keyIDOf("ended") + " of user ended (expire): exempt through Sun 4 Oct 2026\n"; !strings.HasSuffix(shown, want) {
		t.Errorf("does not end with %q:\n%s", want, shown)
	}
}

// TestLegend: every abbreviation of the table and every state in it is
// explained, and nothing else is.
func TestLegend(t *testing.T) {
	t.Parallel()
	r := reportOf(audited, one{user: "ann", age: 85, used: 2})
	for width, want := range map[int]string{
		0: `
Left             days until the key reaches its first limit, below zero past it
Due              the day (UTC) on which it does, or on which its exemption ends
Rule             its first limit, in days since it was created or used, and the rule that sets it if any does
Age              days since the key was created
Used             days since its last use
Exempt           whether the KeyAutoExpire tag exempts the key, and through which day
old              created 80 or more days ago: its owner is warned
`,
		45: `
Left             days until the key reaches
                 its first limit, below zero
                 past it
old              created 80 or more days ago:
                 its owner is warned
`,
	} {
		if shown := tableOn(t, report.Screen{Width: width}, r); !strings.HasSuffix(shown, "1 old\n"+want) {
			t.Errorf("on %d columns, want\n%s\nin\n%s", width, want, shown)
		}
	}
	if shown := tableOn(t, report.Screen{}, reportOf(audited)); strings.Contains(shown, "Left  ") && strings.Count(shown, "\n") != 2 {
		t.Errorf("a table of nothing has a legend:\n%s", shown)
	}
}

// TestNoWordIsSplit: what a screen of 80 columns shows is cut with an ellipsis
// or put on the next line.
func TestNoWordIsSplit(t *testing.T) {
	t.Parallel()
	r := reportOf(audited.AddDate(0, 0, 3),
		one{user: "bartholomew.featherstonehaugh-cholmondeley", age: 97, used: 2, slack: "subteam-S09PLATFORM0000"},
		one{user: "ended", age: 95, used: 3, exempt: "False until 2026-10-04"},
		one{user: "typo", age: 70, used: 52, exempt: "flase"},
	)
	r.Forecast = report.NewForecast(audited)
	r.Filter = &report.Filter{Users: []string{"bartholomew.featherstonehaugh-cholmondeley", "ended", "typo"}}
	r.Credentials = report.CredentialsOf([]audit.Credential{{Kind: audit.RootAccessKey, User: audit.RootUser, Number: 1, Active: true}}, limits, audited)
	r.CredentialsAsOf = &r.At
	r.Notes = []string{"the credential report is from before the forecast, and says nothing of what has changed since then"}
	words := map[string]bool{}
	for word := range strings.FieldsSeq(tableOn(t, report.Screen{}, r)) {
		words[word] = true
	}
	shown := tableOn(t, report.Screen{Width: 80}, r)
	for word := range strings.FieldsSeq(shown) {
		if !words[word] && !strings.HasSuffix(word, "…") {
			t.Errorf("%q is a piece of a word in\n%s", word, shown)
		}
	}
	for line := range strings.Lines(shown) {
		if text.StringWidth(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too long: %q", line)
		}
	}
}

func TestPaintIsForStates(t *testing.T) {
	t.Parallel()
	paint := func(state audit.State, text string) string {
		if !state.PastLimit() {
			return text
		}
		return "\x1b[31m" + text + "\x1b[0m"
	}
	plain := tableOn(t, report.Screen{Width: 100}, everyState(audited))
	painted := tableOn(t, report.Screen{Width: 100, Paint: paint}, everyState(audited))
	if !strings.Contains(painted, "\x1b[31mstagnant_expire\x1b[0m") || !strings.Contains(painted, "\x1b[31mexpire\x1b[0m") {
		t.Errorf("not painted:\n%q", painted)
	}
	if strings.Count(painted, "\x1b[31m") != 2 {
		t.Errorf("painted more than two states:\n%q", painted)
	}
	if text.StripEscape(painted) != plain {
		t.Errorf("paint moves the columns:\n%s\n%s", plain, text.StripEscape(painted))
	}
}

func TestForecastStandsAboveTheTable(t *testing.T) {
	t.Parallel()
	r := everyState(audited.AddDate(0, 0, 30)).Only(report.Filter{Users: []string{"c*"}})
	r.Forecast = report.NewForecast(audited)
	shown := tableOn(t, report.Screen{}, r)
	for _, said := range []string{
		"FORECAST for Wednesday 4 November 2026, 14:03 UTC, from keys read on Monday 5 October 2026, 14:03 UTC. It assumes that no key is used",
		"\nFORECAST for Wednesday 4 November 2026: AWS account 123456789012 (acme): 1 user, 1 key: 1 expire [shown: user c*]\n",
	} {
		if !strings.Contains(shown, said) {
			t.Errorf("does not say %q:\n%s", said, shown)
		}
	}
	var csv bytes.Buffer
	if err := report.WriteReportCSV(&csv, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(csv.String(), "\n")
	if !strings.HasSuffix(lines[0], ",Forecast For") || !strings.HasSuffix(lines[1], ",2026-11-04T14:03:00Z") {
		t.Errorf("CSV is not marked as a forecast:\n%s", csv.String())
	}
}
