package cloud

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
func Fetchers(cfg aws.Config) map[config.Keeper]config.Fetcher {
	return map[config.Keeper]config.Fetcher{
		config.ParameterStore: func(ctx context.Context, name string) (secret.Value, error) {
			out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
			if err != nil {
				return secret.Value{}, err
			}
			if out.Parameter == nil {
				return secret.Value{}, errors.New("the answer has no parameter")
			}
			return secret.New(aws.ToString(out.Parameter.Value)), nil
		},
		config.SecretsManager: func(ctx context.Context, name string) (secret.Value, error) {
			out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
			if err != nil {
				return secret.Value{}, err
			}
			return secret.New(aws.ToString(out.SecretString)), nil
		},
	}
}
