// Package awserr says errors of AWS as people are to read them, with what to do,
// and says which may be retried.
package awserr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// Message is an error's text as people are to read it: what AWS's SDK wraps
// around an answer is cut down to the call, the code and AWS's own words, and
// if it is known what to do, that is added at the end.
func Message(err error) string {
	if err == nil {
		return ""
	}
	message := err.Error()
	for _, call := range callsIn(err) {
		message = strings.ReplaceAll(message, call.Error(), brief(call))
	}
	if hint := hintFor(err); hint != "" && !strings.Contains(message, hint) {
		message += "; " + hint
	}
	return message
}

// callsIn are the failed calls that an error comes from.
func callsIn(err error) []*smithy.OperationError {
	if call, ok := err.(*smithy.OperationError); ok { //nolint:errorlint // the tree is walked here
		return []*smithy.OperationError{call}
	}
	switch wrapping := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			return callsIn(inner)
		}
	case interface{ Unwrap() []error }:
		var calls []*smithy.OperationError
		for _, inner := range wrapping.Unwrap() {
			calls = append(calls, callsIn(inner)...)
		}
		return calls
	}
	return nil
}

// brief is a failed call in one line.
func brief(call *smithy.OperationError) string {
	message := fmt.Sprintf("%s %s: ", call.Service(), call.Operation())
	response, answered := errors.AsType[*awshttp.ResponseError](call.Err)
	api, hasCode := coded(call.Err)
	switch {
	case answered && foreign(call.Err):
		return message + fmt.Sprintf("the answer (HTTP %d) is not AWS's", response.HTTPStatusCode())
	case hasCode && api.ErrorMessage() != "":
		message += api.ErrorCode() + ": " + strings.TrimRight(api.ErrorMessage(), ". ")
	case hasCode:
		message += api.ErrorCode()
	case answered && response.HTTPStatusCode() == 0:
		message += "no answer" // the SDK's way to say so
	case answered:
		message += fmt.Sprintf("AWS answered %d", response.HTTPStatusCode())
	default:
		return message + call.Err.Error()
	}
	if answered && response.ServiceRequestID() != "" {
		message += " (request " + response.ServiceRequestID() + ")"
	}
	return message
}

// coded is AWS's own error in an error. The SDK makes one up for an answer that
// names none, which does not count.
func coded(err error) (smithy.APIError, bool) {
	api, ok := errors.AsType[smithy.APIError](err)
	return api, ok && api.ErrorCode() != "UnknownError"
}

// foreign reports whether an error is of an answer that AWS did not give, such
// as a proxy's login page: it has neither a request's id nor AWS's error. A 5xx
// may be of AWS even so.
func foreign(err error) bool {
	response, answered := errors.AsType[*awshttp.ResponseError](err)
	if !answered || response.ServiceRequestID() != "" {
		return false
	}
	_, named := coded(err)
	status := response.HTTPStatusCode()
	return !named && status != 0 && status < 500
}

// hints say what to do about the errors that any service of AWS may give.
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
var hints = map[string]string{
	"AccessDenied":                notAllowed,
	"AccessDeniedException":       notAllowed,
	"AuthorizationError":          notAllowed,
	"UnauthorizedOperation":       notAllowed,
	"ExpiredToken":                expired,
	"ExpiredTokenException":       expired,
	"RequestExpired":              expired,
	"InvalidClientTokenId":        invalid,
	"UnrecognizedClientException": invalid,
	"AuthFailure":                 invalid,
	"ParameterNotFound":           "check the parameter's name and AWS_REGION",
	"SignatureDoesNotMatch":       "check AWS_SECRET_ACCESS_KEY, and this machine's clock",
	"Throttling":                  tooMany,
	"ThrottlingException":         tooMany,
	"TooManyRequestsException":    tooMany,
	"RequestLimitExceeded":        tooMany,
}

const (
	notAllowed = "'sleuth iam-policy' prints what must be allowed"
	expired    = "the AWS credentials have expired: sign in again"
	invalid    = "the AWS credentials are not valid: check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	tooMany    = "the next run tries again; lower SLEUTH_CONCURRENCY if this lasts"
	later      = "the next run tries again"
	notAWS     = "check the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"

	interrupted = "it was interrupted: run it again"
)

// hintFor returns what to do about an error of AWS; empty if that is not known.
func hintFor(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && hints[api.ErrorCode()] != "" {
		return hints[api.ErrorCode()]
	}
	switch {
	case errors.Is(err, context.Canceled):
		return interrupted
	case len(callsIn(err)) == 0:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return later
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() >= 500 {
		return later
	}
	if foreign(err) {
		return notAWS
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "check the network, the region and AWS_ENDPOINT_URL: there is no host " + dns.Name
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return "check the network and AWS_ENDPOINT_URL"
	}
	return ""
}
