package config

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Secret is a setting that is given as it is, or as the place it is kept in.
type Secret struct {
	secret.Value
	// Keeper and Name say where to fetch it from; empty where it was given.
	Keeper Keeper
	Name   string
}

// Keeper is a service that keeps secrets.
type Keeper string

// The services that keep secrets.
const (
	ParameterStore Keeper = "ssm"
	SecretsManager Keeper = "secretsmanager"
)

// IsSet reports whether the setting was given in either way.
func (s Secret) IsSet() bool { return s.Value.IsSet() || s.Keeper != "" }

func parseReference(text string) (s Secret, isReference bool, err error) {
	scheme, name, found := strings.Cut(text, ":")
	keeper := Keeper(scheme)
	if !found || (keeper != ParameterStore && keeper != SecretsManager) {
		return Secret{}, false, nil
	}
	if name = strings.TrimSpace(name); name == "" {
		return Secret{}, true, fmt.Errorf("must name what to fetch: %s:NAME", keeper)
	}
	return Secret{Keeper: keeper, Name: name}, true, nil
}

// Fetcher reads one secret from a service that keeps them.
type Fetcher func(ctx context.Context, name string) (secret.Value, error)

// Fetch returns the secret with its value read from where it is kept, and as
// it is where it was given.
func (s Secret) Fetch(ctx context.Context, fetchers map[Keeper]Fetcher) (Secret, error) {
	if s.Keeper == "" {
		return s, nil
	}
	fetch, known := fetchers[s.Keeper]
	if !known {
		return Secret{}, fmt.Errorf("fetch %s:%s: nothing here can read it", s.Keeper, s.Name)
	}
	value, err := fetch(ctx, s.Name)
	if err != nil {
		return Secret{}, fmt.Errorf("fetch %s:%s: %w", s.Keeper, s.Name, err)
	}
	value = secret.New(strings.TrimSpace(value.Reveal()))
	if !value.IsSet() {
		return Secret{}, fmt.Errorf("fetch %s:%s: %w", s.Keeper, s.Name, errors.New("it is empty"))
	}
	return Secret{Value: value}, nil
}
