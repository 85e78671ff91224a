package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

const (
	// maxThrottles is how often a call may be turned away: with the pace held
	// near the limit, hardly any is a second time, so that reaching this means
	// that the account takes no calls at all.
	maxThrottles = 100
	// maxAttempts is enough for a call to outlast a bad moment of the service.
	maxAttempts = 10
	maxBackoff  = 5 * time.Second
)

// Retryer retries as the SDK's standard mode does, and makes all calls of its
// client at a pace that it learns. A throttled call goes to the end of the
// line, with no delay of its own. The SDK's retry quota is left out, as it
// gives up when many calls are throttled at once.
type Retryer struct {
	*retry.Standard
	throttles retry.IsErrorThrottles
	pace      Pace
	first     chan struct{} // held by the first in line
	now       func() time.Time
	sleep     func(context.Context, time.Duration) error
}

var _ aws.RetryerV2 = (*Retryer)(nil)

// NewRetryer returns a Retryer for the calls to one service of one account.
func NewRetryer() *Retryer {
	return &Retryer{
		Standard: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff, o.RateLimiter = maxThrottles, maxBackoff, ratelimit.None
		}),
		throttles: retry.IsErrorThrottles(retry.DefaultThrottles),
		first:     make(chan struct{}, 1),
		now:       time.Now,
		sleep:     sleep,
	}
}

// GetAttemptToken waits until the next attempt may be made. What it returns
// takes the attempt's error, and learns from it.
func (r *Retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	select {
	case r.first <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the account to take more calls: %w", context.Cause(ctx))
	}
	defer func() { <-r.first }()
	if wait := r.pace.Wait(r.now()); wait > 0 {
		if err := r.sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("wait for the account to take more calls: %w", err)
		}
	}
	era := r.pace.Begin(r.now())
	return func(err error) error {
		if r.isThrottle(err) {
			r.pace.Throttled(era, r.now())
		} else {
			r.pace.Taken(era)
		}
		return nil
	}, nil
}

// RetryDelay is the wait before a retry. A throttled call has none, as the
// pace makes it wait; any other is given up after fewer attempts.
func (r *Retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if r.isThrottle(err) {
		return 0, nil
	}
	if attempt >= maxAttempts {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return r.Standard.RetryDelay(attempt, err)
}

func (r *Retryer) isThrottle(err error) bool {
	return err != nil && r.throttles.IsErrorThrottle(err).Bool()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
