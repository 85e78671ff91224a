package awsclient

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Fetchers read secrets from the services that keep them.
func Fetchers(cfg aws.Config) map[config.SecretSource]config.Fetcher {
	return map[config.SecretSource]config.Fetcher{
		config.ParameterStore: func(ctx context.Context, name string) (secret.Value, error) {
			return parameter(ctx, ssm.NewFromConfig(cfg), name)
		},
		config.SecretsManager: func(ctx context.Context, name string) (secret.Value, error) {
			return managed(ctx, secretsmanager.NewFromConfig(cfg), name)
		},
	}
}

// parameter reads a parameter, decrypted.
func parameter(ctx context.Context, client *ssm.Client, name string) (secret.Value, error) {
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return secret.Value{}, err
	}
	if out.Parameter == nil {
		return secret.Value{}, errors.New("the answer has no parameter")
	}
	return secret.New(aws.ToString(out.Parameter.Value)), nil
}

// managed reads a secret that is text.
func managed(ctx context.Context, client *secretsmanager.Client, id string) (secret.Value, error) {
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(aws.ToString(out.SecretString)), nil
}
