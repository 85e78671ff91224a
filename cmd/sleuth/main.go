// Command sleuth keeps the access keys of AWS accounts within policy: it warns
// their owners, disables keys at their limit, and notifies their owners.
package main

import (
	"context"
	"os"
	"runtime/debug"
	_ "time/tzdata" // SLEUTH_DISABLE_WHEN names a zone that the machine may not have

	"github.com/iam-sleuth/sleuth/internal/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(33) // docs/decisions/memory.md
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
