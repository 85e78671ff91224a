package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostBytes is what a zip may weigh: Lambda loads small ones faster.
const mostBytes = 10_000_000

func zipsIn(t *testing.T, folder string, version string) map[string][]byte {
	t.Helper()
	// As a process of its own: under the race detector zipping takes minutes.
	command := exec.CommandContext(t.Context(), "go", "run", ".", "-out", folder, "-version", version, "-source", "../../../cmd/sleuth")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var said, failed strings.Builder
	command.Stdout, command.Stderr = &said, &failed
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &failed)
	}
	sums, err := os.ReadFile(filepath.Join(folder, checksums))
	if err != nil {
		t.Fatal(err)
	}
	if said.String() != string(sums) {
		t.Errorf("printed %q, %s says %q", said.String(), checksums, sums)
	}
	zips := map[string][]byte{}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		zips[name], err = os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(zips[name]); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s: checksum %x, %s says %s", name, got, checksums, sum)
		}
	}
	return zips
}

func TestTwoBuildsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	first, second := zipsIn(t, t.TempDir(), "1.2.3"), zipsIn(t, filepath.Join(t.TempDir(), "elsewhere"), "1.2.3")
	machines := map[string]elf.Machine{
		"sleuth-lambda-arm64.zip":  elf.EM_AARCH64,
		"sleuth-lambda-x86_64.zip": elf.EM_X86_64,
	}
	if len(first) != len(machines) {
		t.Fatalf("built %d zips", len(first))
	}
	for name, machine := range machines {
		if len(first[name]) == 0 || !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s differs between two builds", name)
		}
		if len(first[name]) >= mostBytes {
			t.Errorf("%s has %d bytes", name, len(first[name]))
		}
		checkBootstrap(t, name, first[name], machine)
	}
}

// checkBootstrap holds a zip to what Lambda asks of one.
func checkBootstrap(t *testing.T, name string, zipped []byte, machine elf.Machine) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 {
		t.Fatalf("%s holds %v, not an executable bootstrap alone", name, r.File)
	}
	file, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if program.Machine != machine {
		t.Errorf("%s is built for %s", name, program.Machine)
	}
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("%s needs libraries that Lambda may not have", name)
	}
	if !bytes.Contains(content, []byte("1.2.3")) {
		t.Errorf("%s does not know its version", name)
	}
	if home, err := os.Getwd(); err == nil && bytes.Contains(content, []byte(home)) {
		t.Errorf("%s holds the path it was built in", name)
	}
}

func TestUnknownArchitecture(t *testing.T) {
	t.Parallel()
	err := run(context.WithoutCancel(t.Context()), []string{"-out", t.TempDir(), "-arch", "sparc"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "must be arm64 or x86_64") {
		t.Errorf("run = %v", err)
	}
}
