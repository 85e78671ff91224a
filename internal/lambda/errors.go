package lambda

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// The error types of the function's results, which alarms and Step Functions
// can match. docs/operate.md says what each means; none is ever renamed.
const (
	eventError      = "EventError"      // the event cannot be used; nothing was done
	settingsError   = "SettingsError"   // the settings cannot be used; nothing was done
	busyError       = "BusyError"       // another run has the account; try again later
	timeoutError    = "TimeoutError"    // the time was up before the work was done
	incompleteError = "IncompleteError" // something was not read, disabled or delivered; the next run does what is left
	sleuthError     = "SleuthError"     // anything else
)

// badEventError is an event that cannot be used.
type badEventError struct{ error }

func (e badEventError) Unwrap() error { return e.error }

// incomplete is work that was done in part.
type incomplete struct{ error }

func (e incomplete) Unwrap() error { return e.error }

// errorType names the kind of an error.
func errorType(err error) string {
	if _, bad := errors.AsType[badEventError](err); bad {
		return eventError
	}
	if _, bad := errors.AsType[config.Problems](err); bad {
		return settingsError
	}
	if _, busy := errors.AsType[*app.BusyError](err); busy {
		return busyError
	}
	if _, some := errors.AsType[incomplete](err); some {
		return incompleteError
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return timeoutError
	}
	return sleuthError
}

// asResult is an error as Lambda returns it: with a documented type, and in
// words for people.
func asResult(err error) error {
	return messages.InvokeResponse_Error{Message: awserr.Message(err), Type: errorType(err)}
}
