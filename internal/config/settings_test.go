package config_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// declared is every setting, by its variable.
func declared(t testing.TB) map[string]reflect.StructField {
	t.Helper()
	found := map[string]reflect.StructField{}
	var walk func(reflect.Type)
	walk = func(structure reflect.Type) {
		for i := range structure.NumField() {
			field := structure.Field(i)
			if field.Anonymous {
				walk(field.Type)
				continue
			}
			variable := field.Tag.Get("setting")
			if _, twice := found[variable]; twice {
				t.Errorf("%s is declared twice", variable)
			}
			found[variable] = field
		}
	}
	walk(reflect.TypeFor[config.Settings]())
	return found
}

// TestSettingsAreDeclared: each has a variable in capitals, a flag that is the
// same in small letters, without SLEUTH_, and a help text.
func TestSettingsAreDeclared(t *testing.T) {
	t.Parallel()
	parser := newParser(t, &config.Settings{}, nil)
	flags := map[string]string{} // by variable
	for _, flag := range parser.Model.Flags {
		flags[flag.Tag.Get("setting")] = flag.Name
	}
	upperSnake := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	for variable, field := range declared(t) {
		if !upperSnake.MatchString(variable) {
			t.Errorf("field %s has the variable %q", field.Name, variable)
		}
		if want := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "SLEUTH_")), "_", "-"); flags[variable] != want {
			t.Errorf("%s has the flag --%s, want --%s", variable, flags[variable], want)
		}
		if help := field.Tag.Get("help"); len(help) < 10 || !strings.HasSuffix(help, ".") {
			t.Errorf("%s has the help %q, want a sentence", variable, help)
		}
	}
	original := []string{
		"ENABLE_AUTO_EXPIRE", "EXPIRATION_AGE", "EXPIRE_NOTIFICATION_TITLE", "EXPIRE_NOTIFICATION_TEXT", "WARNING_AGE", "INACTIVITY_AGE",
		"INACTIVITY_WARNING_AGE", "INACTIVE_NOTIFICATION_TITLE", "INACTIVE_NOTIFICATION_TEXT", "SLACK_URL", "SNS_TOPIC", "DEBUG",
	}
	for _, variable := range original {
		if _, found := declared(t)[variable]; !found {
			t.Errorf("%s of aws-iam-sleuth is not a setting", variable)
		}
	}
	for variable := range declared(t) {
		if !slices.Contains(original, variable) && !strings.HasPrefix(variable, "SLEUTH_") {
			t.Errorf("%s is not a setting of aws-iam-sleuth, and does not begin with SLEUTH_", variable)
		}
	}
}

// TestEverySettingIsGrouped, so that the help has a heading for it.
func TestEverySettingIsGrouped(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, group := range config.Groups() {
		known[group.Key] = true
	}
	for i := range reflect.TypeFor[config.Settings]().NumField() {
		if field := reflect.TypeFor[config.Settings]().Field(i); !known[field.Tag.Get("group")] {
			t.Errorf("%s is in the group %q, which has no heading", field.Name, field.Tag.Get("group"))
		}
	}
}

