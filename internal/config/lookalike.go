package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// LookAlike is a variable of the environment that no setting reads, and the
// setting that it was probably meant for.
type LookAlike struct{ Variable, Meant string }

// aliases are names that other tools give to what a setting of ours says.
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
}

const (
	// prefix begins the names of the settings that aws-iam-sleuth did not have.
	prefix = "SLEUTH_"
	// shortestLookAlike keeps short names, which resemble one another by
	// chance, from being taken for settings.
	shortestLookAlike = 8
	// mostEdits is how far a misspelt name may be from a setting's.
	mostEdits = 2
)

// LookAlikes returns the variables of an environment, as os.Environ returns it,
// that resemble a setting which is not set, in order.
func LookAlikes(environment []string) []LookAlike {
	known := variablesOf(reflect.TypeFor[struct {
		Settings
		SlackAPI
	}]())
	lookup := LookupIn(environment)
	var found []LookAlike
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		if strings.TrimSpace(value) == "" || slices.Contains(known, name) || strings.HasPrefix(name, "AWS_") {
			continue
		}
		meant := meantBy(name, known)
		if set, _ := lookup(meant); meant != "" && strings.TrimSpace(set) == "" {
			found = append(found, LookAlike{name, meant})
		}
	}
	slices.SortFunc(found, func(a, b LookAlike) int { return cmp.Compare(a.Variable, b.Variable) })
	return found
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

// meantBy is the setting that an unknown name resembles most; empty for none.
func meantBy(name string, known []string) string {
	name = strings.ReplaceAll(strings.ToUpper(name), "-", "_")
	if meant := aliases[name]; meant != "" {
		return meant
	}
	if len(name) < shortestLookAlike {
		return ""
	}
	best, fewest := "", mostEdits+1
	for _, setting := range known {
		for _, spelling := range []string{setting, strings.TrimPrefix(setting, prefix)} {
			if edits := distance(name, spelling); len(spelling) >= shortestLookAlike && edits < fewest {
				best, fewest = setting, edits
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
