package shoutrrr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// response is what came back for a request.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (a response) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}
}

// maxResponse is more than any service answers with.
const maxResponse = 256 << 10

// maxRequests is how many requests a message may take: one for each of the
// chats or devices that its URL names.
const maxRequests = 50

// errStopped is the error that a service gets for a request that failed; it makes none
// of them retry.
var errStopped = errors.New("the request failed")

// courier is the http.RoundTripper of one attempt to send a message. It judges
// every answer itself, as some services hide failures, and ends requests with
// the attempt's context, as they take none.
type courier struct {
	service *Service
	ctx     context.Context
	// earlier are the answers of an earlier attempt, which are given again, so
	// that a chat that took the message is not sent it twice.
	earlier []response
	answers []response
	failure error // of the first request that failed; no further one is made
}

// RoundTrip implements http.RoundTripper.
func (c *courier) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.failure != nil {
		return nil, errStopped
	}
	if n := len(c.answers); n < len(c.earlier) {
		c.answers = append(c.answers, c.earlier[n])
		return c.earlier[n].response(r), nil
	}
	got, err := c.request(r)
	if err != nil {
		c.failure = err
		return nil, errStopped
	}
	c.answers = append(c.answers, got)
	return got.response(r), nil
}

// request makes one request.
func (c *courier) request(r *http.Request) (response, error) {
	if len(c.answers) == maxRequests {
		return response{}, retry.Permanent(fmt.Errorf("the message takes more than %d requests", maxRequests))
	}
	resp, err := c.service.client.Do(r.Clone(c.ctx))
	if err != nil {
		return response{}, c.service.conceal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return response{}, fmt.Errorf("read the answer: %w", c.service.conceal(err))
	}
	got := response{resp.StatusCode, resp.Header, body}
	return got, c.service.judge(got)
}

// without is a http.RoundTripper that answers the requests to a path itself, as
// not found, and leaves the others to the next.
type without struct {
	path string
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w without) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != w.path {
		return w.next.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return response{status: http.StatusNotFound}.response(r), nil
}

// exchange makes one attempt to send a message. Answers are those of an earlier
// one; its own take their place.
func (s *Service) exchange(ctx context.Context, m message, answers *[]response) error {
	c := &courier{service: s, ctx: ctx, earlier: *answers}
	err := s.source.send(m, &http.Client{Transport: c})
	*answers = c.answers
	switch {
	case c.failure != nil: // whatever the service made of it
		return c.failure
	case err != nil:
		return retry.Permanent(errors.New(s.scrub(err.Error())))
	case len(c.answers) == 0:
		return retry.Permanent(errors.New("the service sent nothing"))
	}
	return nil
}

// rehearsal is a http.RoundTripper that keeps the first request, and sends none.
type rehearsal struct{ request *http.Request }

// RoundTrip implements http.RoundTripper.
func (h *rehearsal) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.request == nil {
		h.request = r
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, errStopped
}

// rehearse has the service write a request, which is not sent: it shows what is
// wrong with the URL, and where it leads.
func (s *Service) rehearse() error {
	var h rehearsal
	err := s.source.send(s.message(notify.Message{Subject: "Sleuth", Body: "Sleuth"}), &http.Client{Transport: &h})
	switch {
	case h.request == nil && err != nil:
		return fmt.Errorf("not a URL of this service: %w", s.innermost(err))
	case h.request == nil:
		return errors.New("the service would send nothing")
	case h.request.URL.Scheme != "https" && !httpclient.IsLoopback(h.request.URL.Hostname()):
		return errPlain
	}
	return nil
}

// mail sends a message by SMTP, of which only an error is seen. When ctx ends it
// returns at once; the service ends by its own timeout.
func (s *Service) mail(ctx context.Context, m message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- s.source.send(m, nil) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-sent:
		if err != nil {
			return s.conceal(err)
		}
		return nil
	}
}
