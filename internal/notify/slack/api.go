package slack

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// APIURL is where Slack's Web API is.
const APIURL = "https://slack.com/api/"

// webAPI calls Slack's Web API, with what a token may do. It is safe for use by
// several goroutines.
type webAPI struct {
	token   secret.Value
	hidden  []secret.Value // what of the token no error may quote
	setting string         // the variable that the token is set in, for hints
	url     string         // ends with a slash
	client  *http.Client
	retry   retry.Policy
	now     func() time.Time
}

// newWebAPI returns the API at a URL, or Slack's own where it is empty.
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

// How a method's arguments are written.
const (
	asForm = "application/x-www-form-urlencoded"
	asJSON = "application/json; charset=utf-8"
)

// read calls a method that takes a form, as call does.
func (w *webAPI) read(ctx context.Context, method string, form url.Values, mayGo func(context.Context) error, into any) error {
	return w.call(ctx, method, asForm, form.Encode(), mayGo, into)
}

// call makes one call of the API, as often as the policy says and each time
// when it may go, and reads the answer into what is given. Nil is at once, and
// not at all.
func (w *webAPI) call(ctx context.Context, method, kind, body string, mayGo func(context.Context) error, into any) error {
	policy := w.retry
	policy.Pace = mayGo
	return policy.Do(ctx, func(ctx context.Context) error {
		answer, err := w.request(ctx, method, kind, body)
		if err != nil {
			return err
		}
		return w.judge(method, answer, into)
	})
}

// maxReply is how many bytes of an answer are read. The longest are lists: of
// pageSize people with their profiles, which may be some MB, and of all groups.
const maxReply = 16 << 20

// request makes one attempt.
func (w *webAPI) request(ctx context.Context, method, kind, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+method, strings.NewReader(body))
	if err != nil {
		return answer{}, retry.Permanent(httpclient.Conceal(err, w.hidden...))
	}
	request.Header.Set("Authorization", "Bearer "+w.token.Reveal())
	request.Header.Set("Content-Type", kind)
	request.Header.Set("User-Agent", "sleuth")
	response, err := w.client.Do(request)
	if err != nil {
		return answer{}, httpclient.Conceal(err, w.hidden...)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", httpclient.Conceal(err, w.hidden...))
	}
	if len(text) > maxReply {
		return answer{}, retry.Permanent(fmt.Errorf("slack's answer to %s is longer than %d MB; does SLACK_API_URL, or a proxy before it, lead to Slack?",
			method, maxReply>>20))
	}
	return answer{
		status:     response.StatusCode,
		retryAfter: response.Header.Get("Retry-After"),
		scopes:     response.Header.Get("X-OAuth-Scopes"),
		text:       w.scrub(string(text)),
	}, nil
}
