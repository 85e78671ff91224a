package iampolicy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

const (
	topic = "arn:aws:sns:eu-west-1:111122223333:keys"
	key   = "arn:aws:kms:eu-west-1:111122223333:key/1"
	bus   = "arn:aws:events:eu-west-1:111122223333:event-bus/keys"
)

var (
	place = iampolicy.Target{Partition: "aws", Account: "123456789012", Region: "eu-west-1"}
	table = config.StateChoice{Kind: config.StateDynamoDB, Name: "sleuth"}
)

// always is what every run needs.
var always = []string{
	"iam:GenerateCredentialReport *",
	"iam:GetAccessKeyLastUsed arn:aws:iam::123456789012:user/*",
	"iam:GetAccountAuthorizationDetails *",
	"iam:GetCredentialReport *",
	"iam:ListAccessKeys arn:aws:iam::123456789012:user/*",
	"iam:ListAccountAliases *",
	"iam:ListUserTags arn:aws:iam::123456789012:user/*",
	"iam:ListUsers *",
	"sts:GetCallerIdentity *",
}

// listAPIKeys is what audit and evidence need to show credentials other than access keys.
const listAPIKeys = "iam:ListServiceSpecificCredentials *"

// grants is a policy as "action resource", in order.
func grants(doc iampolicy.Document) []string {
	var lines []string
	for _, s := range doc.Statement {
		for _, action := range s.Action {
			for _, resource := range s.Resource {
				lines = append(lines, action+" "+resource)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// plainly is a channel whose setting was given as its value.
func plainly(variable, value string) config.Targets {
	return config.Targets{variable: {Value: secret.New(value)}}
}

func keptIn(keeper config.SecretSource, name string) config.Config {
	return config.Config{Targets: config.Targets{"SLACK_URL": {Source: keeper, Name: name}}}
}

func TestForRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cfg         config.Config
		keys        []string
		evidenceKey string
		want        []string // beyond always
	}{
		"the defaults read only": {},
		"auto-expire disables": {
			cfg:  config.Config{Policy: audit.Policy{AutoExpire: true}},
			want: []string{"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*"},
		},
		"deleting takes auto-expire as well": {
			cfg: config.Config{Policy: audit.Policy{AutoExpire: true, DeleteAfterDays: 90}},
			want: []string{
				"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*", "iam:DeleteAccessKey arn:aws:iam::123456789012:user/*",
			},
		},
		"deleting without auto-expire": {
			cfg: config.Config{Policy: audit.Policy{DeleteAfterDays: 90}},
		},
		"the credential report is made and read": {
			cfg: config.Config{UseCredentialReport: true},
		},
		"a topic is published to, and no other": {
			cfg:  config.Config{Targets: plainly("SNS_TOPIC", topic)},
			want: []string{"sns:Publish " + topic},
		},
		"a webhook given as it is takes no permission": {
			cfg: config.Config{Targets: plainly("SLACK_URL", "https://hooks.slack.com/services/T0/B0/X")},
		},
		"a parameter in a folder": {
			cfg:  keptIn(config.ParameterStore, "/sleuth/slack-url"),
			want: []string{"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/sleuth/slack-url"},
		},
		"a parameter at the top": {
			cfg:  keptIn(config.ParameterStore, "slack-url"),
			want: []string{"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/slack-url"},
		},
		"a version of a parameter": {
			cfg:  keptIn(config.ParameterStore, "/slack-url:3"),
			want: []string{"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/slack-url"},
		},
		"a parameter by ARN, in another region": {
			cfg:  keptIn(config.ParameterStore, "arn:aws:ssm:us-east-1:444455556666:parameter/slack-url:prod"),
			want: []string{"ssm:GetParameter arn:aws:ssm:us-east-1:444455556666:parameter/slack-url"},
		},
		"a secret by name": {
			cfg:  keptIn(config.SecretsManager, "sleuth/slack"),
			want: []string{"secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:sleuth/slack-??????"},
		},
		"a secret by ARN": {
			cfg:  keptIn(config.SecretsManager, "arn:aws:secretsmanager:us-east-1:444455556666:secret:slack-a1B2c3"),
			want: []string{"secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:444455556666:secret:slack-a1B2c3"},
		},
		"state in a table, and in no other": {
			cfg: config.Config{State: table},
			want: []string{
				"dynamodb:DeleteItem arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
				"dynamodb:PutItem arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
				"dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
				"dynamodb:Scan arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
			},
		},
		"state in a file takes no permission": {
			cfg: config.Config{State: config.StateChoice{Kind: config.StateFile, Name: "state.db"}},
		},
		"a customer's key": {keys: []string{key}, want: []string{"kms:Decrypt " + key}},
		"a leaked key is disabled, though old ones are not": {
			cfg:  config.Config{LeakDisables: true},
			want: []string{"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*"},
		},
		"leaked keys of exempt users are spared": {
			cfg:  config.Config{LeakDisables: true, LeakSparesExempt: true, Policy: audit.Policy{AutoExpire: true}},
			want: []string{"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*"},
		},
		"all secrets in one place are in one statement, each once": {
			cfg: config.Config{Targets: config.Targets{
				"SLACK_URL":          {Source: config.ParameterStore, Name: "/slack:1"},
				"SLEUTH_SLACK_TOKEN": {Source: config.ParameterStore, Name: "/slack:2"},
				"SLEUTH_TEAMS_URL":   {Source: config.ParameterStore, Name: "/teams"},
				"SLEUTH_NOTIFY_URLS": {Source: config.ParameterStore, Name: "/urls"},
			}},
			want: []string{
				"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/slack",
				"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/teams",
				"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/urls",
			},
		},
		"secrets in both places": {
			cfg: config.Config{Targets: config.Targets{
				"SLEUTH_SLACK_TOKEN": {Source: config.SecretsManager, Name: "slack"},
				"SLEUTH_NOTIFY_URLS": {Source: config.ParameterStore, Name: "/urls"},
			}},
			want: []string{
				"secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-??????",
				"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/urls",
			},
		},
		"mail from an address or its domain, whichever SES has verified": {
			cfg: config.Config{Targets: plainly("SLEUTH_EMAIL_FROM", "keys@example.com")},
			want: []string{
				"ses:SendEmail arn:aws:ses:eu-west-1:123456789012:identity/example.com",
				"ses:SendEmail arn:aws:ses:eu-west-1:123456789012:identity/keys@example.com",
			},
		},
		"a sender with a name, and what IAM takes for a wildcard": {
			cfg: config.Config{Targets: plainly("SLEUTH_EMAIL_FROM", "Sleuth <k*ys?@example.com>")},
			want: []string{
				"ses:SendEmail arn:aws:ses:eu-west-1:123456789012:identity/example.com",
				"ses:SendEmail arn:aws:ses:eu-west-1:123456789012:identity/k${*}ys${?}@example.com",
			},
		},
		"events go to one bus": {
			cfg:  config.Config{Targets: plainly("SLEUTH_EVENT_BUS", bus)},
			want: []string{"events:PutEvents " + bus},
		},
		"findings are kept, as the product of the account": {
			cfg: config.Config{SecurityHub: true},
			want: []string{
				"securityhub:BatchImportFindings arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default",
				"securityhub:GetFindings arn:aws:securityhub:eu-west-1:123456789012:hub/default",
			},
		},
		"who uses keys is looked up, in every region of the account": {
			cfg:  config.Config{Trace: true},
			want: []string{"account:ListRegions arn:aws:account::123456789012:account", "cloudtrail:LookupEvents *"},
		},
		"evidence is added to a prefix": {
			cfg:  config.Config{Evidence: config.Evidence{Bucket: "proof", Prefix: "iam/keys"}},
			want: []string{"s3:PutObject arn:aws:s3:::proof/iam/keys/*"},
		},
		"evidence in a whole bucket, encrypted": {
			cfg:         config.Config{Evidence: config.Evidence{Bucket: "proof"}},
			evidenceKey: key,
			want:        []string{"kms:GenerateDataKey " + key, "s3:PutObject arn:aws:s3:::proof/*"},
		},
		"evidence in a folder takes no permission of its own": {
			cfg:         config.Config{Evidence: config.Evidence{Dir: "/var/lib/sleuth"}},
			evidenceKey: key,
		},
		"limits for inactivity of their own": {
			cfg: config.Config{Rules: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 30, InactivityWarningAge: 20}},
		},
		"limits for inactivity that creation always reaches first": {
			cfg: config.Config{Rules: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}},
		},
		"the table of every key": {
			cfg: config.Config{Debug: true},
		},
		"rules that go by names": {
			cfg: ruled(audit.Match{Users: []string{"ci-*"}, Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}}),
		},
		"rules that go by groups": {
			cfg:  ruled(audit.Match{Groups: []string{"machines"}}),
			want: []string{"iam:GetGroup arn:aws:iam::123456789012:group/*"},
		},
		"rules that go by console passwords": {
			cfg:  ruled(audit.Match{Password: audit.No}),
			want: []string{"iam:GetLoginProfile arn:aws:iam::123456789012:user/*"},
		},
		"rules that go by units": {
			cfg:  ruled(audit.Match{OUs: []string{"ou-ab12-34cdefgh"}}),
			want: []string{"organizations:ListAccountsForParent *", "organizations:ListOrganizationalUnitsForParent *"},
		},
		"rules in a parameter, of which nothing is known": {
			cfg: config.Config{RulesFrom: config.RulesSource{Kind: config.RulesParameter, Name: "/sleuth/rules"}},
			want: []string{
				"iam:GetGroup arn:aws:iam::123456789012:group/*", "iam:GetLoginProfile arn:aws:iam::123456789012:user/*",
				"organizations:ListAccountsForParent *", "organizations:ListOrganizationalUnitsForParent *",
				"ssm:GetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/sleuth/rules",
			},
		},
		"other credentials are of no use to a run without evidence": {
			cfg: config.Config{OtherCredentials: true},
		},
		"other credentials are in the evidence": {
			cfg:  config.Config{OtherCredentials: true, UseCredentialReport: true, Evidence: config.Evidence{Dir: "/var/lib/sleuth"}},
			want: []string{listAPIKeys},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := place
			place.KMSKeys, place.EvidenceKey = tt.keys, tt.evidenceKey
			doc := iampolicy.ForRun(tt.cfg, place)
			want := slices.Sorted(slices.Values(slices.Concat(always, tt.want)))
			if diff := cmp.Diff(want, grants(doc)); diff != "" {
				t.Errorf("allowed (-want +got):\n%s", diff)
			}
			if doc.Version != "2012-10-17" {
				t.Errorf("Version = %q", doc.Version)
			}
			for _, s := range doc.Statement {
				if s.Effect != "Allow" || s.Sid == "" {
					t.Errorf("statement %+v", s)
				}
			}
		})
	}
}

