package awsclient

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
)

// Traffic counts the calls made to AWS, as AWS does: each attempt is one.
type Traffic struct{ calls, throttles atomic.Int64 }

// Count counts the calls of all clients that are made from cfg from now on.
func Count(cfg *aws.Config) *Traffic {
	t := &Traffic{}
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], func(stack *middleware.Stack) error {
		// Behind the retries, so that each attempt passes by.
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CountCalls", t.count), "Retry", middleware.After)
	})
	return t
}

// Calls is how many calls were made so far.
func (t *Traffic) Calls() int { return int(t.calls.Load()) }

// Throttles is how many of them AWS turned away as too many.
func (t *Traffic) Throttles() int { return int(t.throttles.Load()) }

func (t *Traffic) count(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleFinalize(ctx, in)
	t.calls.Add(1)
	if err != nil && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary {
		t.throttles.Add(1)
	}
	return out, metadata, err
}
