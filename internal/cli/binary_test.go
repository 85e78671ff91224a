package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is the program as it is released, for the tests that run it from
// outside. Built once for all of them.
var built struct {
	once   sync.Once
	folder string
	err    error
}

// binary is the path of the built program.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "sleuth-binary"); built.err != nil {
			return
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(built.folder, "sleuth"), "../../cmd/sleuth")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatalf("building the program: %v", built.err)
	}
	return filepath.Join(built.folder, "sleuth")
}

func removeBinary() {
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
}
