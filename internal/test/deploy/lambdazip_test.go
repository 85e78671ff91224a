package deploy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostBytes is what a zip may weigh. Lambda takes 50 MB, and loads small ones
// faster.
const mostBytes = 20_000_000

const checksums = "SHA256SUMS"

func zipsIn(t *testing.T, folder, version, architectures string) map[string][]byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", "--no-print-directory", "lambda", "LAMBDA_OUT="+folder, "VERSION="+version, "LAMBDA_ARCH="+architectures)
	command.Dir = root
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

func TestZipsOfTwoBuildsAreTheSame(t *testing.T) {
	t.Parallel()
	machines, architectures := map[string]elf.Machine{"sleuth-lambda-arm64.zip": elf.EM_AARCH64, "sleuth-lambda-x86_64.zip": elf.EM_X86_64}, "arm64 x86_64"
	if os.Getenv("SLEUTH_REQUIRE_ALL") != "1" { // another architecture is as long to compile as all tests
		architectures = lambdaArchitecture()
		maps.DeleteFunc(machines, func(name string, _ elf.Machine) bool { return !strings.Contains(name, architectures) })
	}
	first, second := zipsIn(t, t.TempDir(), "1.2.3", architectures), zipsIn(t, filepath.Join(t.TempDir(), "elsewhere"), "1.2.3", architectures)
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
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode()&0o555 != 0o555 || !r.File[0].Mode().IsRegular() {
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
	if home, err := filepath.Abs(root); err == nil && bytes.Contains(content, []byte(home)) {
		t.Errorf("%s holds the path it was built in", name)
	}
}

func TestZipForUnknownArchitecture(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	command := exec.CommandContext(t.Context(), "make", "lambda", "LAMBDA_OUT="+folder, "LAMBDA_ARCH=sparc")
	command.Dir = root
	said, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "unsupported GOOS/GOARCH pair linux/sparc") {
		t.Errorf("make lambda = %v\n%s", err, said)
	}
	if left, _ := os.ReadDir(folder); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
