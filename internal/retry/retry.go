// Package retry repeats what may succeed the next time, a bounded number of
// times and no longer than its context allows, and keeps requests apart.
//
// It is a thin layer over retry-go: docs/decisions/delivery-libraries.md says what it adds.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	retrygo "github.com/avast/retry-go/v5"
)

// Policy says how often and how patiently to retry. The zero Policy is usable:
// every field has a default.
type Policy struct {
	// Attempts is the number of attempts in all; zero means 5.
	Attempts int
	// Timeout bounds one attempt; zero means 10 s. An attempt that exceeds it is
	// retried.
	Timeout time.Duration
	// Base is the longest wait after the first failure; it doubles with each
	// further one, up to Max. Zero means 500 ms and 10 s.
	Base, Max time.Duration
	// MaxAfter caps the wait that a service may ask for; zero means 30 s.
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
// wraps the last attempt's, and ctx's if that is what ended it.
func (p Policy) Do(ctx context.Context, attempt func(context.Context) error) error {
	s := &series{Policy: p.withDefaults(), attempt: attempt}
	err := retrygo.New(
		retrygo.Context(ctx),
		retrygo.Attempts(uint(s.Attempts)), //nolint:gosec // positive
		retrygo.LastErrorOnly(true),
		retrygo.DelayType(func(uint, error, retrygo.DelayContext) time.Duration { return s.wait }),
		retrygo.WithTimer(timer(func(d time.Duration) { s.slept = s.Sleep(ctx, d) })),
	).Do(func() error { return s.try(ctx) })
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return stopped(s.failure, ctx.Err())
	case s.tried == s.Attempts && s.tried > 1 && retrygo.IsRecoverable(err):
		return fmt.Errorf("after %d attempts: %w", s.tried, err)
	}
	return err
}

// series is the attempts of one Do.
type series struct {
	Policy
	attempt func(context.Context) error
	tried   int
	failure error         // of the last attempt
	wait    time.Duration // until the next one
	slept   error         // what ended the last wait early
}

// timer is a retrygo.Timer that sleeps through the injected function.
type timer func(time.Duration)

// After implements retrygo.Timer: the channel that it returns is ready.
func (sleep timer) After(d time.Duration) <-chan time.Time {
	sleep(d)
	over := make(chan time.Time)
	close(over)
	return over
}

// try makes one attempt, and decides how long to wait for the next.
func (s *series) try(ctx context.Context) error {
	if s.slept != nil {
		return retrygo.Unrecoverable(stopped(s.failure, s.slept))
	}
	if err := s.Pace(ctx); err != nil {
		return retrygo.Unrecoverable(stopped(s.failure, err))
	}
	s.tried++
	s.failure = s.once(ctx)
	if s.failure == nil || s.tried == s.Attempts || !retrygo.IsRecoverable(s.failure) {
		return s.failure
	}
	s.wait = s.waitAfter(s.failure)
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && time.Until(deadline) <= s.wait {
		return Permanent(fmt.Errorf("no time left to try again in %s: %w", s.wait.Round(time.Millisecond), s.failure))
	}
	return s.failure
}

func (s *series) once(ctx context.Context) error {
	one, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	err := s.attempt(one)
	if err != nil && one.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no answer within %s: %w", s.Timeout, err)
	}
	return err
}

// waitAfter is how long to wait after a failure.
func (s *series) waitAfter(failure error) time.Duration {
	if asked, ok := errors.AsType[after](failure); ok {
		return min(asked.wait, s.MaxAfter)
	}
	longest := s.Base
	for i := 1; i < s.tried && longest < s.Max; i++ {
		longest *= 2
	}
	return s.Jitter(min(longest, s.Max))
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

// Permanent marks an error that must not be retried. Its text stays as it is.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return retrygo.Unrecoverable(err)
}

type after struct {
	error
	wait time.Duration
}

func (a after) Unwrap() error { return a.error }

// After marks an error whose service asked for a wait before the next attempt.
func After(wait time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return after{err, max(0, wait)}
}
