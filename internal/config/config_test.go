package config_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// inFile is where state is kept if SLEUTH_STATE is unset.
var inFile = config.StateChoice{Kind: config.StateFile, Name: "/var/lib/sleuth.db"}

// settings are those of the variables given as name and value in turn; the
// rest is unset.
func settings(t testing.TB, pairs ...string) config.Settings {
	t.Helper()
	var s config.Settings
	for pair := range slices.Chunk(pairs, 2) {
		if !set(reflect.ValueOf(&s).Elem(), pair[0], pair[1]) {
			t.Fatalf("there is no setting %s", pair[0])
		}
	}
	return s
}

// set gives the field of a setting its text.
func set(v reflect.Value, variable, text string) bool {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if field.Anonymous && set(value, variable, text) {
			return true
		}
		if field.Tag.Get("setting") != variable {
			continue
		}
		if value.Kind() == reflect.String {
			value.SetString(text)
		} else {
			value.Set(reflect.ValueOf(config.SecretText{Value: secret.New(text)}))
		}
		return true
	}
	return false
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	blank := settings(t)
	for variable := range declared(t) {
		set(reflect.ValueOf(&blank).Elem(), variable, " \t ")
	}
	for name, s := range map[string]config.Settings{"unset": settings(t), "nothing but space": blank} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := config.Check(s, inFile)
			if err != nil {
				t.Fatal(err)
			}
			wantRules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
			if got.Rules != wantRules {
				t.Errorf("rules %+v, want %+v", got.Rules, wantRules)
			}
			if p := got.Policy; p.AutoExpire || p.OwnKeys != nil || p.RemindAt != nil || p.MinNoticeDays != 0 {
				t.Errorf("policy %+v, want that nothing is disabled", p)
			}
			if got.MaxDisable != (config.Cap{}) || got.Targets["SLACK_URL"].IsSet() || got.Targets.Text("SNS_TOPIC") != "" || got.Debug || got.UseCredentialReport {
				t.Errorf("something is set: %+v", got)
			}
			if got.State != inFile || got.Concurrency != 32 || got.Lease != time.Minute {
				t.Errorf("state %+v, concurrency %d, lease %v", got.State, got.Concurrency, got.Lease)
			}
			if got.Creation.Title != "AWS IAM Key Expiration Report" || got.Inactivity.Title != "AWS IAM Key Inactivity Report" {
				t.Errorf("titles %q and %q", got.Creation.Title, got.Inactivity.Title)
			}
		})
	}
}

// TestSampleDeployment checks the sample deployment in aws-iam-sleuth's README.
func TestSampleDeployment(t *testing.T) {
	t.Parallel()
	got, err := config.Check(settings(t,
		"ENABLE_AUTO_EXPIRE", "false",
		"EXPIRATION_AGE", "90", "WARNING_AGE", "50",
		"EXPIRE_NOTIFICATION_TITLE", "Key Rotation Instructions",
		"EXPIRE_NOTIFICATION_TEXT", "Please run.\n ```aws-vault rotate AWS-PROFILE```",
		"INACTIVITY_AGE", "30", "INACTIVITY_WARNING_AGE", "20",
		"INACTIVE_NOTIFICATION_TITLE", "Key Usage Instructions to prevent key auto-disable",
		"INACTIVE_NOTIFICATION_TEXT", "Please run.\n ```aws-vault login AWS-PROFILE```",
		"SLACK_URL", "https://hooks.slack.com/services/T0/B0/XXX", "SNS_TOPIC", "",
	), inFile)
	if err != nil {
		t.Fatal(err)
	}
	if want := (audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}); got.Rules != want {
		t.Errorf("rules %+v, want %+v", got.Rules, want)
	}
	if got.Policy.AutoExpire || got.Targets.Text("SNS_TOPIC") != "" || got.Targets["SLACK_URL"].Reveal() != "https://hooks.slack.com/services/T0/B0/XXX" {
		t.Errorf("got %+v", got)
	}
	if got.Creation.Title != "Key Rotation Instructions" || got.Creation.Text != "Please run.\n ```aws-vault rotate AWS-PROFILE```" ||
		got.Inactivity.Title != "Key Usage Instructions to prevent key auto-disable" || got.Inactivity.Text != "Please run.\n ```aws-vault login AWS-PROFILE```" {
		t.Errorf("wording %+v and %+v", got.Creation, got.Inactivity)
	}
}

