package cli

import (
	"reflect"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// configCommand shows the settings in force.
type configCommand struct {
	config.Settings
	Output string `short:"o" default:"table" enum:"table,json" help:"How to show the settings: ${enum}."`
}

// setting is one setting as it is in force.
type setting struct {
	Variable string `json:"variable"`
	Value    string `json:"value"`
	// Source is flag, environment, default or unset.
	Source string `json:"source"`
}

// Run implements the command. It shows the settings even where they cannot be
// used, and then says why.
func (c *configCommand) Run(a *console, line *kong.Context) error {
	_, problems := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	settings := settingsOn(line)
	var err error
	if c.Output == "json" {
		err = report.WriteJSON(a.data, settings)
	} else {
		cells := make([][]string, len(settings))
		for i, s := range settings {
			cells[i] = []string{s.Variable, s.Value, s.Source}
		}
		err = report.WriteColumns(a.stdout, []string{"Setting", "Value", "From"}, cells)
	}
	if err != nil {
		return err
	}
	return problems
}

// settingsOn reads the settings off a command line that was parsed.
func settingsOn(line *kong.Context) []setting {
	onLine, resolved := map[string]bool{}, map[string]bool{}
	for _, path := range line.Path {
		if path.Flag != nil {
			if path.Resolved {
				resolved[path.Flag.Name] = true
			} else {
				onLine[path.Flag.Name] = true
			}
		}
	}
	var settings []setting
	for _, flag := range line.Flags() {
		variable := flag.Tag.Get("setting")
		if variable == "" {
			continue
		}
		s := setting{Variable: variable, Value: shown(flag.Target), Source: "default"}
		switch {
		case onLine[flag.Name]:
			s.Source = "flag --" + flag.Name
		case resolved[flag.Name]:
			s.Source = "environment"
		case s.Value == "":
			s.Source = "unset"
		}
		settings = append(settings, s)
	}
	return settings
}

// shown is a setting's text, but for a secret.
func shown(target reflect.Value) string {
	if text, ok := target.Interface().(config.SecretText); ok {
		return text.String()
	}
	return target.String()
}
