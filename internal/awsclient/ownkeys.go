package awsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ownKeys returns the ids of the keys that the process runs with: the one that
// it signs with, those that lead to it, and, if it signs with a user's session,
// those of the user, as the session ends with them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func ownKeys(ctx context.Context, cfg aws.Config, signsWith, principal string) ([]string, error) {
	keys := []string{signsWith}
	for _, id := range configuredKeys(cfg) {
		if !slices.Contains(keys, id) {
			keys = append(keys, id)
		}
	}
	_, user, isUser := strings.Cut(principal, ":user/")
	if !isUser || !strings.HasPrefix(signsWith, "ASIA") {
		return keys, nil
	}
	user = user[strings.LastIndex(user, "/")+1:] // without the path
	out, err := NewIAM(cfg).ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &user})
	if _, gone := errors.AsType[*types.NoSuchEntityException](err); gone {
		return keys, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the keys of user %s, whose session this is, as they must not be disabled: %w", user, err)
	}
	for _, key := range out.AccessKeyMetadata {
		if id := aws.ToString(key.AccessKeyId); !slices.Contains(keys, id) {
			keys = append(keys, id)
		}
	}
	return keys, nil
}

// configuredKeys returns the ids of the static keys in the environment, and in
// the profile and every source_profile behind it. A role that such a profile
// assumes is entered with the key at the end of that chain.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
func configuredKeys(cfg aws.Config) []string {
	var environment awsconfig.EnvConfig
	var profile *awsconfig.SharedConfig
	for _, source := range cfg.ConfigSources {
		switch loaded := source.(type) {
		case awsconfig.EnvConfig:
			environment = loaded
		case awsconfig.SharedConfig:
			profile = &loaded
		}
	}
	var ids []string
	add := func(credentials aws.Credentials) {
		if credentials.AccessKeyID != "" {
			ids = append(ids, credentials.AccessKeyID)
		}
	}
	add(environment.Credentials)
	if environment.Credentials.HasKeys() && environment.SharedConfigProfile == "" {
		return ids // the SDK leaves the default profile alone
	}
	for ; profile != nil; profile = profile.Source {
		add(profile.Credentials)
	}
	return ids
}
