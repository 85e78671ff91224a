package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// build compiles the program for Lambda. Whatever differs between two machines
// with the same source is left out: paths, the state of the checkout, cgo.
func build(ctx context.Context, source, goarch, version string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "lambdazip")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	binary := filepath.Join(folder, "bootstrap")
	compile := exec.CommandContext(ctx, "go", "build", //nolint:gosec // our own arguments
		"-trimpath", "-buildvcs=false", "-mod=readonly",
		"-tags", "lambda.norpc", // the older runtime's way to call a function
		// Inlining makes the SDK's clients a third larger, and a run that waits
		// for the network no faster.
		"-gcflags=github.com/aws/aws-sdk-go-v2/service/...=-l",
		"-ldflags", "-s -w -buildid= -X github.com/iam-sleuth/sleuth/internal/cli.version="+version,
		"-o", binary, source)
	compile.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=", "GOAMD64=", "GOARM64=", "GOEXPERIMENT=")
	if said, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, said)
	}
	return os.ReadFile(binary) //nolint:gosec // our own file
}

// packed is when the file in the zip says it was changed: the earliest that
// the format can say.
var packed = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// pack zips bootstrap so that Lambda can run it.
func pack(bootstrap []byte) ([]byte, error) {
	var zipped bytes.Buffer
	w := zip.NewWriter(&zipped)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: packed}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(bootstrap); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return zipped.Bytes(), nil
}
