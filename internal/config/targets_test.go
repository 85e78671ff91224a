package config_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

func TestGoodTargets(t *testing.T) {
	t.Parallel()
	evidence := func(c config.Config) any { return c.Evidence }
	exemptions := func(c config.Config) any { return c.Exemptions }
	for _, c := range []struct {
		variable, value string
		read            func(config.Config) any
		want            any
	}{
		{"SLEUTH_EVIDENCE", "", evidence, config.Evidence{}},
		{"SLEUTH_EVIDENCE", " file:/var/lib/evidence ", evidence, config.Evidence{Dir: "/var/lib/evidence"}},
		{"SLEUTH_EVIDENCE", "s3://evidence", evidence, config.Evidence{Bucket: "evidence"}},
		{"SLEUTH_EVIDENCE", "s3://evidence/keys/all/", evidence, config.Evidence{Bucket: "evidence", Prefix: "keys/all"}},
		{"SLEUTH_SECURITY_HUB", "securityhub", func(c config.Config) any { return c.SecurityHub }, true},
		{"SLEUTH_SECURITY_HUB", "", func(c config.Config) any { return c.SecurityHub }, false},
		{"SLEUTH_CREDENTIALS", "", func(c config.Config) any { return c.OtherCredentials }, true},
		{"SLEUTH_CREDENTIALS", "access-keys", func(c config.Config) any { return c.OtherCredentials }, false},
		{"SLEUTH_LEAK_RESPONSE", "", func(c config.Config) any { return c.LeakDisables }, false},
		{"SLEUTH_LEAK_RESPONSE", "disable", func(c config.Config) any { return c.LeakDisables }, true},
		{"SLEUTH_LEAK_EXEMPT", "True", func(c config.Config) any { return c.LeakSparesExempt }, true},
		{"SLEUTH_LEAK_NOTIFICATION_TEXT", " ", func(c config.Config) any { return c.Leak.Text }, notify.LeakInstructions},
		{"SLEUTH_LEAK_NOTIFICATION_TEXT", "Call us.", func(c config.Config) any { return c.Leak.Text }, "Call us."},
		{"SLEUTH_MAX_EXEMPTION_DAYS", "", exemptions, audit.ExemptionRules{}},
		{"SLEUTH_MAX_EXEMPTION_DAYS", "180", exemptions, audit.ExemptionRules{MaxDays: 180}},
		{"SLEUTH_REQUIRE_EXEMPTION_REASON", "true", exemptions, audit.ExemptionRules{NeedReason: true}},
		{"SLEUTH_EMAIL_FROM", "Sleuth <keys@example.com>", func(c config.Config) any { return c.Targets.Text("SLEUTH_EMAIL_FROM") }, "Sleuth <keys@example.com>"},
		{"SLEUTH_EVENT_BUS", "arn:aws-cn:events:cn-north-1:123456789012:event-bus/keys", func(c config.Config) any { return c.Targets.Text("SLEUTH_EVENT_BUS") }, "arn:aws-cn:events:cn-north-1:123456789012:event-bus/keys"},
		{"SLEUTH_NOTIFY_URLS", "zulip://a\n discord://b", func(c config.Config) any { return c.Targets["SLEUTH_NOTIFY_URLS"].Reveal() }, "zulip://a\n discord://b"},
		{"SLEUTH_TEAMS_URL", "https://a.logic.azure.com/x?sig=y", func(c config.Config) any { return c.Targets["SLEUTH_TEAMS_URL"].Reveal() }, "https://a.logic.azure.com/x?sig=y"},
		{"SLEUTH_TEAMS_URL", "secretsmanager:sleuth/teams", func(c config.Config) any { return c.Targets["SLEUTH_TEAMS_URL"].Name }, "sleuth/teams"},
		{"SLEUTH_NOTIFY_URLS", "ssm:/sleuth/urls", func(c config.Config) any { return c.Targets["SLEUTH_NOTIFY_URLS"].Name }, "/sleuth/urls"},
	} {
		t.Run(c.variable+"="+c.value, func(t *testing.T) {
			t.Parallel()
			got, err := config.Check(settings(t, c.variable, c.value, "SLEUTH_ALLOW_SILENT", "true"), inFile)
			if err != nil {
				t.Fatal(err)
			}
			if read := c.read(got); !reflect.DeepEqual(read, c.want) {
				t.Errorf("read as %#v, want %#v", read, c.want)
			}
		})
	}
}

func TestEvidenceIsShownAsGiven(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "file:/var/lib/evidence", "s3://evidence", "s3://evidence/keys/all"} {
		got, err := config.Check(settings(t, "SLEUTH_EVIDENCE", text), inFile)
		if err != nil || got.Evidence.String() != text || got.Evidence.IsSet() != (text != "") {
			t.Errorf("%q is shown as %q, set: %t, error %v", text, got.Evidence, got.Evidence.IsSet(), err)
		}
	}
}

