package slack

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// maxResponse is how many bytes of an answer are read: Slack's are one word.
const maxResponse = 4096

// response is what came back for one request.
type response struct {
	status     int
	retryAfter string
	text       string
}

// judge decides what an answer means: nil for Slack's "ok", an error that can be
// retried, or a permanent one. A 2xx that does not say "ok" comes from something
// in between, such as a proxy's login page, and is not taken for a delivery.
func judge(a response, now time.Time) error {
	reason := reasonIn(a.text)
	switch {
	case a.status == http.StatusOK && reason == "ok":
		return nil
	case a.status == http.StatusTooManyRequests:
		return tooMany(a, now)
	case a.status >= 500:
		return patiently(a, now, fmt.Errorf("slack answered %d%s", a.status, quoted(reason)))
	case a.status < 300:
		return retry.Permanent(fmt.Errorf(`slack answered %d%s instead of "ok"; does the webhook URL, or a proxy before it, lead to Slack?`,
			a.status, quoted(reason)))
	case a.status < 400:
		return retry.Permanent(fmt.Errorf("slack answered %d, a redirect, which is not followed; check the webhook URL", a.status))
	}
	text := fmt.Sprintf("slack answered %d%s", a.status, quoted(reason))
	if hint, known := hints[reason]; known {
		text += "; " + hint
	}
	return retry.Permanent(errors.New(text))
}

func tooMany(a response, now time.Time) error {
	return patiently(a, now, errors.New("slack answered 429: too many messages to this webhook; wait some minutes"))
}

// patiently marks an error that can be retried with the wait that was asked for.
func patiently(a response, now time.Time, err error) error {
	if wait, ok := retry.ParseAfter(a.retryAfter, now); ok {
		return retry.After(wait, err)
	}
	return err
}

// reasonIn is an answer's text as it can be shown: one line, and no more of it
// than a reason needs.
func reasonIn(content string) string {
	return strings.TrimSpace(firstRunes(text.OneLine(strings.TrimSpace(content)), 100))
}

func firstRunes(text string, n int) string { return text[:byteOffset(text, n)] }

func quoted(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" %q", reason)
}

// hints say what to do about the reasons that Slack gives in plain text, see
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
var hints = map[string]string{
	"action_prohibited":                 "the workspace's administrators do not allow this webhook to post",
	"channel_is_archived":               "unarchive the channel, or make a webhook for another one",
	"channel_not_found":                 "the webhook's channel is gone: make a new webhook",
	"invalid_payload":                   "Slack could not read the message: check the texts and templates of the settings",
	"invalid_token":                     "the webhook URL is wrong or was revoked: make a new one",
	"no_active_hooks":                   "the workspace has turned incoming webhooks off: have them turned on, or set SLEUTH_SLACK_TOKEN instead",
	"no_service":                        "the webhook was revoked or removed: make a new one",
	"no_service_id":                     "the webhook URL is incomplete: copy it again",
	"no_team":                           "the webhook's workspace is gone, or the URL is incomplete: copy it again",
	"no_text":                           "Slack found no text in the message",
	"posting_to_general_channel_denied": "the workspace's administrators do not allow this webhook to post in #general",
	"team_disabled":                     "the workspace was disabled: make a webhook in another",
	"too_many_attachments":              "Slack takes at most 100 attachments a message",
	"user_not_found":                    "the person that the webhook posts to has left: create a new webhook",
}
