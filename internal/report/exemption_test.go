package report_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// withExemptions is a report with an exemption of each kind under rules that do
// not accept all of them.
func withExemptions(t *testing.T) report.Report {
	t.Helper()
	r := report.New(account.Account{ID: "123456789012", Alias: "acme"}, audited, report.Rules(limits))
	for name, tags := range map[string]map[string]string{
		"dated":   {"KeyAutoExpire": "False until 2026-10-20", "KeyAutoExpireReason": "moving | to `roles`"},
		"no-end":  {"KeyAutoExpire": "False", "KeyAutoExpireReason": "why ever"},
		"one-key": {"KeyAutoExpire:" + keyIDOf("one-key"): "False until 2026-10-20"},
	} {
		user := audit.User{Name: name}
		for key, value := range tags {
			user.Tags = append(user.Tags, audit.Tag{Key: key, Value: value})
		}
		key := audit.Key{ID: keyIDOf(name), Status: audit.Active, Created: audited.AddDate(0, 0, -412), LastUsed: audited.AddDate(0, 0, -5)}
		v := audit.Judge(key, audit.ExemptionOf(user, key.ID).Apply(audit.ExemptionRules{MaxDays: 30}, audited), limits, audited)
		r.Users++
		r.Count(v)
		r.Rows = append(r.Rows, report.RowOf(user, key, v))
	}
	r.Sort()
	return r
}

// TestEveryReportListsTheExemptions: with user, key, reason, end and the age
// that they hide, and those that are ignored with why.
func TestEveryReportListsTheExemptions(t *testing.T) {
	t.Parallel()
	r := withExemptions(t)
	if row := r.Rows[1]; row.State != audit.Expired || row.Exempt || row.DaysLeft == nil || row.AutoExpire != report.AutoExpireTrue || row.ExemptReason != "why ever" {
		t.Errorf("the exemption that is ignored: %+v", row)
	}
	const why = "it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=30 asks for one at most so many days ahead"
	var markdown, records bytes.Buffer
	if err := report.WriteMarkdown(&markdown, r); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteReportCSV(&records, r); err != nil {
		t.Fatal(err)
	}
	for format, c := range map[string]struct {
		shown string
		want  []string
	}{
		"text": {tableOn(t, report.Screen{}, r), []string{
			"\nExempt:\n\nUserName  Key ID                Would Be  Age  Used  Through          Reason\n",
			"dated     " + keyIDOf("dated") + "  expire    412     5  Tue 20 Oct 2026  moving | to `roles`\n",
			"\nIgnored exemptions:\n\nkey " + keyIDOf("no-end") + " of user no-end (expire): " + why + "\n",
		}},
		"markdown": {markdown.String(), []string{
			"| `dated` | `" + keyIDOf("dated") + "` | expire | 412 | 5 | Tue 20 Oct 2026 | `` moving ¦ to `roles` `` |",
			"| `no-end` | `" + keyIDOf("no-end") + "` | expire | 412 | 5 | no end | `why ever` | " + why + " |",
			"**expire** (exemption ignored)",
		}},
		"html": {htmlOf(t, r), []string{
			"<td class=\"number\">412</td><td class=\"number\">5</td><td>expire</td><td>Tue 20 Oct 2026</td><td><bdi>moving | to `roles`</bdi></td>",
			"<td>expire</td><td>no end</td><td><bdi>why ever</bdi></td><td>" + why + "</td>",
			"<small class=\"doubt\">exemption ignored</small>",
		}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.shown, want) {
				t.Errorf("%s does not say %q:\n%s", format, want, c.shown)
			}
		}
	}
	cells, err := csv.NewReader(&records).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{
		{"2026-10-21T00:00:00Z", "moving | to `roles`", ""}, {"", "why ever", why}, {"2026-10-21T00:00:00Z", "", ""},
	} {
		if got := cells[i+1][15:18]; strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("CSV: %q, want %q", got, want)
		}
	}
	if err := publishedSchema(t).Validate(asRead(t, r)); err != nil {
		t.Error(err)
	}
}

func TestExemptionsFitTheScreen(t *testing.T) {
	t.Parallel()
	r := withExemptions(t)
	r.Rows[0].User = strings.Repeat("long", 12)
	r.Rows[0].ExemptReason = strings.Repeat("because ", 30)
	for width := 60; width < 200; width += 7 {
		for line := range strings.SplitSeq(tableOn(t, report.Screen{Width: width}, r), "\n") {
			if text.StringWidth(line) > width {
				t.Errorf("%d columns do not hold %q", width, line)
			}
		}
	}
}
