// Command bench measures a run over an organization: wall time, calls and
// memory, against an AWS in another process. Its output is the tables of
// docs/performance.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size is an organization and the AWS that it is in.
type size struct {
	accounts, users int
	latency         time.Duration
	at              int // SLEUTH_ACCOUNT_CONCURRENCY
}

func start(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "aws" {
		return serve(args[1:], os.Stdin, os.Stdout)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	accounts := flags.String("accounts", "10,100,1000", "how many accounts, one run for each number")
	users := flags.Int("users", 500, "in each account")
	latency := flags.Duration("latency", 5*time.Millisecond, "of every call")
	at := flags.Int("at-once", 8, "SLEUTH_ACCOUNT_CONCURRENCY")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sleuth-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary := filepath.Join(folder, "sleuth")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/sleuth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build sleuth: %w\n%s", err, output)
	}
	fmt.Printf("%s on %s/%s, %d cores; %d users an account, %s a call, SLEUTH_ACCOUNT_CONCURRENCY=%d\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), *users, *latency, *at)
	fmt.Println("| accounts | keys | calls | wall time | calls a second | CPU time | peak memory |\n|---|---|---|---|---|---|---|")
	for text := range strings.SplitSeq(*accounts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := measure(ctx, binary, filepath.Join(folder, text), size{n, *users, *latency, *at}); err != nil {
			return err
		}
	}
	return nil
}

// measure makes one run, whose digest goes to a topic.
func measure(ctx context.Context, binary, folder string, s size) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	aws := exec.CommandContext(ctx, self, "aws", "-accounts", strconv.Itoa(s.accounts), "-users", strconv.Itoa(s.users), "-latency", s.latency.String()) //nolint:gosec // this program
	stdin, err := aws.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := aws.StdoutPipe()
	if err != nil {
		return err
	}
	if err := aws.Start(); err != nil {
		return err
	}
	defer func() { _ = aws.Wait() }()
	defer func() { _ = stdin.Close() }()
	answers := json.NewDecoder(bufio.NewReader(stdout))
	var here served
	if err := answers.Decode(&here); err != nil {
		return err
	}

	var out, log bytes.Buffer
	run := exec.CommandContext(ctx, binary, "run")
	run.Stdout, run.Stderr = &out, &log
	run.Env = append(os.Environ(), "AWS_CA_BUNDLE=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_ENDPOINT_URL="+here.URL, "AWS_ACCESS_KEY_ID=AKIABENCH", "AWS_SECRET_ACCESS_KEY=none", "AWS_REGION=us-east-1",
		"SLEUTH_ACCOUNTS=organization", "SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_NOTIFY_MODE=digest", "ENABLE_AUTO_EXPIRE=true", "SNS_TOPIC="+here.Topic,
		"SLEUTH_ACCOUNT_CONCURRENCY="+strconv.Itoa(s.at), "SLEUTH_STATE=file:"+filepath.Join(folder, "state.db"))
	began := time.Now()
	if err := run.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, log.Bytes()[max(0, log.Len()-2000):])
	}
	took := time.Since(began)
	if _, err := io.WriteString(stdin, "\n"); err != nil {
		return err
	}
	if err := answers.Decode(&here); err != nil {
		return err
	}
	peak := int64(0)
	if usage, ok := run.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = usage.Maxrss * 1024
		if runtime.GOOS == "darwin" { // in bytes there
			peak = usage.Maxrss
		}
	}
	cpu := run.ProcessState.UserTime() + run.ProcessState.SystemTime()
	fmt.Printf("| %d | %d | %d | %.1f s | %.0f | %.1f s | %d MiB |\n",
		s.accounts, s.accounts*s.users*keysPerUser, here.Calls, took.Seconds(), float64(here.Calls)/took.Seconds(), cpu.Seconds(), peak>>20)
	if here.Disabled != s.accounts*((s.users+everyPastLimit-1)/everyPastLimit)*keysPerUser {
		return errors.New("not all keys that are due were disabled")
	}
	return nil
}

// served is what the AWS says of itself.
type served struct {
	URL, Topic      string
	Calls, Disabled int
}

const (
	keysPerUser = 2
	// Of a hundred users five have keys to act on: one past the limit, four to
	// warn of.
	everyNeedsAction = 20
	everyPastLimit   = 100
)

// serve is the process that is AWS. It answers a line of input with its
// traffic, and ends with its input.
func serve(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("aws", flag.ContinueOnError)
	accounts := flags.Int("accounts", 10, "")
	users := flags.Int("users", 500, "")
	latency := flags.Duration("latency", 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := awsfake.Start(awsfake.WithLatency(*latency))
	if err != nil {
		return err
	}
	defer server.Close()
	server.RecordCalls(false)
	organization := server.Organize()
	for i := range *accounts {
		account := server.Home()
		if i > 0 {
			account = server.Account(fmt.Sprintf("5%011d", i))
			organization.Join(account, organization.Root(), fmt.Sprintf("account-%d", i))
		}
		fill(account, i, *users, time.Now())
	}
	encoder := json.NewEncoder(stdout)
	answer := served{URL: server.URL(), Topic: server.Home().AddTopic("keys")}
	if err := encoder.Encode(answer); err != nil {
		return err
	}
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		answer.Calls, answer.Disabled = server.Count(""), server.Count("UpdateAccessKey")
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

func fill(account *awsfake.Account, number, users int, now time.Time) {
	for i := range users {
		age := 1 + i%70
		switch {
		case i%everyPastLimit == 0:
			age = 95
		case i%everyNeedsAction == 0:
			age = 85
		}
		user := awsfake.User{
			Name:    fmt.Sprintf("user-%04d-%05d", number, i),
			Created: now.AddDate(-2, 0, 0),
			Tags:    map[string]string{"Slack": fmt.Sprintf("U%08d", i)},
		}
		for key := range keysPerUser {
			user.Keys = append(user.Keys, awsfake.Key{Active: true, Created: now.AddDate(0, 0, -age).Add(-time.Duration(key) * time.Hour), LastUsed: now.Add(-time.Hour)})
		}
		account.AddUser(user)
	}
}
