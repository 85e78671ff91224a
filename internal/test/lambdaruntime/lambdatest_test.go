package lambdaruntime_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/test/lambdaruntime"
)

func start(t *testing.T) *lambdaruntime.Runtime {
	t.Helper()
	runtime, err := lambdaruntime.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(runtime.Close)
	return runtime
}

// call makes one request of the runtime API, as a function would.
func call(t *testing.T, r *lambdaruntime.Runtime, method, path, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method,
		"http://"+r.Address()+"/2018-06-01/runtime/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

type result struct {
	payload string
	err     error
}

func invoke(t *testing.T, r *lambdaruntime.Runtime, event string) <-chan result {
	t.Helper()
	results := make(chan result, 1)
	go func() {
		payload, err := r.Invoke(t.Context(), []byte(event), time.Minute)
		results <- result{string(payload), err}
	}()
	return results
}

func TestInvocation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, end, body string
		want            string
		wantErr         *lambdaruntime.FunctionError
	}{
		{"answered", "response", `{"a":1}`, `{"a":1}`, nil},
		{"failed", "error", `{"errorMessage":"no","errorType":"E"}`, "", &lambdaruntime.FunctionError{Message: "no", Type: "E"}},
		{"failed without reason", "error", `oops`, "", &lambdaruntime.FunctionError{Message: "oops", Type: "Unreadable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := start(t)
			results := invoke(t, r, `{"event":1}`)
			taken, event := call(t, r, http.MethodGet, "invocation/next", "")
			if event != `{"event":1}` {
				t.Errorf("the function was given %q", event)
			}
			ms, err := strconv.ParseInt(taken.Header.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
			if left := time.Until(time.UnixMilli(ms)); err != nil || left <= 0 || left > time.Minute {
				t.Errorf("deadline in %s: %v", left, err)
			}
			id := taken.Header.Get("Lambda-Runtime-Aws-Request-Id")
			if answered, _ := call(t, r, http.MethodPost, "invocation/"+id+"/"+test.end, test.body); answered.StatusCode != http.StatusAccepted {
				t.Errorf("the answer was met with %s", answered.Status)
			}
			got := <-results
			if got.payload != test.want {
				t.Errorf("payload %q, want %q", got.payload, test.want)
			}
			if failure, _ := errors.AsType[*lambdaruntime.FunctionError](got.err); (failure == nil) != (test.wantErr == nil) ||
				failure != nil && *failure != *test.wantErr {
				t.Errorf("error %v, want %v", got.err, test.wantErr)
			}
			if again, _ := call(t, r, http.MethodPost, "invocation/"+id+"/response", "{}"); again.StatusCode != http.StatusBadRequest {
				t.Errorf("a second answer was met with %s", again.Status)
			}
		})
	}
}

func TestFailedStartEndsTheInvocation(t *testing.T) {
	t.Parallel()
	r := start(t)
	call(t, r, http.MethodPost, "init/error", `{"errorMessage":"cannot start","errorType":"Runtime.Exit"}`)
	_, err := r.Invoke(t.Context(), []byte(`{}`), time.Minute)
	if failure, ok := errors.AsType[*lambdaruntime.FunctionError](err); !ok || failure.Message != "cannot start" {
		t.Errorf("got %v", err)
	}
}

func TestAllWaitersAreReleased(t *testing.T) {
	t.Parallel()
	r := start(t)
	results := invoke(t, r, `{}`)
	r.Close()
	if got := <-results; !errors.Is(got.err, lambdaruntime.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", got.err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t).Invoke(ended, nil, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
}