// ruled are settings with a rule for kinds of users.
func ruled(match audit.Match) config.Config {
	return config.Config{
		RulesFrom: config.RulesSource{Kind: config.RulesInline},
		UserRules: audit.UserRules{Rules: []audit.UserRule{{Name: "it", Match: match}}},
	}
}

func TestPlaceLeftOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		place iampolicy.Target
		topic string
		want  string
	}{
		"nothing known":        {iampolicy.Target{}, "", "arn:aws:iam::*:user/*"},
		"a region of GovCloud": {iampolicy.Target{Region: "us-gov-west-1"}, "", "arn:aws-us-gov:iam::*:user/*"},
		"a region of China":    {iampolicy.Target{Region: "cn-north-1"}, "", "arn:aws-cn:iam::*:user/*"},
		"a topic in GovCloud":  {iampolicy.Target{}, "arn:aws-us-gov:sns:us-gov-east-1:123456789012:keys", "arn:aws-us-gov:iam::*:user/*"},
		"a partition given":    {iampolicy.Target{Partition: "aws-cn", Account: "123456789012"}, "", "arn:aws-cn:iam::123456789012:user/*"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := grants(iampolicy.ForRun(config.Config{Targets: plainly("SNS_TOPIC", tt.topic)}, tt.place))
			if want := "iam:ListAccessKeys " + tt.want; !slices.Contains(got, want) {
				t.Errorf("no %s in %q", want, got)
			}
		})
	}
}