// TestGoodValues: what each setting may be, and what it is read as.
func TestGoodValues(t *testing.T) {
	t.Parallel()
	type is = func(config.Config) any
	autoExpire := func(c config.Config) any { return c.Policy.AutoExpire }
	leakCap := func(c config.Config) any { return c.LeakMaxDisable }
	debug := func(c config.Config) any { return c.Debug }
	remindAt := func(c config.Config) any { return c.Policy.RemindAt }
	limit := func(c config.Config) any { return c.MaxDisable }
	topic := func(c config.Config) any { return c.Targets.Text("SNS_TOPIC") }
	memory := func(c config.Config) any { return c.State }
	slack := func(c config.Config) any {
		return fmt.Sprintf("%s|%s|%s", c.Targets["SLACK_URL"].Reveal(), c.Targets["SLACK_URL"].Source, c.Targets["SLACK_URL"].Name)
	}
	rules := func(c config.Config) any { return c.Rules }
	for _, c := range []struct {
		variable, value string
		read            is
		want            any
	}{
		{"ENABLE_AUTO_EXPIRE", "true", autoExpire, true},
		{"ENABLE_AUTO_EXPIRE", "false", autoExpire, false},
		{"ENABLE_AUTO_EXPIRE", "", autoExpire, false},
		{"SLEUTH_LEAK_MAX_DISABLE", "1", leakCap, 1},
		{"SLEUTH_LEAK_MAX_DISABLE", "", leakCap, 10},
		{"SLEUTH_LEAK_MAX_DISABLE", "10000", leakCap, 10_000},

		{"DEBUG", "true", debug, true},
		{"DEBUG", "1", debug, true},
		{"DEBUG", "yes", debug, true},
		{"DEBUG", "anything", debug, true},
		{"DEBUG", "false", debug, false},
		{"DEBUG", " False ", debug, false},
		{"DEBUG", "0", debug, false},
		{"DEBUG", "no", debug, false},
		{"DEBUG", "off", debug, false},

		{"EXPIRATION_AGE", "365", rules, audit.Rules{ExpirationAge: 365, WarningAge: 80, InactivityAge: 365, InactivityWarningAge: 80}},
		{"EXPIRATION_AGE", " 81 ", rules, audit.Rules{ExpirationAge: 81, WarningAge: 80, InactivityAge: 81, InactivityWarningAge: 80}},
		{"WARNING_AGE", "0", rules, audit.Rules{ExpirationAge: 90, WarningAge: 0, InactivityAge: 90, InactivityWarningAge: 0}},
		{"WARNING_AGE", "89", rules, audit.Rules{ExpirationAge: 90, WarningAge: 89, InactivityAge: 90, InactivityWarningAge: 89}},

		{"SLEUTH_REMIND_AT", "30,14,7,3,1", remindAt, []int{30, 14, 7, 3, 1}},
		{"SLEUTH_REMIND_AT", " 1, 7 ,3 ", remindAt, []int{7, 3, 1}},
		{"SLEUTH_REMIND_AT", "7,7,7", remindAt, []int{7}},
		{"SLEUTH_MIN_NOTICE_DAYS", "7", func(c config.Config) any { return c.Policy.MinNoticeDays }, 7},

		{"SLEUTH_MAX_DISABLE", "25", limit, config.Cap{Set: true, Keys: 25, Text: "25"}},
		{"SLEUTH_MAX_DISABLE", "0", limit, config.Cap{Set: true, Text: "0"}},
		{"SLEUTH_MAX_DISABLE", "10%", limit, config.Cap{Set: true, Percent: 10, Text: "10%"}},
		{"SLEUTH_MAX_DISABLE", "100 %", limit, config.Cap{Set: true, Percent: 100, Text: "100 %"}},

		{"SLACK_URL", "https://hooks.slack.com/services/T0/B0/X", slack, "https://hooks.slack.com/services/T0/B0/X||"},
		{"SLACK_URL", " https://hooks.slack.com/services/T0/B0/X\n", slack, "https://hooks.slack.com/services/T0/B0/X||"},
		{"SLACK_URL", "http://127.0.0.1:8080/hook", slack, "http://127.0.0.1:8080/hook||"},
		{"SLACK_URL", "test", slack, "test||"},
		{"SLACK_URL", "ssm:/sleuth/slack_url", slack, "|ssm|/sleuth/slack_url"},
		{"SLACK_URL", "secretsmanager:sleuth/slack-AbCdEf", slack, "|secretsmanager|sleuth/slack-AbCdEf"},
		{"SLACK_URL", "secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:x", slack, "|secretsmanager|arn:aws:secretsmanager:us-east-1:123456789012:secret:x"},

		{"SNS_TOPIC", "arn:aws:sns:us-east-1:123456789012:keys", topic, "arn:aws:sns:us-east-1:123456789012:keys"},
		{"SNS_TOPIC", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:keys", topic, "arn:aws-us-gov:sns:us-gov-west-1:123456789012:keys"},
		{"SNS_TOPIC", "arn:aws-cn:sns:cn-north-1:123456789012:keys", topic, "arn:aws-cn:sns:cn-north-1:123456789012:keys"},

		{"SLEUTH_STATE", "none", memory, config.StateChoice{Kind: config.StateNone}},
		{"SLEUTH_STATE", "file:state.db", memory, config.StateChoice{Kind: config.StateFile, Name: "state.db"}},
		{"SLEUTH_STATE", "file:/var/lib/a:b.db", memory, config.StateChoice{Kind: config.StateFile, Name: "/var/lib/a:b.db"}},
		{"SLEUTH_STATE", "dynamodb:sleuth-state", memory, config.StateChoice{Kind: config.StateDynamoDB, Name: "sleuth-state"}},

		{"SLEUTH_INVENTORY", "live", func(c config.Config) any { return c.UseCredentialReport }, false},
		{"SLEUTH_INVENTORY", "credential-report", func(c config.Config) any { return c.UseCredentialReport }, true},
		{"SLEUTH_CONCURRENCY", "1", func(c config.Config) any { return c.Concurrency }, 1},
		{"SLEUTH_CONCURRENCY", "256", func(c config.Config) any { return c.Concurrency }, 256},
		{"SLEUTH_LEASE_SECONDS", "900", func(c config.Config) any { return c.Lease }, 15 * time.Minute},
		{"EXPIRE_NOTIFICATION_TITLE", "T", func(c config.Config) any { return c.Creation.Title }, "T"},
		{"EXPIRE_NOTIFICATION_TEXT", "T", func(c config.Config) any { return c.Creation.Text }, "T"},
		{"INACTIVE_NOTIFICATION_TITLE", "T", func(c config.Config) any { return c.Inactivity.Title }, "T"},
		{"INACTIVE_NOTIFICATION_TEXT", "T", func(c config.Config) any { return c.Inactivity.Text }, "T"},
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

// TestBadValues: each is one problem, which names the variable, the value and
// what is allowed.
func TestBadValues(t *testing.T) {
	t.Parallel()
	for variable, values := range map[string][]string{
		"EXPIRATION_AGE":      {"0", "-1", "ninety", "90.5", "90d", "1e2", "9999999999999999999", "36501"},
		"WARNING_AGE":         {"-1", "x", "90", "91"},
		"ENABLE_AUTO_EXPIRE":  {"yes", "no", "on", "tru", "2", "enabled", "True", "TRUE", " TRUE ", "true ", "t", "1", "0", "False", "FALSE", "f"},
		"SLEUTH_ALLOW_SILENT": {"yes", "please"}, "SLEUTH_LEAK_MAX_DISABLE": {"0", "-1", "10001", "10%", "all"},
		"SLEUTH_MAX_DISABLE":     {"-1", "x", "0%", "101%", "-5%", "%", "1.5", "1.5%", "10%%", "99999999999999999999"},
		"SLEUTH_MIN_NOTICE_DAYS": {"-1", "x", "36501"},
		"SLEUTH_REMIND_AT":       {"x", "7,x", "0", "7,,3", "7;3", "-1", ",", "36501"},
		"SNS_TOPIC": {
			"keys", "arn:aws:sqs:us-east-1:123456789012:keys", "arn:aws:sns:us-east-1:1234:keys", "arn:aws:sns:us-east-1:123456789012:",
			"arn:aws:sns:us-east-1:123456789012:a b", "arn:google:sns:us-east-1:123456789012:keys", "arn:aws:sns:us-east-1:123456789012:keys:6b0e71bd",
		},
		"SLEUTH_STATE":         {"file", "file:", "file: ", "dynamodb:", "dynamodb:a", "dynamodb:a b", "s3:bucket", "/var/lib/x", "NONE"},
		"SLEUTH_INVENTORY":     {"report", "LIVE", "both"},
		"SLEUTH_CONCURRENCY":   {"0", "-1", "257", "many"},
		"SLEUTH_LEASE_SECONDS": {"0", "901", "1m"},
		"SLEUTH_TRACE":         {"yes", "on"}, "SLEUTH_TRACE_IN_CHANNEL": {"yes"},
		"SLEUTH_TRACE_BUDGET": {"1000", "/", "1000/", "/60", "0/60", "1000/0", "1000/3601", "100000/60", "1000/60s", "a/b", "-1/60"},
	} {
		for _, value := range values {
			t.Run(variable+"="+value, func(t *testing.T) {
				t.Parallel()
				_, err := config.Check(settings(t, variable, value), inFile)
				p := oneProblem(t, err)
				if p.Variable != variable || strings.TrimSpace(p.Value) != strings.TrimSpace(value) || p.Allowed == "" {
					t.Errorf("the problem is %+v", p)
				}
				if text := err.Error(); !strings.Contains(text, fmt.Sprintf("%s=%q: ", variable, p.Value)) || !strings.Contains(text, p.Allowed) {
					t.Errorf("said as %q", text)
				}
			})
		}
	}
}

// TestOnlyTrueDisables: aws-iam-sleuth took every value but true as off, so that
// no other may begin to disable keys; and who reads the error learns both.
func TestOnlyTrueDisables(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"True", "TRUE", "1", "t", "T", " true", "yes"} {
		_, err := config.Check(settings(t, "ENABLE_AUTO_EXPIRE", value, "SLACK_URL", "test"), inFile)
		if p := oneProblem(t, err); !strings.Contains(p.Allowed, "write 'true'") || !strings.Contains(p.Allowed, "aws-iam-sleuth took this value as off") {
			t.Errorf("%q: the problem is %s", value, p)
		}
	}
}

// TestSilenceIsAskedForByName: if keys may be disabled, somebody is notified
// or SLEUTH_ALLOW_SILENT says that nobody is.
func TestSilenceIsAskedForByName(t *testing.T) {
	t.Parallel()
	channels := map[string][]string{
		"a webhook": {"SLACK_URL", "https://hooks.slack.com/services/T0/B0/X"}, "printing": {"SLACK_URL", "test"},
		"an app": {"SLEUTH_SLACK_TOKEN", "xoxb-1", "SLEUTH_SLACK_CHANNEL", "C0123456789"}, "a topic": {"SNS_TOPIC", "arn:aws:sns:us-east-1:123456789012:keys"},
		"mail": {"SLEUTH_EMAIL_FROM", "keys@example.com"}, "services": {"SLEUTH_NOTIFY_URLS", "discord://token@id"},
		"a bus": {"SLEUTH_EVENT_BUS", "arn:aws:events:us-east-1:123456789012:event-bus/keys"},
	}
	for _, disabling := range [][]string{{"ENABLE_AUTO_EXPIRE", "true"}, {"SLEUTH_LEAK_RESPONSE", "disable"}} {
		_, err := config.Check(settings(t, disabling...), inFile)
		if p := oneProblem(t, err); p.Variable != disabling[0] || !strings.Contains(p.Allowed, "SLEUTH_ALLOW_SILENT=true") {
			t.Errorf("%v: the problem is %s", disabling, p)
		}
		if _, err := config.Check(settings(t, slices.Concat(disabling, []string{"SLEUTH_ALLOW_SILENT", "true"})...), inFile); err != nil {
			t.Errorf("%v, silence allowed: %v", disabling, err)
		}
		for name, channel := range channels {
			if _, err := config.Check(settings(t, slices.Concat(disabling, channel)...), inFile); err != nil {
				t.Errorf("%v with %s: %v", disabling, name, err)
			}
		}
		// A channel that cannot be used is one problem, and not two.
		_, err = config.Check(settings(t, slices.Concat(disabling, []string{"SNS_TOPIC", "keys"})...), inFile)
		if p := oneProblem(t, err); p.Variable != "SNS_TOPIC" {
			t.Errorf("%v: the problem is %s", disabling, p)
		}
	}
	if _, err := config.Check(settings(t), inFile); err != nil {
		t.Errorf("where nothing is disabled: %v", err)
	}
}

// TestEveryChannelCountsAsNotSilent: no channel is forgotten.
func TestEveryChannelCountsAsNotSilent(t *testing.T) {
	t.Parallel()
	channels := reflect.TypeFor[config.Channels]()
	for i := range channels.NumField() {
		variable := channels.Field(i).Tag.Get("setting")
		alone := !strings.HasSuffix(variable, "SLEUTH_SLACK_CHANNEL") && !strings.HasSuffix(variable, "SLEUTH_NOTIFY_MODE") && !strings.HasSuffix(variable, "NOTIFY_MODE")
		if got := settings(t, variable, "x").AreSet(); got != alone {
			t.Errorf("%s is taken for a channel: %t, want %t", variable, got, alone)
		}
	}
}

func oneProblem(t *testing.T, err error) config.Problem {
	t.Helper()
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Fatalf("error %v, want one problem", err)
	}
	return problems[0]
}

// TestBadSlackURLs are refused without being shown.
func TestBadSlackURLs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"hooks.slack.com/services/T0/B0/HIDDEN", "ftp://hooks.slack.com/HIDDEN", "https:///HIDDEN", "https://%zz/HIDDEN", "HIDDEN", "Test HIDDEN",
		"http://hooks.slack.com/services/T0/B0/HIDDEN", "vault:HIDDEN", "SSM:/HIDDEN", "https://a b/HIDDEN", "ssm:", "secretsmanager: ",
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			_, err := config.Check(settings(t, "SLACK_URL", value), inFile)
			p := oneProblem(t, err)
			if p.Variable != "SLACK_URL" || p.Value != secret.Redacted {
				t.Errorf("the problem is %+v", p)
			}
			if strings.Contains(err.Error(), "HIDDEN") || strings.Contains(fmt.Sprintf("%#v %+v", err, p), "HIDDEN") {
				t.Errorf("the secret shows in %v", err)
			}
		})
	}
}

