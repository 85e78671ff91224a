package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

func TestLookAlikes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		environment []string
		want        []config.LookAlike
	}{
		{"nothing", nil, nil},
		{"settings themselves", []string{"SLACK_URL=test", "SNS_TOPIC=x", "SLEUTH_ALLOW_SILENT=true", "SLEUTH_SLACK_API_TOKEN=x", "DEBUG=1"}, nil},
		{"names of other tools", []string{"SNS_TOPIC_ARN=x", "SLACK_WEBHOOK_URL=x", "SLACK_WEBHOOK=x"}, []config.LookAlike{
			{"SLACK_WEBHOOK", "SLACK_URL"}, {"SLACK_WEBHOOK_URL", "SLACK_URL"}, {"SNS_TOPIC_ARN", "SNS_TOPIC"},
		}},
		{"a letter missing", []string{"EXPIRATON_AGE=30"}, []config.LookAlike{{"EXPIRATON_AGE", "EXPIRATION_AGE"}}},
		{"letters swapped", []string{"WARNIGN_AGE=30"}, []config.LookAlike{{"WARNIGN_AGE", "WARNING_AGE"}}},
		{"a letter too many", []string{"SLACK_URLS=x"}, []config.LookAlike{{"SLACK_URLS", "SLACK_URL"}}},
		{"small letters", []string{"enable_auto_expire=true"}, []config.LookAlike{{"enable_auto_expire", "ENABLE_AUTO_EXPIRE"}}},
		{"hyphens", []string{"SLACK-URL=x"}, []config.LookAlike{{"SLACK-URL", "SLACK_URL"}}},
		{"without the prefix", []string{"ALLOW_SILENT=true", "LEAK_MAX_DISABLE=5"}, []config.LookAlike{
			{"ALLOW_SILENT", "SLEUTH_ALLOW_SILENT"}, {"LEAK_MAX_DISABLE", "SLEUTH_LEAK_MAX_DISABLE"},
		}},
		{"common words", []string{"STATE=file:x", "ACCOUNTS=organization", "OUS=r-1", "NOTIFY=digest", "REPORT=x", "SCOPE=all", "EVENTS=x", "FINDINGS=x", "CONCURRENCY=4"}, []config.LookAlike{
			{"ACCOUNTS", "SLEUTH_ACCOUNTS"}, {"CONCURRENCY", "SLEUTH_CONCURRENCY"}, {"EVENTS", "SLEUTH_EVENT_BUS"}, {"FINDINGS", "SLEUTH_SECURITY_HUB"},
			{"NOTIFY", "SLEUTH_NOTIFY_MODE"}, {"OUS", "SLEUTH_OUS"}, {"REPORT", "SLEUTH_EVIDENCE"}, {"SCOPE", "SLEUTH_CREDENTIALS"}, {"STATE", "SLEUTH_STATE"},
		}},
		{"with the prefix, an error", []string{"SLEUTH_STAET=x", "SLEUTH_SLACK_URL=x", "SLEUTH_SCOPE=all"}, nil},
		{"the prefix in small letters", []string{"sleuth_state=x"}, []config.LookAlike{{"sleuth_state", "SLEUTH_STATE"}}},
		{"the prefix misspelt", []string{"SLEUHT_ALLOW_SILENT=true"}, []config.LookAlike{{"SLEUHT_ALLOW_SILENT", "SLEUTH_ALLOW_SILENT"}}},
		{"the setting is set as well", []string{"SLACK_WEBHOOK=x", "SLACK_URL=test"}, nil},
		{"the setting is there and empty", []string{"SLACK_WEBHOOK=x", "SLACK_URL="}, []config.LookAlike{{"SLACK_WEBHOOK", "SLACK_URL"}}},
		{"empty", []string{"SLACK_WEBHOOK=", "EXPIRATON_AGE= "}, nil},
		{"others' variables", []string{"PATH=/bin", "HOME=/", "AWS_SNS_TOPIC=x", "LANGUAGE=en", "SLACK_CLI_XOXP=x", "EDITOR=vi", "DEBUGS=1", "PORT=80"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, config.LookAlikes(c.environment)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnknownVariables: a typo in a name with the prefix must not go unnoticed.
func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		environment []string
		want        []string // the variables, and what is meant by each
	}{
		{"nothing", nil, nil},
		{"settings", []string{"SLEUTH_STATE=none", "SLEUTH_SLACK_API_TOKEN=x", "SLACK_URL=test"}, nil},
		{"without the prefix", []string{"STATE=x", "SLEUTHS=x", "sleuth_state=x", "AWS_SLEUTH_X=y"}, nil},
		{"empty", []string{"SLEUTH_STAET=", "SLEUTH_X= "}, nil},
		{"of tests and CI", []string{"SLEUTH_REQUIRE_ALL=1", "SLEUTH_RANDOM_SEEDS=3"}, nil},
		{"misspelt", []string{"SLEUTH_STAET=x", "SLEUTH_OU=x", "SLEUTH_MAX_DISABLED=3"}, []string{"SLEUTH_MAX_DISABLED SLEUTH_MAX_DISABLE", "SLEUTH_OU SLEUTH_OUS", "SLEUTH_STAET SLEUTH_STATE"}},
		{"half remembered", []string{"SLEUTH_LEAK_MAX_DISABLES=3", "SLEUTH_REQUIRE_REASON=x", "SLEUTH_EXEMPTION_DAYS=30"}, []string{
			"SLEUTH_EXEMPTION_DAYS SLEUTH_MAX_EXEMPTION_DAYS", "SLEUTH_LEAK_MAX_DISABLES SLEUTH_LEAK_MAX_DISABLE", "SLEUTH_REQUIRE_REASON",
		}},
		{"a prefix too much", []string{"SLEUTH_SLACK_URL=x", "SLEUTH_EXPIRATON_AGE=30", "SLEUTH_DEBUG=1"}, []string{
			"SLEUTH_DEBUG DEBUG", "SLEUTH_EXPIRATON_AGE EXPIRATION_AGE", "SLEUTH_SLACK_URL SLACK_URL",
		}},
		{"another word", []string{"SLEUTH_SCOPE=all", "SLEUTH_SLACK_WEBHOOK=x"}, []string{"SLEUTH_SCOPE SLEUTH_CREDENTIALS", "SLEUTH_SLACK_WEBHOOK SLACK_URL"}},
		{"like none", []string{"SLEUTH_COLOUR_OF_THE_SKY=blue"}, []string{"SLEUTH_COLOUR_OF_THE_SKY"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range config.UnknownVariables(c.environment) {
				_, meant, _ := strings.Cut(p.Allowed, "did you mean ")
				got = append(got, strings.TrimSpace(p.Variable+" "+strings.TrimSuffix(meant, "?")))
				if p.Value != secret.Redacted {
					t.Errorf("%s is shown as %q; it may be a secret", p.Variable, p.Value)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestProblemsAreJoined, so that a typo in a name is reported with everything
// else that is wrong.
func TestProblemsAreJoined(t *testing.T) {
	t.Parallel()
	one, two, other := config.Problems{{Variable: "ONE"}}, config.Problems{{Variable: "TWO"}}, errors.New("other")
	if err := one.Join(two); !slices.Equal(variables(err), []string{"ONE", "TWO"}) {
		t.Errorf("got %v", err)
	}
	if err := one.Join(nil); !slices.Equal(variables(err), []string{"ONE"}) {
		t.Errorf("got %v", err)
	}
	if err := one.Join(other); !errors.Is(err, other) || !slices.Equal(variables(err), []string{"ONE"}) {
		t.Errorf("got %v", err)
	}
	if err := config.Problems(nil).Join(nil); err != nil {
		t.Errorf("got %v", err)
	}
	if err := config.Problems(nil).Join(other); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
}

// TestVariablesOfTestsAreKnown: the tests and CI use no variable with Sleuth's
// prefix that its commands would refuse, and none that is a setting.
func TestVariablesOfTestsAreKnown(t *testing.T) {
	t.Parallel()
	settings := declared(t)
	for _, variable := range config.NotSettings {
		if _, isSetting := settings[variable]; isSetting {
			t.Errorf("%s is a setting", variable)
		}
	}
	for _, path := range testFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?:os\.Getenv\("|os\.LookupEnv\("|Variable = "|export )(SLEUTH_[A-Z_]+)`).FindAllSubmatch(text, -1) {
			if !slices.Contains(config.NotSettings, string(found[1])) {
				t.Errorf("%s reads %s, which is not in the list of variables that are not settings", path, found[1])
			}
		}
	}
}

// testFiles are the Go files of the repository and what CI runs.
func testFiles(t *testing.T) []string {
	t.Helper()
	paths := []string{"../../.ci/run", "../../Makefile"}
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".go" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 100 {
		t.Fatalf("found %d files, %v", len(paths), err)
	}
	return paths
}

// TestEveryAliasMeansASetting, and is none itself.
func TestEveryAliasMeansASetting(t *testing.T) {
	t.Parallel()
	for alias, meant := range config.Aliases {
		if _, isSetting := declared(t)[meant]; !isSetting {
			t.Errorf("%s is taken for %s, which is not a setting", alias, meant)
		}
		if _, isSetting := declared(t)[alias]; isSetting {
			t.Errorf("%s is a setting itself", alias)
		}
	}
}
