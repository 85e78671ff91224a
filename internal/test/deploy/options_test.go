package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// everyOption uses the options that no example does.
const everyOption = `
module "sleuth" {
  source = "../.."

  zip_s3       = { bucket = "releases", key = "sleuth.zip", version = "v1" }
  architecture = "x86_64"

  kms_key_arn          = "arn:aws:kms:us-east-1:123456789012:key/ours"
  secret_kms_key_arn   = "arn:aws:kms:us-east-1:123456789012:key/secrets"
  evidence_kms_key_arn   = "arn:aws:kms:us-east-1:123456789012:key/proof"
  permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  tags                 = { Team = "infra" }
  vpc                  = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }

  state                  = "dynamodb:shared"
  slack_url              = "ssm:arn:aws:ssm:us-west-2:444455556666:parameter/slack-url:prod"
  slack_channel          = "C0123456789"
  teams_url              = "secretsmanager:sleuth/teams-url"
  notify_urls            = "secretsmanager:sleuth/urls"
  email_from             = "Sleuth <keys@example.com>"
  OTHER_CHANNELS
  evidence               = "s3://proof/iam/keys/"
  security_hub           = "securityhub"
  trace                  = true
  enable_auto_expire     = true
  delete_after_days      = 90
  leak_response          = "disable"
  rules                  = RULES
  accounts               = ["111122223333", "444455556666"]
  member_role            = "path/sleuth"
  inactivity_age         = 30
  inactivity_warning_age = 20
}

output "policy" {
  value = module.sleuth.policy
}
`

// everyRule has each criterion and each limit, as JSON, which is YAML and HCL as well.
const everyRule = `{"rules": [{"name": "machines", "match": {"user": ["ci-*"], "path": ["/service/"], "group": ["machines"], "account": ["111122223333"],
  "ou": ["ou-ab12-34cdefgh"], "tags": {"Kind": "machine"}, "console_password": false},
  "expiration_age": 365, "warning_age": 335, "inactivity_age": 30, "inactivity_warning_age": 20, "min_notice_days": 14, "remind_at": [7, 1]}],
  "ceiling": {"expiration_age": 400}}`

