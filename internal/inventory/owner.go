package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Owner finds the user that a key of the account belongs to, by its id alone:
// "" for a key of no user, such as the root user's. IsGone recognizes a key
// that IAM does not know; for one of another account, it denies access.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
func (r Reader) Owner(ctx context.Context, keyID string) (string, error) {
	out, err := r.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(keyID)})
	if err != nil {
		return "", fmt.Errorf("find the user of key %s: %w", keyID, err)
	}
	if out.AccessKeyLastUsed == nil {
		return "", fmt.Errorf("find the user of key %s: the answer is empty", keyID)
	}
	return aws.ToString(out.UserName), nil
}
