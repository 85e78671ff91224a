// Package mototest runs moto, an emulator of AWS in Python, for tests: a
// second opinion on what AWS does, written by others.
//
// moto keeps no test waiting for its own sake, but starting it takes a second
// or two: tests that can live beside others call Shared and take an account of
// their own from it; tests that change the server as a whole call Start.
package mototest

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// HomeAccount is the account of credentials that moto does not know.
const HomeAccount = "123456789012"

// startTimeout is how long moto may take to start, on a machine that is busy
// with other tests.
const startTimeout = 2 * time.Minute

// exitMissing is the status with which the program says that moto is not
// installed.
const exitMissing = 3

//go:embed server.py
var program string

// Moto is a running server.
type Moto struct {
	// URL is where it listens: the value for AWS_ENDPOINT_URL.
	URL string
	// Home is the account that any credentials reach which moto has not made.
	Home *Account

	controlURL string
	process    *exec.Cmd
	stdin      io.Closer
	stderr     *output
	client     *http.Client
	accounts   accountIDs
}

// settings is what the program is received.
type settings struct {
	ExecuteStateMachines bool `json:"executeStateMachines"`
	CallbackPort         int  `json:"callbackPort"`
}

// Option changes how a server is started.
type Option func(*settings)

// ExecuteStateMachines lets Step Functions run what it is given; without it
// moto only pretends to.
func ExecuteStateMachines() Option {
	return func(s *settings) { s.ExecuteStateMachines = true }
}

// CallbackPort is where on localhost moto's state machines call AWS services,
// Lambda among them: a proxy may listen there. Without it they call moto.
func CallbackPort(port int) Option {
	return func(s *settings) { s.CallbackPort = port }
}

// Start runs a server for the length of a test. If the machine lacks Python
// or moto the test is skipped, or fails if SLEUTH_REQUIRE_ALL is 1.
func Start(t testing.TB, options ...Option) *Moto {
	t.Helper()
	// Not the test's own context: that ends before its clean-up begins, and
	// clean-up may still ask moto things.
	m, err := launch(context.WithoutCancel(t.Context()), options)
	require(t, err)
	t.Cleanup(m.stop)
	return m
}

// shared is the server of the test binary. It is never stopped: it ends with
// the binary.
var shared struct {
	once sync.Once
	moto *Moto
	err  error
}

// Shared is one server for the whole test binary, started by the first test
// that wants it. Tests must not get in one another's way there: each should
// work in an account of its own, from Account.
func Shared(t testing.TB) *Moto {
	t.Helper()
	shared.once.Do(func() {
		shared.moto, shared.err = launch(context.WithoutCancel(t.Context()), nil)
	})
	require(t, shared.err)
	return shared.moto
}

// require ends the test if the server could not be started.
func require(t testing.TB, err error) {
	t.Helper()
	var missing *missingError
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("SLEUTH_REQUIRE_ALL") != "1":
		t.Skipf("skipped: %v", err)
	default:
		t.Fatalf("starting moto: %v", err)
	}
}

// missingError says that the machine lacks what moto needs.
type missingError struct{ what string }

func (e *missingError) Error() string { return "not installed: " + e.what }

func launch(ctx context.Context, options []Option) (*Moto, error) {
	var received settings
	for _, option := range options {
		option(&received)
	}
	arguments, err := json.Marshal(received)
	if err != nil {
		return nil, fmt.Errorf("encoding the settings: %w", err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, &missingError{"python3"}
	}

	m := &Moto{stderr: &output{}, client: &http.Client{Timeout: startTimeout}}
	m.process = exec.CommandContext(ctx, python, "-c", program, string(arguments)) //nolint:gosec // our own program
	m.process.Env = withoutAWS(os.Environ())
	m.process.Stderr = m.stderr
	stdin, err := m.process.StdinPipe() // open for as long as this process lives
	if err != nil {
		return nil, fmt.Errorf("connecting to python3: %w", err)
	}
	m.stdin = stdin
	stdout, err := m.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("connecting to python3: %w", err)
	}
	if err := m.process.Start(); err != nil {
		return nil, fmt.Errorf("running python3: %w", err)
	}

	tooLong := time.AfterFunc(startTimeout, func() { _ = m.process.Process.Kill() })
	line, readErr := bufio.NewReader(stdout).ReadBytes('\n')
	tooLong.Stop()
	var ports struct{ Moto, Control int }
	if readErr == nil {
		readErr = json.Unmarshal(line, &ports)
	}
	if readErr != nil {
		m.stop()
		if m.process.ProcessState.ExitCode() == exitMissing {
			return nil, &missingError{"moto (" + m.stderr.String() + ")"}
		}
		return nil, fmt.Errorf("%s: %s", m.process.ProcessState, m.stderr)
	}

	m.URL = fmt.Sprintf("http://127.0.0.1:%d", ports.Moto)
	m.controlURL = fmt.Sprintf("http://127.0.0.1:%d", ports.Control)
	m.Home = &Account{ID: HomeAccount, AccessKeyID: "testing", SecretAccessKey: "testing", moto: m}
	return m, nil
}

// stop ends the server and waits until it is gone.
func (m *Moto) stop() {
	_ = m.stdin.Close()
	patience := time.AfterFunc(5*time.Second, func() { _ = m.process.Process.Kill() })
	defer patience.Stop()
	_ = m.process.Wait() // how it ended is in ProcessState
}

// withoutAWS is an environment without what points AWS tools anywhere.
func withoutAWS(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "MOTO_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// output keeps what the server complains about.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.text.String())
}
