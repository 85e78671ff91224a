package httpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "10.0.0.1": false, "localhost.example.com": false, "hooks.slack.com": false,
	} {
		if got := httpclient.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %t", host, got)
		}
	}
}

func TestWithoutRedirects(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Errorf("the redirect was followed to %s", r.URL.Path)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	for name, given := range map[string]*http.Client{"new": nil, "given": server.Client()} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := httpclient.WithoutRedirects(given).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: answered %d", name, response.StatusCode)
		}
		if given != nil && given.CheckRedirect != nil {
			t.Errorf("%s: the given client was changed", name)
		}
	}
}

func TestConceal(t *testing.T) {
	t.Parallel()
	quoting := &url.Error{Op: "Post", URL: "https://host/hidden", Err: errors.New("dial host for hidden")}
	err := httpclient.Conceal(fmt.Errorf("post: %w", quoting), secret.New("hidden"))
	if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "dial host") || errors.Unwrap(err) != nil {
		t.Errorf("error is %#v", err)
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if err := httpclient.Conceal(&url.Error{URL: "https://hidden", Err: cause}); !errors.Is(err, cause) || err.Error() != cause.Error() {
			t.Errorf("error is %v, want %v", err, cause)
		}
	}
}
