package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// APIKeyIAM is the call that lists service-specific credentials: those of Bedrock,
// CloudWatch Logs, CodeCommit and Keyspaces.
type APIKeyIAM interface {
	ListServiceSpecificCredentials(context.Context, *iam.ListServiceSpecificCredentialsInput, ...func(*iam.Options)) (*iam.ListServiceSpecificCredentialsOutput, error)
}

// ReadAPIKeys reads the service-specific credentials of all users, a page at a time.
// With an error it returns those before it. What cannot be understood of one is a
// doubt.
func ReadAPIKeys(ctx context.Context, from APIKeyIAM, now time.Time) (keys []audit.Credential, doubts []error, err error) {
	in := &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), MaxItems: aws.Int32(pageSize)}
	ends, seen := pageEnds{}, map[string]bool{}
	for {
		page, err := from.ListServiceSpecificCredentials(ctx, in)
		if err == nil && page.ServiceSpecificCredentials == nil {
			err = errNoList
		}
		if err != nil {
			return keys, doubts, fmt.Errorf("list service-specific credentials: %w", err)
		}
		for _, one := range page.ServiceSpecificCredentials {
			key, err := apiKeyOf(one, now)
			switch {
			case err != nil:
				doubts = append(doubts, err)
			case !seen[key.ID]:
				seen[key.ID] = true
				keys = append(keys, key)
			}
		}
		if err := ends.check(page.IsTruncated, page.Marker); err != nil {
			return keys, doubts, fmt.Errorf("list service-specific credentials: %w", err)
		}
		if in.Marker = page.Marker; !page.IsTruncated {
			return keys, doubts, nil
		}
	}
}

func apiKeyOf(c types.ServiceSpecificCredentialMetadata, now time.Time) (audit.Credential, error) {
	key := audit.Credential{
		Kind: audit.APIKey, User: aws.ToString(c.UserName), ID: aws.ToString(c.ServiceSpecificCredentialId), Service: aws.ToString(c.ServiceName),
		Active: c.Status != types.StatusTypeInactive, Changed: aws.ToTime(c.CreateDate).UTC(),
	}
	switch {
	case key.ID == "" || key.User == "":
		return key, errors.New("a service-specific credential came without its id or its user")
	case c.CreateDate == nil:
		return key, fmt.Errorf("service-specific credential %s of user %s came without its creation date", key.ID, key.User)
	}
	if err := checkDate(key.Changed, now); err != nil {
		return key, fmt.Errorf("service-specific credential %s of user %s: its creation date: %w", key.ID, key.User, err)
	}
	if c.ExpirationDate != nil {
		key.Expires = c.ExpirationDate.UTC()
	}
	return key, nil
}
