// Command bench measures Sleuth: the calls, time and memory that reading an
// account takes, against an AWS in another process and a strictly serial
// reader, and what a Lambda of it takes. 'make bench' runs it; its output is
// the tables of docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start is the benchmark, or one of the processes that it consists of.
func start(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "aws":
			return serveAWS(args[1:], stdin, stdout)
		case "serial":
			return readSerially(ctx, args[1:], stdout)
		case "inside":
			return runInside(ctx, args[1:], stdout)
		case "stream":
			return stream(args[1:], stdout)
		}
	}
	b := bench{out: stdout, counted: map[string]inside{}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&b.full, "full", false, "the long ones as well: 5,000 users at 20 calls a second, and 1,000 users read serially")
	flags.BoolVar(&b.quick, "quick", false, "100 users only")
	flags.BoolVar(&b.account, "account", false, "the full account only, without a limit of calls")
	flags.StringVar(&b.binary, "binary", "", "sleuth to measure; built from here if empty")
	flags.IntVar(&b.only, "users", 0, "accounts of so many users only")
	flags.DurationVar(&b.latency, "latency", 50*time.Millisecond, "of every call")
	flags.IntVar(&b.concurrency, "concurrency", 0, "SLEUTH_CONCURRENCY of the runs; zero is the default")
	flags.IntVar(&b.streamed, "stream", 5_000_000, "users to stream through verdict and plan")
	flags.StringVar(&b.profiles, "profiles", "", "folder to write CPU and allocation profiles of the full account to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sleuth-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	b.folder = folder
	if b.binary != "" {
		return b.run(ctx)
	}
	b.binary = filepath.Join(folder, "sleuth")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.binary, "./cmd/sleuth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build sleuth: %w\n%s", err, output)
	}
	return b.run(ctx)
}
