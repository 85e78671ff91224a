package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// fullDisk refuses whatever is written to it.
type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestASummaryThatCannotBePrintedIsNoSuccess: whoever keeps the output relies
// on it.
func TestASummaryThatCannotBePrintedIsNoSuccess(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	full := &console{ctx: t.Context(), stdout: fullDisk{}, stderr: &stderr}
	if status := full.finish(full.conclude(sleuth.Summary{}, nil, nil)); status != exitIncomplete {
		t.Errorf("exit status %d, want %d", status, exitIncomplete)
	}
	if !strings.Contains(stderr.String(), "print the summary: no space left") {
		t.Errorf("said %q", stderr.String())
	}

	var stdout strings.Builder
	fine := &console{ctx: t.Context(), stdout: &stdout, stderr: &stderr}
	if status := fine.finish(fine.conclude(sleuth.Summary{Counts: account.Counts{Warned: 3}}, nil, nil)); status != exitOK {
		t.Errorf("exit status %d, want %d", status, exitOK)
	}
	if !strings.Contains(stdout.String(), "warned 3") {
		t.Errorf("printed %q", stdout.String())
	}
	if status := fine.finish(fine.conclude(sleuth.Summary{}, errors.New("one user"), nil)); status != exitIncomplete {
		t.Errorf("exit status of a run that did not complete: %d, want %d", status, exitIncomplete)
	}
}
