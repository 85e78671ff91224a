package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// earlier is a report of a month before everyState, in which much was otherwise.
func earlier() report.Report {
	r := reportOf(audited.AddDate(0, -1, 0),
		one{user: "amara", age: 12, used: 0, name: "Amara Okafor", slack: "U02AMARA"}, // another Slack tag
		one{user: "backup", age: 412, used: 0},                                        // not exempt yet
		one{user: "bjorn", age: 83, used: 1, inactive: true},                          // enabled again since
		one{user: "chen", age: 97, used: 2},
		one{user: "data", age: 130, used: 0, exempt: "False until 2026-10-20"},
		one{user: "dolores", age: 60, used: 38},
		one{user: "emeka", age: 70, used: 52, exempt: "False"}, // its exemption ended
		one{user: "grace", age: 210, used: 150},                // disabled since
		one{user: "zoe", age: 300, used: 1},                    // deleted since
		one{user: "tom", age: 55, used: 3, exempt: "flase"},
	)
	r.Rules.WarningAge = 70
	r.Run = &report.RunResult{ID: "20260905T140300Z-3fa91c", Started: true, DisabledKeys: []account.KeyRef{{User: "grace", KeyID: keyIDOf("grace")}}}
	return r
}

// readBack is a report as a later audit reads it.
func readBack(t *testing.T, r report.Report) changes.Document {
	t.Helper()
	var text bytes.Buffer
	if err := report.WriteJSON(&text, r); err != nil {
		t.Fatal(err)
	}
	read, err := changes.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// compared is everyState, compared with earlier, with a trend of some months.
func compared(at time.Time) report.Report {
	r := everyState(at)
	var trend []changes.Point
	for months := 11; months > 0; months-- {
		if months == 7 {
			continue // no evidence
		}
		then := at.AddDate(0, -months, 0)
		month := reportOf(then, one{user: "a"}, one{user: "b"})
		month.Rows[0].Age, month.Rows[1].Age, month.Rows[1].State = 20+3*months, 95, audit.Expired
		point := changes.PointOf(month.Snapshot())
		point.Partial = months == 3
		trend = append(trend, point)
	}
	before := earlier().Snapshot()
	before.Run, before.DisabledKeys = earlier().Run.ID, earlier().Run.DisabledKeys
	r.AddHistory(&before, trend)
	return r
}

func TestAReportAndItsJSONAreComparedAlike(t *testing.T) {
	t.Parallel()
	direct := *compared(audited).Changes
	read := changes.Between(readBack(t, earlier()).Snapshots[0], readBack(t, everyState(audited)).Snapshots[0])
	a, _ := json.Marshal(direct)
	b, _ := json.Marshal(read)
	if !bytes.Equal(a, b) {
		t.Errorf("directly\n%s\nby JSON\n%s", a, b)
	}
	if same := changes.Between(readBack(t, everyState(audited)).Snapshots[0], everyState(audited).Snapshot()); len(same.Changes)+len(same.Unclear) > 0 {
		t.Errorf("a report differs from its JSON: %+v", same.Changes)
	}
}

// wantChanges are what people read of compared, in any format: change and detail.
func wantChanges() [][2]string {
	return [][2]string{
		{"new", "state good"},
		{"disabled", "by run 20260905T140300Z-3fa91c"},
		{"enabled again", "state old"},
		{"deleted", "its state was expire"},
		{"exemption given", ""},
		{"exemption ended", ""},
		{"owner changed", "Slack tag: U02AMARA → U01AMARA"},
		{"limits changed", "warning age: 70 → 80"},
	}
}

const changedInSum = "8 changes: 1 new, 1 disabled, 1 enabled again, 1 deleted, 1 exemption given, 1 exemption ended, 1 owner changed, 1 limits changed."

func TestChangesInText(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	if err := report.WriteText(&text, compared(audited), report.Screen{}); err != nil {
		t.Fatal(err)
	}
	_, tail, found := strings.Cut(text.String(), "\nSince Saturday 5 September 2026, 14:03 UTC (run 20260905T140300Z-3fa91c): "+changedInSum+"\n")
	if !found {
		t.Fatalf("no changes in\n%s", text.String())
	}
	lines := strings.Split(strings.TrimSpace(tail), "\n")[1:]
	for i, want := range wantChanges() {
		if !strings.Contains(lines[i], "  "+want[0]+" ") || !strings.HasSuffix(lines[i], want[1]) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	if !strings.Contains(lines[0], "priya") || !strings.Contains(lines[3], "zoe") || !strings.Contains(lines[3], keyIDOf("zoe")) {
		t.Errorf("names are missing in\n%s", tail)
	}
}

func TestChangesInMarkdownAndHTML(t *testing.T) {
	t.Parallel()
	var markdown bytes.Buffer
	if err := report.WriteMarkdown(&markdown, compared(audited)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## Changes since Saturday 5 September 2026, 14:03 UTC (run 20260905T140300Z-3fa91c)\n\n" + changedInSum,
		"| `amara` | owner changed | `" + keyIDOf("amara") + "` | Slack tag: `U02AMARA` → `U01AMARA` |",
	} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("no %q in\n%s", want, markdown.String())
		}
	}
	page := htmlOf(t, compared(audited))
	section := html.UnescapeString(between(t, page, `<h2 id="changed">`, "</section>"))
	for _, want := range wantChanges() {
		if !strings.Contains(section, ">"+want[0]+"</td>") || !strings.Contains(section, ">"+want[1]+"<") {
			t.Errorf("no %q in\n%s", want, section)
		}
	}
	if !strings.HasPrefix(section, "What changed since Saturday 5 September 2026<") || !strings.Contains(section, changedInSum) {
		t.Errorf("the section begins with\n%s", section[:200])
	}
	unchanged := everyState(audited)
	before := unchanged.Snapshot()
	unchanged.AddHistory(&before, nil)
	if section := between(t, htmlOf(t, unchanged), `<h2 id="changed">`, "</section>"); !strings.Contains(section, "Nothing changed.") || strings.Contains(section, "<table>") {
		t.Errorf("without changes:\n%s", section)
	}
	if page := htmlOf(t, everyState(audited)); strings.Contains(page, `id="changed"`) || strings.Contains(page, `id="trend"`) {
		t.Error("a report that was not compared speaks of changes")
	}
}