func TestBadTargets(t *testing.T) {
	t.Parallel()
	for variable, values := range map[string][]string{
		"SLEUTH_EVIDENCE":                 {"s3:bucket", "s3://", "s3://B/x", "s3://bucket/a//b", "s3://bucket/../x", "/var/lib", "file:", "file: ", "https://bucket", "s3://bucket/" + strings.Repeat("x", 801)},
		"SLEUTH_SECURITY_HUB":             {"hub", "SECURITYHUB", "true"},
		"SLEUTH_CREDENTIALS":              {"keys", "ALL"},
		"SLEUTH_LEAK_RESPONSE":            {"true", "delete"},
		"SLEUTH_LEAK_EXEMPT":              {"yes"},
		"SLEUTH_MAX_EXEMPTION_DAYS":       {"0", "-1", "x", "36501"},
		"SLEUTH_REQUIRE_EXEMPTION_REASON": {"maybe"},
		"SLEUTH_EMAIL_FROM":               {"keys", "keys@", "a@example.com, b@example.com", "keys@example.com\nBcc: x@example.com"},
		"SLEUTH_EVENT_BUS":                {"default", "arn:aws:events:us-east-1:123456789012:rule/x", "arn:aws:events:us-east-1:1234:event-bus/x"},
		"SLEUTH_SLACK_API_URL":            {"slack.com", "http://slack.com/api/"},
		"SLEUTH_LINE_TEMPLATE":            {"{{", "{{.Nobody}}", "{{/* nothing */}}"},
		"SLEUTH_LIST_TEMPLATE":            {"{{.User}}"},
		"SLEUTH_PERSONAL_TEMPLATE":        {"{{index .Keys 99}}"},
		"SLEUTH_SUBJECT_TEMPLATE":         {"{{template \"other\"}}"},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s=%.40s", variable, value), func(t *testing.T) {
				t.Parallel()
				_, err := config.Check(settings(t, variable, value), inFile)
				if p := oneProblem(t, err); p.Variable != variable || strings.TrimSpace(p.Value) != strings.TrimSpace(value) || p.Allowed == "" {
					t.Errorf("the problem is %+v", p)
				}
			})
		}
	}
}

// TestSlackApp: a token and a channel go together.
func TestSlackApp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		token, channel string
		problem        string
	}{
		"both":              {"xoxb-1", "C0123", ""},
		"kept elsewhere":    {"secretsmanager:sleuth/slack", "G0123", ""},
		"no channel":        {"xoxb-1", "", "SLEUTH_SLACK_CHANNEL"},
		"no token":          {"", "C0123", "SLEUTH_SLACK_CHANNEL"},
		"a channel by name": {"xoxb-1", "#aws-keys", ""},
		"no channel's form": {"xoxb-1", "AWS keys", "SLEUTH_SLACK_CHANNEL"},
		"no token's form":   {"hunter2-HIDDEN", "C0123", "SLEUTH_SLACK_TOKEN"},
		"two tokens":        {"xoxb-1 xoxb-HIDDEN", "C0123", "SLEUTH_SLACK_TOKEN"},
		"nothing to fetch":  {"ssm:", "C0123", "SLEUTH_SLACK_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Check(settings(t, "SLEUTH_SLACK_TOKEN", c.token, "SLEUTH_SLACK_CHANNEL", c.channel), inFile)
			if c.problem == "" {
				if err != nil || cfg.SlackChannel != c.channel || !cfg.Targets["SLEUTH_SLACK_TOKEN"].IsSet() {
					t.Errorf("channel %q, token set: %t, error %v", cfg.SlackChannel, cfg.Targets["SLEUTH_SLACK_TOKEN"].IsSet(), err)
				}
				return
			}
			if p := oneProblem(t, err); p.Variable != c.problem || strings.Contains(err.Error(), "HIDDEN") {
				t.Errorf("the problem is %+v", p)
			}
		})
	}
}

// TestBadNotifyURLs are refused without being shown.
func TestBadNotifyURLs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"HIDDEN", "zulip://x HIDDEN", "://HIDDEN", "Zulip://HIDDEN", "zulip:HIDDEN", "ssm:", "zulip://x, HIDDEN", "HIDDEN,zulip://x"} {
		_, err := config.Check(settings(t, "SLEUTH_NOTIFY_URLS", value), inFile)
		p := oneProblem(t, err)
		if p.Variable != "SLEUTH_NOTIFY_URLS" || p.Value != secret.Redacted || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: the problem is %+v", value, p)
		}
	}
}

