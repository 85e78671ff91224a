package config_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// TestEveryChannelIsDeclared: a secret among the settings of channels that no
// declaration names would never be fetched, nor be allowed to.
func TestEveryChannelIsDeclared(t *testing.T) {
	t.Parallel()
	isSecret := map[string]bool{}
	for field := range reflect.TypeFor[config.Channels]().Fields() {
		isSecret[field.Tag.Get("setting")] = field.Type == reflect.TypeFor[config.SecretText]()
	}
	declared := map[string]bool{}
	for _, channel := range config.DeclaredChannels() {
		declared[channel.Variable] = true
		kept, found := isSecret[channel.Variable]
		switch {
		case !found:
			t.Errorf("%s is not a field of config.Channels", channel.Variable)
		case kept && (channel.Check == nil || channel.Pattern != ""):
			t.Errorf("%s is a secret: it needs a Check, and no Pattern", channel.Variable)
		case !kept && (channel.Pattern == "" || channel.Form == ""):
			t.Errorf("%s is not a secret: it needs a Pattern and a Form", channel.Variable)
		case (channel.Sid == "") != (channel.Action == ""):
			t.Errorf("%s has one of Sid and Action", channel.Variable)
		}
	}
	for variable, kept := range isSecret {
		if kept && !declared[variable] {
			t.Errorf("%s is a secret that config.DeclaredChannels does not name", variable)
		}
	}
}

// TestExamplesOfChannelsAreValid: what an error names as an example is taken, by
// every check of the setting.
func TestExamplesOfChannelsAreValid(t *testing.T) {
	t.Parallel()
	for _, channel := range config.DeclaredChannels() {
		_, examples, _ := strings.Cut(channel.Form, "such as ")
		for example := range strings.SplitSeq(examples, " or ") {
			if channel.Pattern == "" {
				continue
			}
			cfg, err := config.Check(settings(t, channel.Variable, example), inFile)
			if err != nil || cfg.Targets.Text(channel.Variable) != example {
				t.Errorf("%s=%q is read as %q: %v", channel.Variable, example, cfg.Targets.Text(channel.Variable), err)
			}
			if !regexp.MustCompile(channel.Pattern).MatchString(example) {
				t.Errorf("the pattern of %s does not match %q", channel.Variable, example)
			}
			if !(config.Targets{channel.Variable: {Value: secret.New(example)}}).Has(channel.Variable) {
				t.Errorf("%s is not on", channel.Variable)
			}
		}
	}
}