func TestKeysThatCouldNotBeComparedAreNamed(t *testing.T) {
	t.Parallel()
	r := reportOf(audited)
	r.Problems = []account.Problem{{User: "zoe", Text: "read zoe: AccessDenied"}}
	before := earlier().Snapshot()
	r.AddHistory(&before, nil)
	var text bytes.Buffer
	if err := report.WriteText(&text, r, report.Screen{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 key could not be compared, as not everything could be read.", "zoe       not known        " + keyIDOf("zoe") + "  missing in the newer report"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

func TestTrendIsDrawn(t *testing.T) {
	t.Parallel()
	section := between(t, htmlOf(t, compared(audited)), `<h2 id="trend">`, "</section>")
	for _, want := range []string{
		`<desc id="keys-d">November 2025: 2 active keys, 1 of them past a limit; `,
		"July 2026: 2 active keys, 1 of them past a limit (not everything could be read); ",
		"October 2026: 9 active keys, 2 of them past a limit.</desc>",
		`<desc id="median-d">November 2025: median age 53 days; `,
		"<title>July 2026: 1 key, past a limit</title>",
		"<title>July 2026: 29 days, median age</title>",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("no %q in\n%s", want, section)
		}
	}
	if strings.Contains(section, "March 2026") {
		t.Error("a month without evidence is described")
	}
	if n := strings.Count(section, `<text x=`); n == 0 || strings.Count(section, ">Mar</text>") != 2 {
		t.Errorf("a month without evidence has no place:\n%s", section)
	}
	alone := everyState(audited)
	alone.AddHistory(nil, nil)
	if len(alone.Trend) != 1 || strings.Contains(htmlOf(t, alone), `id="trend"`) {
		t.Error("a single month is drawn as a trend")
	}
}

func TestSeveralAccountsShareChangesAndTrend(t *testing.T) {
	t.Parallel()
	first, second := compared(audited), compared(audited)
	second.Account = account.Account{ID: "999999999999", Name: "dev"}
	second.Trend = second.Trend[len(second.Trend)-2:]
	var page bytes.Buffer
	if err := report.WriteAccountsHTML(&page, []report.Report{first, second}); err != nil {
		t.Fatal(err)
	}
	section := between(t, page.String(), `<h2 id="changed">`, "</section>")
	if strings.Count(section, `<td class="account">999999999999</td>`) != 8 || !strings.Contains(section, "16 changes: 2 new") {
		t.Errorf("changes:\n%s", section)
	}
	section = between(t, page.String(), `<h2 id="trend">`, "</section>")
	for _, want := range []string{"November 2025 (1 account): 2 active keys", "October 2026 (2 accounts): 18 active keys, 4 of them past a limit"} {
		if !strings.Contains(section, want) {
			t.Errorf("no %q in\n%s", want, section)
		}
	}
}

func TestDiffKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	before, after := readBack(t, earlier()), readBack(t, everyState(audited))
	before.Snapshots = append(before.Snapshots, changes.Snapshot{Account: account.Account{ID: "111111111111"}})
	after.Snapshots = append(after.Snapshots, changes.Snapshot{Account: account.Account{ID: "222222222222", Name: "dev"}})
	found, err := changes.Compare(before, after)
	if err != nil {
		t.Fatal(err)
	}
	found.Accounts[0].Unclear = append(found.Accounts[0].Unclear, changes.Unclear{User: "u", KeyID: "k", Text: "why"})
	value := func(spoil func(*changes.Diff)) any {
		copied := *found
		spoil(&copied)
		text, _ := json.Marshal(&copied)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	schema := diffSchema(t)
	if err := schema.Validate(value(func(*changes.Diff) {})); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*changes.Diff){
		"no accounts":    func(d *changes.Diff) { d.Accounts = nil },
		"no counts":      func(d *changes.Diff) { d.Counts = nil },
		"another schema": func(d *changes.Diff) { d.Schema = 2 },
		"an unknown kind": func(d *changes.Diff) {
			d.Accounts = []changes.AccountChanges{{Account: d.Accounts[0].Account, Changes: changes.Changes{Counts: d.Counts, Changes: []changes.Change{{Kind: "lost"}}}}}
		},
	} {
		if schema.Validate(value(spoil)) == nil {
			t.Errorf("%s is taken as it is", name)
		}
	}
	var text, markdown bytes.Buffer
	if err := report.WriteDiffText(&text, found, report.Screen{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteDiffMarkdown(&markdown, found); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AWS account 123456789012 (acme)\n\nSince Saturday", changedInSum, "Not compared: account 111111111111 is in the older report only.", "Not compared: account 222222222222 dev is in the newer report only."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	for _, want := range []string{"# What changed in AWS account `123456789012 acme`\n\n## Changes since", "Not compared: account `222222222222 dev`"} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("no %q in\n%s", want, markdown.String())
		}
	}
}

// diffSchema is the published schema, with the one that it refers to.
func diffSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(published{})
	schema, err := compiler.Compile("https://raw.githubusercontent.com/iam-sleuth/sleuth/main/docs/schema/diff-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// published finds published schemas in the repository.
type published struct{}

func (published) Load(url string) (any, error) {
	name, found := strings.CutPrefix(url, "https://raw.githubusercontent.com/iam-sleuth/sleuth/main/docs/schema/")
	if !found {
		return nil, fmt.Errorf("%s is not published by Sleuth", url)
	}
	return jsonschema.FileLoader{}.Load("file://" + filepath.Join(mustAbs("../../docs/schema"), name))
}

func mustAbs(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	return path
}

func TestHostileNamesInChanges(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[2Jb|`c`\n<script>"
	r := reportOf(audited, one{user: "u", age: 1, slack: evil})
	before := reportOf(audited.AddDate(0, 0, -1), one{user: "u", age: 1, slack: "old"}).Snapshot()
	r.AddHistory(&before, nil)
	if len(r.Changes.Changes) != 1 || r.Changes.Changes[0].Kind != changes.OwnerChanged {
		t.Fatalf("found %+v", r.Changes.Changes)
	}
	var text, markdown bytes.Buffer
	if err := report.WriteText(&text, r, report.Screen{}); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteMarkdown(&markdown, r); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text.String(), "\x1b") || strings.Contains(markdown.String(), "\x1b") || strings.Contains(markdown.String(), "b|") {
		t.Errorf("a control character or a bar is left in\n%q\n%q", text.String(), markdown.String())
	}
	if page := htmlOf(t, r); strings.Contains(page, "<script>&") || strings.Count(page, "<script>") != 2 {
		t.Error("a name became a script")
	}
}
