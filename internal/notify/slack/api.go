package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// APIURL is where Slack's Web API is.
const APIURL = slackgo.APIURL

// webAPI calls Slack's Web API through slack-go. It is safe for use by several
// goroutines.
type webAPI struct {
	token   secret.Value
	hidden  []secret.Value // what of the token no error may quote
	setting string         // the variable that the token is set in, for hints
	url     string         // ends with a slash
	client  *http.Client
	retry   retry.Policy
	now     func() time.Time
}

// newWebAPI returns the API at a URL, or Slack's own if it is empty.
func newWebAPI(token secret.Value, setting, apiURL string, client *http.Client, policy retry.Policy, now func() time.Time) *webAPI {
	if now == nil {
		now = time.Now
	}
	return &webAPI{
		token:   token,
		hidden:  hiddenInToken(token),
		setting: setting,
		url:     strings.TrimSuffix(cmp.Or(apiURL, APIURL), "/") + "/",
		client:  httpclient.WithoutRedirects(client),
		retry:   policy,
		now:     now,
	}
}

// hiddenInToken are the texts that would give a token away, longest first: the
// whole of it, and what between its dashes is long enough to be a secret.
func hiddenInToken(token secret.Value) []secret.Value {
	parts := slices.DeleteFunc(strings.Split(token.Reveal(), "-"), func(part string) bool { return len(part) < 16 })
	hidden := []secret.Value{token}
	for _, part := range parts {
		hidden = append(hidden, secret.New(part))
	}
	return hidden
}

func (w *webAPI) scrub(text string) string { return secret.Scrub(text, w.hidden...) }

// call has ask make one request of slack-go's client, as often as the policy
// says and each time when it may go. A nil mayGo is at once.
func (w *webAPI) call(ctx context.Context, mayGo func(context.Context) error, ask func(context.Context, *slackgo.Client) error) error {
	policy := w.retry
	policy.Pace = mayGo
	return policy.Do(ctx, func(ctx context.Context) error {
		r := &referee{api: w}
		err := ask(ctx, slackgo.New(w.token.Reveal(), slackgo.OptionAPIURL(w.url), slackgo.OptionHTTPClient(r)))
		switch {
		case r.failure != nil:
			return r.failure
		case err != nil:
			return retry.Permanent(fmt.Errorf("read slack's answer to %s: %s", r.method, w.scrub(err.Error())))
		case !r.accepted:
			return retry.Permanent(errors.New("no request was made"))
		}
		return nil
	})
}

// maxReply is how many bytes of an answer are read. The longest are lists: of
// pageSize people with their profiles, which may be some MB, and of all groups.
const maxReply = 16 << 20

// referee is the HTTP client of one attempt. It judges the answer before slack-go
// reads it: that takes one without "ok" for a success, and knows no Retry-After
// that is a date.
type referee struct {
	api      *webAPI
	method   string
	failure  error
	accepted bool // Slack said ok
}

// Do makes the request, and returns an answer that says ok.
func (r *referee) Do(request *http.Request) (*http.Response, error) {
	var response *http.Response
	r.method = path.Base(request.URL.Path)
	response, r.failure = r.answer(request)
	r.accepted = r.failure == nil
	return response, r.failure
}

func (r *referee) answer(request *http.Request) (*http.Response, error) {
	w := r.api
	request.Header.Set("User-Agent", "sleuth")
	resp, err := w.client.Do(request) //nolint:gosec // G704: the URL is Slack's, or the setting SLEUTH_SLACK_API_URL
	if err != nil {
		return nil, httpclient.Conceal(err, w.hidden...)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", httpclient.Conceal(err, w.hidden...))
	}
	if len(body) > maxReply {
		return nil, retry.Permanent(fmt.Errorf("slack's answer to %s is longer than %d MB; does SLEUTH_SLACK_API_URL, or a proxy before it, lead to Slack?",
			r.method, maxReply>>20))
	}
	text := w.scrub(string(body))
	resp.Body = io.NopCloser(strings.NewReader(text))
	return resp, w.judge(r.method, response{resp.StatusCode, resp.Header.Get("Retry-After"), text})
}