func TestForAuditWritesNothing(t *testing.T) {
	t.Parallel()
	// It takes no settings, so that what only a run does is left out.
	if diff := cmp.Diff(slices.Sorted(slices.Values(always)), grants(iampolicy.ForAudit(config.Config{}, place))); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
	want := slices.Sorted(slices.Values(append(slices.Clone(always), listAPIKeys)))
	if diff := cmp.Diff(want, grants(iampolicy.ForAudit(config.Config{OtherCredentials: true}, place))); diff != "" {
		t.Errorf("with all credentials, allowed (-want +got):\n%s", diff)
	}
}

// TestEveryChannelIsAllowed: whatever channel is declared, its secret may be
// fetched from where it is kept, and its messages may be delivered; neither in
// the accounts of an organization.
func TestEveryChannelIsAllowed(t *testing.T) {
	t.Parallel()
	const kept = "arn:aws:ssm:us-east-1:444455556666:parameter/kept"
	for _, channel := range config.DeclaredChannels() {
		target, want := config.Secret{Source: config.ParameterStore, Name: kept}, []string{"ssm:GetParameter " + kept}
		if channel.Pattern != "" {
			_, example, _ := strings.Cut(channel.Form, "such as ")
			example, _, _ = strings.Cut(example, " or ")
			target, want = config.Secret{Value: secret.New(example)}, nil
			if channel.Action != "" && strings.HasPrefix(example, "arn:") {
				want = []string{channel.Action + " " + example}
			} else if channel.Action != "" {
				want = []string{
					channel.Action + " arn:aws:ses:eu-west-1:123456789012:identity/example.com",
					channel.Action + " arn:aws:ses:eu-west-1:123456789012:identity/" + example,
				}
			}
		}
		cfg := config.Config{Targets: config.Targets{channel.Variable: target}}
		if diff := cmp.Diff(slices.Sorted(slices.Values(slices.Concat(always, want))), grants(iampolicy.ForRun(cfg, place))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", channel.Variable, diff)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(always)), grants(iampolicy.ForMember(cfg, place))); diff != "" {
			t.Errorf("%s, in a member account (-want +got):\n%s", channel.Variable, diff)
		}
	}
}

