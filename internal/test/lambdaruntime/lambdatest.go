// Package lambdaruntime serves the AWS Lambda runtime API on the loopback
// interface, so that tests can run a real function binary and invoke it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package lambdaruntime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FunctionARN is the function that invocations say they are of.
const FunctionARN = "arn:aws:lambda:us-east-1:123456789012:function:sleuth"

// maxAnswer is the most that a function may answer, 6 MB:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxAnswer = 6 << 20

// prefix is the version of the API that runtimes ask for.
const prefix = "/2018-06-01/runtime/"

// Runtime is a served runtime API. Its methods may be called from many
// goroutines; a function that asks gets one invocation at a time.
type Runtime struct {
	listener net.Listener
	server   *http.Server
	closed   chan struct{}
	closing  sync.Once

	queue   chan *invocation
	initErr chan *FunctionError // the first, if nobody has taken it yet

	mu      sync.Mutex
	pending map[string]*invocation // by request id: handed out, not answered
	serial  int
}

type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	done     chan struct{} // closed once payload or err is set
	payload  []byte
	err      *FunctionError
}

// FunctionError is an error that a function reported, of an invocation or of
// its own start.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Error implements error.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// ErrClosed says that the runtime was closed before an answer came.
var ErrClosed = errors.New("the lambda runtime is closed")

// Start serves on a free loopback port until Close; ctx only bounds the start.
func Start(ctx context.Context) (*Runtime, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a lambda function: %w", err)
	}
	r := &Runtime{
		listener: listener,
		closed:   make(chan struct{}),
		queue:    make(chan *invocation),
		initErr:  make(chan *FunctionError, 1),
		pending:  map[string]*invocation{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"invocation/next", r.next)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", r.response)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", r.failure)
	mux.HandleFunc("POST "+prefix+"init/error", r.initFailure)
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(listener) }() // ends with Close
	return r, nil
}

// Address is the value for AWS_LAMBDA_RUNTIME_API: host and port.
func (r *Runtime) Address() string { return r.listener.Addr().String() }

// Env is what Lambda puts in a function's environment, beside credentials.
func (r *Runtime) Env() []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + r.Address(),
		"AWS_LAMBDA_FUNCTION_NAME=sleuth",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/sleuth",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
		"_HANDLER=bootstrap",
	}
}

// Close ends the service and every connection to it. A function that waits for
// its next event is thereby asked to end.
func (r *Runtime) Close() {
	r.closing.Do(func() { close(r.closed) })
	_ = r.server.Close()
}

// Invoke hands the function an event and waits for its answer. timeout is the
// function's, counted from when it takes the event. The error is a
// *FunctionError where the function reported one.
func (r *Runtime) Invoke(ctx context.Context, event []byte, timeout time.Duration) ([]byte, error) {
	r.mu.Lock()
	r.serial++
	i := &invocation{
		id:       fmt.Sprintf("00000000-0000-4000-8000-%012d", r.serial),
		event:    event,
		deadline: time.Now().Add(timeout),
		done:     make(chan struct{}),
	}
	r.mu.Unlock()
	select {
	case r.queue <- i:
	case failure := <-r.initErr:
		return nil, failure
	case <-r.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("no function has asked for an event: %w", ctx.Err())
	}
	select {
	case <-i.done:
	case <-r.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("the function has not answered: %w", ctx.Err())
	}
	if i.err != nil {
		return nil, i.err
	}
	return i.payload, nil
}

func (r *Runtime) next(w http.ResponseWriter, request *http.Request) {
	var i *invocation
	select {
	case i = <-r.queue:
	case <-r.closed:
		panic(http.ErrAbortHandler)
	case <-request.Context().Done():
		return
	}
	r.mu.Lock()
	r.pending[i.id] = i
	r.mu.Unlock()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Lambda-Runtime-Aws-Request-Id", i.id)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Invoked-Function-Arn", FunctionARN)
	header.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
	_, _ = w.Write(i.event) // a function that went away never answers
}

func (r *Runtime) response(w http.ResponseWriter, request *http.Request) {
	body, ok := read(w, request)
	if ok {
		r.answer(w, request, func(i *invocation) { i.payload = body })
	}
}

func (r *Runtime) failure(w http.ResponseWriter, request *http.Request) {
	body, ok := read(w, request)
	if ok {
		r.answer(w, request, func(i *invocation) { i.err = functionError(body) })
	}
}

// answer settles the invocation that a request is about. A second answer is
// refused, as Lambda does.
func (r *Runtime) answer(w http.ResponseWriter, request *http.Request, settle func(*invocation)) {
	r.mu.Lock()
	i := r.pending[request.PathValue("id")]
	delete(r.pending, request.PathValue("id"))
	r.mu.Unlock()
	if i == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID")
		return
	}
	settle(i)
	close(i.done)
	w.WriteHeader(http.StatusAccepted)
}

func (r *Runtime) initFailure(w http.ResponseWriter, request *http.Request) {
	body, ok := read(w, request)
	if !ok {
		return
	}
	select {
	case r.initErr <- functionError(body):
	default: // an earlier one says why already
	}
	w.WriteHeader(http.StatusAccepted)
}

func read(w http.ResponseWriter, request *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxAnswer))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
	}
	return body, err == nil
}

func functionError(body []byte) *FunctionError {
	failure := &FunctionError{}
	if json.Unmarshal(body, failure) != nil || strings.TrimSpace(failure.Message) == "" {
		failure = &FunctionError{Type: "Unreadable", Message: string(body)}
	}
	return failure
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(FunctionError{Type: kind, Message: kind})
}