func TestEveryOption(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	w := newWorkspace(t, filepath.Join("examples", "single-account"), p.env())
	given, others := map[string]string{}, ""
	for _, channel := range deployedChannels(t) {
		if !strings.Contains(everyOption, "  "+channel.Input()+" ") {
			given[channel.Variable] = channel.sample()
			others += fmt.Sprintf("  %s = %q\n", channel.Input(), channel.sample())
		}
	}
	check(t, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(strings.NewReplacer("OTHER_CHANNELS", others, "RULES", everyRule).Replace(everyOption)), 0o600))
	w.init(t)
	resources, outputs := w.planned(t)
	const key, boundary = "arn:aws:kms:us-east-1:123456789012:key/ours", "arn:aws:iam::123456789012:policy/boundary"
	for _, want := range []struct {
		address, argument string
		value             any
	}{
		{"aws_lambda_function.sleuth", "s3_bucket", "releases"},
		{"aws_lambda_function.sleuth", "s3_key", "sleuth.zip"},
		{"aws_lambda_function.sleuth", "s3_object_version", "v1"},
		{"aws_lambda_function.sleuth", "filename", nil},
		{"aws_lambda_function.sleuth", "architectures", []any{"x86_64"}},
		{"aws_lambda_function.sleuth", "kms_key_arn", key},
		{"aws_lambda_function.sleuth", "reserved_concurrent_executions", 2.0}, // a run, and an answer to a leak
		{"aws_cloudwatch_event_rule.leaks[0]", "name", "iam-sleuth-leaks"},
		{"aws_lambda_function_event_invoke_config.leaks[0]", "maximum_retry_attempts", 2.0},
		{"aws_lambda_function.sleuth", "tags", map[string]any{"Team": "infra"}},
		{"aws_sqs_queue.dead_letters", "kms_master_key_id", key},
		{"aws_cloudwatch_log_group.sleuth", "kms_key_id", key},
		{"aws_cloudwatch_log_group.sleuth", "retention_in_days", 90.0},
		{"aws_scheduler_schedule.sleuth", "kms_key_arn", key},
		{"aws_scheduler_schedule.sleuth", "schedule_expression", "cron(0 12 ? * MON-FRI *)"},
		{"aws_scheduler_schedule.sleuth", "schedule_expression_timezone", "UTC"},
		{"aws_iam_role.function[0]", "permissions_boundary", boundary},
		{"aws_iam_role.schedule[0]", "permissions_boundary", boundary},
		{"aws_dynamodb_table.state[0]", "name", nil}, // there is one already
	} {
		got := resources["module.sleuth."+want.address][want.argument]
		if diff := cmp.Diff(want.value, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", want.address, want.argument, diff)
		}
	}
	vpc, _ := resources["module.sleuth.aws_lambda_function.sleuth"]["vpc_config"].([]any)
	if len(vpc) != 1 {
		t.Errorf("the function's VPC is %v", vpc)
	}

	maps.Copy(given, map[string]string{
		"SLEUTH_STATE": "dynamodb:shared", "SLACK_URL": "ssm:arn:aws:ssm:us-west-2:444455556666:parameter/slack-url:prod",
		"SLEUTH_SLACK_CHANNEL": "C0123456789", "SLEUTH_TEAMS_URL": "secretsmanager:sleuth/teams-url", "SLEUTH_NOTIFY_URLS": "secretsmanager:sleuth/urls",
		"SLEUTH_EMAIL_FROM": "Sleuth <keys@example.com>", "SLEUTH_EVIDENCE": "s3://proof/iam/keys/", "SLEUTH_SECURITY_HUB": "securityhub", "SLEUTH_TRACE": "true", "SLEUTH_LEAK_RESPONSE": "disable",
		"ENABLE_AUTO_EXPIRE": "true", "SLEUTH_DELETE_AFTER_DAYS": "90",
		"SLEUTH_ACCOUNTS": "111122223333,444455556666", "SLEUTH_MEMBER_ROLE": "path/sleuth", "SLEUTH_RULES": everyRule,
	})
	cfg, err := checked(given)
	check(t, err)
	want := iampolicy.ForRun(cfg, iampolicy.Target{
		Partition: "aws", Account: p.ID, Region: p.region,
		KMSKeys: []string{key, "arn:aws:kms:us-east-1:123456789012:key/secrets"}, EvidenceKey: "arn:aws:kms:us-east-1:123456789012:key/proof",
	})
	text, _ := outputs["policy"].(string)
	if diff := cmp.Diff(inOrder(want), inOrder(documentIn(t, text))); diff != "" {
		t.Errorf("the policy (-want +got):\n%s", diff)
	}
}

// What answers leaks is there only if it is asked for.
func TestNoLeakRule(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	w := newWorkspace(t, filepath.Join("examples", "single-account"), p.env())
	check(t, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(`
module "sleuth" {
  source        = "../.."
  zip_s3        = { bucket = "releases", key = "sleuth.zip" }
  leak_response = null
}
`), 0o600))
	w.init(t)
	resources, _ := w.planned(t)
	for address := range resources {
		if strings.Contains(address, "leaks") || strings.Contains(address, "queue_policy") {
			t.Errorf("there is %s", address)
		}
	}
	if got := resources["module.sleuth.aws_lambda_function.sleuth"]["reserved_concurrent_executions"]; got != 1.0 {
		t.Errorf("%v are reserved", got)
	}
}

// planned is the arguments of the resources in a plan, by address, and its
// outputs.
func (w workspace) planned(t *testing.T) (resources map[string]map[string]any, outputs map[string]any) {
	t.Helper()
	w.run(t, "plan", "-out=planned")

	var plan struct {
		Values struct {
			Outputs map[string]struct{ Value any }
			Root    struct {
				Modules []struct {
					Resources []struct {
						Address, Type string
						Values        map[string]any
					}
				} `json:"child_modules"`
			} `json:"root_module"`
		} `json:"planned_values"`
	}
	check(t, json.Unmarshal([]byte(w.run(t, "show", "-json", "planned")), &plan))
	resources = map[string]map[string]any{}
	for _, r := range plan.Values.Root.Modules[0].Resources {
		resources[r.Address] = r.Values
	}
	outputs = map[string]any{}
	for name, output := range plan.Values.Outputs {
		outputs[name] = output.Value
	}
	return resources, outputs
}
