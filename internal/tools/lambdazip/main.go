// Command lambdazip builds the zips that Lambda runs: one for each
// architecture, with nothing in it but bootstrap. The same source, version and
// Go give the same bytes.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lambdazip:", err)
		os.Exit(1)
	}
}

// architectures are Lambda's names of what Go calls otherwise.
var architectures = []struct{ name, goarch string }{
	{"arm64", "arm64"},
	{"x86_64", "amd64"},
}

// checksums is the file that sha256sum --check reads.
const checksums = "SHA256SUMS"

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("lambdazip", flag.ContinueOnError)
	out := flags.String("out", filepath.Join("build", "lambda"), "folder to write to")
	version := flags.String("version", "", "version that the binary says it is")
	only := flags.String("arch", "", "build this architecture only: arm64 or x86_64")
	source := flags.String("source", "./cmd/sleuth", "package to build")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil { //nolint:gosec // for others to read
		return err
	}
	var sums strings.Builder
	for _, arch := range architectures {
		if *only != "" && *only != arch.name {
			continue
		}
		bootstrap, err := build(ctx, *source, arch.goarch, *version)
		if err != nil {
			return fmt.Errorf("build for %s: %w", arch.name, err)
		}
		zipped, err := pack(bootstrap)
		if err != nil {
			return fmt.Errorf("pack for %s: %w", arch.name, err)
		}
		name := "sleuth-lambda-" + arch.name + ".zip"
		if err := os.WriteFile(filepath.Join(*out, name), zipped, 0o644); err != nil { //nolint:gosec // for others to read
			return err
		}
		sum := sha256.Sum256(zipped)
		line := hex.EncodeToString(sum[:]) + "  " + name + "\n"
		sums.WriteString(line)
		fmt.Fprint(stdout, line)
	}
	if sums.Len() == 0 {
		return fmt.Errorf("-arch=%q must be arm64 or x86_64", *only)
	}
	return os.WriteFile(filepath.Join(*out, checksums), []byte(sums.String()), 0o644) //nolint:gosec // for others to read
}
