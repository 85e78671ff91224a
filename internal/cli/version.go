package cli

import (
	"fmt"
	"runtime"

	"github.com/iam-sleuth/sleuth/internal/app"
)

type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(a *console) error {
	_, err := fmt.Fprintln(a.stdout, versionLine())
	return err
}

// versionLine says which version this is, and what it was built with.
func versionLine() string {
	return fmt.Sprintf("sleuth %s (%s, %s/%s)", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