// The role in each account may do what is done to the keys there, and nothing
// of what is done in the home account.
func TestForMember(t *testing.T) {
	t.Parallel()
	settings := config.Config{
		Targets: config.Targets{
			"SLEUTH_EVENT_BUS": {Value: secret.New(bus)}, "SNS_TOPIC": {Value: secret.New(topic)}, "SLEUTH_EMAIL_FROM": {Value: secret.New("keys@example.com")},
			"SLEUTH_SLACK_TOKEN": {Source: config.ParameterStore, Name: "/token"},
		},
		Evidence: config.Evidence{Bucket: "proof"}, State: table,
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(always)), grants(iampolicy.ForMember(settings, place))); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
	settings.OtherCredentials, settings.LeakDisables, settings.SecurityHub, settings.Trace = true, true, true, true
	want := slices.Sorted(slices.Values(slices.Concat(always, []string{
		"account:ListRegions arn:aws:account::123456789012:account", "cloudtrail:LookupEvents *",
		"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*", listAPIKeys,
		"securityhub:BatchImportFindings arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default",
		"securityhub:GetFindings arn:aws:securityhub:eu-west-1:123456789012:hub/default",
	})))
	if diff := cmp.Diff(want, grants(iampolicy.ForMember(settings, place))); diff != "" {
		t.Errorf("with all, allowed (-want +got):\n%s", diff)
	}
}

func TestForTrace(t *testing.T) {
	t.Parallel()
	want := []string{
		"account:ListRegions arn:aws:account::123456789012:account",
		"cloudtrail:LookupEvents *",
		"dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
		"dynamodb:Scan arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
		"iam:GetAccessKeyLastUsed arn:aws:iam::123456789012:user/*",
		"iam:ListAccessKeys arn:aws:iam::123456789012:user/*",
		"iam:ListAccountAliases *",
		"iam:ListUserTags arn:aws:iam::123456789012:user/*",
		"sts:GetCallerIdentity *",
	}
	if diff := cmp.Diff(want, grants(iampolicy.ForTrace(table, place))); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
	china := iampolicy.ForTrace(config.StateChoice{}, iampolicy.Target{Region: "cn-north-1"})
	if got := grants(china); slices.ContainsFunc(got, func(grant string) bool { return strings.Contains(grant, "ListRegions") }) {
		t.Errorf("China, which has no region to enable, needs %q", got)
	}
}

func TestForReactivate(t *testing.T) {
	t.Parallel()
	got := grants(iampolicy.ForReactivate(table, place))
	want := []string{
		"dynamodb:DeleteItem arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
		"dynamodb:PutItem arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
		"dynamodb:Query arn:aws:dynamodb:eu-west-1:123456789012:table/sleuth",
		"iam:GetAccessKeyLastUsed arn:aws:iam::123456789012:user/*",
		"iam:ListAccessKeys arn:aws:iam::123456789012:user/*",
		"iam:ListAccountAliases *",
		"iam:ListUserTags arn:aws:iam::123456789012:user/*",
		"iam:TagUser arn:aws:iam::123456789012:user/*",
		"iam:UpdateAccessKey arn:aws:iam::123456789012:user/*",
		"sts:GetCallerIdentity *",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("allowed (-want +got):\n%s", diff)
	}
}
