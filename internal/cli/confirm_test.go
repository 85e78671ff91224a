package cli

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestConfirm takes nothing but a yes for a yes.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]bool{"y\n": true, " YES \n": true, "n\n": false, "\n": false, "": false, "yess\n": false} {
		a := &console{stdin: strings.NewReader(typed), stdout: io.Discard}
		if got := a.confirm(t.Context(), "Enable 1 key again?"); got != want {
			t.Errorf("typed %q: got %t, want %t", typed, got, want)
		}
	}
}

// TestAnInterruptIsANo, and so is a lost lease.
func TestAnInterruptIsANo(t *testing.T) {
	t.Parallel()
	never, _ := io.Pipe()
	ended, end := context.WithCancel(t.Context())
	end()
	var out strings.Builder
	if (&console{stdin: never, stdout: &out}).confirm(ended, "Enable 1 key again?") {
		t.Error("nothing was typed, and it is a yes")
	}
	if got := out.String(); got != "Enable 1 key again? [y/N] \n" {
		t.Errorf("printed %q", got)
	}
}
