package cli

import (
	"fmt"
	"runtime"

	"github.com/iam-sleuth/sleuth/internal/app"
)

type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(a *console) error {
	_, err := fmt.Fprintf(a.stdout, "sleuth %s (%s, %s/%s)\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
