package slack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

// Refusal is an answer of Slack's API that says no, for good.
type Refusal struct {
	Method string
	// Reason is Slack's word for it, such as not_in_channel.
	Reason string
	// Scope is what the token lacks, if that is the reason and is known.
	Scope string
	// Setting is the variable that the token is set in, such as SLEUTH_SLACK_TOKEN.
	Setting string
	// Details are what Slack says beyond that; empty mostly.
	Details string
}

// Error says what to do, if that is known.
func (r *Refusal) Error() string {
	text := "slack answered " + r.Reason
	if r.Details != "" {
		text += " (" + r.Details + ")"
	}
	if r.Reason == "missing_scope" {
		return text + "; " + withoutScope(r.lacking())
	}
	if hint, known := callHints[r.Reason]; known {
		text += "; " + strings.ReplaceAll(hint, theSetting, r.Setting)
	}
	if renewable[r.Reason] {
		text += "; copy the Bot User OAuth Token from the app's OAuth & Permissions into " + r.Setting + " again"
	}
	return text
}

// lacking is the scope that the method needs; "" if the reason is another.
func (r *Refusal) lacking() string {
	if r.Reason != "missing_scope" {
		return ""
	}
	return cmp.Or(r.Scope, scopeOf[r.Method])
}

func withoutScope(scope string) string {
	return fmt.Sprintf("the token lacks the scope %s: add it under OAuth & Permissions and install the app again", scope)
}

// passing are the refusals that another attempt may not meet.
var passing = map[string]bool{
	"fatal_error": true, "internal_error": true, "rate_limited": true, "ratelimited": true,
	"request_timeout": true, "service_unavailable": true, "team_added_to_org": true,
}

// judge decides what an answer of the API means: nil if it says ok, an error that can be retried, or a permanent one. Slack refuses with 200, and
// says so within.
func (w *webAPI) judge(method string, a response) error {
	var answer struct {
		OK       *bool  `json:"ok"`
		Error    string `json:"error"`
		Needed   string `json:"needed"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	unreadable := json.Unmarshal([]byte(a.text), &answer) != nil || answer.OK == nil
	// What JSON escaped was not seen when the answer was scrubbed.
	shown := func(text string) string { return reasonIn(w.scrub(text)) }
	reason, now := shown(answer.Error), w.now()
	switch {
	case a.status == http.StatusTooManyRequests:
		return patiently(a, now, errors.New("slack answered 429: too many calls; wait some minutes"))
	case a.status >= 500:
		return patiently(a, now, fmt.Errorf("slack answered %d%s", a.status, quoted(reason)))
	case a.status >= 300 && a.status < 400:
		return retry.Permanent(fmt.Errorf("slack answered %d, a redirect, which is not followed; check SLEUTH_SLACK_API_URL", a.status))
	case unreadable:
		return retry.Permanent(fmt.Errorf("slack answered %d%s, which is not an answer of Slack's API; check SLEUTH_SLACK_API_URL and the proxy",
			a.status, quoted(reasonIn(a.text))))
	case passing[reason]:
		return patiently(a, now, errors.New("slack answered "+reason))
	case !*answer.OK:
		return retry.Permanent(&Refusal{
			Method: method, Reason: cmp.Or(reason, "no, without a reason"), Scope: shown(answer.Needed),
			Setting: w.setting, Details: shown(strings.Join(answer.Metadata.Messages, "; ")),
		})
	case a.status != http.StatusOK:
		return retry.Permanent(fmt.Errorf("slack answered %d", a.status))
	}
	return nil
}

// scopeOf is what a token needs for a method.
var scopeOf = map[string]string{
	"chat.postMessage":    "chat:write",
	"usergroups.list":     "usergroups:read",
	"users.list":          "users:read",
	"users.lookupByEmail": "users:read.email",
}

// renewable are the refusals that a fresh copy of the token may fix.
var renewable = map[string]bool{
	"account_inactive": true, "invalid_auth": true, "token_expired": true, "token_revoked": true,
}

// theSetting stands in a hint for the variable that the token is set in.
const theSetting = "THE_SETTING"

// callHints say what to do about the reasons of a refusal, see
// https://docs.slack.dev/reference/methods/chat.postMessage#errors and
// https://docs.slack.dev/reference/methods/users.list#errors.
var callHints = map[string]string{ //nolint:gosec // hints about tokens are not tokens
	"access_denied":                       "the workspace's administrators do not allow it",
	"account_inactive":                    "the app, or the user whose token it is, was removed from the workspace: install the app again",
	"channel_not_found":                   "check the id in SLEUTH_SLACK_CHANNEL; a private channel is found only once the app is invited to it (/invite)",
	"ekm_access_denied":                   "the workspace's administrators have suspended access",
	"enterprise_is_restricted":            "install the app in a workspace of the organization, and use that token",
	"invalid_auth":                        theSetting + " is not a token of Slack's, or this address may not use it",
	"invalid_blocks":                      "Slack could not read the message: check the texts and templates of the settings",
	"is_archived":                         "unarchive the channel, or put another into SLEUTH_SLACK_CHANNEL",
	"messages_tab_disabled":               "switch the Messages Tab on under the app's App Home",
	"msg_too_long":                        "Slack found the message too long",
	"no_permission":                       "the app may not do this: install it again with the scopes in docs/slack.md",
	"no_text":                             "Slack found no text in the message",
	"not_allowed_token_type":              "use a bot token, which begins with xoxb-",
	"not_authed":                          "the token did not arrive: is " + theSetting + " set, and is there a proxy that removes it?",
	"not_in_channel":                      "invite the app to the channel (/invite)",
	"org_login_required":                  "the workspace is moving to an organization: try later",
	"restricted_action":                   "the workspace's settings do not let the app post there",
	"restricted_action_read_only_channel": "the channel is read-only: let the app post there, or put another into SLEUTH_SLACK_CHANNEL",
	"team_access_not_granted":             "install the app in this workspace too",
	"token_expired":                       "the token has expired: make a new one",
	"token_revoked":                       "the token was revoked: install the app again",
	"too_many_attachments":                "Slack takes at most 100 attachments a message",
}

// unreachable says, of the refusals that are about a person, why nobody was
// reached. They are met where a message is to go to a person, or somebody is
// looked for.
var unreachable = map[string]string{
	"account_inactive":   "the account in Slack is deactivated",
	"cannot_dm_bot":      "the Slack tag is a bot's",
	"channel_not_found":  "Slack does not know the id in the Slack tag, or does not let the app write to it",
	"invalid_email":      "Slack cannot read the mail address",
	"user_disabled":      "the account in Slack is deactivated",
	"user_is_bot":        "the Slack tag is a bot's",
	"user_is_restricted": "the Slack account is a guest's, and the app may not write to guests",
	"user_not_found":     "Slack does not know the id in the Slack tag",
	"user_not_visible":   "Slack does not let the app see this person",
	"users_not_found":    "nobody in Slack has the mail address",
}

// whyUnreached says why a person was not reached, and reports false if the
// error is about anything else.
func whyUnreached(err error) (why string, ok bool) {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		return "", false
	}
	why, ok = unreachable[refusal.Reason]
	return why, ok
}
