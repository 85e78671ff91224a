package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// original is the environment of the Python original's sample deployment, with
// every value as Lambda is given it: numbers and booleans as text, SNS_TOPIC
// empty, and the webhook as it is.
var original = map[string]string{
	"ENABLE_AUTO_EXPIRE":          "false",
	"EXPIRATION_AGE":              "90",
	"WARNING_AGE":                 "50",
	"EXPIRE_NOTIFICATION_TITLE":   "Key Rotation Instructions",
	"EXPIRE_NOTIFICATION_TEXT":    "Please run.\n ```aws-vault rotate AWS-PROFILE```",
	"INACTIVITY_AGE":              "30",
	"INACTIVITY_WARNING_AGE":      "20",
	"INACTIVE_NOTIFICATION_TITLE": "Key Usage Instructions to prevent key auto-disable",
	"INACTIVE_NOTIFICATION_TEXT":  "Please run.\n ```aws-vault login AWS-PROFILE```",
	"SLACK_URL":                   "https://hooks.slack.com/services/T0/B0/secret",
	"SNS_TOPIC":                   "",
}

func TestTheOriginalsEnvironmentIsTakenAsItStands(t *testing.T) {
	t.Parallel()
	cfg, err := checked(original)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}, cfg.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if cfg.Policy.AutoExpire || cfg.Targets.Text("SNS_TOPIC") != "" || cfg.Debug {
		t.Errorf("auto-expire %v, topic %q, debug %v", cfg.Policy.AutoExpire, cfg.Targets.Text("SNS_TOPIC"), cfg.Debug)
	}
	if cfg.Targets["SLACK_URL"].Reveal() != original["SLACK_URL"] {
		t.Error("SLACK_URL is not the webhook")
	}
	if cfg.Creation.Title != original["EXPIRE_NOTIFICATION_TITLE"] || cfg.Creation.Text != original["EXPIRE_NOTIFICATION_TEXT"] ||
		cfg.Inactivity.Title != original["INACTIVE_NOTIFICATION_TITLE"] || cfg.Inactivity.Text != original["INACTIVE_NOTIFICATION_TEXT"] {
		t.Errorf("headings %v, %v", cfg.Creation, cfg.Inactivity)
	}
}

// The example that translates the sample gives the function what aws-iam-sleuth
// gave it, except for the webhook, which is named.
func TestSingleAccountExampleIsTheOriginalsSample(t *testing.T) {
	t.Parallel()
	const example = "terraform/examples/single-account/main.tf"
	text := read(t, example)
	given := map[string]expression{}
	body, source := parse(t, example)
	for _, b := range body.Blocks {
		if b.Type == "resource" {
			t.Errorf("the first example makes a %s", b.Labels[0])
		}
		if b.Type == "module" {
			given = argumentsOf(b.Body, source)
		}
	}
	for variable, value := range original {
		if variable == "SLACK_URL" {
			value = "ssm:/sleuth/slack-url"
		}
		if got, set := given[strings.ToLower(variable)]; !set || got.literal() != value {
			t.Errorf("the example sets %s to %s, not to %q", strings.ToLower(variable), got.source, value)
		}
	}
	for _, line := range []string{`#   resource "aws_iam_user" "tfunke" {`, `#     name = "tfunke"`, `#       Name  = "Tobias Funke"`, `#       Slack = "UPML12345"`, `    "Service" = "iam_sleuth"`, `  timeout  = 500`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the example lacks %q", line)
		}
	}
}

// The page explains each of aws-iam-sleuth's variables.
func TestMigrationPageNamesEveryVariable(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/migrate.md")
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(page, -1) {
		rows = append(rows, row[1])
	}
	slices.Sort(rows)
	want := []string{"DEBUG"} // in aws-iam-sleuth's table, not in its sample
	for variable := range original {
		want = append(want, variable)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("docs/migrate.md (-variables of aws-iam-sleuth +rows):\n%s", diff)
	}
}

// Every metric is explained on the page for those who run Sleuth.
func TestOperatingTables(t *testing.T) { //nolint:paralleltest // may write the page
	rewrite(t, "docs/operate.md", "metrics", metricsTable())
	page := read(t, "docs/operate.md")
	for _, alarm := range []string{"failed", "missing", "dead-letters"} {
		if !strings.Contains(page, "`NAME-"+alarm+"`") || !strings.Contains(read(t, "terraform/alarms.tf"), `"${var.name}-`+alarm+`"`) {
			t.Errorf("the alarm %s is not on the page, or no longer there", alarm)
		}
	}
}
