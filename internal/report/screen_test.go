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
	for _, whole := range []string{"bartholomew.featherstonehaugh-cholmondeley", "subteam-S09PLATFORM0000", "Last Access Age", "AutoExpire"} {
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
		{200, "UserName Slack ID Key ID AutoExpire Status Age in Days Last Access Age"},
		{80, "UserName Slack ID Key ID Auto Status Age Idle"},
		{66, "UserName Key ID Auto Status Age Idle"},
		{56, "UserName Key ID Status Age Idle"},
	} {
		head, _, _ := strings.Cut(tableOn(t, report.Screen{Width: c.width}, r), "\n")
		if got := strings.Join(strings.Fields(head), " "); got != c.head {
			t.Errorf("on %d columns: %q, want %q", c.width, got, c.head)
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
