// Package channeltest holds what the tests of every channel share: a contract
// that each must keep, and stand-ins for Slack.
package channeltest

import (
	"io"
	"net/http"
	"sync"
)

// Kind is how a service behaves at one request.
type Kind uint8

// The kinds of answer.
const (
	Fine      Kind = iota // takes the message, if it is within the service's rules
	Throttled             // asks to be left alone for a while
	Failing               // fails for a reason of its own, as services do now and then
	Refusing              // refuses for a reason that no retry fixes
	Hanging               // says nothing until the client goes away
	Closing               // closes the connection without an answer
)

// Answer is how a service is to behave at one request.
type Answer struct {
	Kind Kind
	// RetryAfter is the header of that name; empty leaves it out.
	RetryAfter string
	// Reason is what the service says of itself where it refuses; empty is a
	// usual one.
	Reason string
}

// Script is the part of a stand-in service that follows a script: what the next
// requests meet. With none left, all is fine. The zero Script is ready to use.
type Script struct {
	mu       sync.Mutex
	answers  []Answer
	requests int
	arrived  chan struct{}
}

// Next adds to the script.
func (s *Script) Next(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, answers...)
}

// Requests is how many requests came so far.
func (s *Script) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Arrived delivers a value after a request has come, at most one that nobody
// has taken yet.
func (s *Script) Arrived() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.arrivals()
}

func (s *Script) arrivals() chan struct{} {
	if s.arrived == nil {
		s.arrived = make(chan struct{}, 1)
	}
	return s.arrived
}

func (s *Script) take() Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	select {
	case s.arrivals() <- struct{}{}:
	default:
	}
	if len(s.answers) == 0 {
		return Answer{}
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next
}

// maxRequest is more than any channel's message.
const maxRequest = 8 << 20

// Handler follows the script. It hangs and closes connections itself; what else
// there is to answer is up to respond.
func (s *Script) Handler(respond func(w http.ResponseWriter, r *http.Request, body []byte, a Answer)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The body is read first: only then does the server notice a client
		// that has gone away.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		a := s.take()
		if err != nil {
			http.Error(w, "too_large", http.StatusRequestEntityTooLarge)
			return
		}
		switch a.Kind {
		case Hanging:
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case Closing:
			panic(http.ErrAbortHandler)
		}
		if a.RetryAfter != "" {
			w.Header().Set("Retry-After", a.RetryAfter)
		}
		respond(w, r, body, a)
	})
}
