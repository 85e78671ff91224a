// Command sleuth-lambda is Sleuth as an AWS Lambda function: the bootstrap of
// the zips. Its settings are environment variables.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // SLEUTH_DISABLE_WHEN names a zone that the machine may not have

	"github.com/iam-sleuth/sleuth/internal/lambda"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(33) // docs/decisions/memory.md
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lambda.Serve(ctx, os.Environ(), os.Stdout, os.Stderr)
}
