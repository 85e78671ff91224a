// Package retry tries again what may succeed the next time, a bounded number
// of times and no longer than its context allows.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says how often and how patiently to try. The zero Policy is usable:
// every field has a default.
type Policy struct {
	// Attempts is how often to try in all; 5 where it is zero.
	Attempts int
	// Timeout bounds one attempt; 10 s where it is zero. An attempt that runs
	// into it is tried again.
	Timeout time.Duration
	// Base is the longest wait after the first failure; it doubles with each
	// further one, up to Max. 500 ms and 10 s where they are zero.
	Base, Max time.Duration
	// MaxAfter caps the wait that a service may ask for; 30 s where it is zero.
	MaxAfter time.Duration
	// Pace is called before every attempt, outside its timeout, and may wait;
	// nil does not.
	Pace func(context.Context) error
	// Sleep waits for d or until ctx ends, whose error it returns; nil is Sleep
	// of this package.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter picks the wait from a longest one; nil picks at random from its
	// upper half, so that many who failed together do not return together.
	Jitter func(longest time.Duration) time.Duration
}

func (p Policy) withDefaults() Policy {
	p.Attempts = positive(p.Attempts, 5)
	p.Timeout = positive(p.Timeout, 10*time.Second)
	p.Base = positive(p.Base, 500*time.Millisecond)
	p.Max = positive(p.Max, 10*time.Second)
	p.MaxAfter = positive(p.MaxAfter, 30*time.Second)
	if p.Pace == nil {
		p.Pace = func(ctx context.Context) error { return ctx.Err() }
	}
	if p.Sleep == nil {
		p.Sleep = Sleep
	}
	if p.Jitter == nil {
		p.Jitter = func(longest time.Duration) time.Duration {
			return longest/2 + rand.N(longest/2+1)
		}
	}
	return p
}

func positive[T int | time.Duration](value, byDefault T) T {
	if value > 0 {
		return value
	}
	return byDefault
}

// Do calls attempt until it succeeds, fails for good (Permanent), has failed
// Attempts times, or ctx ends or would end before the next attempt. The error
// wraps the last attempt's, and ctx's where that is what ended it.
func (p Policy) Do(ctx context.Context, attempt func(context.Context) error) error {
	p = p.withDefaults()
	var failure error
	for tried := 1; ; tried++ {
		if err := p.Pace(ctx); err != nil {
			return stopped(failure, err)
		}
		failure = p.once(ctx, attempt)
		if failure == nil {
			return nil
		}
		if ctx.Err() != nil {
			return stopped(failure, ctx.Err())
		}
		if errors.As(failure, new(permanent)) {
			return failure
		}
		if tried == p.Attempts {
			if tried == 1 {
				return failure
			}
			return fmt.Errorf("after %d attempts: %w", tried, failure)
		}
		wait := p.wait(tried, failure)
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return fmt.Errorf("no time left to try again in %s: %w", wait.Round(time.Millisecond), failure)
		}
		if err := p.Sleep(ctx, wait); err != nil {
			return stopped(failure, err)
		}
	}
}

func (p Policy) once(ctx context.Context, attempt func(context.Context) error) error {
	one, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	err := attempt(one)
	if err != nil && one.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", p.Timeout, err)
	}
	return err
}

// wait is how long to wait after the failure of attempt number tried.
func (p Policy) wait(tried int, failure error) time.Duration {
	if asked, ok := errors.AsType[after](failure); ok {
		return min(asked.wait, p.MaxAfter)
	}
	longest := p.Base
	for range tried - 1 {
		if longest *= 2; longest >= p.Max {
			break
		}
	}
	return p.Jitter(min(longest, p.Max))
}

// stopped is the error of a Do that its context ended.
func stopped(failure, cause error) error {
	switch {
	case failure == nil:
		return cause
	case errors.Is(failure, cause):
		return failure
	}
	return fmt.Errorf("%w (before that: %w)", cause, failure)
}

// Sleep waits for d, or until ctx ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that no further attempt can mend. Its text stays as
// it is.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type after struct {
	error
	wait time.Duration
}

func (a after) Unwrap() error { return a.error }

// After marks an error whose service asked to be left alone for a while.
func After(wait time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return after{err, max(0, wait)}
}
