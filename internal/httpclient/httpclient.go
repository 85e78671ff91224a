// Package httpclient makes the HTTP clients that carry secrets, such as the URL
// of a webhook, and keeps the secrets out of their errors.
package httpclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// WithoutRedirects returns a copy of a client that follows no redirects, as they
// would be given the secret. Nil is a new client, which uses the environment's
// proxy.
func WithoutRedirects(given *http.Client) *http.Client {
	client := http.Client{}
	if given != nil {
		client = *given
	} else if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		client.Transport = standard.Clone()
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// IsLoopback reports whether a host is this machine, to which secrets may go
// over plain HTTP.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Conceal rewrites an error of an HTTP client, which quotes the URL, without the
// secrets. It wraps the end of a context, and nothing else.
func Conceal(err error, secrets ...secret.Value) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	if quoting, ok := errors.AsType[*url.Error](err); ok {
		err = quoting.Err
	}
	return errors.New(secret.Scrub(err.Error(), secrets...))
}