func newParser(t testing.TB, cli any, environment []string) *kong.Kong {
	t.Helper()
	parser, err := kong.New(cli,
		kong.Name("sleuth"), kong.Writers(&bytes.Buffer{}, &bytes.Buffer{}), kong.Exit(func(int) {}),
		kong.Resolvers(config.Resolver(config.LookupIn(environment))),
		kong.ValueFormatter(config.HelpWithVariable),
		kong.ExplicitGroups(config.Groups()),
	)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// TestWhereAValueComesFrom: a flag beats a variable, and that beats the
// default; empty is unset.
func TestWhereAValueComesFrom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want [5]string // EXPIRATION_AGE, ENABLE_AUTO_EXPIRE, DEBUG, SLACK_URL, SNS_TOPIC
	}{
		{"nothing", nil, nil, [5]string{"90", "false", "false", "", ""}},
		{
			"variables", []string{"EXPIRATION_AGE=60", "ENABLE_AUTO_EXPIRE=true", "DEBUG=anything", "SLACK_URL=test", "SNS_TOPIC=t"}, nil,
			[5]string{"60", "true", "anything", "test", "t"},
		},
		{
			"empty variables", []string{"EXPIRATION_AGE=", "ENABLE_AUTO_EXPIRE= ", "DEBUG=", "SLACK_URL=\t", "SNS_TOPIC="}, nil,
			[5]string{"90", "false", "false", "", ""},
		},
		{
			"flags", nil, []string{"--expiration-age=60", "--enable-auto-expire=true", "--debug", "--slack-url", "test", "--sns-topic=t"},
			[5]string{"60", "true", "true", "test", "t"},
		},
		{
			"flags over variables", []string{"EXPIRATION_AGE=60", "ENABLE_AUTO_EXPIRE=true", "DEBUG=true", "SLACK_URL=test", "SNS_TOPIC=t"},
			[]string{"--expiration-age=70", "--enable-auto-expire=false", "--debug=false", "--slack-url=https://x/y", "--sns-topic=u"},
			[5]string{"70", "false", "false", "https://x/y", "u"},
		},
		{"a switch without a value", nil, []string{"--enable-auto-expire"}, [5]string{"90", "true", "false", "", ""}},
		{"a switch with a value that is none", nil, []string{"--enable-auto-expire=perhaps"}, [5]string{"90", "perhaps", "false", "", ""}},
		{"a variable with equals signs", []string{"SLACK_URL=https://x/y?a=b=c"}, nil, [5]string{"90", "false", "false", "https://x/y?a=b=c", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var s config.Settings
			if _, err := newParser(t, &s, c.env).Parse(c.args); err != nil {
				t.Fatal(err)
			}
			got := [5]string{s.ExpirationAge, string(s.EnableAutoExpire), string(s.Debug), s.SlackURL.Reveal(), s.SNSTopic}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestAFlagGivenAsNothingIsUnset, as a variable is.
func TestAFlagGivenAsNothingIsUnset(t *testing.T) {
	t.Parallel()
	var s config.Settings
	if _, err := newParser(t, &s, []string{"EXPIRATION_AGE=60"}).Parse([]string{"--expiration-age=", "--sns-topic="}); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Check(s, inFile)
	if err != nil || cfg.Rules.ExpirationAge != 90 || cfg.Targets.Text("SNS_TOPIC") != "" {
		t.Errorf("got %+v, %v; want the defaults", cfg.Rules, err)
	}
}

// TestHelpNamesDefaultAndVariable, and no secret that is set.
func TestHelpNamesDefaultAndVariable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	parser := newParser(t, &config.Settings{}, []string{"SLACK_URL=https://hooks.slack.com/HIDDEN"})
	parser.Stdout = &out
	_, _ = parser.Parse([]string{"--help"}) // does not exit here, and so ends in an error
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"Default: 90. ($EXPIRATION_AGE)", "($SLACK_URL)", "Limits:", "Logging:"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
	if strings.Contains(help, "HIDDEN") {
		t.Error("the help shows a secret")
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	broken := errors.New("AccessDenied")
	fetchers := map[config.SecretSource]config.Fetcher{
		config.ParameterStore: func(_ context.Context, name string) (secret.Value, error) {
			switch name {
			case "/empty":
				return secret.New(" \n"), nil
			case "/denied":
				return secret.Value{}, broken
			}
			return secret.New("https://" + name + "\n"), nil
		},
	}
	for _, c := range []struct {
		name  string
		given config.Secret
		want  string
		err   string
	}{
		{"given as it is", config.Secret{Value: secret.New("https://x/y")}, "https://x/y", ""},
		{"unset", config.Secret{}, "", ""},
		{"kept", config.Secret{Source: config.ParameterStore, Name: "host/path"}, "https://host/path", ""},
		{"kept, and empty", config.Secret{Source: config.ParameterStore, Name: "/empty"}, "", "fetch ssm:/empty: it is empty"},
		{"kept, and denied", config.Secret{Source: config.ParameterStore, Name: "/denied"}, "", "fetch ssm:/denied: AccessDenied"},
		{"kept where nobody can read", config.Secret{Source: config.SecretsManager, Name: "id"}, "", "fetch secretsmanager:id: nothing here can read it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := c.given.Fetch(t.Context(), fetchers)
			if c.err != "" {
				if err == nil || err.Error() != c.err || got.IsSet() {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got.Reveal() != c.want || got.Source != "" {
				t.Errorf("got %q, %v; want %q", got.Reveal(), err, c.want)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got), "https") {
				t.Errorf("the secret prints")
			}
		})
	}
	if _, err := (config.Secret{Source: config.ParameterStore, Name: "/denied"}).Fetch(t.Context(), fetchers); !errors.Is(err, broken) {
		t.Errorf("error %v does not wrap its cause", err)
	}
}

func TestLookupIn(t *testing.T) {
	t.Parallel()
	lookup := config.LookupIn([]string{"A=1", "B=", "C=x=y", "A=2", "D"})
	var got []string
	for _, name := range []string{"A", "B", "C", "D", "E"} {
		value, found := lookup(name)
		got = append(got, fmt.Sprintf("%s %q %t", name, value, found))
	}
	want := []string{`A "2" true`, `B "" true`, `C "x=y" true`, `D "" true`, `E "" false`}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
