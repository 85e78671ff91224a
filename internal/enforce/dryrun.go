package enforce

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// DisablesNothing is the IAM of a dry run: it accepts each change and makes none.
type DisablesNothing struct{}

// UpdateAccessKey implements IAM.
func (DisablesNothing) UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	return &iam.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey implements DeletionIAM.
func (DisablesNothing) DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error) {
	return &iam.DeleteAccessKeyOutput{}, nil
}
