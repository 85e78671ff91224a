package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/state"
)

func clock() time.Time { return today }

func openFile(t *testing.T, path string, opts ...state.Option) *state.File {
	t.Helper()
	f, err := state.OpenFile(path, append([]state.Option{state.Clock(clock)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestFile(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T) state.Store {
		return openFile(t, filepath.Join(t.TempDir(), "sleuth.db"))
	})
}
