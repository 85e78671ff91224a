package cli

import (
	"reflect"
	"slices"
	"strings"

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
	// Value is the setting's text, as it was given or by default, and Effective
	// what holds because of it, which may be words.
	Value     string `json:"value"`
	Effective string `json:"effective"`
	// Source is where Effective comes from: a flag, environment, default, another
	// setting, or unset.
	Source string `json:"source"`
}

// Run implements the command. It shows the settings even if they cannot be
// used, and then says why.
func (c *configCommand) Run(a *console, line *kong.Context) error {
	cfg, problems := config.UnknownVariables(a.env).With(config.Check(c.Settings, a.stateOnThisMachine()))
	settings := settingsOn(line, a.stateOnThisMachine())
	if problems == nil && cfg.Debug {
		find(settings, "SLEUTH_LOG_LEVEL").becomes("debug", "DEBUG")
	}
	var err error
	if c.Output == "json" {
		err = report.WriteJSON(a.data, settings)
	} else {
		err = a.showSettings(settings)
	}
	if err != nil {
		return err
	}
	return problems
}

// showSettings shows the settings as a table. On a terminal, a value is cut that
// does not fit.
func (a *console) showSettings(settings []*setting) error {
	cells := make([][]string, len(settings))
	for i, s := range settings {
		cells[i] = []string{s.Variable, s.Effective, s.Source}
	}
	return report.WriteFitting(a.stdout, a.screen(), 1, []string{"Setting", "Value", "From"}, cells)
}

// settingsOn reads the settings off a command line that was parsed. State is
// where it is kept if no setting says so.
func settingsOn(line *kong.Context, state config.StateChoice) []*setting {
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
	var settings []*setting
	for _, flag := range line.Flags() {
		variable := flag.Tag.Get("setting")
		if variable == "" {
			continue
		}
		s := &setting{Variable: variable, Value: shown(flag.Target), Source: "default"}
		s.Effective = s.Value
		switch {
		case s.Value == "" && variable == "SLEUTH_STATE":
			s.becomes(state.String(), "default")
		case s.Value == "":
			s.standsFor(flag.Tag.Get("unset"), settings)
		case onLine[flag.Name]:
			s.Source = "flag --" + flag.Name
		case resolved[flag.Name]:
			s.Source = "environment"
		}
		settings = append(settings, s)
	}
	return settings
}

func (s *setting) becomes(effective, source string) { s.Effective, s.Source = effective, source }

// standsFor says what holds if a setting is not set: words, the value of one of
// the settings before it, or nothing.
func (s *setting) standsFor(words string, before []*setting) {
	other, isOther := strings.CutPrefix(words, "=")
	switch {
	case isOther:
		s.becomes(find(before, other).Effective, other)
	case words != "":
		s.becomes(words, "default")
	default:
		s.becomes("", "unset")
	}
}

// find returns a setting that is among others.
func find(settings []*setting, variable string) *setting {
	return settings[slices.IndexFunc(settings, func(s *setting) bool { return s.Variable == variable })]
}

// shown is a setting's text, without what is secret.
func shown(target reflect.Value) string {
	if text, ok := target.Interface().(config.SecretText); ok {
		return text.Shown()
	}
	return target.String()
}
