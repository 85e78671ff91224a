package docs_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// The template in docs/migrate.md gives the titles of aws-iam-sleuth, letter for
// letter, and something for every other kind.
func TestMigratePageGivesTheOldTitles(t *testing.T) {
	t.Parallel()
	_, after, _ := strings.Cut(read(t, "docs/migrate.md"), "```text\n")
	template, _, _ := strings.Cut(after, "\n  ```")
	words, problems := notify.ParseTemplates(notify.TemplateTexts{List: strings.TrimSpace(template)})
	if len(problems) > 0 {
		t.Fatalf("the template cannot be used: %+v", problems)
	}
	for _, c := range []struct {
		kind   notify.Kind
		reason audit.Reason
		want   string
	}{
		{notify.Expiring, audit.CreationAge, "IAM users with access keys expiring due to creation age"},
		{notify.Expiring, audit.Inactivity, "IAM users with access keys expiring due to inactivity. \n Please login to AWS to prevent key from being disabled"},
		{notify.Disabled, audit.CreationAge, "IAM users with disabled access keys due to creation age"},
		{notify.Disabled, audit.Inactivity, "IAM users with disabled access keys due to inactivity"},
	} {
		if got := words.ListTitle(c.reason, c.kind, 2); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.kind, c.reason, got, c.want)
		}
	}
}

// The page lists every difference that a comparison of both has shown.
func TestMigratePageNamesWhatAComparisonShowed(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(read(t, "docs/migrate.md"), "\n## What a program that reads the output sees\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, want := range []string{
		"titles of the lists", "INACTIVE_NOTIFICATION_TITLE", "IAM Sleuth Bot", "quoted JSON string", "sns message: SUBJECT",
		"line of dashes", "the tag's own text", "`levelname`", "`message`", "statusCode", "36,500", "`W...`", "spaces around",
		"`subteam-T...`", "user_hash_dump.py", "schedule_expression",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("docs/migrate.md does not mention %q", want)
		}
	}
	for line := range strings.SplitSeq(section, "\n") {
		if strings.HasPrefix(line, "| ") && strings.Count(line, " | ") != 3 {
			t.Errorf("a row does not say what differs and what to do: %s", line)
		}
	}
}
