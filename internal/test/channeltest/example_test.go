package channeltest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Board is an example of a channel: it posts plain text to a URL that is a secret.
// A real one is a package in internal/notify, with the declaration and the opener
// that CONTRIBUTING.md names.
type Board struct {
	URL   secret.Value
	Retry retry.Policy
	Now   func() time.Time // for waits that the service gives as a date
}

// Name implements notify.Channel.
func (Board) Name() string { return "board" }

// ID implements notify.Channel.
func (b Board) ID() string { return notify.ChannelID("board", b.URL.Reveal()) }

// Compose implements notify.Channel.
func (Board) Compose(b notify.Batch) []notify.Message {
	return plain.Layout{MaxBytes: 32 << 10}.Compose(b)
}

// Send implements notify.Channel.
func (b Board) Send(ctx context.Context, m notify.Message) error {
	if err := b.Retry.Do(ctx, func(ctx context.Context) error { return b.post(ctx, m.Body) }); err != nil {
		return fmt.Errorf("post to the board: %w", err)
	}
	return nil
}

// post makes one attempt. What cannot succeed the next time is permanent.
func (b Board) post(ctx context.Context, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL.Reveal(), strings.NewReader(body))
	if err != nil {
		return retry.Permanent(httpclient.Conceal(err, b.URL))
	}
	response, err := httpclient.WithoutRedirects(nil).Do(request)
	if err != nil {
		return httpclient.Conceal(err, b.URL)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 16<<10)); err != nil {
		return fmt.Errorf("read the answer: %w", httpclient.Conceal(err, b.URL))
	}
	return judge(response, b.Now())
}

func judge(response *http.Response, now time.Time) error {
	err := errors.New("the board answered " + response.Status)
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status != http.StatusTooManyRequests && status < 500:
		return retry.Permanent(fmt.Errorf("%w; check its URL", err))
	}
	if wait, asked := retry.ParseAfter(response.Header.Get("Retry-After"), now); asked {
		return retry.After(wait, err)
	}
	return err
}
