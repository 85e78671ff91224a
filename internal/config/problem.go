package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one setting that cannot be used.
type Problem struct {
	Variable string // such as EXPIRATION_AGE
	Value    string // as given; never a secret
	Allowed  string // what it must be
}

// String names the variable, the value and what is allowed.
func (p Problem) String() string {
	if p.Value == "" {
		return fmt.Sprintf("%s is not set: %s", p.Variable, p.Allowed)
	}
	return fmt.Sprintf("%s=%q: %s", p.Variable, p.Value, p.Allowed)
}

// Problems is every setting that cannot be used. It is an error so that all of
// them are reported at once.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p)+1)
	lines = append(lines, "these settings cannot be used:")
	for _, problem := range p {
		lines = append(lines, "  "+problem.String())
	}
	return strings.Join(lines, "\n")
}

// Join returns these problems and those of an error as one error. If the error
// holds no Problems, it is returned as it is unless there are problems to report.
func (p Problems) Join(err error) error {
	if len(p) == 0 {
		return err
	}
	if more, ok := errors.AsType[Problems](err); ok {
		return slices.Concat(p, more)
	}
	return errors.Join(p, err)
}

// With returns what a check of the settings returned, with these problems added
// to its error.
func (p Problems) With(cfg Config, err error) (Config, error) { return cfg, p.Join(err) }
