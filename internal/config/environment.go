package config

import (
	"strings"

	"github.com/alecthomas/kong"
)

// Lookup reads one environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, found bool)

// LookupIn reads from a list of "NAME=value", as os.Environ returns it.
func LookupIn(environment []string) Lookup {
	values := make(map[string]string, len(environment))
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	return func(name string) (string, bool) {
		value, found := values[name]
		return value, found
	}
}

// Resolver gives a flag that is not on the command line the value of its
// environment variable. Unlike kong's own, it takes an empty variable as unset
// and reads the environment that it is given.
func Resolver(lookup Lookup) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, _ := lookup(flag.Tag.Get("setting"))
		if strings.TrimSpace(value) == "" || flag.Tag.Get("setting") == "" {
			return nil, nil
		}
		return value, nil
	})
}

// FromEnvironment reads the settings from environment variables alone, with the
// defaults of those that are not set.
func FromEnvironment(lookup Lookup) (settings Settings, err error) {
	parser, err := kong.New(&settings, kong.Resolvers(Resolver(lookup)), kong.ExplicitGroups(Groups()))
	if err != nil {
		return settings, err
	}
	_, err = parser.Parse(nil)
	return settings, err
}

// HelpWithVariable shows a flag's default and environment variable behind its
// help.
func HelpWithVariable(value *kong.Value) string {
	variable := value.Tag.Get("setting")
	if variable == "" {
		return value.Help
	}
	help := value.Help
	if value.HasDefault {
		help += " Default: " + value.Default + "."
	}
	return strings.TrimSpace(help + " ($" + variable + ")")
}
