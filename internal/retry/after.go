package retry

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseAfter reads an HTTP Retry-After header, in seconds or as a date, as the
// wait from now on. A date in the past means no wait; ok is false for a
// header that is missing or is neither.
func ParseAfter(header string, now time.Time) (wait time.Duration, ok bool) {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		const most = 365 * 24 * 3600 // a larger number would overflow a Duration
		return time.Duration(min(seconds, most)) * time.Second, true
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}
