package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

var errService = errors.New("service is down")

// patient is a policy whose waits are recorded rather than waited.
func patient(waits *[]time.Duration) retry.Policy {
	return retry.Policy{
		Sleep: func(ctx context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			return ctx.Err()
		},
		Jitter: func(longest time.Duration) time.Duration { return longest },
	}
}

func TestAttemptsAndWaits(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for name, test := range map[string]struct {
		failures []error // what the first attempts return; success after that
		waits    []time.Duration
		attempts int
		err      string
	}{
		"success at once": {nil, nil, 1, ""},
		"one failure":     {[]error{errService}, []time.Duration{second / 2}, 2, ""},
		"waits double, up to the most": {
			repeat(errService, 7),
			[]time.Duration{second / 2, second, 2 * second, 4 * second, 8 * second, 10 * second, 10 * second}, 8, "",
		},
		"gives up": {
			repeat(errService, 8),
			[]time.Duration{second / 2, second, 2 * second, 4 * second, 8 * second, 10 * second, 10 * second}, 8,
			"after 8 attempts: service is down",
		},
		"permanent": {[]error{retry.Permanent(errService)}, nil, 1, "service is down"},
		"permanent, wrapped": {
			[]error{errService, fmt.Errorf("post: %w", retry.Permanent(errService))},
			[]time.Duration{second / 2}, 2, "post: service is down",
		},
		"asked to wait":        {[]error{retry.After(7*second, errService)}, []time.Duration{7 * second}, 2, ""},
		"asked not to wait":    {[]error{retry.After(-second, errService)}, []time.Duration{0}, 2, ""},
		"asked to wait a week": {[]error{retry.After(168*time.Hour, errService)}, []time.Duration{30 * second}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var waits []time.Duration
			policy := patient(&waits)
			policy.Attempts = 8
			attempts := 0
			err := policy.Do(t.Context(), func(context.Context) error {
				attempts++
				if attempts <= len(test.failures) {
					return test.failures[attempts-1]
				}
				return nil
			})
			if text(err) != test.err {
				t.Errorf("error is %q, want %q", text(err), test.err)
			}
			if err != nil && !errors.Is(err, errService) {
				t.Errorf("error %q does not wrap the attempt's", err)
			}
			if attempts != test.attempts {
				t.Errorf("%d attempts, want %d", attempts, test.attempts)
			}
			if diff := cmp.Diff(test.waits, waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoStopsWithItsContext(t *testing.T) {
	t.Parallel()
	t.Run("ended before the first attempt", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := retry.Policy{}.Do(ctx, func(context.Context) error {
			t.Error("an attempt was made")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want context.Canceled", err)
		}
	})
	t.Run("ended during an attempt", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		err := retry.Policy{}.Do(ctx, func(context.Context) error {
			attempts++
			cancel()
			return errService
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, errService) || attempts != 1 {
			t.Errorf("error is %v after %d attempts, want both causes after 1", err, attempts)
		}
	})
	t.Run("ended while waiting", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		policy := retry.Policy{Base: time.Hour, Max: time.Hour}
		policy.Sleep = func(ctx context.Context, d time.Duration) error {
			cancel()
			return retry.Sleep(ctx, d)
		}
		err := policy.Do(ctx, func(context.Context) error { return errService })
		if !errors.Is(err, context.Canceled) || !errors.Is(err, errService) {
			t.Errorf("error is %v, want both causes", err)
		}
	})
	t.Run("would end before the wait does", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var waits []time.Duration
		policy := patient(&waits)
		policy.MaxAfter = time.Hour
		err := policy.Do(ctx, func(context.Context) error { return retry.After(time.Hour, errService) })
		if want := "no time left to try again in 1h0m0s: service is down"; text(err) != want {
			t.Errorf("error is %q, want %q", text(err), want)
		}
		if len(waits) != 0 {
			t.Errorf("waited %v for nothing", waits)
		}
	})
	t.Run("ended while paced", func(t *testing.T) {
		t.Parallel()
		policy := retry.Policy{Pace: func(context.Context) error { return context.DeadlineExceeded }}
		err := policy.Do(t.Context(), func(context.Context) error { return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v, want what Pace returned", err)
		}
	})
}

func TestAnAttemptThatHangsIsTriedAgain(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	policy := patient(&waits)
	policy.Timeout = time.Millisecond
	attempts := 0
	err := policy.Do(t.Context(), func(ctx context.Context) error {
		if attempts++; attempts == 2 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil || attempts != 2 {
		t.Errorf("error %v after %d attempts, want success at the second", err, attempts)
	}

	policy.Attempts = 1
	err = policy.Do(t.Context(), func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if want := "no answer within 1ms: context deadline exceeded"; text(err) != want {
		t.Errorf("error is %q, want %q", text(err), want)
	}
}

func TestWaitsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	policy := retry.Policy{
		Attempts: 50, Base: time.Second, Max: time.Second,
		Sleep: func(_ context.Context, d time.Duration) error {
			if d < time.Second/2 || d > time.Second {
				t.Errorf("waited %s, want between half of the longest wait and all of it", d)
			}
			seen[d] = true
			return nil
		},
	}
	_ = policy.Do(t.Context(), func(context.Context) error { return errService })
	if len(seen) < 2 {
		t.Error("every wait was the same: no jitter")
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	if err := retry.Sleep(t.Context(), time.Millisecond); err != nil {
		t.Errorf("Sleep returned %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, d := range []time.Duration{0, time.Hour} {
		if err := retry.Sleep(ctx, d); !errors.Is(err, context.Canceled) {
			t.Errorf("Sleep(%s) of an ended context returned %v", d, err)
		}
	}
}

func TestNoErrorIsMarked(t *testing.T) {
	t.Parallel()
	if retry.Permanent(nil) != nil || retry.After(time.Second, nil) != nil {
		t.Error("no error became an error")
	}
}

func TestParseAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]struct {
		wait time.Duration
		ok   bool
	}{
		"":                               {0, false},
		"0":                              {0, true},
		" 30 ":                           {30 * time.Second, true},
		"1.5":                            {0, false},
		"-1":                             {0, false},
		"18446744073709551615":           {365 * 24 * time.Hour, true},
		"99999999999999999999999":        {0, false},
		"soon":                           {0, false},
		"Sun, 01 Mar 2026 12:00:20 GMT":  {20 * time.Second, true},
		"Sunday, 01-Mar-26 12:00:20 GMT": {20 * time.Second, true},
		"Sun, 01 Mar 2026 11:00:00 GMT":  {0, true},
	} {
		wait, ok := retry.ParseAfter(header, now)
		if wait != want.wait || ok != want.ok {
			t.Errorf("ParseAfter(%q) = %s, %t, want %s, %t", header, wait, ok, want.wait, want.ok)
		}
	}
}

func repeat(err error, n int) []error { return slices.Repeat([]error{err}, n) }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
