package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// refusal is variables that the module must refuse, and what it must say.
type refusal struct {
	variables map[string]string // as -var takes them
	message   string
	// allowedBySleuth: Sleuth itself has no objection, only a deployment has.
	allowedBySleuth bool
}

// one is a refusal of one variable.
func one(name, value, message string) refusal {
	return refusal{variables: map[string]string{name: value}, message: message}
}

func strict(r refusal) refusal {
	r.allowedBySleuth = true
	return r
}

// refusals are one for every validation, and more if one has two ends.
var refusals = []refusal{
	one("expiration_age", "0", "expiration_age must be a whole number of days from 1 to 36500."),
	one("disable_when", `["Tue-Thu 09:00-15:00"]`, "disable_when must be days, hours and a time zone, such as [\"Tue-Thu 09:00-15:00 Europe/Berlin\"]."),
	one("freeze", `["Christmas"]`, "freeze must be the first and the last day, such as [\"2026-12-20..2027-01-04\"], each with or without a time zone."),
	one("owner_tags", `["Email,,Owner"]`, "owner_tags must be names of tags, such as [\"Email\", \"Owner\"]."),
	one("slack_tags", `["Slack,"]`, "slack_tags must be names of tags, such as [\"Slack\", \"SlackId\"]."),
	one("email_domain", `["@example.com"]`, "email_domain must be domains, such as [\"example.com\"]."),
	{
		variables: map[string]string{"team_tag": "Team*", "slack_token": "ssm:/token", "slack_channel": "C0123456789"},
		message:   "team_tag must be the name of a tag, such as Team.",
	},
	one("team_tag", "Team", "team_tag needs slack_token, which posts to the channels of teams."),
	{
		variables: map[string]string{"team_tag": "Team", "team_channels": `{platform="platform"}`, "slack_token": "ssm:/token", "slack_channel": "C0123456789"},
		message:   "team_channels must be teams and their channels, such as { platform = \"C0123456789\" }.",
	},
	one("team_channels", `{platform="C0123456789"}`, "team_channels needs team_tag."),
	one("min_notice_days", "-1", "min_notice_days must be a whole number of days from 0 to 36500."),
	one("remind_at", "[30,0]", "remind_at must be whole numbers of days left from 1 to 36500, such as [30, 14, 7, 3, 1]."),
	one("concurrency", "0", "concurrency must be a whole number of calls from 1 to 256."),
	one("lease_seconds", "0", "lease_seconds must be a whole number of seconds from 1 to 900."),
	one("max_disable", "0%", "max_disable must be a whole number of keys from 0, or a share from 1% to 100%, such as \"25\" or \"10%\"."),
	one("inventory", "csv", "inventory must be live or credential-report."),
	one("sns_topic", "access-key-notices", "sns_topic must be the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:keys."),
	strict(one("slack_url", "https://hooks.slack.com/services/T0/B0/x", "Do not give the secret itself: put it into a parameter or a secret first.")),
	strict(one("state", "file:/tmp/state.db", "A function keeps no files, so file:PATH cannot be used.")),
	one("name", "1st", "name must be 3 to 40 letters, digits, hyphens and underscores, and begin with a letter."),
	one("architecture", "x86", "architecture must be arm64 or x86_64."),
	one("memory_size", "127", "memory_size must be a whole number of MB from 128 to 10240."),
	one("timeout", "59", "timeout must be a whole number of seconds from 60 to 900."),
	one("reserved_concurrency", "2", "reserved_concurrency must be 1, or -1 to reserve nothing."),
	one("retry_attempts", "3", "retry_attempts must be 0, 1 or 2."),
	one("schedule_expression", "every day", "schedule_expression must be cron(...) or rate(...)."),
	one("schedule_timezone", "", "schedule_timezone must be a time zone by name, such as UTC or Europe/Berlin."),
	one("missing_after_days", "8", "missing_after_days must be a whole number of days from 1 to 7."),
	one("alarm_actions", `["operators"]`, "alarm_actions must be ARNs."),
	one("log_retention_days", "42", "log_retention_days must be a number of days that CloudWatch Logs knows, such as 30, 90 or 365."),
	one("kms_key_arn", "alias/sleuth", "kms_key_arn must be the ARN of a KMS key (not of an alias)."),
	one("secret_kms_key_arn", "arn:aws:kms:us-east-1:123456789012:alias/sleuth", "secret_kms_key_arn must be the ARN of a KMS key (not of an alias)."),
	one("vpc", `{subnet_ids=[],security_group_ids=["sg-1"]}`, "vpc must name at least one subnet and one security group."),
	one("permissions_boundary", "boundary", "permissions_boundary must be the ARN of an IAM policy."),
	one("zip_file", "no/such.zip", "zip_file must be the path of a file that exists: download it from a release, or run make lambda."),
	one("expiration_age", "36501", "expiration_age must be a whole number of days from 1 to 36500."),
	{
		variables: map[string]string{"inactivity_age": "0", "inactivity_warning_age": "0"},
		message:   "inactivity_age must be a whole number of days from 1 to 36500.",
	},
	{
		variables: map[string]string{"inactivity_age": "30", "inactivity_warning_age": "-1"},
		message:   "inactivity_warning_age must be a whole number of days from 0 to 36500.",
	},
	one("warning_age", "1.5", "warning_age must be a whole number of days from 0 to 36500."),
	one("min_notice_days", "36501", "min_notice_days must be a whole number of days from 0 to 36500."),
	one("concurrency", "257", "concurrency must be a whole number of calls from 1 to 256."),
	one("lease_seconds", "901", "lease_seconds must be a whole number of seconds from 1 to 900."),
	one("max_disable", "101%", "max_disable must be a whole number of keys from 0, or a share from 1% to 100%, such as \"25\" or \"10%\"."),
	one("slack_url", "ssm:", "slack_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept, or test."),
	one("state", "dynamodb:x", "state must be null, dynamodb:TABLE or none."),
	strict(refusal{
		variables: map[string]string{"zip_file": "settings.tf", "zip_s3": `{bucket="releases",key="sleuth.zip"}`},
		message:   "Give the zip either as zip_file, a path, or as zip_s3, a bucket and key.",
	}),
	one("memory_size", "10241", "memory_size must be a whole number of MB from 128 to 10240."),
	one("timeout", "901", "timeout must be a whole number of seconds from 60 to 900."),
	{
		variables: map[string]string{"warning_age": "90", "expiration_age": "90"},
		message:   "warning_age must be lower than expiration_age.",
	},
	{
		variables: map[string]string{"inactivity_age": "91", "inactivity_warning_age": "20"},
		message:   "inactivity_age must be at most expiration_age.",
	},
	{
		variables: map[string]string{"min_notice_days": "7", "state": "none"},
		message:   "min_notice_days needs state to know who was notified: leave state at its default.",
	},
	{
		variables: map[string]string{"remind_at": "[7]", "state": "none"},
		message:   "remind_at needs state to know who was notified: leave state at its default.",
	},
	one("inactivity_age", "30", "inactivity_age and inactivity_warning_age go together: set both, or neither."),
	one("inactivity_warning_age", "20", "inactivity_age and inactivity_warning_age go together: set both, or neither."),
	{
		variables: map[string]string{"inactivity_age": "30", "inactivity_warning_age": "30"},
		message:   "inactivity_warning_age must be lower than inactivity_age.",
	},
	one("log_format", "yaml", "log_format must be auto, text or json."),
	one("log_level", "trace", "log_level must be debug, info, warn or error."),
	one("notify_mode", "both", "notify_mode must be account or digest."),
	one("notify_mode", "digest", "notify_mode = \"digest\" needs accounts: a digest is of several accounts."),
	{variables: map[string]string{"accounts": `["acme"]`, "member_role": "sleuth-member"}, message: "accounts must be [\"organization\"], or ids of 12 digits."},
	{variables: wide("ous", `["ou-1"]`), message: "ous must be ids of organizational units, such as ou-ab12-34cdefgh, or of the root."},
	{
		variables: map[string]string{"accounts": `["111122223333"]`, "member_role": "sleuth-member", "ous": `["r-ab12"]`},
		message:   "ous goes with accounts = [\"organization\"] only.",
	},
	{variables: wide("exclude_accounts", `["acme"]`), message: "exclude_accounts must be ids of 12 digits."},
	one("exclude_accounts", `["111122223333"]`, "exclude_accounts needs accounts."),
	{
		variables: map[string]string{"accounts": `["111122223333"]`, "member_role": "sleuth-member", "exclude_accounts": `["111122223333"]`},
		message:   "exclude_accounts names an account that accounts names as well.",
	},
	{variables: wide("member_role", "sleuth member"), message: "member_role must be the name of a role, such as sleuth-member."},
	one("member_role", "sleuth-member", "member_role and accounts go together: set both, or neither."),
	one("accounts", `["organization"]`, "member_role and accounts go together: set both, or neither."),
	{variables: wide("external_id", "x"), message: "external_id must be 2 to 1224 letters, digits and _+=,.@:/-."},
	one("external_id", "xy", "external_id needs accounts."),
	strict(one("slack_token", "xoxb-1-secret", "Do not give the secret itself: put it into a parameter or a secret first.")),
	strict(one("teams_url", "https://prod-1.westeurope.logic.azure.com/workflows/x?sig=y", "teams_url must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept.")),
	strict(one("notify_urls", "discord://token@id", "notify_urls must be ssm:/parameter/name or secretsmanager:secret-id, naming where it is kept.")),
	{variables: map[string]string{"slack_token": "ssm:/token", "slack_channel": "keys"}, message: "slack_channel must be the id of a channel, such as C0123456789, or its name behind a #."},
	one("slack_token", "ssm:/token", "slack_channel and slack_token go together: set both, or neither."),
	one("slack_channel", "C0123456789", "slack_channel and slack_token go together: set both, or neither."),
	one("slack_api_url", "http://slack.example.com/api/", "slack_api_url must be a https:// URL, such as https://slack-gov.com/api/."),
	one("email_from", "keys", "email_from must be a mail address, such as keys@example.com or Sleuth <keys@example.com>."),
	one("email_from", "Sleuth <keys@example.com", "email_from must be a mail address, such as keys@example.com or Sleuth <keys@example.com>."),
	one("event_bus", "default", "event_bus must be the ARN of an EventBridge bus, such as arn:aws:events:us-east-1:123456789012:event-bus/keys."),
	{
		variables: map[string]string{"rules": `{"rules": []}`, "enable_auto_expire": "true", "slack_url": "test", "state": "none"},
		message:   "rules need state to know who was notified: leave state at its default.",
	},
	{
		variables: map[string]string{"rules": `{"rules": []}`, "rules_source": "ssm:/rules"},
		message:   "rules and rules_source exclude each other.",

		allowedBySleuth: true, // which has one setting for both
	},
	one("rules_source", "rules.yaml", "rules_source must be ssm:/NAME or s3://BUCKET/KEY."),
	{
		variables: map[string]string{"rules_source": "s3://bucket/rules.yaml", "enable_auto_expire": "true", "slack_url": "test", "state": "none"},
		message:   "rules_source needs state to know who was notified: leave state at its default.",
	},
	one("max_exemption_days", "0", "max_exemption_days must be a whole number of days from 1 to 36500."),
	{
		variables: map[string]string{"max_exemption_days": "90", "enable_auto_expire": "true", "slack_url": "test", "state": "none"},
		message:   "max_exemption_days needs state to know who was notified: leave state at its default.",
	},
	{
		variables: map[string]string{"require_exemption_reason": "true", "enable_auto_expire": "true", "slack_url": "test", "state": "none"},
		message:   "require_exemption_reason needs state to know who was notified: leave state at its default.",
	},
	one("delete_after_days", "29", "delete_after_days must be a whole number of days from 30 to 365."),
	one("delete_after_days", "366", "delete_after_days must be a whole number of days from 30 to 365."),
	{
		variables: map[string]string{"delete_after_days": "90", "slack_url": "test", "state": "none"},
		message:   "delete_after_days needs state to know who was notified: leave state at its default.",
	},
	one("delete_after_days", "90", "delete_after_days deletes keys only after their owners were warned, and no channel is set: set one, such as slack_url or sns_topic."),
	one("max_delete", "101%", "max_delete must be a whole number of keys from 0, or a share from 1% to 100%, such as \"25\" or \"10%\"."),
	one("leak_response", "delete", "leak_response must be notify, disable or null."),
	one("enable_auto_expire", "true", "enable_auto_expire disables keys, and no channel is set to notify their owners: set one, such as slack_url or sns_topic, or allow_silent = true."),
	one("leak_response", "disable", "leak_response = \"disable\" disables keys, and no channel is set to notify their owners: set one, such as slack_url or sns_topic, or allow_silent = true."),
	{
		variables: map[string]string{"enable_auto_expire": "true", "slack_url": "", "sns_topic": ""},
		message:   "enable_auto_expire disables keys, and no channel is set to notify their owners",
	},
	one("leak_max_disable", "0", "leak_max_disable must be a whole number of keys from 1 to 10000."),
	one("leak_max_disable", "10001", "leak_max_disable must be a whole number of keys from 1 to 10000."),
	one("credentials", "keys", "credentials must be all or access-keys."),
	one("evidence", "https://proof", "evidence must be s3://BUCKET/PREFIX."),
	strict(one("evidence", "file:/tmp/proof", "A function keeps no files, so file:DIR cannot be used.")),
	one("evidence", "s3://proof/../keys", "evidence must be s3://BUCKET/PREFIX."),
	one("trace_budget", "60", "trace_budget must be CALLS/SECONDS, such as 1000/60"),
	one("trace_budget", "1000/3601", "trace_budget must be CALLS/SECONDS, such as 1000/60"),
	one("security_hub", "guardduty", "security_hub must be securityhub."),
	{
		variables: map[string]string{"evidence": "s3://proof", "evidence_kms_key_arn": "alias/proof"}, message: "evidence_kms_key_arn must be the ARN of a KMS key (not of an alias).",
		allowedBySleuth: true,
	},
	one("evidence_kms_key_arn", "arn:aws:kms:us-east-1:123456789012:key/1", "evidence_kms_key_arn goes with evidence only."),
	{
		variables: map[string]string{"accounts": `["organization"]`, "member_role": "sleuth-member", "step_functions": "true", "results_bucket": "Results"},
		message:   "results_bucket must be the name of an S3 bucket.",
	},
	strict(refusal{variables: wide("results_bucket", "results"), message: "results_bucket goes with step_functions only."}),
	one("step_functions", "true", "step_functions needs accounts to cover: set accounts."),
	{
		variables: map[string]string{"accounts": `["organization"]`, "member_role": "sleuth-member", "step_functions": "true", "state": "none"},
		message:   "step_functions needs state, in which invocations find what others have done: leave state at its default.", allowedBySleuth: true,
	},
	one("invocations_at_once", "0", "invocations_at_once must be a whole number of accounts from 1 to 1000."),
	one("invocations_at_once", "1001", "invocations_at_once must be a whole number of accounts from 1 to 1000."),
	one("existing_roles", `{function="role",schedule="arn:aws:iam::123456789012:role/schedule"}`, "existing_roles must be the ARNs of roles."),
	{
		variables: map[string]string{"existing_roles": `{function="arn:aws:iam::123456789012:role/a",schedule="arn:aws:iam::123456789012:role/b"}`, "permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess"},
		message:   "existing_roles needs state_machine with step_functions and only then, and no permissions_boundary: the module does not change roles that exist.",
	},
	one("network_environment", `{PATH="/tmp"}`, "network_environment takes HTTPS_PROXY, HTTP_PROXY, NO_PROXY, AWS_CA_BUNDLE and SSL_CERT_FILE only."),
	one("layers", `["ca"]`, "layers must be the ARNs of versions of layers."),
	one("account_concurrency", "0", "account_concurrency must be a whole number of accounts from 1 to 100."),
}

