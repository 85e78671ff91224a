// Command sleuth keeps the access keys of AWS accounts within policy: it warns
// their owners, disables keys at their limit, and notifies their owners.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/iam-sleuth/sleuth/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := cli.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
