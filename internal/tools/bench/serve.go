package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// started is the first thing that an AWS in a process of its own says.
type started struct {
	URL                 string
	AccessKeyID, Secret string
	SNSTopic            string
}

// traffic is what it says of the calls it was made, when asked.
type traffic struct {
	Calls     int // that were answered, all services
	IAM       int // that were answered, IAM only
	Throttled int
	ByAction  map[string]int // answered
	Disabled  int            // keys that are Inactive
}

// serveAWS is the process that is AWS. It answers a line of input with its
// traffic, and ends with its input.
func serveAWS(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("aws", flag.ContinueOnError)
	users := flags.Int("users", 100, "")
	latency := flags.Duration("latency", 0, "")
	rate := flags.Float64("rate", 0, "")
	burst := flags.Int("burst", 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := awsfake.Start(awsfake.WithLatency(*latency), awsfake.WithRate(*rate, *burst))
	if err != nil {
		return err
	}
	defer server.Close()
	fill(server.Home(), *users, time.Now())
	encoder := json.NewEncoder(stdout)
	id, secret := server.Home().Credentials()
	err = encoder.Encode(started{ //nolint:gosec // the secret of a fake, for our own process
		URL: server.URL(), AccessKeyID: id, Secret: secret,
		SNSTopic: server.Home().AddTopic("keys"),
	})
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		if err := encoder.Encode(trafficOf(server)); err != nil {
			return err
		}
		server.ResetCalls()
	}
	return nil
}

func trafficOf(server *awsfake.Server) traffic {
	t := traffic{ByAction: map[string]int{}}
	for _, call := range server.Calls() {
		if call.ErrorCode == "Throttling" {
			t.Throttled++
			continue
		}
		t.Calls++
		t.ByAction[call.Action]++
		if call.Service == "iam" {
			t.IAM++
		}
	}
	for _, user := range server.Home().Users() {
		for _, key := range user.Keys {
			if !key.Active {
				t.Disabled++
			}
		}
	}
	return t
}

// remoteAWS is an AWS in a process of its own, so that what it takes of memory
// is not counted as Sleuth's.
type remoteAWS struct {
	started
	process *exec.Cmd
	stdin   io.WriteCloser
	answers *json.Decoder
}

func startAWS(ctx context.Context, users int, latency time.Duration, rate float64) (*remoteAWS, error) {
	process, err := self(ctx, "aws",
		"-users", fmt.Sprint(users), "-latency", latency.String(), "-rate", fmt.Sprint(rate), "-burst", fmt.Sprint(burst))
	if err != nil {
		return nil, err
	}
	a := &remoteAWS{process: process}
	if a.stdin, err = process.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start an AWS: %w", err)
	}
	a.answers = json.NewDecoder(stdout)
	if err := a.answers.Decode(&a.started); err != nil {
		return nil, fmt.Errorf("start an AWS: %w", err)
	}
	return a, nil
}

// traffic returns the calls since it was last asked.
func (a *remoteAWS) traffic() (traffic, error) {
	var t traffic
	if _, err := fmt.Fprintln(a.stdin); err != nil {
		return t, fmt.Errorf("ask AWS for its traffic: %w", err)
	}
	if err := a.answers.Decode(&t); err != nil {
		return t, fmt.Errorf("ask AWS for its traffic: %w", err)
	}
	return t, nil
}

func (a *remoteAWS) stop() {
	_ = a.stdin.Close()
	_ = a.process.Wait() // it ends with its input
}

// environment points every AWS client at it.
func (a *remoteAWS) environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + a.URL, "AWS_ACCESS_KEY_ID=" + a.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + a.Secret,
		"AWS_REGION=us-east-1", "SNS_TOPIC=" + a.SNSTopic, "HOME=" + os.TempDir(), "PATH=" + os.Getenv("PATH"),
	}
}

// self is this program again, as another process.
func self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	process := exec.CommandContext(ctx, program, args...) //nolint:gosec // this program itself
	process.Stderr = os.Stderr
	return process, nil
}
