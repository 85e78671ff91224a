package awserr_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

func TestForRetry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	answered := func(retryAfter string, inner error) error {
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 400, Header: header}}, Err: inner,
		}
	}
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "no"} }
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx   context.Context
		err   error
		waits []time.Duration // before a second attempt; none if there is to be none
		hint  string
	}{
		"throttled":             {t.Context(), answered("", api("ThrottlingException")), []time.Duration{time.Second}, ""},
		"throttled for a while": {t.Context(), answered("7", api("ThrottlingException")), []time.Duration{7 * time.Second}, ""},
		"throttled until a time": {
			t.Context(), answered(now.Add(12*time.Second).Format(http.TimeFormat), api("ThrottlingException")),
			[]time.Duration{12 * time.Second}, "",
		},
		"an attempt that timed out":     {ended, errors.New("canceled"), []time.Duration{time.Second}, ""},
		"refused":                       {t.Context(), answered("7", api("Odd")), nil, ""},
		"refused, with a hint":          {t.Context(), answered("", api("NotFound")), nil, "there is no such thing"},
		"refused, with the common hint": {t.Context(), answered("", api("ExpiredToken")), nil, "the AWS credentials have expired: sign in again"},
		"its own hint goes first":       {t.Context(), answered("", api("AccessDenied")), nil, "allow it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hintOn := func(e smithy.APIError) string {
				return map[string]string{"NotFound": "there is no such thing", "AccessDenied": "allow it"}[e.ErrorCode()]
			}
			marked := awserr.ForRetry(test.ctx, test.err, now, hintOn)
			if !errors.Is(marked, test.err) {
				t.Errorf("error %v does not wrap the call's", marked)
			}
			want := test.err.Error()
			if test.hint != "" {
				want += "; " + test.hint
			}
			if marked.Error() != want {
				t.Errorf("error is %q, want %q", marked, want)
			}
			if got := waitsAfter(t, marked); len(got) != len(test.waits) || len(got) > 0 && got[0] != test.waits[0] {
				t.Errorf("waited %v, want %v", got, test.waits)
			}
		})
	}
	if awserr.ForRetry(t.Context(), nil, now, nil) != nil {
		t.Error("no error became an error")
	}
}

// waitsAfter is how long a policy waits after an attempt failed with err.
func waitsAfter(t *testing.T, err error) (waits []time.Duration) {
	t.Helper()
	policy := retry.Policy{
		Attempts: 2, Base: time.Second,
		Jitter: func(longest time.Duration) time.Duration { return longest },
		Sleep:  func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
	}
	_ = policy.Do(t.Context(), func(context.Context) error { return err })
	return waits
}

// TestCommonHintStandsOnce: what ForRetry says is not said again to the reader.
func TestCommonHintStandsOnce(t *testing.T) {
	t.Parallel()
	call := &smithy.OperationError{ServiceID: "SNS", OperationName: "Publish", Err: &smithy.GenericAPIError{Code: "ExpiredToken", Message: "no"}}
	marked := awserr.ForRetry(t.Context(), call, time.Time{}, func(smithy.APIError) string { return "" })
	if said := awserr.Message(marked); strings.Count(said, "sign in again") != 1 {
		t.Errorf("said %q", said)
	}
}
