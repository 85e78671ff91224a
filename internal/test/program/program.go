// Package program builds Sleuth's programs as they are released, for tests that
// run them from outside, and has what these tests share.
package program

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/report"
)

// Secret is what no program may print.
const Secret = "topSecretOfTheStory"

// builds are the programs that were built, each once for all tests of a process.
type builds struct {
	mu     sync.Mutex
	folder string
	errs   map[string]error
}

var built builds //nolint:gochecknoglobals // shared by the tests of a process

// Build returns the path of the program in cmd/name: of the one in the folder
// SLEUTH_PROGRAMS, which 'make test' sets, or of one built for this process.
func Build(t *testing.T, name string) string {
	t.Helper()
	if folder := os.Getenv("SLEUTH_PROGRAMS"); folder != "" {
		return filepath.Join(folder, name)
	}
	built.mu.Lock()
	defer built.mu.Unlock()
	err, done := built.errs[name]
	if !done {
		err = built.build(t, name)
		if built.errs == nil {
			built.errs = map[string]error{}
		}
		built.errs[name] = err
	}
	if err != nil {
		t.Fatalf("building the program: %v", err)
	}
	return filepath.Join(built.folder, name)
}

func (b *builds) build(t *testing.T, name string) (err error) {
	t.Helper()
	if b.folder == "" {
		if b.folder, err = os.MkdirTemp("", "sleuth-binary"); err != nil {
			return err
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(b.folder, name), "github.com/iam-sleuth/sleuth/cmd/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, output)
	}
	return nil
}

// Remove removes what was built.
func Remove() {
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
}

// Environment keeps a process from this machine's AWS settings, and
// its state below folder.
func Environment(folder string) []string {
	return []string{
		"HOME=" + filepath.Join(folder, "home"),
		"XDG_STATE_HOME=" + filepath.Join(folder, "state"),
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// SecretIn returns the first of the secrets that a text holds.
func SecretIn(text string, secrets []string) string {
	if i := slices.IndexFunc(secrets, func(secret string) bool { return strings.Contains(text, secret) }); i >= 0 {
		return secrets[i]
	}
	return ""
}

// Evidence reads the evidence below a folder, by account.
func Evidence(t *testing.T, folder string) map[string]report.Report {
	t.Helper()
	found := map[string]report.Report{}
	files, err := filepath.Glob(filepath.Join(folder, "*", "*", "*", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var one report.Report
		if err := json.Unmarshal(text, &one); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(strings.TrimSuffix(file, ".json") + ".html"); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(file, filepath.Join(folder, one.Account.ID)+string(filepath.Separator)) {
			t.Errorf("the evidence on account %s is in %s", one.Account.ID, file)
		}
		found[one.Account.ID] = one
	}
	return found
}