func allRefusals(t *testing.T) []refusal {
	t.Helper()
	all := slices.Clone(refusals)
	for _, channel := range deployedChannels(t) {
		all = append(all, channel.refusals()...)
	}
	return all
}

// wide is variables with which several accounts are covered.
func wide(name, value string) map[string]string {
	return map[string]string{"accounts": `["organization"]`, "member_role": "sleuth-member", name: value}
}

// accepted are values that neither the module nor Sleuth may refuse, at their
// limits.
var accepted = []map[string]string{
	{"zip_file": "settings.tf"},
	{
		"zip_s3": `{bucket="releases",key="sleuth.zip"}`, "expiration_age": "36500", "warning_age": "0",
		"inactivity_age": "36500", "inactivity_warning_age": "0", "max_disable": "100%", "min_notice_days": "36500",
		"remind_at": "[1,36500]", "slack_url": "secretsmanager:sleuth/slack", "concurrency": "256", "lease_seconds": "900",
		"sns_topic": "arn:aws-us-gov:sns:us-gov-west-1:123456789012:keys.fifo", "state": "dynamodb:a.b",
		"inventory": "credential-report", "vpc": `{subnet_ids=["subnet-1"],security_group_ids=["sg-1"]}`,
		"notify_mode": "digest", "accounts": `["organization"]`, "ous": `["r-ab12","ou-ab12-34cdefgh"]`, "exclude_accounts": `["111122223333"]`,
		"member_role": "path/sleuth", "external_id": "xy", "account_concurrency": "100",
		"owner_tags": `["Email","Owner Contact"]`, "slack_tags": `["Slack","SlackId"]`, "email_domain": `["example.com","a-b.example.org"]`,
		"team_tag": "Team", "team_channels": `{platform="C0123456789",data="#data-alerts"}`,
		"disable_when": `["Tue-Thu 09:00-15:00 Europe/Berlin","Sat 10:00-24:00 Etc/GMT+3"]`, "freeze": `["2026-12-20..2027-01-04","2027-05-01 America/Port-au-Prince"]`,
		"permissions_boundary": "arn:aws-cn:iam::aws:policy/PowerUserAccess", "schedule_expression": "rate(1 day)",
		"step_functions": "true", "results_bucket": "results.example", "invocations_at_once": "1000",
		"max_exemption_days": "36500", "require_exemption_reason": "true", "enable_auto_expire": "true", "leak_response": "disable", "leak_exempt": "true",
		"delete_after_days": "365", "max_delete": "100%",
		"slack_token": "ssm:/token", "slack_channel": "#access-keys_1", "slack_api_url": "https://slack-gov.com/api/", "teams_url": "ssm:/teams", "notify_urls": "ssm:/urls",
		"email_from": "Sleuth <keys@mail.example.com>", "event_bus": "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/a/b.c",
		"credentials": "access-keys", "evidence": "s3://proof/iam/account=1/", "security_hub": "securityhub", "trace": "true", "trace_in_channel": "true", "trace_budget": "99999/3600",
		"evidence_kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1",
		"line_template":        "{{.Mention}} {{.Account}}", "leak_notification_text": "Rotate it now.",
	},
	{"zip_file": "settings.tf", "enable_auto_expire": "true", "leak_response": "disable", "allow_silent": "true", "leak_max_disable": "1"},
	{"zip_file": "settings.tf", "enable_auto_expire": "true", "sns_topic": "arn:aws:sns:us-east-1:123456789012:keys", "leak_max_disable": "10000"},
	{"zip_file": "settings.tf", "enable_auto_expire": "true", "slack_url": "test", "rules_source": "ssm:/sleuth/rules"},
	{"zip_file": "settings.tf", "rules": everyRule},
	{"zip_file": "settings.tf", "enable_auto_expire": "true", "slack_url": "test", "delete_after_days": "30", "max_delete": "0"},
	{
		"zip_file": "settings.tf", "max_disable": "0", "slack_url": "test", "sns_topic": "", "state": "none", "concurrency": "1",
		"slack_token": "", "slack_channel": "", "teams_url": "", "notify_urls": "", "email_from": "", "event_bus": "", "evidence": "", "security_hub": "", "leak_response": "",
		"max_exemption_days": "1",
		"lease_seconds":      "1", "expiration_age": "1", "warning_age": "0", "schedule_timezone": "America/Argentina/Buenos_Aires",
	},
}