// TestNoConfigPrintsASecret, in whatever way it is printed.
func TestNoConfigPrintsASecret(t *testing.T) {
	t.Parallel()
	s := settings(t, "SLACK_URL", "https://hooks.slack.com/services/T0/B0/HIDDEN")
	cfg, err := config.Check(s, inFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, printed := range []string{fmt.Sprintf(verb, s), fmt.Sprintf(verb, cfg), fmt.Sprintf(verb, cfg.Targets)} {
			if strings.Contains(printed, "HIDDEN") {
				t.Errorf("%s prints %s", verb, printed)
			}
		}
	}
}

// TestAgesInRelation: limits are compared with one another, and given in pairs.
func TestAgesInRelation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                                string
		expiration, warning, inactivity, iw string
		problems                            []string // variables, in order
	}{
		{"inactivity as long as creation", "90", "50", "90", "20", nil},
		{"inactivity longer than creation", "90", "50", "91", "20", []string{"INACTIVITY_AGE"}},
		{"inactivity warning at its limit", "90", "50", "30", "30", []string{"INACTIVITY_WARNING_AGE"}},
		{"inactivity warning past its limit", "90", "50", "30", "31", []string{"INACTIVITY_WARNING_AGE"}},
		{"inactivity warning of nothing", "90", "50", "30", "0", nil},
		{"warning at the limit", "90", "90", "", "", []string{"WARNING_AGE"}},
		{"half given: no warning", "90", "50", "30", "", []string{"INACTIVITY_WARNING_AGE"}},
		{"half given: no limit", "90", "50", "", "20", []string{"INACTIVITY_AGE"}},
		{"half given, and that half is bad", "90", "50", "x", "", []string{"INACTIVITY_AGE", "INACTIVITY_WARNING_AGE"}},
		{"the other half given, and bad", "90", "50", "", "x", []string{"INACTIVITY_WARNING_AGE", "INACTIVITY_AGE"}},
		{"half given, of nothing but space", "90", "50", "30", "  ", []string{"INACTIVITY_WARNING_AGE"}},
		{"a limit below the default warning", "60", "", "", "", []string{"WARNING_AGE"}},
		{"what cannot be read is compared with nothing", "x", "95", "30", "20", []string{"EXPIRATION_AGE"}},
		{"all of it wrong", "0", "-1", "y", "z", []string{"EXPIRATION_AGE", "WARNING_AGE", "INACTIVITY_AGE", "INACTIVITY_WARNING_AGE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := settings(t, "EXPIRATION_AGE", c.expiration, "WARNING_AGE", c.warning, "INACTIVITY_AGE", c.inactivity, "INACTIVITY_WARNING_AGE", c.iw)
			_, err := config.Check(s, inFile)
			if got := variables(err); !slices.Equal(got, c.problems) {
				t.Errorf("problems with %v, want %v: %v", got, c.problems, err)
			}
			_, err = config.CheckLimits(s.Accounts, s.Limits, config.Exemptions{}, s.Inventory, s.Logging)
			if got := variables(err); !slices.Equal(got, c.problems) {
				t.Errorf("for audit, problems with %v, want %v: %v", got, c.problems, err)
			}
		})
	}
}

