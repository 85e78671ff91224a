package awserr

import (
	"context"
	"errors"
	"fmt"
	"time"

	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

// ForRetry marks the error of an attempt for a retry.Policy: as permanent if AWS's
// SDK would not retry it, or with the wait that AWS asked for. ctx is the
// attempt's. A permanent error ends with what to do about it: what hintOn says, or
// else what any service's error means.
func ForRetry(ctx context.Context, err error, now time.Time, hintOn func(smithy.APIError) string) error {
	if err == nil {
		return nil
	}
	// An attempt that exceeded its timeout is canceled, which the SDK would not
	// retry.
	if ctx.Err() != nil || awsretry.NewStandard().IsErrorRetryable(err) {
		return afterWait(err, now)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		hint := hintOn(api)
		if hint == "" {
			hint = hints[api.ErrorCode()]
		}
		if hint != "" {
			err = fmt.Errorf("%w; %s", err, hint)
		}
	}
	return retry.Permanent(err)
}

// afterWait marks an error with the wait of its answer's Retry-After, if it has
// one.
func afterWait(err error, now time.Time) error {
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok {
		return err
	}
	if wait, asked := retry.ParseAfter(response.Response.Header.Get("Retry-After"), now); asked {
		return retry.After(wait, err)
	}
	return err
}
