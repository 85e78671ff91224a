package deploy

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// setting is one that 'sleuth run' takes.
type setting struct{ variable, byDefault string }

// settings are those that internal/config declares for a run.
func settings() []setting { return settingsOf(reflect.TypeFor[config.Settings]()) }

func settingsOf(declarations reflect.Type) []setting {
	var found []setting
	var walk func(reflect.Type)
	walk = func(s reflect.Type) {
		for i := range s.NumField() {
			field := s.Field(i)
			if variable := field.Tag.Get("setting"); variable != "" {
				found = append(found, setting{variable, field.Tag.Get("default")})
			} else if field.Anonymous && field.Type.Kind() == reflect.Struct {
				walk(field.Type)
			}
		}
	}
	walk(declarations)
	return found
}

func settingNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.variable)
	}
	slices.Sort(names)
	return names
}

// inModule is the name of a setting's variable in the Terraform module.
func inModule(setting string) string { return strings.ToLower(strings.TrimPrefix(setting, "SLEUTH_")) }

// settingOf is the reverse of inModule, and in capitals what names no setting.
func settingOf(variable string) string {
	for _, name := range settingNames() {
		if inModule(name) == variable {
			return name
		}
	}
	return strings.ToUpper(variable)
}

// checked is the settings in an environment, checked as Lambda does.
func checked(environment map[string]string) (config.Config, error) {
	var given struct{ config.Settings }
	parser, err := kong.New(&given, kong.Resolvers(config.Resolver(config.LookupIn(entries(environment)))), kong.ExplicitGroups(config.Groups()))
	if err != nil {
		return config.Config{}, err
	}
	if _, err := parser.Parse(nil); err != nil {
		return config.Config{}, err
	}
	return config.Check(given.Settings, config.StateChoice{Kind: config.StateNone})
}

// isSetting distinguishes the variables for settings of Sleuth from those of the
// deployment itself.
func (b block) isSetting() bool {
	return slices.Contains([]string{"settings.tf", "messages.tf", "channels.tf"}, b.file)
}

func TestEverySettingIsAVariableOfTheModule(t *testing.T) {
	t.Parallel()
	var got []string
	for _, v := range readModule(t, "terraform").variables {
		if !v.isSetting() {
			continue
		}
		variable := settingOf(v.name)
		got = append(got, variable)
		if !strings.HasPrefix(v.description(t), variable+": ") {
			t.Errorf("the description of %s does not begin with the setting's name", v.name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(settingNames(), got); diff != "" {
		t.Errorf("variables in terraform/settings.tf, messages.tf and channels.tf (-settings of internal/config +variables):\n%s", diff)
	}
}

func TestEverySettingIsInTheFunctionsEnvironment(t *testing.T) {
	t.Parallel()
	var got []string
	for name, value := range functionEnvironment(t) {
		got = append(got, name)
		if from := "var." + inModule(name); name != "SLEUTH_STATE" && !strings.Contains(value.source, from) {
			t.Errorf("%s is not made from %s but from %s", name, from, value.source)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(settingNames(), got); diff != "" {
		t.Errorf("local.environment in terraform/settings.tf (-settings of internal/config +entries):\n%s", diff)
	}
}

// A default in the module that differs from Sleuth's own would be a second
// truth.
func TestDefaultsAreSleuths(t *testing.T) {
	t.Parallel()
	byVariable := map[string]string{}
	for _, s := range settings() {
		byVariable[s.variable] = s.byDefault
	}
	for _, v := range readModule(t, "terraform").variables {
		if !v.isSetting() {
			continue
		}
		got := v.arguments["default"].literal()
		switch {
		case got == "null" || got == "{}":
			got = ""
		case strings.HasPrefix(got, "["):
			var list []string
			check(t, json.Unmarshal([]byte(got), &list))
			got = strings.Join(list, ",")
		}
		if want := byVariable[settingOf(v.name)]; got != want {
			t.Errorf("the default of %s is %q, internal/config says %q", v.name, got, want)
		}
	}
}

func TestNoLiteralPartition(t *testing.T) {
	t.Parallel()
	literal := regexp.MustCompile(`"arn:(aws[a-z-]*):|Sub:? .*arn:aws`)
	for _, path := range []string{"terraform/iam.tf", "terraform/main.tf", "terraform/alarms.tf", "terraform/leaks.tf", "terraform/organization.tf",
		"terraform/modules/member-role/main.tf", "terraform/modules/leak-events/main.tf", "deploy/cloudformation.yaml", "deploy/member-role.yaml",
		"terraform/examples/single-account/main.tf", "terraform/examples/organization/main.tf", "terraform/channels.tf", "terraform/examples/with-sns/main.tf", "terraform/examples/govcloud/main.tf"} {
		if found := literal.FindString(read(t, path)); found != "" {
			t.Errorf("%s names the partition: %s", path, found)
		}
	}
}

// What is set in the environment of CI must not decide what a test finds.
func TestNoSettingReachesTheTests(t *testing.T) {
	t.Parallel()
	script := read(t, ".ci/run")
	_, list, _ := strings.Cut(script, "readonly keep=(")
	list, _, found := strings.Cut(list, "\n)\n")
	if !found || !strings.Contains(script, `exec env -i "${kept[@]}"`) {
		t.Fatal(".ci/run does not begin with a list of variables to keep")
	}
	for _, name := range strings.Fields(list) {
		if slices.Contains(settingNames(), name) || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "SLEUTH_") {
			t.Errorf(".ci/run leaves %s as the host has it", name)
		}
	}
}
