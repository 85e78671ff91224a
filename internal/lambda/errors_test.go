package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// TestErrorTypes: the names are documented, and what Step Functions tries again
// is one of them.
func TestErrorTypes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"EventError":      badEventError{errors.New("no action")},
		"SettingsError":   fmt.Errorf("check the settings: %w", config.Problems{}),
		"BusyError":       fmt.Errorf("account 123456789012: %w", &app.BusyError{}),
		"TimeoutError":    fmt.Errorf("list the accounts: %w", context.DeadlineExceeded),
		"IncompleteError": incomplete{fmt.Errorf("the run completed with 1 error: %w", context.DeadlineExceeded)},
		"SleuthError":     errors.New("anything else"),
	} {
		result, ok := errors.AsType[messages.InvokeResponse_Error](asResult(err))
		if !ok || result.Type != want || result.Message != err.Error() {
			t.Errorf("%v: %+v, want the type %s", err, result, want)
		}
		if !strings.Contains(string(page), "| `"+want+"` |") {
			t.Errorf("docs/operate.md does not say what %s is", want)
		}
	}
}

func TestStepFunctionsTryABusyAccountAgain(t *testing.T) {
	t.Parallel()
	module, err := os.ReadFile("../../terraform/organization.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`"([A-Za-z]+Error)",`).FindAllStringSubmatch(string(module), -1) {
		if name[1] == busyError {
			return
		}
	}
	t.Errorf("terraform/organization.tf does not try %s again", busyError)
}
