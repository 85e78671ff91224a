package awsclient

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Fetchers read secrets from the services that keep them.
func Fetchers(cfg aws.Config) map[config.Keeper]config.Fetcher {
	return map[config.Keeper]config.Fetcher{
		config.ParameterStore: func(ctx context.Context, name string) (secret.Value, error) {
			return parameter(ctx, NewService(cfg, "ssm", "SSM"), name)
		},
		config.SecretsManager: func(ctx context.Context, name string) (secret.Value, error) {
			return kept(ctx, NewService(cfg, "secretsmanager", "Secrets Manager"), name)
		},
	}
}

// parameter reads a parameter, decrypted.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func parameter(ctx context.Context, ssm *Service, name string) (secret.Value, error) {
	in := struct {
		Name           string
		WithDecryption bool
	}{name, true}
	var out struct{ Parameter *struct{ Value string } }
	if err := ssm.Call(ctx, "AmazonSSM", "GetParameter", in, &out); err != nil {
		return secret.Value{}, err
	}
	if out.Parameter == nil {
		return secret.Value{}, errors.New("the answer has no parameter")
	}
	return secret.New(out.Parameter.Value), nil
}

// kept reads a secret that is text.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func kept(ctx context.Context, manager *Service, id string) (secret.Value, error) {
	in := struct{ SecretId string }{id} //nolint:revive,staticcheck // AWS's own name
	var out struct{ SecretString string }
	if err := manager.Call(ctx, "secretsmanager", "GetSecretValue", in, &out); err != nil {
		return secret.Value{}, err
	}
	return secret.New(out.SecretString), nil
}