func variables(err error) []string {
	var problems config.Problems
	errors.As(err, &problems)
	var names []string
	for _, p := range problems {
		names = append(names, p.Variable)
	}
	return names
}

// TestAllProblemsAtOnce, a line each.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Check(settings(t,
		"EXPIRATION_AGE", "x", "ENABLE_AUTO_EXPIRE", "perhaps", "SLEUTH_MAX_DISABLE", "lots", "SLACK_URL", "nowhere",
		"SNS_TOPIC", "keys", "SLEUTH_STATE", "somewhere", "SLEUTH_CONCURRENCY", "0", "INACTIVITY_AGE", "30",
	), inFile)
	want := []string{"ENABLE_AUTO_EXPIRE", "EXPIRATION_AGE", "INACTIVITY_WARNING_AGE", "SLACK_URL", "SLEUTH_CONCURRENCY", "SLEUTH_MAX_DISABLE", "SLEUTH_STATE", "SNS_TOPIC"}
	if got := slices.Sorted(slices.Values(variables(err))); !slices.Equal(got, want) {
		t.Errorf("problems with %v, want %v", got, want)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != len(want)+1 {
		t.Errorf("%d lines, want a heading and one for each:\n%v", len(lines), err)
	}
}

// TestWhatNeedsState: ladder and minimum notice cannot be kept without memory.
func TestWhatNeedsState(t *testing.T) {
	t.Parallel()
	none := config.StateChoice{Kind: config.StateNone}
	for _, c := range []struct {
		name     string
		settings []string
		unset    config.StateChoice
		problems []string
	}{
		{"state by default", []string{"SLEUTH_REMIND_AT", "7", "SLEUTH_MIN_NOTICE_DAYS", "7"}, inFile, nil},
		{"none by default", []string{"SLEUTH_REMIND_AT", "7", "SLEUTH_MIN_NOTICE_DAYS", "7"}, none, []string{"SLEUTH_REMIND_AT", "SLEUTH_MIN_NOTICE_DAYS"}},
		{"none given", []string{"SLEUTH_STATE", "none", "SLEUTH_REMIND_AT", "7"}, inFile, []string{"SLEUTH_REMIND_AT"}},
		{"a table given", []string{"SLEUTH_STATE", "dynamodb:table", "SLEUTH_REMIND_AT", "7", "SLEUTH_MIN_NOTICE_DAYS", "7"}, none, nil},
		{"no notice asked for", []string{"SLEUTH_STATE", "none", "SLEUTH_MIN_NOTICE_DAYS", "0"}, inFile, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Check(settings(t, c.settings...), c.unset)
			if got := variables(err); !slices.Equal(got, c.problems) {
				t.Errorf("problems with %v, want %v", got, c.problems)
			}
		})
	}
}

func TestCapExceeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		limit           config.Cap
		disable, active int
		want            bool
	}{
		{config.Cap{}, 1000000, 1000000, false},
		{config.Cap{Set: true, Keys: 25}, 25, 30, false},
		{config.Cap{Set: true, Keys: 25}, 26, 30, true},
		{config.Cap{Set: true, Keys: 0}, 0, 30, false},
		{config.Cap{Set: true, Keys: 0}, 1, 30, true},
		{config.Cap{Set: true, Percent: 10}, 3, 30, false},
		{config.Cap{Set: true, Percent: 10}, 4, 30, true},
		{config.Cap{Set: true, Percent: 10}, 3, 29, true},
		{config.Cap{Set: true, Percent: 10}, 1, 9, true}, // a share of a few keys may allow none
		{config.Cap{Set: true, Percent: 100}, 30, 30, false},
		{config.Cap{Set: true, Percent: 10}, 0, 0, false},
	} {
		if got := c.limit.Exceeded(c.disable, c.active); got != c.want {
			t.Errorf("%+v, %d of %d keys: exceeded %t, want %t", c.limit, c.disable, c.active, got, c.want)
		}
	}
}

func TestCheckState(t *testing.T) {
	t.Parallel()
	got, err := config.CheckState(config.Accounts{}, config.State{State: "dynamodb:table"}, inFile)
	if err != nil || got.State != (config.StateChoice{Kind: config.StateDynamoDB, Name: "table"}) || got.Lease != time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := config.CheckState(config.Accounts{}, config.State{}, inFile); err != nil || got.State != inFile {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = config.CheckState(config.Accounts{}, config.State{State: "x", LeaseSeconds: "0"}, inFile)
	if got, want := variables(err), []string{"SLEUTH_STATE", "SLEUTH_LEASE_SECONDS"}; !slices.Equal(got, want) {
		t.Errorf("problems with %v, want %v", got, want)
	}
}

func TestCheckTrace(t *testing.T) {
	t.Parallel()
	got, err := config.CheckTrace(config.Accounts{}, config.State{}, config.Lookups{}, inFile)
	if want := (config.TraceBudget{Calls: 1000, Within: time.Minute}); err != nil || got.TraceBudget != want || got.State != inFile {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = config.CheckTrace(config.Accounts{}, config.State{}, config.Lookups{TraceBudget: " 99999 / 3600 "}, inFile)
	if want := (config.TraceBudget{Calls: 99999, Within: time.Hour}); err != nil || got.TraceBudget != want {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = config.CheckTrace(config.Accounts{Accounts: "x"}, config.State{State: "x"}, config.Lookups{TraceBudget: "x"}, inFile)
	if got := variables(err); len(got) < 3 {
		t.Errorf("problems with %v, want all three", got)
	}
}

func TestCheckSlackAPI(t *testing.T) {
	t.Parallel()
	given := func(token, url string) (config.SlackAPI, config.SlackHost) {
		return config.SlackAPI{SlackAPIToken: config.SecretText{Value: secret.New(token)}}, config.SlackHost{SlackAPIURL: url}
	}
	token, url, err := config.CheckSlackAPI(given(" xoxb-HIDDEN ", "https://slack-gov.com/api/"))
	if err != nil || token.Reveal() != "xoxb-HIDDEN" || url != "https://slack-gov.com/api/" {
		t.Errorf("url %s, error %v", url, err)
	}
	if token, _, err := config.CheckSlackAPI(given("ssm:/slack/token", "")); err != nil || token.Source != config.ParameterStore || token.Name != "/slack/token" {
		t.Errorf("token %+v, error %v", token, err)
	}
	for _, c := range []struct{ token, url, variable string }{
		{"", "", "SLEUTH_SLACK_API_TOKEN"},
		{"ssm:", "", "SLEUTH_SLACK_API_TOKEN"},
		{"xoxb-HIDDEN", "slack.com", "SLEUTH_SLACK_API_URL"},
	} {
		_, _, err := config.CheckSlackAPI(given(c.token, c.url))
		if got := variables(err); !slices.Equal(got, []string{c.variable}) {
			t.Errorf("%q and %q: problems with %v, want %s", c.token, c.url, got, c.variable)
		}
		if err != nil && strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("the secret shows in %v", err)
		}
	}
}

// FuzzCheck: whatever is given, there is a Config or Problems, and no secret in
// them.
func FuzzCheck(f *testing.F) {
	f.Add("90", "80", "30", "20", "true", "10%", "30,7,1", "https://hooks.slack.com/services/T0/B0/X", "arn:aws:sns:us-east-1:123456789012:keys", "file:x")
	f.Add("", "", "", "", "", "", "", "", "", "")
	f.Add("-1", "x", "1e9", "\x00", "yes", "%", ",,", "ssm:", "arn:", "dynamodb:")
	f.Add(" 90 ", "\t", "90", "0", "T", "100%", "1", "test", "arn:aws-cn:sns:cn-north-1:123456789012:a.fifo", "none")
	f.Add("99999999999999999999", "0x10", "９０", "+5", "ＴＲＵＥ", "-0", "007", "https://[::1", "arn:aws:sns:::", "file:")
	f.Fuzz(func(t *testing.T, expiration, warning, inactivity, inactivityWarning, autoExpire, limit, ladder, url, topic, store string) {
		const hidden = "xoxb-hidden-by-the-test"
		s := settings(t,
			"EXPIRATION_AGE", expiration, "WARNING_AGE", warning, "INACTIVITY_AGE", inactivity, "INACTIVITY_WARNING_AGE", inactivityWarning,
			"ENABLE_AUTO_EXPIRE", autoExpire, "SLEUTH_MAX_DISABLE", limit, "SLEUTH_REMIND_AT", ladder, "SLACK_URL", url+hidden, "SNS_TOPIC", topic, "SLEUTH_STATE", store,
		)
		got, err := config.Check(s, inFile)
		if err != nil {
			var problems config.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("the error is %v, and no problems", err)
			}
			if got.Rules != (audit.Rules{}) {
				t.Errorf("settings that cannot be used came with %+v", got)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), hidden) {
				t.Errorf("the secret shows in %v", err)
			}
			return
		}
		r := got.Rules
		if r.WarningAge < 0 || r.WarningAge >= r.ExpirationAge || r.InactivityAge > r.ExpirationAge ||
			r.InactivityWarningAge < 0 || r.InactivityWarningAge >= r.InactivityAge {
			t.Errorf("rules that are none: %+v", r)
		}
		if !slices.IsSortedFunc(got.Policy.RemindAt, func(a, b int) int { return b - a }) {
			t.Errorf("a ladder out of order: %v", got.Policy.RemindAt)
		}
	})
}
