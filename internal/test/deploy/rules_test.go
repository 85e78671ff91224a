package deploy

import (
	"fmt"
	"maps"
	"testing"
)

// holds evaluates a condition of CloudFormation's with the parameters given.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
func holds(t *testing.T, condition any, parameters map[string]string) bool {
	t.Helper()
	for function, argument := range condition.(map[string]any) {
		list, _ := argument.([]any)
		switch function {
		case "Fn::Equals":
			return valueIn(t, list[0], parameters) == valueIn(t, list[1], parameters)
		case "Fn::Not":
			return !holds(t, list[0], parameters)
		case "Fn::Or":
			for _, one := range list {
				if holds(t, one, parameters) {
					return true
				}
			}
			return false
		}
	}
	t.Fatalf("a condition that this test cannot read: %v", condition)
	return false
}

func valueIn(t *testing.T, value any, parameters map[string]string) string {
	t.Helper()
	if reference, ok := value.(map[string]any); ok {
		return parameters[fmt.Sprint(reference["Ref"])]
	}
	return fmt.Sprint(value)
}

// refusedByRules reports whether the template's rules refuse parameters, beside
// the defaults.
func refusedByRules(t *testing.T, given map[string]string) bool {
	t.Helper()
	document := documents(t, template)[0]
	parameters := map[string]string{}
	declared, _ := at(t, document, "Parameters").(map[string]any)
	for name, parameter := range declared {
		if byDefault, has := parameter.(map[string]any)["Default"]; has {
			parameters[name] = fmt.Sprint(byDefault)
		}
	}
	for name := range given {
		if _, known := declared[name]; !known {
			t.Fatalf("the template has no parameter %s", name)
		}
	}
	maps.Copy(parameters, given)
	rules, _ := at(t, document, "Rules").(map[string]any)
	for _, rule := range rules {
		if !holds(t, at(t, rule, "RuleCondition"), parameters) {
			continue
		}
		assertions, _ := at(t, rule, "Assertions").([]any)
		for _, assertion := range assertions {
			if !holds(t, at(t, assertion, "Assert"), parameters) {
				return true
			}
		}
	}
	return false
}

// The template refuses to disable keys in silence, as the module does.
func TestTemplateRefusesSilence(t *testing.T) {
	t.Parallel()
	if refusedByRules(t, nil) {
		t.Error("the defaults are refused, which disable nothing")
	}
	for _, disabling := range []map[string]string{{"EnableAutoExpire": "true"}, {"LeakResponse": "disable"}} {
		if !refusedByRules(t, disabling) {
			t.Errorf("%v is taken without a channel", disabling)
		}
		silent := map[string]string{"AllowSilent": "true"}
		maps.Copy(silent, disabling)
		if refusedByRules(t, silent) {
			t.Errorf("%v is refused", silent)
		}
		for _, channel := range deployedChannels(t) {
			given := map[string]string{channel.Parameter(): channel.sample()}
			maps.Copy(given, disabling)
			if refusedByRules(t, given) {
				t.Errorf("%v is refused", given)
			}
		}
	}
}