// TestTeamsConnectors are refused in every setting, with what to set instead.
func TestTeamsConnectors(t *testing.T) {
	t.Parallel()
	for _, set := range [][2]string{
		{"SLEUTH_NOTIFY_URLS", "discord://a teams://HIDDEN@x/y/z?host=acme.webhook.office.com"},
		{"SLEUTH_NOTIFY_URLS", "generic+https://acme.webhook.office.com/webhookb2/HIDDEN"},
		{"SLEUTH_TEAMS_URL", "https://acme.webhook.office.com/webhookb2/HIDDEN"},
		{"SLEUTH_TEAMS_URL", "https://outlook.office.com/webhook/HIDDEN"},
	} {
		_, err := config.Check(settings(t, set[0], set[1]), inFile)
		p := oneProblem(t, err)
		if p.Variable != set[0] || !strings.Contains(p.Allowed, "set SLEUTH_TEAMS_URL to its URL") || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: the problem is %+v", set, p)
		}
	}
}

// TestBadTeamsURLs are refused without being shown.
func TestBadTeamsURLs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"HIDDEN", "https://HIDDEN.example/?sig=HIDDEN", "https://a.logic.azure.com/HIDDEN", "http://a.logic.azure.com/?sig=HIDDEN", "ssm:"} {
		_, err := config.Check(settings(t, "SLEUTH_TEAMS_URL", value), inFile)
		if p := oneProblem(t, err); p.Variable != "SLEUTH_TEAMS_URL" || p.Value != secret.Redacted || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: the problem is %+v", value, p)
		}
	}
}

func TestSplitURLs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                                     nil,
		" zulip://a \n discord://b ":           {"zulip://a", "discord://b"},
		"zulip://a,discord://b, ntfy://c,":     {"zulip://a", "discord://b", "ntfy://c"},
		"smtp://h/?to=a@b.example,c@d.example": {"smtp://h/?to=a@b.example,c@d.example"},
	} {
		if diff := cmp.Diff(want, config.SplitURLs(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestExemptionRulesNeedState if keys are disabled, as nobody's key may go
// before they were notified that their exemption is ignored.
func TestExemptionRulesNeedState(t *testing.T) {
	t.Parallel()
	none := config.StateChoice{Kind: config.StateNone}
	for _, pair := range [][2]string{{"SLEUTH_MAX_EXEMPTION_DAYS", "180"}, {"SLEUTH_REQUIRE_EXEMPTION_REASON", "true"}} {
		if _, err := config.Check(settings(t, pair[0], pair[1]), none); err != nil {
			t.Errorf("%s without disabling: %v", pair[0], err)
		}
		_, err := config.Check(settings(t, pair[0], pair[1], "ENABLE_AUTO_EXPIRE", "true", "SLACK_URL", "test"), none)
		if p := oneProblem(t, err); p.Variable != pair[0] || !strings.Contains(p.Allowed, "SLEUTH_STATE") {
			t.Errorf("the problem is %+v", p)
		}
		if _, err := config.Check(settings(t, pair[0], pair[1], "ENABLE_AUTO_EXPIRE", "true", "SLACK_URL", "test"), inFile); err != nil {
			t.Errorf("%s with state: %v", pair[0], err)
		}
	}
}

func FuzzTargets(f *testing.F) {
	f.Add("ssm:/a", "zulip://a b", "s3://bucket/x", "Sleuth <a@example.com>", "{{.User}}")
	f.Add("secretsmanager:", "ssm:", "file:x", "\x00", "{{")
	f.Fuzz(func(t *testing.T, token, urls, report, from, line string) {
		const hidden = "hidden-by-the-test"
		s := settings(t, "SLEUTH_SLACK_TOKEN", token+hidden, "SLEUTH_NOTIFY_URLS", urls+hidden, "SLEUTH_EVIDENCE", report, "SLEUTH_EMAIL_FROM", from, "SLEUTH_LINE_TEMPLATE", line)
		cfg, err := config.Check(s, inFile)
		if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), line, ""), hidden) {
			t.Errorf("a secret shows in %v", err)
		}
		if err == nil && strings.ContainsAny(cfg.Targets.Text("SLEUTH_EMAIL_FROM"), "\r\n") {
			t.Errorf("a sender of several lines: %q", cfg.Targets.Text("SLEUTH_EMAIL_FROM"))
		}
		if printed := fmt.Sprintf("%v %+v %#v", cfg, cfg.Targets["SLEUTH_SLACK_TOKEN"], cfg.Targets["SLEUTH_NOTIFY_URLS"]); err == nil && cfg.Targets["SLEUTH_SLACK_TOKEN"].Source == "" &&
			cfg.Targets["SLEUTH_NOTIFY_URLS"].Source == "" && strings.Contains(printed, hidden) {
			t.Errorf("a secret shows in %s", printed)
		}
	})
}
