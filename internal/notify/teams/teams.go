// Package teams posts the list of all keys to a Microsoft Teams channel or
// chat, as Adaptive Cards, through a workflow of Power Automate.
package teams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Name is the channel's name in logs, reports and receipts.
const Name = "teams"

// Interval is how far apart requests are: Teams takes four a second, see
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using.
const Interval = 250 * time.Millisecond

// Options are the options of a Workflow besides its URL; each has a default.
type Options struct {
	// HTTP sends the requests; nil is a client of our own, which uses the
	// environment's proxy. Redirects are never followed: the URL is a secret.
	HTTP *http.Client
	// Retry says how often and how patiently to try; its Sleep serves the
	// pacing too, its Pace is not used.
	Retry retry.Policy
	// Now is the clock, for pacing and for waits that Teams gives as a date;
	// nil is time.Now.
	Now func() time.Time
}

// Workflow is the channel behind the URL of a workflow that starts "when a Teams
// webhook request is received". It is safe for use by several goroutines, which
// then share its pace.
type Workflow struct {
	url    secret.Value
	hidden []secret.Value // what of the URL no error may quote
	client *http.Client
	retry  retry.Policy
	now    func() time.Time
}

var _ notify.Channel = (*Workflow)(nil)

// New returns the channel behind a workflow's URL, which must pass CheckURL. An
// error does not quote the URL.
func New(webhook secret.Value, options Options) (*Workflow, error) {
	if err := CheckURL(webhook.Reveal()); err != nil {
		return nil, fmt.Errorf("teams workflow url: %w", err)
	}
	w := &Workflow{
		url: webhook, hidden: hiddenParts(webhook), client: httpclient.WithoutRedirects(options.HTTP), retry: options.Retry, now: options.Now,
	}
	if w.now == nil {
		w.now = time.Now
	}
	w.retry.Pace = retry.NewPacer(Interval, 1, w.now, options.Retry.Sleep).Wait
	return w, nil
}

// Name implements notify.Channel.
func (*Workflow) Name() string { return Name }

// ID implements notify.Channel. It stays the same when a workflow gets a new sig.
func (w *Workflow) ID() string {
	destination := w.url.Reveal()
	if u, err := url.Parse(destination); err == nil {
		destination = strings.ToLower(u.Hostname()) + u.Path
	}
	return notify.ChannelID(Name, destination)
}

// Format keeps the URL out of whatever prints a Workflow.
func (*Workflow) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "teams workflow") }

// Compose implements notify.Channel.
func (*Workflow) Compose(b notify.Batch) []notify.Message {
	if b.Empty() {
		return nil
	}
	return compose(b)
}

// Send implements notify.Channel. It tries again after 429, 408, 5xx, a timeout
// or a lost connection; any other answer but 202 is final.
func (w *Workflow) Send(ctx context.Context, m notify.Message) error {
	err := w.retry.Do(ctx, func(ctx context.Context) error { return w.post(ctx, m.Body) })
	if err != nil {
		return fmt.Errorf("post to teams: %w", err)
	}
	return nil
}

// maxResponse is how many bytes of an answer are read: one is empty, or says in a
// few words what was wrong.
const maxResponse = 16 << 10

// post makes one attempt.
func (w *Workflow) post(ctx context.Context, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.Reveal(), strings.NewReader(body))
	if err != nil {
		return retry.Permanent(httpclient.Conceal(err, w.hidden...))
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "sleuth")
	response, err := w.client.Do(request)
	if err != nil {
		return httpclient.Conceal(err, w.hidden...)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("read the answer: %w", httpclient.Conceal(err, w.hidden...))
	}
	return w.judge(response.StatusCode, response.Header.Get("Retry-After"), text)
}

// judge decides what an answer means: nil for 202, an error that can be retried,
// or a permanent one. 200 is not a workflow's answer: a proxy or a page to sign
// in at may give it, and the notice must not be lost there.
func (w *Workflow) judge(status int, retryAfter string, body []byte) error {
	reason := w.reasonIn(body)
	switch {
	case status == http.StatusAccepted:
		return nil
	case status == http.StatusTooManyRequests:
		return w.patiently(retryAfter, errors.New("teams answered 429: too many messages"))
	case status >= 500 || status == http.StatusRequestTimeout:
		return w.patiently(retryAfter, fmt.Errorf("teams answered %d%s", status, reason))
	case status >= 300 && status < 400:
		return retry.Permanent(fmt.Errorf("teams answered %d, a redirect, which is not followed; check SLEUTH_TEAMS_URL", status))
	case status < 300:
		return retry.Permanent(fmt.Errorf("teams answered %d instead of 202, so it is not known that the workflow has the message; check SLEUTH_TEAMS_URL", status))
	}
	err := fmt.Errorf("teams answered %d%s", status, reason)
	if hint, known := hints[status]; known {
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return retry.Permanent(err)
}

func (w *Workflow) patiently(retryAfter string, err error) error {
	if wait, asked := retry.ParseAfter(retryAfter, w.now()); asked {
		return retry.After(wait, err)
	}
	return err
}

// maxReason is how many bytes of an answer an error quotes.
const maxReason = 200

// reasonIn is what an answer says, for an error: on one line, without secrets.
func (w *Workflow) reasonIn(body []byte) string {
	content := string(body)
	var answer struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error.Code != "" {
		content = answer.Error.Code + ": " + answer.Error.Message
	}
	content = strings.TrimSpace(text.OneLine(secret.Scrub(content, w.hidden...)))
	if content == "" {
		return ""
	}
	return fmt.Sprintf(" %q", text.Shorten(content, maxReason))
}

const copyAgain = "copy the workflow's URL into SLEUTH_TEAMS_URL again"

// hints say what to do about the usual refusals.
var hints = map[int]string{
	http.StatusBadRequest:            "the workflow is turned off, or starts with something other than a Teams webhook request",
	http.StatusUnauthorized:          "the sig in the URL is wrong or was replaced, or the workflow does not let anyone start it: " + copyAgain,
	http.StatusForbidden:             "the sig in the URL is wrong or was replaced, or the workflow does not let anyone start it: " + copyAgain,
	http.StatusNotFound:              "the workflow was deleted or turned off: turn it on, or create another and " + copyAgain,
	http.StatusGone:                  "the workflow was deleted: create another and " + copyAgain,
	http.StatusRequestEntityTooLarge: "Teams takes no message as long as this",
}
