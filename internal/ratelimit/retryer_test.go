package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/ratelimit"
)

var (
	throttle = &smithy.GenericAPIError{Code: "Throttling", Message: "Rate exceeded"}
	broken   = &smithy.GenericAPIError{Code: "ServiceFailure", Message: "try again"}
)

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	r := ratelimit.NewRetryer()
	for _, attempt := range []int{1, 10, 99} {
		if delay, err := r.RetryDelay(attempt, throttle); delay != 0 || err != nil {
			t.Errorf("a throttle, attempt %d: %s, %v; want no delay of its own, as the pace has it wait", attempt, delay, err)
		}
	}
	if delay, err := r.RetryDelay(2, broken); delay < 0 || delay > 5*time.Second || err != nil {
		t.Errorf("another error: %s, %v; want a delay of five seconds at most", delay, err)
	}
	_, err := r.RetryDelay(10, broken)
	var spent *retry.MaxAttemptsError
	if !errors.As(err, &spent) || !errors.Is(err, broken) {
		t.Errorf("another error, attempt 10: %v; want that error, given up", err)
	}
}

// A call that waits for its turn ends with its context, and lets the next in.
func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	r := ratelimit.NewRetryer()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := 0
	for range 100 {
		done, err := r.GetAttemptToken(ctx)
		switch {
		case err == nil:
			_ = done(throttle) // slower each time, until there is something to wait for
		case errors.Is(err, context.Canceled):
			ended++
		default:
			t.Fatal(err)
		}
	}
	if ended < 2 {
		t.Errorf("%d calls ended with the context, want all that had to wait", ended)
	}
}

// No call is lost however many are turned away.
func TestThrottledCallsAllGetThrough(t *testing.T) {
	t.Parallel()
	server, err := awsfake.Start(awsfake.WithRate(200, 5))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Home().AddUser(awsfake.User{Name: "tfunke"})
	client := iam.New(iam.Options{
		BaseEndpoint: aws.String(server.URL()), Region: "us-east-1", Retryer: ratelimit.NewRetryer(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "any", SecretAccessKey: "any"}, nil
		}),
	})
	var calls sync.WaitGroup
	for range 64 {
		calls.Go(func() {
			if _, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: aws.String("tfunke")}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if server.Count("ListAccessKeys") <= 64 {
		t.Error("no call was turned away, so this shows nothing")
	}
}
