package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/config"
)

func TestLookAlikes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		environment []string
		want        []config.LookAlike
	}{
		{"nothing", nil, nil},
		{"settings themselves", []string{"SLACK_URL=test", "SNS_TOPIC=x", "SLEUTH_ALLOW_SILENT=true", "SLACK_API_TOKEN=x", "DEBUG=1"}, nil},
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
