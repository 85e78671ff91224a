package awsclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
)

// newHub returns a client as those of Sleuth are made: from a connection.
func newHub(cfg aws.Config) *securityhub.Client { return securityhub.NewFromConfig(cfg) }

// onePage asks for a page of one finding.
func onePage() *securityhub.GetFindingsInput {
	return &securityhub.GetFindingsInput{MaxResults: aws.Int32(1)}
}

// hub answers as set, one answer after the other, and the last again.
type hub struct {
	*httptest.Server
	answers []http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func startHub(t *testing.T, answers ...http.HandlerFunc) *hub {
	t.Helper()
	h := &hub{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		n := len(h.requests)
		h.requests, h.bodies = append(h.requests, r), append(h.bodies, string(body))
		h.mu.Unlock()
		h.answers[min(n, len(h.answers)-1)](w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestClientPosts(t *testing.T) {
	t.Parallel()
	h := startHub(t, says(http.StatusOK, `{"Findings":[],"NextToken":"back"}`))
	cfg := awsclient.ConnectTo(h.URL, "AKIASIGNER", "topSecret", 1)
	traffic := awsclient.Count(&cfg)
	out, err := newHub(cfg).GetFindings(t.Context(), onePage())
	if err != nil {
		t.Fatal(err)
	}
	r := h.requests[0]
	if aws.ToString(out.NextToken) != "back" || h.bodies[0] != `{"MaxResults":1}` || r.URL.Path != "/findings" || r.Method != http.MethodPost {
		t.Errorf("%s %s %s was answered %q", r.Method, r.URL.Path, h.bodies[0], aws.ToString(out.NextToken))
	}
	signature := r.Header.Get("Authorization")
	if !strings.HasPrefix(signature, "AWS4-HMAC-SHA256 Credential=AKIASIGNER/") || !strings.Contains(signature, "/us-east-1/securityhub/aws4_request") {
		t.Errorf("signed as %q", signature)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	if traffic.Calls() != 1 {
		t.Errorf("%d calls counted, want 1", traffic.Calls())
	}
}

// TestClientTriesAgain: each attempt sends the whole body, is signed and
// counted.
func TestClientTriesAgain(t *testing.T) {
	t.Parallel()
	throttled := says(http.StatusTooManyRequests, `{"Message":"Rate exceeded","Code":"ThrottlingException"}`)
	h := startHub(t, throttled, says(http.StatusInternalServerError, ""), says(http.StatusOK, "{}"))
	cfg := awsclient.ConnectTo(h.URL, "AKIASIGNER", "topSecret", 1)
	traffic := awsclient.Count(&cfg)
	if _, err := newHub(cfg).GetFindings(t.Context(), onePage()); err != nil {
		t.Fatal(err)
	}
	if len(h.bodies) != 3 {
		t.Fatalf("%d attempts, want 3", len(h.bodies))
	}
	for i, body := range h.bodies {
		if body != `{"MaxResults":1}` || h.requests[i].Header.Get("Authorization") == "" {
			t.Errorf("attempt %d sent %q", i, body)
		}
	}
	if traffic.Calls() != 3 || traffic.Throttles() != 1 {
		t.Errorf("%d calls and %d throttles counted, want 3 and 1", traffic.Calls(), traffic.Throttles())
	}
}

// TestClientRefuses: what no attempt can fix is asked once, and its error has
// the service's code wherever that stands, and no secret.
func TestClientRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   string
	}{
		"in the header":        {says(403, `{"Message":"no"}`, "X-Amzn-Errortype", "AccessDeniedException:http://internal.amazon.com/"), "AccessDeniedException"},
		"in the body":          {says(401, `{"Code":"InvalidAccessException","Message":"no"}`), "InvalidAccessException"},
		"as a type":            {says(400, `{"__type":"com.amazonaws.securityhub#InvalidInputException","message":"no"}`), "InvalidInputException"},
		"without one":          {says(400, "{}"), "UnknownError"},
		"a refusal of no JSON": {says(400, "no"), ""},
		"an answer of no JSON": {says(200, "<html>"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, test.answer)
			cfg := awsclient.ConnectTo(h.URL, "AKIASIGNER", "topSecret", 1)
			_, err := newHub(cfg).GetFindings(t.Context(), onePage())
			if err == nil {
				t.Fatal("no error")
			}
			api, ok := errors.AsType[smithy.APIError](err)
			if ok != (test.code != "") || ok && api.ErrorCode() != test.code {
				t.Errorf("got %v, want the code %q", err, test.code)
			}
			if !strings.Contains(err.Error(), "SecurityHub: GetFindings") || strings.Contains(err.Error(), "topSecret") {
				t.Errorf("the error is %q", err)
			}
			if len(h.bodies) != 1 {
				t.Errorf("%d attempts, want 1", len(h.bodies))
			}
		})
	}
}

func TestClientEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h := startHub(t, func(http.ResponseWriter, *http.Request) { cancel(); panic(http.ErrAbortHandler) })
	_, err := newHub(awsclient.ConnectTo(h.URL, "AKIASIGNER", "topSecret", 1)).GetFindings(ctx, onePage())
	if err == nil || ctx.Err() == nil || len(h.bodies) != 1 {
		t.Errorf("error %v after %d attempts", err, len(h.bodies))
	}
}

// elsewhere records where requests were meant to go.
type elsewhere struct{ hosts []string }

func (e *elsewhere) Do(r *http.Request) (*http.Response, error) {
	e.hosts = append(e.hosts, r.URL.Scheme+"://"+r.URL.Host)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

// source is a part of the SDK's settings.
type source struct {
	url  string
	fips aws.FIPSEndpointState
}

func (s source) GetServiceBaseEndpoint(_ context.Context, id string) (string, bool, error) {
	return s.url, s.url != "" && id == "SecurityHub", nil
}

func (s source) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return s.fips, s.fips != aws.FIPSEndpointStateUnset, nil
}

func TestClientEndpoints(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		region   string
		settings []any
		global   string
		want     string
	}{
		"commercial":           {"eu-central-1", nil, "", "https://securityhub.eu-central-1.amazonaws.com"},
		"GovCloud":             {"us-gov-west-1", nil, "", "https://securityhub.us-gov-west-1.amazonaws.com"},
		"China":                {"cn-north-1", nil, "", "https://securityhub.cn-north-1.amazonaws.com.cn"},
		"FIPS":                 {"us-gov-west-1", []any{source{fips: aws.FIPSEndpointStateEnabled}}, "", "https://securityhub-fips.us-gov-west-1.amazonaws.com"},
		"one endpoint for all": {"eu-central-1", []any{source{}}, "http://local.test:4566/", "http://local.test:4566"},
		"one of its own":       {"eu-central-1", []any{source{url: "http://hub.test"}}, "http://local.test:4566", "http://hub.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := &elsewhere{}
			cfg := awsclient.ConnectTo("", "AKIASIGNER", "topSecret", 1)
			cfg.BaseEndpoint, cfg.Region, cfg.ConfigSources, cfg.HTTPClient = nil, test.region, test.settings, client
			if test.global != "" {
				cfg.BaseEndpoint = &test.global
			}
			if _, err := newHub(cfg).GetFindings(t.Context(), onePage()); err != nil {
				t.Fatal(err)
			}
			if client.hosts[0] != test.want {
				t.Errorf("went to %s, want %s", client.hosts[0], test.want)
			}
		})
	}
	cfg := awsclient.ConnectTo("", "AKIASIGNER", "topSecret", 1)
	cfg.BaseEndpoint, cfg.Region = nil, ""
	_, err := newHub(cfg).GetFindings(t.Context(), onePage())
	if err == nil || !strings.Contains(err.Error(), "Missing Region") {
		t.Errorf("without a region: %v", err)
	}
}
