package docs_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// rowsOf are the cells of the table under a heading, without its two top lines
// and without code marks.
func rowsOf(t *testing.T, page, heading string, columns int) [][]string {
	t.Helper()
	var rows [][]string
	for line := range strings.SplitSeq(sectionOf(t, page, heading), "\n") {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != columns {
			t.Fatalf("%q has %d cells, want %d", line, len(cells), columns)
		}
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		t.Fatalf("no table under %q", heading)
	}
	return rows[1:]
}

func TestVerdictsPageShowsWhatIsJudged(t *testing.T) {
	t.Parallel()
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 45, InactivityWarningAge: 30}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for _, row := range rowsOf(t, read(t, "docs/verdicts.md"), "Examples", 6) {
		created, lastUsed, status, tag, state, daysLeft := row[0], row[1], row[2], row[3], row[4], row[5]
		key := audit.Key{ID: "AKIAEXAMPLE", Status: audit.Status(status), Created: ago(t, now, created)}
		if lastUsed != "never" {
			key.LastUsed = ago(t, now, lastUsed)
		}
		var exemption audit.Exemption
		if tag != "-" {
			exemption = audit.ParseExemption(tag)
		}
		verdict := audit.Judge(key, exemption, rules, now)
		got := fmt.Sprintf("%s %d", verdict.State, verdict.DaysLeft())
		want := state + " " + daysLeft
		if daysLeft == "" {
			want = state + " 0"
		}
		if got != want {
			t.Errorf("%v is judged %q, and docs/verdicts.md says %q", row[:4], got, want)
		}
		seen[state] = true
	}
	for _, state := range audit.States() {
		if !seen[state.String()] {
			t.Errorf("docs/verdicts.md has no example of %s", state)
		}
	}
}

func ago(t *testing.T, now time.Time, days string) time.Time {
	t.Helper()
	n, err := strconv.Atoi(days)
	if err != nil {
		t.Fatal(err)
	}
	return now.AddDate(0, 0, -n)
}

func TestVerdictsPageShowsTheExemptions(t *testing.T) {
	t.Parallel()
	lastDay := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, row := range rowsOf(t, read(t, "docs/verdicts.md"), "Exemptions", 2) {
		value, _, _ := strings.Cut(row[0], "`")
		exemption := audit.ParseExemption(value)
		got := "not exempt"
		switch {
		case exemption.Unreadable:
			got = "unreadable"
		case exemption.ActiveAt(lastDay) && exemption.ActiveAt(lastDay.Add(time.Second)):
			got = "exempt"
		case exemption.ActiveAt(lastDay):
			got = "exempt through that day (UTC), and no longer"
		}
		if got != row[1] {
			t.Errorf("%q is %q, and docs/verdicts.md says %q", value, got, row[1])
		}
	}
}

func TestSlackPageShowsTheMentions(t *testing.T) {
	t.Parallel()
	for _, row := range rowsOf(t, read(t, "docs/slack.md"), "Tags", 3) {
		if got, _ := slack.Mention(row[1], row[0]); got != row[2] {
			t.Errorf("the tag %q of %s gives %q, and docs/slack.md says %q", row[0], row[1], got, row[2])
		}
	}
}

func TestSlackPageShowsTheMessage(t *testing.T) {
	t.Parallel()
	webhook, err := slack.NewWebhook(secret.New(slack.PrintOnly), slack.Options{Echo: new(strings.Builder)})
	if err != nil {
		t.Fatal(err)
	}
	messages := webhook.Compose(notify.Batch{
		Account:    account.Account{ID: "123456789012", Alias: "acme-production"},
		Inactivity: notify.Heading{Title: "AWS IAM Key Inactivity Report"},
		Notices: []notify.Notice{{
			KeyID: "AKIAEXAMPLE", User: "tfunke", SlackTag: "UPML12345",
			Kind: notify.Expiring, Reason: audit.Inactivity, DaysLeft: 30, Disables: true,
			At: time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC), LastUsed: time.Date(2026, 10, 1, 14, 0, 0, 0, time.UTC), Service: "s3", Region: "eu-west-1",
		}},
	})
	if len(messages) != 1 {
		t.Fatalf("%d messages, want 1", len(messages))
	}
	shown := blocksOf(read(t, "docs/slack.md"), "json")
	if len(shown) != 1 {
		t.Fatalf("docs/slack.md shows %d messages, want 1", len(shown))
	}
	if got, want := canonical(t, shown[0]), canonical(t, messages[0].Body); got != want {
		t.Errorf("docs/slack.md shows\n%s\nand the message is\n%s", got, want)
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
