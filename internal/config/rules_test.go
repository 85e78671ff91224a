package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
)

const goodRules = `# As in docs/rules.md.
rules:
  - name: machines
    match: {path: /service/, tags: {Kind: machine}}
    expiration_age: 365
    warning_age: 335
    inactivity_age: 30
    inactivity_warning_age: 20
  - name: contractors
    match: {group: contractors, account: ["111122223333"], user: [ext-*, "*@example.org"]}
    expiration_age: 30
    warning_age: 20
    min_notice_days: 14
    remind_at: [7, 1]
  - name: sandbox
    match: {ou: [ou-ab12-34cdefgh, r-ab12], console_password: false}
    min_notice_days: 7
  - name: as the settings
    match: {user: "*"}
ceiling: {expiration_age: 400}
`

func rulesOf(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	return config.CheckRules(config.Limits{UserRules: text})
}

func TestRules(t *testing.T) {
	t.Parallel()
	cfg, err := rulesOf(t, goodRules)
	if err != nil {
		t.Fatal(err)
	}
	want := []audit.UserRule{
		{
			Name: "machines", Match: audit.Match{Paths: []string{"/service/"}, Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}},
			Limits: audit.Limits{Rule: "machines", Ages: audit.Rules{ExpirationAge: 365, WarningAge: 335, InactivityAge: 30, InactivityWarningAge: 20}, MinNoticeDays: 7, Ceiling: 400},
		},
		{
			Name: "contractors", Match: audit.Match{Users: []string{"ext-*", "*@example.org"}, Groups: []string{"contractors"}, Accounts: []string{"111122223333"}},
			Limits: audit.Limits{Rule: "contractors", Ages: audit.Rules{ExpirationAge: 30, WarningAge: 20, InactivityAge: 30, InactivityWarningAge: 20}, MinNoticeDays: 14, RemindAt: []int{7, 1}, Ceiling: 400},
		},
		{
			Name: "sandbox", Match: audit.Match{OUs: []string{"ou-ab12-34cdefgh", "r-ab12"}, Password: audit.No},
			Limits: audit.Limits{Rule: "sandbox", Ages: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}, MinNoticeDays: 7, Ceiling: 400},
		},
		{
			Name: "as the settings", Match: audit.Match{Users: []string{"*"}},
			Limits: audit.Limits{Rule: "as the settings", Ages: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}, MinNoticeDays: 7, Ceiling: 400},
		},
	}
	if diff := cmp.Diff(want, cfg.UserRules.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if got := cfg.Limits(); got.MinNoticeDays != audit.MinNoticeUnderRules || got.Ceiling != 400 || got.Rule != "" {
		t.Errorf("the settings' limits: %+v", got)
	}
	if got, all := cfg.RuleNeeds(), (config.RuleNeeds{Groups: true, OUs: true, Passwords: true}); got != all {
		t.Errorf("it needs %+v", got)
	}
}

// wrongRules are texts with what is said about each. Those that the schema cannot
// know of are marked.
var wrongRules = []struct {
	text, says string
	byParser   bool // only
}{
	{"# nothing", "there are no rules", true},
	{"{}", "line 1, column 1: rules is missing", false},
	{"rules: 3", "line 1, column 8: rules must be a list", false},
	{"rules: [", "not valid YAML", true},
	{"rules: []\n---\nrules: []", "there must be one YAML document", true},
	{"rules: []\nrulez: []", `line 2, column 1: unknown field "rulez"; known are ceiling, rules`, false},
	{"rules: []\nceiling: 3", "line 2, column 10: ceiling must be a mapping", false},
	{"rules: []\nceiling: {expiration_age: 30}", "EXPIRATION_AGE (90) must be at most the ceiling (30)", true},
	{"rules: [3]", "a rule must be a mapping", false},
	{"rules: [{match: {user: a}}]", "line 1, column 9: name is missing", false},
	{"rules: [{name: a}]", "match is missing", false},
	{"rules: [{name: settings, match: {user: a}}]", "and not \"settings\"", false},
	{"rules: [{name: \"\", match: {user: a}}]", "name must be", false},
	{"rules: [{name: a, match: {user: a}}, {name: a, match: {user: b}}]", `line 1, column 38: there are two rules called "a"`, true},
	{"rules: [{name: a, match: {}}]", "match is empty", false},
	{"rules: [{name: a, match: {ou: ou-1}}]", "line 1, column 31: ou must be the id of an organizational unit", false},
	{"rules: [{name: a, match: {console_password: 'true'}}]", "console_password must be true or false", false},
	{"rules: [{name: a, match: {tags: {Kind: a, kind: b}}}]", "line 1, column 43: the tag kind is given twice", true},
	{"rules: [{name: a, match: {user: []}}]", "user must not be an empty list", false},
	{"rules: [{name: a, match: {user: [a, 'b c']}}]", "line 1, column 37: user must be a user name", false},
	{"rules: [{name: a, match: {path: service}}]", "path must be a path that begins and ends with /", false},
	{"rules: [{name: a, match: {group: 'a*'}}]", "group must be the name of a group", false},
	{"rules: [{name: a, match: {account: '123'}}]", "account must be an id of 12 digits", false},
	{"rules: [{name: a, match: {tags: Kind}}]", "tags must be a mapping", false},
	{"rules: [{name: a, match: {tags: {Kind: [a]}}}]", "the tag Kind must have a text", false},
	{"rules: [{name: a, match: {user: a}, expiration_age: 30}]", "warning_age and expiration_age are given together or not at all", false},
	{"rules: [{name: a, match: {user: a}, inactivity_warning_age: 30}]", "inactivity_warning_age and inactivity_age are given together", false},
	{"rules: [{name: a, match: {user: a}, expiration_age: 30, warning_age: 30}]", "warning_age (30) must be lower than expiration_age (30)", true},
	{"rules: [{name: a, match: {user: a}, expiration_age: 30, warning_age: 20, inactivity_age: 40, inactivity_warning_age: 30}]", "inactivity_age (40) must be at most expiration_age (30)", true},
	{"rules: [{name: a, match: {user: a}, expiration_age: 500, warning_age: 20}]\nceiling: {expiration_age: 400}", "expiration_age (500) must be at most the ceiling (400)", true},
	{"rules: [{name: a, match: {user: a}, expiration_age: '30', warning_age: 20}]", "expiration_age must be a whole number of days from 1", false},
	{"rules: [{name: a, match: {user: a}, expiration_age: 1e1, warning_age: 2}]", "expiration_age must be a whole number", true},
	{"rules: [{name: a, match: {user: a}, min_notice_days: 6}]", "min_notice_days must be a whole number of days from 7", false},
	{"rules: [{name: a, match: {user: a}, remind_at: 7}]", "remind_at must be a list", false},
	{"rules: [{name: a, match: {user: a}, remind_at: [0]}]", "remind_at must be a whole number of days from 1", false},
	{"rules: [{name: a, name: b, match: {user: a}}]", "name is given twice", true},
	{"rules: [{name: a, match: {user: a}, expiry: 3}]", `unknown field "expiry"`, false},
	{"rules: &all [{name: a, match: {user: &u a}}, {name: b, match: {user: *u}}]", "user must be a user name", true},
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	for _, c := range wrongRules {
		if _, err := rulesOf(t, c.text+"\n"); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s\nsaid %v\nwant %s", c.text, err, c.says)
		}
	}
}

