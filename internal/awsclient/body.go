package awsclient

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// readBodiesPlainly keeps net/http from calling WriteTo on the body of a
// request. The SDK closes that body as soon as the answer's headers are there,
// and its WriteTo then returns io.EOF as an error. If net/http has not looked
// for the end of the body by then, it takes this for a failed write, and closes
// the connection while the answer is being read: "use of closed network
// connection". Read has no such fault. The body is replaced last, as hashing it
// without WriteTo takes a buffer of 32 KiB for every call.
func readBodiesPlainly(stack *middleware.Stack) error {
	return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("ReadBodiesPlainly",
		func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				if body, ok := request.GetStream().(io.ReadSeeker); ok {
					plain, err := request.SetStream(struct{ io.ReadSeeker }{body})
					if err != nil {
						return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("read the body of the request: %w", err)
					}
					in.Request = plain
				}
			}
			return next.HandleFinalize(ctx, in)
		}), middleware.After)
}
