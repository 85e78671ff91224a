package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Numbers for people are written in one way.
func TestNumbersForPeopleAreGrouped(t *testing.T) {
	t.Parallel()
	tally := report.Tally{Users: 5_000, Keys: 10_000, States: map[audit.State]int{audit.Good: 8_999, audit.Aging: 999, audit.Expired: 2}, Exempt: 1_234}
	if got, want := tally.String(), "5,000 users, 10,000 keys: "; !strings.HasPrefix(got, want) || !strings.Contains(got, "8,999 good") || !strings.Contains(got, "999 old") || !strings.Contains(got, "(1,234 exempt)") {
		t.Errorf("the tally is %q", got)
	}
	r := report.New(account.Account{ID: "123456789012"}, now, report.Rules(rules))
	user := audit.User{Name: "ancient"}
	key := audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.AddDate(0, 0, -1203)}
	verdict := audit.Judge(key, audit.ExemptionOf(user, key.ID), rules, now)
	r.Count(verdict)
	r.Rows = append(r.Rows, report.RowOf(user, key, verdict))
	var page, markdown bytes.Buffer
	if err := report.WriteHTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteMarkdown(&markdown, r); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"HTML": page.String(), "Markdown": markdown.String()} {
		if !strings.Contains(text, "1,203") || !strings.Contains(text, "-1,113") && !strings.Contains(text, "-1,173") {
			t.Errorf("%s does not write the ages as 1,203 and the days left as -1,113 or -1,173", name)
		}
	}
	// Nothing is exempt, so the oldest is the oldest.
	if !strings.Contains(page.String(), "oldest: 1,203 days") {
		t.Error("the page does not say how old the oldest key is")
	}
}
