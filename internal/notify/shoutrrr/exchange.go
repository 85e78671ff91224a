package shoutrrr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/iam-sleuth/sleuth/internal/retry"
)

// shoutrrr's services take no context, show no status and follow redirects, and
// most send through http.DefaultClient. So they are not let near the network:
// a service is asked to send, the request that it makes is held and sent by us,
// and then it is asked again and given the answer, to say what it makes of it.
// Each time it runs for as long as it takes to write a request.

// request is what a service wants to be sent.
type request struct {
	*http.Request
	body []byte
}

// answer is what came back for one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}
}

var errHeld = errors.New("the request is held")

// script is a http.RoundTripper that gives the answers it has and then holds
// the next request.
type script struct {
	answers []answer
	held    *request
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.held != nil {
		return nil, errHeld
	}
	if len(s.answers) > 0 {
		next := s.answers[0]
		s.answers = s.answers[1:]
		return next.response(r), nil
	}
	s.held = &request{Request: r}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		s.held.body = body
	}
	return nil, errHeld
}

// stage is where services run, one at a time, as most share http.DefaultClient.
type stage struct {
	mu      sync.Mutex
	current atomic.Pointer[script] // nil while nobody runs
	others  http.RoundTripper
}

// theStage puts itself before the transport of http.DefaultClient, once, when
// the first service is set up. Nothing else in the program uses that client;
// what would while no service runs, passes.
//
//nolint:gochecknoglobals // as there is one http.DefaultClient
var theStage = sync.OnceValue(func() *stage {
	s := &stage{others: http.DefaultClient.Transport}
	if s.others == nil {
		s.others = http.DefaultTransport
	}
	http.DefaultClient.Transport = s
	return s
})

// RoundTrip implements http.RoundTripper.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	if current := s.current.Load(); current != nil {
		return current.RoundTrip(r)
	}
	return s.others.RoundTrip(r)
}

// play asks a new service of a source to send, given the answers to its first requests. It
// returns the next request, or what the service made of the answers.
func (s *stage) play(from source, m message, answers []answer) (held *request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	script := &script{answers: answers}
	s.current.Store(script)
	defer s.current.Store(nil)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if script.held != nil { // whatever the service made of that
			held, err = script.held, nil
		}
	}()
	// One of its own: what it was told of an earlier message sticks to some.
	service, err := from.service()
	if err != nil {
		return nil, err
	}
	if equip := kinds[from.kind].equip; equip != nil {
		equip(service, &http.Client{Transport: script})
	}
	params := types.Params(maps.Clone(m.params))
	return nil, service.Send(m.text, &params)
}

// maxAnswer is more than any service answers with.
const maxAnswer = 256 << 10

// maxRequests is how many requests a message may take: one for each of the
// chats or devices that its URL names.
const maxRequests = 50

// exchange sends a message. Answers are those of an earlier attempt, so that
// who was told is not told again by the next.
func (s *Service) exchange(ctx context.Context, m message, answers *[]answer) error {
	for range maxRequests {
		held, err := s.stage.play(s.source, m, *answers)
		if err != nil {
			return retry.Permanent(errors.New(s.scrub(err.Error())))
		}
		if held == nil {
			return nil
		}
		got, err := s.do(ctx, held)
		if err != nil {
			return err
		}
		if err := s.judge(got); err != nil {
			return err
		}
		*answers = append(*answers, got)
	}
	return retry.Permanent(fmt.Errorf("the message takes more than %d requests", maxRequests))
}

// do makes one request.
func (s *Service) do(ctx context.Context, held *request) (answer, error) {
	r := held.Clone(ctx)
	r.RequestURI = ""
	r.Body, r.GetBody, r.ContentLength = nil, nil, int64(len(held.body))
	if len(held.body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(held.body))
	}
	response, err := s.client.Do(r)
	if err != nil {
		return answer{}, s.conceal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", s.conceal(err))
	}
	return answer{response.StatusCode, response.Header, body}, nil
}

// unseen sends a message through a service whose requests nobody else sees.
// When ctx ends it returns at once; the service ends by its own timeout.
func (s *Service) unseen(ctx context.Context, m message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				sent <- fmt.Errorf("panic: %v", p)
			}
		}()
		// One of its own: an earlier attempt may still be under way. Some sign
		// in when they are set up.
		service, err := s.source.service()
		if err == nil {
			params := types.Params(maps.Clone(m.params))
			err = service.Send(m.text, &params)
		}
		sent <- err
	}()
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
