// Package slack notifies people through Slack: a channel through an incoming
// webhook, or a channel and each person through an app; and lists the ids to
// mention them by.
package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Name is the channel's name in logs, reports and receipts.
const Name = "slack"

// PrintOnly is the webhook URL that prints messages and sends none.
const PrintOnly = "test"

// Interval is how far apart the messages to one webhook, or to one conversation,
// are: Slack takes about one a second, see https://docs.slack.dev/apis/web-api/rate-limits.
const Interval = time.Second

// Options are the options of a Webhook besides its URL; each has a default.
type Options struct {
	// HTTP sends the requests; nil is a client of our own, which uses the
	// environment's proxy. Redirects are never followed: the URL is a secret.
	HTTP *http.Client
	// Echo is where every message that is sent is printed as well, as a line
	// "slack message: {...}"; nil is nowhere.
	Echo io.Writer
	// Interval is the time between two requests; zero is Interval.
	Interval time.Duration
	// Retry says how often and how patiently to try; its Sleep serves the
	// pacing too, its Pace is not used.
	Retry retry.Policy
	// Now is the clock, for pacing and for waits that Slack gives as a date;
	// nil is time.Now.
	Now func() time.Time
}

// Webhook is a Slack channel behind an incoming webhook. It is safe for use by
// several goroutines, which then share its pace.
type Webhook struct {
	url       secret.Value
	hidden    []secret.Value // what of the URL no error may quote
	printOnly bool
	client    *http.Client
	retry     retry.Policy
	now       func() time.Time

	mu   sync.Mutex // guards echo
	echo io.Writer
}

var (
	_ notify.Channel   = (*Webhook)(nil)
	_ notify.TagReader = (*Webhook)(nil)
)

// NewWebhook returns the channel behind a webhook URL, which must be https
// unless it leads to this machine. With the URL PrintOnly, messages are printed
// to Options.Echo, which must then be set, and nothing is sent. An error does
// not quote the URL.
func NewWebhook(webhook secret.Value, options Options) (*Webhook, error) {
	w := &Webhook{
		url:       webhook,
		hidden:    hiddenParts(webhook),
		printOnly: webhook.Reveal() == PrintOnly,
		client:    httpclient.WithoutRedirects(options.HTTP),
		retry:     options.Retry,
		now:       options.Now,
		echo:      options.Echo,
	}
	if w.now == nil {
		w.now = time.Now
	}
	interval := options.Interval
	if interval <= 0 {
		interval = Interval
	}
	w.retry.Pace = retry.NewPacer(interval, 1, w.now, options.Retry.Sleep).Wait
	if w.printOnly {
		if w.echo == nil {
			return nil, errors.New("slack: nowhere to print the messages to")
		}
		return w, nil
	}
	if err := checkURL(webhook); err != nil {
		return nil, fmt.Errorf("slack webhook url: %w", err)
	}
	return w, nil
}

func checkURL(webhook secret.Value) error {
	u, err := url.Parse(webhook.Reveal())
	switch {
	case err != nil: // not wrapped: it quotes the URL
		return errors.New("not a URL")
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && httpclient.IsLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return errors.New("must begin with https://, as the URL is a secret")
	}
	return errors.New("must be of the form https://host/path")
}

// hiddenParts are the texts that would give the webhook away, longest first:
// the URL, what follows its host, and each part of that. The host alone is no
// secret, and says what to look for in the network.
func hiddenParts(webhook secret.Value) []secret.Value {
	parts := []string{webhook.Reveal()}
	if u, err := url.Parse(webhook.Reveal()); err == nil {
		parts = append(parts, u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery)
		if u.User != nil {
			parts = append(parts, u.User.String())
		}
		parts = append(parts, strings.FieldsFunc(u.RequestURI(), func(r rune) bool {
			return strings.ContainsRune("/?&=", r)
		})...)
	}
	// What is shorter is no secret, and may be any word; so may "services",
	// with which the path of every webhook begins.
	parts = slices.DeleteFunc(parts, func(part string) bool { return len(part) < 6 || part == "services" })
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	hidden := make([]secret.Value, len(parts))
	for i, part := range parts {
		hidden[i] = secret.New(part)
	}
	return hidden
}

// Name implements notify.Channel.
func (*Webhook) Name() string { return Name }

// ID implements notify.Channel.
func (w *Webhook) ID() string { return notify.ChannelID(Name, w.url.Reveal()) }

// Format keeps the URL out of whatever prints a Webhook.
func (*Webhook) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack webhook") }

// Compose implements notify.Channel.
func (*Webhook) Compose(b notify.Batch) []notify.Message {
	if b.Empty() {
		return nil
	}
	return compose(b)
}

// TagProblems implements notify.TagReader: everybody is mentioned.
func (*Webhook) TagProblems(n notify.Notice) []notify.TagProblem { return unmentioned(n) }

// PrintOnly reports whether messages are printed and not sent, so that nobody
// has been notified when Send returns.
func (w *Webhook) PrintOnly() bool { return w.printOnly }

// Send implements notify.Channel. It tries again after 429, 5xx, a timeout or a
// lost connection; any other answer but Slack's "ok" is final.
func (w *Webhook) Send(ctx context.Context, m notify.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("post to slack: panic: %s", w.scrub(fmt.Sprint(p)))
		}
	}()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("post to slack: %w", err)
	}
	if err := w.print(m); err != nil && w.printOnly {
		return fmt.Errorf("print the slack message: %w", err)
	}
	if w.printOnly {
		return nil
	}
	err = w.retry.Do(ctx, func(ctx context.Context) error { return w.post(ctx, m.Body) })
	if err != nil {
		return fmt.Errorf("post to slack: %w", err)
	}
	return nil
}

func (w *Webhook) print(m notify.Message) error {
	if w.echo == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(w.echo, "slack message: %s\n", m.Body)
	return err
}

// post makes one attempt.
func (w *Webhook) post(ctx context.Context, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.Reveal(), strings.NewReader(body))
	if err != nil {
		return retry.Permanent(httpclient.Conceal(err, w.hidden...))
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "sleuth")
	resp, err := w.client.Do(request)
	if err != nil {
		return httpclient.Conceal(err, w.hidden...)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("read the answer: %w", httpclient.Conceal(err, w.hidden...))
	}
	return judge(response{resp.StatusCode, resp.Header.Get("Retry-After"), w.scrub(string(text))}, w.now())
}

func (w *Webhook) scrub(text string) string { return secret.Scrub(text, w.hidden...) }
