package shoutrrr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

// judge decides what an answer means: nil for one that the service itself is to
// judge, an error that can be retried, or a permanent one.
func (s *Service) judge(a response) error {
	status := a.status
	reason := ""
	if text := s.scrub(string(a.body)); text != "" {
		reason = fmt.Sprintf(" %q", text)
	}
	switch {
	case status == http.StatusTooManyRequests:
		return s.patiently(a, errors.New("answered 429: too many messages; send fewer, or wait some minutes"))
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		return s.patiently(a, fmt.Errorf("answered %d%s", status, reason))
	case status >= 200 && status < 300 && s.source.kind == "telegram" && !isOK(a.body):
		return retry.Permanent(fmt.Errorf("answered %d%s, which does not say ok; does a proxy answer for Telegram?", status, reason))
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return retry.Permanent(fmt.Errorf("answered %d, a redirect, which is not followed; check the URL in SLEUTH_NOTIFY_URLS", status))
	}
	text := fmt.Sprintf("answered %d%s", status, reason)
	if hint, known := hints[status]; known {
		text += ": " + hint
	}
	return retry.Permanent(errors.New(text))
}

// patiently marks an error that can be retried with the wait that was asked for.
func (s *Service) patiently(a response, err error) error {
	if wait, ok := retry.ParseAfter(a.header.Get("Retry-After"), s.now()); ok {
		return retry.After(wait, err)
	}
	// Telegram says it in the body: https://core.telegram.org/bots/api#responseparameters
	var answer struct {
		Parameters struct {
			RetryAfter int `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	if json.Unmarshal(a.body, &answer) == nil && answer.Parameters.RetryAfter > 0 {
		return retry.After(time.Duration(answer.Parameters.RetryAfter)*time.Second, err)
	}
	return err
}

// isOK reports whether Telegram's API says that it did what it was asked for:
// shoutrrr takes many an answer that does not for a success.
// https://core.telegram.org/bots/api#making-requests
func isOK(body []byte) bool {
	var answer struct {
		OK bool `json:"ok"`
	}
	return json.Unmarshal(body, &answer) == nil && answer.OK
}

// hints say what to do about the usual refusals.
var hints = map[int]string{
	http.StatusBadRequest:            "check the URL in SLEUTH_NOTIFY_URLS",
	http.StatusUnauthorized:          "the token or password in its URL is wrong or was revoked: make a new one",
	http.StatusForbidden:             "the token in its URL is not allowed to post there",
	http.StatusNotFound:              "the webhook or the room is gone, or its URL is wrong",
	http.StatusGone:                  "the webhook is gone: make a new one",
	http.StatusRequestEntityTooLarge: "the service takes no message as long as this",
}
