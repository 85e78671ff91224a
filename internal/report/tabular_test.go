package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

const day = 24 * time.Hour

var (
	now   = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	rules = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}
)

// rowOf is the row of a key made and last used so many days ago (below zero:
// never), for a user with tags given as name and value in turn.
func rowOf(user, keyID string, created, used int, tags ...string) report.Row {
	u := audit.User{Name: user}
	for pair := range slices.Chunk(tags, 2) {
		u.Tags = append(u.Tags, audit.Tag{Key: pair[0], Value: pair[1]})
	}
	k := audit.Key{ID: keyID, Status: audit.Active, Created: now.Add(-time.Duration(created) * day)}
	if used >= 0 {
		k.LastUsed = now.Add(-time.Duration(used) * day)
	}
	return report.RowOf(u, k, audit.Judge(k, audit.ExemptionOf(u, k.ID), rules, now))
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := report.WriteTable(&out, []report.Row{
		rowOf("sleuth-test1", "KEYID1", 0, -1, "KeyAutoExpire", "False"),
		rowOf("sleuth-test2", "KEYID2", 60, 1, "KeyAutoExpire", "True", "Slack", "UPML12345"),
		rowOf("bot", "AKIAIOSFODNN7EXAMPLE", 120, 35, "KeyAutoExpire", "nope", "Slack", "subteam-SP12345"),
		rowOf("evil\x1b[31m\nuser\u202e", "KEYID4", 40, 29),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `UserName         Slack ID         Key ID                AutoExpire  Status    Age in Days  Last Access Age
sleuth-test1     sleuth-test1     KEYID1                FALSE       good                0                0
sleuth-test2     UPML12345        KEYID2                TRUE        old                60                1
bot              subteam-SP12345  AKIAIOSFODNN7EXAMPLE  UNREADABLE  expire            120               35
evil?[31m?user?  evil?[31m?user?  KEYID4                TRUE        stagnant           40               29
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// squeeze takes runs of spaces for one, as awk does.
func squeeze(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestTableOfNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.WriteTable(&out, nil); err != nil {
		t.Fatal(err)
	}
	if want := "UserName Slack ID Key ID AutoExpire Status Age in Days Last Access Age"; squeeze(out.String()) != want {
		t.Errorf("got %q, want the header alone", out.String())
	}
}

// TestRow: what a row says beside its verdict.
func TestRow(t *testing.T) {
	t.Parallel()
	left := func(n int) *int { return &n }
	for _, c := range []struct {
		name       string
		row        report.Row
		slack      string
		display    string
		autoExpire report.AutoExpire
		state      audit.State
		daysLeft   *int
		used       bool
	}{
		{"old, and sooner stagnant", rowOf("u", "K", 60, 25, "Name", "U. Ser", "Slack", "U1"), "U1", "U. Ser", report.AutoExpireTrue, audit.Aging, left(5), true},
		{"never used", rowOf("u", "K", 5, -1), "u", "u", report.AutoExpireTrue, audit.Good, left(25), false},
		{"past both limits", rowOf("u", "K", 100, 40), "u", "u", report.AutoExpireTrue, audit.Expired, left(-10), true},
		{"exempt", rowOf("u", "K", 100, 40, "KeyAutoExpire", "false"), "u", "u", report.AutoExpireFalse, audit.Good, nil, true},
		{"no longer exempt", rowOf("u", "K", 100, 40, "KeyAutoExpire", "false until 2026-03-01"), "u", "u", report.AutoExpireTrue, audit.Expired, left(-10), true},
		{"unreadable", rowOf("u", "K", 100, 40, "KeyAutoExpire", "no"), "u", "u", report.AutoExpireUnreadable, audit.Expired, left(-10), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.row
			if r.SlackID != c.slack || r.DisplayName != c.display || r.AutoExpire != c.autoExpire || r.State != c.state || (r.LastUsed != nil) != c.used {
				t.Errorf("got %+v", r)
			}
			if !reflect.DeepEqual(r.DaysLeft, c.daysLeft) {
				t.Errorf("days left %v, want %v", show(r.DaysLeft), show(c.daysLeft))
			}
		})
	}
	k := audit.Key{ID: "K", Status: audit.Inactive, Created: now}
	if r := report.RowOf(audit.User{Name: "u"}, k, audit.Judge(k, audit.Exemption{}, rules, now)); r.DaysLeft != nil || r.State != audit.Disabled {
		t.Errorf("a disabled key has %v days left", show(r.DaysLeft))
	}
}

func show(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

// TestCSV: every cell comes back, and none is a formula.
func TestCSV(t *testing.T) {
	t.Parallel()
	names := []string{
		"plain", "=1+1", "+user", "-user", "@here", "=cmd|' /C calc'!A0", `quote "this"`, "comma, semicolon;", "two\nlines",
		" =1+1", "\t=1+1", "\r=1", "%0A", "|pipe", "-5", "名前", "mid=equals@sign",
	}
	var rows []report.Row
	for _, name := range names {
		rows = append(rows, rowOf(name, "KEYID", 60, 1, "Name", name))
	}
	var out bytes.Buffer
	if err := report.WriteCSV(&out, rows); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(out.Bytes())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	wantHeader := []string{
		"UserName", "Slack ID", "Key ID", "AutoExpire", "Status", "Age in Days", "Last Access Age",
		"Name", "Exempt", "Underlying Status", "Days Left", "Created", "Last Used", "Expires At", "Stagnates At",
		"Exempt Until", "Exempt Reason", "Exempt Ignored",
		"Last Used Service", "Last Used Region", "Description", "Console", "Other Key", "Rotation", "Held", "Not Before", "Rule",
	}
	if len(records) != len(names)+1 || !slices.Equal(records[0], wantHeader) {
		t.Fatalf("%d records, header %q", len(records), records[0])
	}
	for i, record := range records[1:] {
		for _, cell := range []string{record[0], record[7]} {
			// The Name tag is read without surrounding space.
			if plain := strings.TrimPrefix(cell, "'"); strings.TrimSpace(plain) != strings.TrimSpace(names[i]) {
				t.Errorf("%q came back as %q", names[i], cell)
			}
			if names[i] != "-5" && strings.ContainsAny(strings.TrimSpace(cell)[:1], "=+-@|%") {
				t.Errorf("%q is a formula", cell)
			}
		}
	}
	want := []string{
		"plain", "plain", "KEYID", "TRUE", "old", "60", "1", "plain", "false", "old", "29",
		"2026-01-01T12:00:00Z", "2026-03-01T12:00:00Z", "2026-04-01T12:00:00Z", "2026-03-31T12:00:00Z",
		"", "", "",
		"", "", "", "https://console.aws.amazon.com/iam/home#/users/details/plain?section=security_credentials", "", "", "", "", "settings",
	}
	if !slices.Equal(records[1], want) {
		t.Errorf("got %q, want %q", records[1], want)
	}
}

// TestJSON is a contract: programs read it.
func TestJSON(t *testing.T) {
	t.Parallel()
	inactive := audit.Key{ID: "AKIAINACTIVE", Status: audit.Inactive, Created: now.Add(-400 * day)}
	found := report.New(account.Account{ID: "123456789012", Alias: "acme"}, now, report.Rules(rules))
	found.Rows = []report.Row{
		rowOf("tfunke", "AKIAOLD", 60, 25, "Name", "Tobias <Funke> & Co", "Slack", "UPML12345"),
		rowOf("exempt", "AKIAEXEMPT", 100, -1, "KeyAutoExpire", "False"),
		report.RowOf(audit.User{Name: "gone"}, inactive, audit.Judge(inactive, audit.Exemption{}, rules, now)),
	}
	found.Problems = []account.Problem{{User: "bad", KeyID: "AKIABAD", Text: "denied"}, {Text: "list users: broken"}}
	found.Users = 4
	for _, v := range []audit.Verdict{{State: audit.Aging}, {State: audit.Good, Exempt: true}, {State: audit.Disabled}} {
		found.Count(v)
	}
	found.Sort()
	var out bytes.Buffer
	if err := report.WriteJSON(&out, found); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "report.json")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("the JSON has changed; if that is meant, and no field was renamed or removed, run the test with -update\n%s", out.Bytes())
	}
	var back map[string]any
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
}

// TestJSONIsWhatAnEncoderWrites, however many rows there are.
func TestJSONIsWhatAnEncoderWrites(t *testing.T) {
	t.Parallel()
	for rows := range 3 {
		found := report.New(account.Account{ID: "123456789012", Alias: "\n  \"rows\": []"}, now, report.Rules(rules))
		for i := range rows {
			found.Rows = append(found.Rows, rowOf("<&>", fmt.Sprint(i), 60, 25, "Name", "\n  \"rows\": []"))
		}
		var got, want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := errors.Join(report.WriteJSON(&got, found), encoder.Encode(found)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d rows: got\n%s\nwant\n%s", rows, got.Bytes(), want.Bytes())
		}
	}
}

// TestSort: by user and then by key.
func TestSort(t *testing.T) {
	t.Parallel()
	r := report.Report{
		Rows:     []report.Row{{User: "b", KeyID: "1"}, {User: "a", KeyID: "2"}, {User: "a", KeyID: "1"}},
		Problems: []account.Problem{{User: "b"}, {Text: "of nobody"}, {User: "a"}},
	}
	r.Sort()
	if r.Rows[0].KeyID != "1" || r.Rows[0].User != "a" || r.Rows[2].User != "b" || r.Problems[0].Text == "" || r.Problems[2].User != "b" {
		t.Errorf("got %+v and %+v", r.Rows, r.Problems)
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	tally := report.NewTally()
	if got, want := tally.String(), "0 users, 0 keys: none"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(tally.States) != len(audit.States()) {
		t.Errorf("%d states are counted, want each of %d, if only as zero", len(tally.States), len(audit.States()))
	}
	tally.Users = 1
	tally.Count(audit.Verdict{State: audit.Good})
	if got, want := tally.String(), "1 user, 1 key: 1 good"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	tally.Users = 3
	tally.Count(audit.Verdict{State: audit.Good, Exempt: true, Underlying: audit.Expired})
	tally.Count(audit.Verdict{State: audit.IdleExpired})
	tally.Count(audit.Verdict{State: audit.Disabled})
	tally.CountPassed(2, 1)
	if got, want := tally.String(), "3 users, 7 keys: 4 good, 1 stagnant_expire, 2 disabled (1 exempt)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := tally.Active(); got != 5 {
		t.Errorf("%d keys are active, want 5", got)
	}
	r := report.Report{Tally: tally}
	if !r.HasState([]audit.State{audit.Expired, audit.IdleExpired}) || r.HasState([]audit.State{audit.Expired, audit.Aging}) {
		t.Error("HasState does not tell what was counted")
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// TestWhatCannotBeWritten is said.
func TestWhatCannotBeWritten(t *testing.T) {
	t.Parallel()
	rows := []report.Row{rowOf("u", "K", 1, 1)}
	for name, err := range map[string]error{
		"table": report.WriteTable(full{}, rows), "CSV": report.WriteCSV(full{}, rows), "JSON": report.WriteJSON(full{}, rows),
		"JSON of a report": report.WriteJSON(full{}, report.Report{Rows: rows}),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
