package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built.
var version = "" //nolint:gochecknoglobals // written by the linker

type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run(a *console) error {
	_, err := fmt.Fprintf(a.stdout, "sleuth %s (%s, %s/%s)\n", versionText(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
