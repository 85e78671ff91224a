package awserr_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/iam-sleuth/sleuth/internal/awserr"
)

func TestError(t *testing.T) {
	t.Parallel()
	answered := func(status int, inner error) error {
		return &awshttp.ResponseError{
			RequestID: "r-1",
			ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: inner,
			},
		}
	}
	call := func(inner error) error {
		return &smithy.OperationError{ServiceID: "IAM", OperationName: "ListUserTags", Err: inner}
	}
	api := func(code, message string) error { return &smithy.GenericAPIError{Code: code, Message: message} }
	denied := call(answered(403, api("AccessDenied", "User x is not authorized.")))
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"none": {nil, ""},
		"ours": {errors.New("oh dear"), "oh dear"},
		"interrupted": {
			fmt.Errorf("list users: %w", call(&smithy.CanceledError{Err: context.Canceled})),
			"list users: IAM ListUserTags: canceled, context canceled; it was interrupted: run it again",
		},
		"out of time": {
			fmt.Errorf("list users: %w", call(context.DeadlineExceeded)),
			"list users: IAM ListUserTags: context deadline exceeded; the next run tries again",
		},
		"denied": {
			fmt.Errorf("read the tags of user tfunke: %w", denied),
			"read the tags of user tfunke: IAM ListUserTags: AccessDenied: User x is not authorized (request r-1); 'sleuth iam-policy' prints what must be allowed",
		},
		"two": {
			fmt.Errorf("read: %w", errors.Join(denied, call(answered(500, errors.New("x"))))),
			"read: IAM ListUserTags: AccessDenied: User x is not authorized (request r-1)\nIAM ListUserTags: AWS answered 500 (request r-1); 'sleuth iam-policy' prints what must be allowed",
		},
		"hinted already": {
			fmt.Errorf("read: %w; 'sleuth iam-policy' prints what must be allowed", denied),
			"read: IAM ListUserTags: AccessDenied: User x is not authorized (request r-1); 'sleuth iam-policy' prints what must be allowed",
		},
		"no parameter": {
			fmt.Errorf("fetch ssm:/nope: %w", call(answered(400, api("ParameterNotFound", "Parameter /nope not found.")))),
			"fetch ssm:/nope: IAM ListUserTags: ParameterNotFound: Parameter /nope not found (request r-1); check the parameter's name and AWS_REGION",
		},
		"no answer": {
			call(answered(0, &net.OpError{Op: "dial", Err: errors.New("connection refused")})),
			"IAM ListUserTags: no answer (request r-1); check the network and AWS_ENDPOINT_URL",
		},
		"failing": {call(answered(503, errors.New("x"))), "IAM ListUserTags: AWS answered 503 (request r-1); the next run tries again"},
		"expired": {
			call(answered(403, api("ExpiredToken", ""))),
			"IAM ListUserTags: ExpiredToken (request r-1); the AWS credentials have expired: sign in again",
		},
		"no such host": {
			call(&net.DNSError{Err: "no such host", Name: "iam.example"}),
			"IAM ListUserTags: lookup iam.example: no such host; check the network, the region and AWS_ENDPOINT_URL: there is no host iam.example",
		},
		"an answer without a hint": {call(answered(400, api("Odd", "odd"))), "IAM ListUserTags: Odd: odd (request r-1)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := awserr.Message(test.err); got != test.want {
				t.Errorf("explained as\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
