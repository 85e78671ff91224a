package metrics_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/metrics"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

func summary() run.Summary {
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	s := run.Summary{
		Run:       "20260302T120000Z-abcdef",
		Account:   account.Account{ID: "123456789012", Alias: "acme"},
		At:        at,
		Finished:  at.Add(1500 * time.Millisecond),
		Tally:     report.NewTally(),
		Counts:    account.Counts{Warned: 1, Disabled: 2, Deleted: 8, Failed: 3, NoticesPending: 4},
		APICalls:  50,
		Throttles: 6,
	}
	s.Users, s.Keys, s.Exempt = 7, 21, 8
	for i, state := range audit.States() {
		s.States[state] = i + 1
	}
	return s
}

func TestWrite(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := metrics.Write(&out, summary()); err != nil {
		t.Fatal(err)
	}
	text := out.Bytes()
	if bytes.Count(text, []byte("\n")) != 1 || text[len(text)-1] != '\n' {
		t.Fatalf("not one line: %q", text)
	}
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatal(err)
	}
	aws := line["_aws"].(map[string]any)
	delete(line, "_aws")
	want := map[string]any{
		"Account": "123456789012", "run": "20260302T120000Z-abcdef",
		"Users": 7.0, "Keys": 21.0, "Exempt": 8.0, "Warned": 1.0, "Disabled": 2.0, "Deleted": 8.0, "Failed": 3.0,
		"NoticesPending": 4.0, "APICalls": 50.0, "Throttles": 6.0, "Duration": 1500.0,
		"KeysGood": 0.0, "KeysStagnant": 0.0, "KeysOld": 0.0, "KeysStagnantExpire": 0.0, "KeysExpire": 0.0, "KeysDisabled": 0.0,
	}
	names := map[audit.State]string{
		audit.Good: "KeysGood", audit.Idle: "KeysStagnant", audit.Aging: "KeysOld",
		audit.IdleExpired: "KeysStagnantExpire", audit.Expired: "KeysExpire", audit.Disabled: "KeysDisabled",
	}
	for i, state := range audit.States() {
		want[names[state]] = float64(i + 1)
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if got, want := aws["Timestamp"], 1772452801500.0; got != want {
		t.Errorf("Timestamp = %v, want %v", got, want)
	}
	directives := aws["CloudWatchMetrics"].([]any)
	if len(directives) != 1 {
		t.Fatalf("%d directives", len(directives))
	}
	directive := directives[0].(map[string]any)
	if directive["Namespace"] != "Sleuth" {
		t.Errorf("Namespace = %v", directive["Namespace"])
	}
	if diff := cmp.Diff([]any{[]any{"Account"}}, directive["Dimensions"]); diff != "" {
		t.Errorf("Dimensions (-want +got):\n%s", diff)
	}
	// Every metric that is described has a number at the top, and the other
	// way about.
	delete(want, "Account")
	delete(want, "run")
	for _, m := range directive["Metrics"].([]any) {
		described := m.(map[string]any)
		name := described["Name"].(string)
		unit := "Count"
		if name == "Duration" {
			unit = "Milliseconds"
		}
		if _, there := want[name]; !there || described["Unit"] != unit {
			t.Errorf("described %v", described)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not described: %v", want)
	}
}
