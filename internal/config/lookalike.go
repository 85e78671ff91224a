package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// LookAlike is a variable of the environment that no setting reads, and the
// setting that it was probably meant for.
type LookAlike struct{ Variable, Meant string }

// aliases are names for a setting that other tools use, or that an
// administrator may guess, without the prefix.
var aliases = map[string]string{
	"SLACK_WEBHOOK":          "SLACK_URL",
	"SLACK_WEBHOOK_URL":      "SLACK_URL",
	"SLACK_HOOK":             "SLACK_URL",
	"SLACK_HOOK_URL":         "SLACK_URL",
	"SLACK_INCOMING_WEBHOOK": "SLACK_URL",
	"SNS_TOPIC_ARN":          "SNS_TOPIC",
	"SNS_ARN":                "SNS_TOPIC",
	"AUTO_EXPIRE":            "ENABLE_AUTO_EXPIRE",
	"EXPIRATION_DAYS":        "EXPIRATION_AGE",
	"EXPIRY_AGE":             "EXPIRATION_AGE",
	"WARNING_DAYS":           "WARNING_AGE",
	"INACTIVITY_DAYS":        "INACTIVITY_AGE",
	"INACTIVE_AGE":           "INACTIVITY_AGE",
	"EVENTS":                 "SLEUTH_EVENT_BUS",
	"FINDINGS":               "SLEUTH_SECURITY_HUB",
	"NOTIFY":                 "SLEUTH_NOTIFY_MODE",
	"REPORT":                 "SLEUTH_EVIDENCE",
	"SCOPE":                  "SLEUTH_CREDENTIALS",
}

const (
	// prefix begins the names of the settings that aws-iam-sleuth did not have.
	prefix = "SLEUTH_"
	// shortestLookAlike keeps short names, which resemble one another by
	// chance, from being taken for settings.
	shortestLookAlike = 8
	// maxEdits is how far a misspelt name may be from a setting's.
	maxEdits = 2
)

// notSettings are the variables with the prefix that no setting reads: those of
// Sleuth's own tests and CI, which run its commands in their environment.
var notSettings = []string{
	"SLEUTH_PICTURES",
	"SLEUTH_PROGRAMS",
	"SLEUTH_RANDOM_SEEDS",
	"SLEUTH_REQUIRE_ALL",
	"SLEUTH_TEST_STATE_WRITER",
	"SLEUTH_UPDATE_STORIES",
	"SLEUTH_WEATHER_SEEDS",
}

// UnknownVariables returns a problem for each variable of an environment, as
// os.Environ returns it, that has Sleuth's prefix and is not a setting, in
// order. Each suggests the setting that is nearest. An empty variable is unset.
func UnknownVariables(environment []string) Problems {
	known := allVariables()
	var problems Problems
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || strings.TrimSpace(value) == "" || slices.Contains(known, name) || slices.Contains(notSettings, name) {
			continue
		}
		allowed := "unknown setting"
		if meant := meantBy(name, known, max(maxEdits, len(strings.TrimPrefix(name, prefix))/3)); meant != "" {
			allowed += "; did you mean " + meant + "?"
		} else {
			allowed += "; 'sleuth config' lists all settings"
		}
		problems = append(problems, Problem{name, secret.Redacted, allowed}) // the value may be a secret under a misspelt name
	}
	slices.SortFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Variable, b.Variable) })
	return problems
}

// LookAlikes returns the variables of an environment, as os.Environ returns it,
// that resemble a setting which is not set, in order. Those with Sleuth's prefix
// are left to UnknownVariables.
func LookAlikes(environment []string) []LookAlike {
	known := allVariables()
	lookup := LookupIn(environment)
	var found []LookAlike
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if strings.TrimSpace(value) == "" || slices.Contains(known, name) || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, prefix) {
			continue
		}
		meant := meantBy(name, known, maxEdits)
		if set, _ := lookup(meant); meant != "" && strings.TrimSpace(set) == "" {
			found = append(found, LookAlike{name, meant})
		}
	}
	slices.SortFunc(found, func(a, b LookAlike) int { return cmp.Compare(a.Variable, b.Variable) })
	return found
}

// allVariables are the environment variables of all settings.
func allVariables() []string {
	return variablesOf(reflect.TypeFor[struct {
		Settings
		SlackAPI
	}]())
}

// variablesOf are the environment variables of a struct of settings.
func variablesOf(settings reflect.Type) []string {
	var names []string
	for i := range settings.NumField() {
		field := settings.Field(i)
		if variable := field.Tag.Get("setting"); variable != "" {
			names = append(names, variable)
		} else if field.Anonymous && field.Type.Kind() == reflect.Struct {
			names = append(names, variablesOf(field.Type)...)
		}
	}
	return names
}

// meantBy is the setting that an unknown name resembles most, at most so many
// edits away; empty for none.
func meantBy(name string, known []string, edits int) string {
	name = strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	bare := strings.TrimPrefix(name, prefix)
	for _, exact := range []string{bare, prefix + bare} {
		if slices.Contains(known, exact) {
			return exact
		}
	}
	if meant := aliases[bare]; meant != "" {
		return meant
	}
	return nearest(name, known, edits)
}

// nearest is the setting with the fewest edits from a name, at most so many;
// empty for none. The prefix may be missing from the name or be too much.
func nearest(name string, known []string, edits int) string {
	best, fewest := "", edits+1
	for _, setting := range known {
		for _, spelling := range []string{setting, strings.TrimPrefix(setting, prefix), prefix + setting} {
			if len(name) < shortestLookAlike || len(spelling) < shortestLookAlike {
				continue
			}
			if n := distance(name, spelling); n < fewest {
				best, fewest = setting, n
			}
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap with their
// neighbour to turn one text into the other (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
