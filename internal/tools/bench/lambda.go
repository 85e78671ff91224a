package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// runtimeAPI is Lambda's: it hands out so many events, and then keeps the
// function waiting for the next.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type runtimeAPI struct {
	server *http.Server
	host   string
	polled chan time.Time // each request for an event
	answer chan string    // each result or error
	done   chan struct{}
}

func serveRuntime(events int) (*runtimeAPI, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to wait for on a loopback port
	if err != nil {
		return nil, err
	}
	api := &runtimeAPI{
		host: listener.Addr().String(), polled: make(chan time.Time, events+1), answer: make(chan string, events),
		done: make(chan struct{}),
	}
	served := 0 // the function asks for one event at a time
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		api.polled <- time.Now()
		if served++; served > events {
			select {
			case <-r.Context().Done():
			case <-api.done:
			}
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("request-%d", served))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(15*time.Minute).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:sleuth")
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{what}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		what := r.PathValue("what")
		if what == "error" {
			what += ": " + string(body)
		}
		api.answer <- what
	})
	api.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = api.server.Serve(listener) }()
	return api, nil
}

func (api *runtimeAPI) stop() {
	close(api.done)
	_ = api.server.Close()
}

// lambdaStart is the time from starting the function's process to its first
// request for an event: the median of so many.
func lambdaStart(ctx context.Context, bootstrap string, times int) (median, longest time.Duration, err error) {
	var took []time.Duration
	for range times {
		one, err := startOnce(ctx, bootstrap)
		if err != nil {
			return 0, 0, err
		}
		took = append(took, one)
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1], nil
}

func startOnce(ctx context.Context, bootstrap string) (time.Duration, error) {
	api, err := serveRuntime(0)
	if err != nil {
		return 0, err
	}
	defer api.stop()
	function := exec.CommandContext(ctx, bootstrap)
	function.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + api.host}
	start := time.Now()
	if err := function.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = function.Wait() }() // killed below
	defer func() { _ = function.Process.Kill() }()
	select {
	case polled := <-api.polled:
		return polled.Sub(start), nil
	case <-time.After(10 * time.Second):
		return 0, errors.New("the function did not ask for an event")
	}
}

// lambdaRun has the function handle one event in an AWS.
func lambdaRun(ctx context.Context, bootstrap string, aws *remoteAWS, settings ...string) (took time.Duration, peak int64, err error) {
	api, err := serveRuntime(1)
	if err != nil {
		return 0, 0, err
	}
	defer api.stop()
	function := exec.CommandContext(ctx, bootstrap)
	function.Env = append(append(aws.environment(), settings...), "AWS_LAMBDA_RUNTIME_API="+api.host)
	if err := function.Start(); err != nil {
		return 0, 0, err
	}
	start := <-api.polled
	answer := <-api.answer
	took = time.Since(start)
	_ = function.Process.Kill()
	_ = function.Wait() // killed
	if answer != "response" {
		return 0, 0, fmt.Errorf("the function answered %s", answer)
	}
	return took, peakOf(function.ProcessState), nil
}

// lambdaZips builds the zips that are released, and unpacks the one for this
// machine. Sizes are in bytes, by name.
func lambdaZips(ctx context.Context, folder string) (sizes map[string]int64, bootstrap string, err error) {
	build := exec.CommandContext(ctx, "make", "lambda", "LAMBDA_OUT="+folder)
	if output, err := build.CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("build the zips: %w\n%s", err, output)
	}
	zips, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		return nil, "", err
	}
	sizes = map[string]int64{}
	for _, path := range zips {
		info, err := os.Stat(path)
		if err != nil {
			return nil, "", err
		}
		sizes[filepath.Base(path)] = info.Size()
		if strings.Contains(path, lambdaArchitecture()) {
			bootstrap = filepath.Join(folder, "bootstrap")
			if err := unpack(path, bootstrap); err != nil {
				return nil, "", err
			}
		}
	}
	return sizes, bootstrap, nil
}

// lambdaArchitecture is Lambda's word for what this machine is.
func lambdaArchitecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

func unpack(path, bootstrap string) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	packed, err := archive.Open("bootstrap")
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	file, err := os.OpenFile(bootstrap, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o700) //nolint:gosec // a program
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, packed); err != nil { //nolint:gosec // our own zip
		_ = file.Close()
		return err
	}
	return file.Close()
}
