package awsclient

import (
	"context"
	"fmt"
	"slices"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// ForeignAnswerError says that a successful answer did not come from AWS: it has
// no request id, which every answer of AWS has. The SDK takes an empty body for
// an answer with nothing in it, such as an account without users.
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonParameters.html
type ForeignAnswerError struct{ Service, Operation string }

func (e *ForeignAnswerError) Error() string {
	return fmt.Sprintf("%s %s: the answer is not AWS's: it has no request id; check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL", e.Service, e.Operation)
}

// believed are the services whose answers decide what happens to a key.
var believed = []string{"IAM", "STS", "Organizations", "DynamoDB"}

// refuseForeignAnswers makes a successful answer without a request id an error.
func refuseForeignAnswers(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("RefuseForeignAnswers",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if service := awsmiddleware.GetServiceID(ctx); err == nil && slices.Contains(believed, service) {
				if id, found := awsmiddleware.GetRequestIDMetadata(metadata); !found || id == "" {
					return out, metadata, &ForeignAnswerError{Service: service, Operation: awsmiddleware.GetOperationName(ctx)}
				}
			}
			return out, metadata, err
		}), middleware.After)
}
