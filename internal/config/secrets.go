package config

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Secret is a setting that is given as its value, or as a reference to where the
// value is kept.
type Secret struct {
	secret.Value
	// Source and Name say where to fetch it from. They are empty if the value was
	// given.
	Source SecretSource
	Name   string
}

// SecretSource is a service that keeps secrets.
type SecretSource string

// The services that keep secrets.
const (
	ParameterStore SecretSource = "ssm"
	SecretsManager SecretSource = "secretsmanager"
)

// IsSet reports whether the setting was given in either way.
func (s Secret) IsSet() bool { return s.Value.IsSet() || s.Source != "" }

func parseReference(text string) (s Secret, isReference bool, err error) {
	scheme, name, found := strings.Cut(text, ":")
	source := SecretSource(scheme)
	if !found || (source != ParameterStore && source != SecretsManager) {
		return Secret{}, false, nil
	}
	if name = strings.TrimSpace(name); name == "" {
		return Secret{}, true, fmt.Errorf("must name what to fetch: %s:NAME", source)
	}
	return Secret{Source: source, Name: name}, true, nil
}

// Fetcher reads one secret from a service that keeps them.
type Fetcher func(ctx context.Context, name string) (secret.Value, error)

// Fetch returns the secret with its value read from where it is kept, and as
// it is if it was given directly.
func (s Secret) Fetch(ctx context.Context, fetchers map[SecretSource]Fetcher) (Secret, error) {
	if s.Source == "" {
		return s, nil
	}
	fetch, known := fetchers[s.Source]
	if !known {
		return Secret{}, fmt.Errorf("fetch %s:%s: nothing here can read it", s.Source, s.Name)
	}
	value, err := fetch(ctx, s.Name)
	if err != nil {
		return Secret{}, fmt.Errorf("fetch %s:%s: %w", s.Source, s.Name, err)
	}
	value = secret.New(strings.TrimSpace(value.Reveal()))
	if !value.IsSet() {
		return Secret{}, fmt.Errorf("fetch %s:%s: %w", s.Source, s.Name, errors.New("it is empty"))
	}
	return Secret{Value: value}, nil
}