// TestEveryProblemAtOnce: in the order of the text, with those of the settings.
func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.CheckRules(config.Limits{ExpirationAge: "x", UserRules: "rules:\n- name: a\n  expiry: 3\n- match: {users: b}\n"})
	said := ""
	if err != nil {
		said = err.Error()
	}
	last := 0
	for _, want := range []string{`EXPIRATION_AGE="x"`, "line 2, column 3: match is missing", `line 3, column 3: unknown field "expiry"`, "line 4, column 3: name is missing", `line 4, column 11: unknown field "users"`} {
		at := strings.Index(said, want)
		if at < last {
			t.Errorf("%q is missing or out of order in\n%s", want, said)
		}
		last = at
	}
}

// TestRulesSchema: what editors are given agrees with the parser.
func TestRulesSchema(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs("../../docs/schema/rules-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		asJSON, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		value, err = jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	if err := valid(goodRules); err != nil {
		t.Errorf("good rules: %v", err)
	}
	for _, c := range wrongRules {
		if !c.byParser && valid(c.text) == nil {
			t.Errorf("the schema takes %s", c.text)
		}
	}
}

func TestWhereRulesAre(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(goodRules), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]config.RulesSource{
		"":                      {},
		file:                    {Kind: config.RulesFile, Name: file},
		"rules: []":             {Kind: config.RulesInline},
		`{"rules": []}`:         {Kind: config.RulesInline},
		"ssm:/sleuth/rules":     {Kind: config.RulesParameter, Name: "/sleuth/rules"},
		"s3://bucket/key/rules": {Kind: config.RulesObject, Name: "bucket/key/rules"},
	} {
		got, err := config.CheckLimits(config.Accounts{}, config.Limits{UserRules: text}, config.Exemptions{}, config.Inventory{}, config.Logging{})
		if err != nil || got.RulesFrom != want {
			t.Errorf("%q: got %+v, %v", text, got.RulesFrom, err)
		}
	}
	for _, text := range []string{"ssm:", "s3://", "s3://bucket", "no-such-file.yaml"} {
		if _, err := config.CheckLimits(config.Accounts{}, config.Limits{UserRules: text}, config.Exemptions{}, config.Inventory{}, config.Logging{}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	remote, err := config.CheckLimits(config.Accounts{}, config.Limits{UserRules: "ssm:/rules"}, config.Exemptions{}, config.Inventory{}, config.Logging{})
	if err != nil {
		t.Fatal(err)
	}
	if got, problems := remote.WithRules(goodRules); len(problems) > 0 || len(got.UserRules.Rules) != 4 || got.Ceiling != 400 {
		t.Errorf("got %+v, %v", got.UserRules, problems)
	}
	if _, problems := remote.WithRules("rules: 3"); len(problems) != 1 || !slices.Contains([]string{"ssm:/rules"}, problems[0].Value) {
		t.Errorf("got %v", problems)
	}
}