// withVariablesOnly is the module's variables without its resources: planning
// them takes neither a provider nor an AWS.
func withVariablesOnly(t *testing.T) workspace {
	t.Helper()
	tool(t, "terraform")
	w := workspace{folder: t.TempDir()}
	for _, file := range []string{"settings.tf", "messages.tf", "channels.tf", "variables.tf"} {
		if err := os.WriteFile(filepath.Join(w.folder, file), []byte(read(t, "terraform/"+file)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w workspace) plan(t *testing.T, variables map[string]string) (said string, status int) {
	t.Helper()
	arguments := []string{"plan", "-lock=false", "-compact-warnings"}
	for name, value := range variables {
		arguments = append(arguments, "-var="+name+"="+value)
	}
	said, status = w.try(t, arguments...)
	return strings.Join(strings.Fields(strings.Map(withoutFrames, said)), " "), status
}

// withoutFrames drops what Terraform draws around its errors.
func withoutFrames(r rune) rune {
	if strings.ContainsRune("╷│╵", r) {
		return ' '
	}
	return r
}

// environmentOf is what the module would make of the variables.
func environmentOf(variables map[string]string) map[string]string {
	environment := map[string]string{}
	for name, value := range variables {
		switch name {
		case "rules_source", "rules":
			environment["SLEUTH_RULES"] = value
			continue
		case "team_channels":
			value = strings.Trim(value, "{}")
		}
		environment[settingOf(name)] = strings.Trim(strings.ReplaceAll(value, `"`, ""), "[]")
	}
	if environment["SLEUTH_STATE"] == "" {
		environment["SLEUTH_STATE"] = "dynamodb:iam-sleuth"
	}
	return environment
}

func TestModuleRefusesBadValues(t *testing.T) {
	t.Parallel()
	isSetting := map[string]bool{"rules_source": true}
	for _, name := range settingNames() {
		isSetting[inModule(name)] = true
	}
	w, all := withVariablesOnly(t), allRefusals(t)
	together := refusedTogether(t, all)
	for i, r := range all {
		t.Run(fmt.Sprint(r.variables), func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{}
			if said := together[i]; len(said) > 1 || len(said) == 1 && !strings.Contains(said[0], r.message) {
				t.Errorf("terraform plan: %q, want the one error %q", said, r.message)
			} else if len(said) == 0 {
				said, status := w.plan(t, withZip(r.variables))
				if status != 1 || !strings.Contains(said, r.message) || strings.Count(said, "Error: ") != 1 {
					t.Errorf("terraform plan: exit status %d, want 1 and the one error %q: %s", status, r.message, said)
				}
			}
			// The module refuses nothing that Sleuth takes, unless it is meant to.
			for name, value := range r.variables {
				if isSetting[name] {
					settings[name] = value
				}
			}
			if len(settings) == 0 || r.allowedBySleuth {
				return
			}
			if _, err := checked(environmentOf(settings)); err == nil {
				t.Errorf("%v is fine for Sleuth", settings)
			}
		})
	}
}

// withZip names a zip if nothing does.
func withZip(variables map[string]string) map[string]string {
	variables = maps.Clone(variables)
	if _, given := variables["zip_file"]; !given {
		variables["zip_file"] = "settings.tf" // any file
	}
	return variables
}

// refusedTogether plans all refusals at once, each a module of its own, and
// returns what Terraform says of each. It says nothing of those that take more
// than one variable to see.
func refusedTogether(t *testing.T, all []refusal) map[int][]string {
	t.Helper()
	w := workspace{folder: t.TempDir()}
	check(t, os.Rename(withVariablesOnly(t).folder, filepath.Join(w.folder, "variables")))
	check(t, os.WriteFile(filepath.Join(w.folder, "settings.tf"), nil, 0o600))
	var calls strings.Builder
	for i, r := range all {
		fmt.Fprintf(&calls, "module \"r%d\" {\n  source = \"./variables\"\n", i)
		for name, value := range withZip(r.variables) {
			if !strings.HasPrefix(value, "[") && !strings.HasPrefix(value, "{") {
				value = strconv.Quote(value)
			}
			fmt.Fprintf(&calls, "  %s = %s\n", name, value)
		}
		calls.WriteString("}\n")
	}
	check(t, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(calls.String()), 0o600))
	w.run(t, "init")
	said, _ := w.try(t, "plan", "-lock=false", "-json")
	found := map[int][]string{}
	for line := range strings.Lines(said) {
		var event struct {
			Diagnostic struct {
				Severity, Detail string
				Snippet          struct{ Context string }
			}
		}
		var i int
		if json.Unmarshal([]byte(line), &event) != nil || event.Diagnostic.Severity != "error" {
			continue
		}
		if _, err := fmt.Sscanf(event.Diagnostic.Snippet.Context, `module "r%d"`, &i); err == nil {
			found[i] = append(found[i], strings.Join(strings.Fields(event.Diagnostic.Detail), " "))
		}
	}
	if len(found) < len(all)/2 {
		t.Errorf("Terraform refuses only %d of %d together", len(found), len(all))
	}
	return found
}

func TestModuleAcceptsGoodValues(t *testing.T) {
	t.Parallel()
	w := withVariablesOnly(t)
	for _, variables := range accepted {
		if said, status := w.plan(t, variables); status != 0 {
			t.Errorf("%v: %s", variables, said)
		}
		if _, err := checked(environmentOf(variables)); err != nil {
			t.Errorf("%v: %v", variables, err)
		}
	}
}

// Every validation is seen to refuse something.
func TestEveryValidationIsTested(t *testing.T) {
	t.Parallel()
	var messages []string
	for _, r := range allRefusals(t) {
		messages = append(messages, r.message)
	}
	for _, v := range readModule(t, "terraform").variables {
		for _, refusal := range v.refusals {
			message, tested := refusal.literal(), false
			for _, m := range messages {
				tested = tested || strings.Contains(message, m)
			}
			if !tested {
				t.Errorf("nothing tests that %s is refused with %q", v.name, message)
			}
		}
	}
}
