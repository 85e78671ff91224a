package app

import "runtime/debug"

// version is set when a release is built.
var version = "" //nolint:gochecknoglobals // written by the linker

// Version is the program's version, "dev" if it is not known.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
