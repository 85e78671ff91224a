package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// rewritten is the error of a call whose answer is changed on its way.
type rewritten struct{ change func(string) string }

func (*rewritten) Error() string { return "rewritten" }

// wire is the network of a process.
type wire struct {
	p    *process
	send func(*http.Request, []byte) (*http.Response, error)
	// label names a request.
	label func(*http.Request, []byte) string
	// refuse writes an error as the service does.
	refuse func(code string) (contentType, body string)
}

// RoundTrip implements http.RoundTripper.
func (n wire) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	_ = request.Body.Close()
	var response *http.Response
	err = n.p.pass(request.Context(), n.label(request, body), func() error {
		var err error
		response, err = n.send(request, body)
		return err
	})
	if change, ok := errors.AsType[*rewritten](err); ok {
		return n.p.withHole(response, n.label(request, body), change.change)
	}
	var refusal *answered
	if errors.As(err, &refusal) {
		contentType, text := n.refuse(refusal.code)
		if refusal.body != nil {
			text = *refusal.body
		}
		response := httptest.NewRecorder()
		response.Header().Set("Content-Type", contentType)
		response.WriteHeader(refusal.status)
		_, _ = io.WriteString(response, text)
		return response.Result(), nil
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

// withHole is an answer after a change of its text. If that changes it, it
// counts as a hole.
func (p *process) withHole(response *http.Response, label string, change func(string) string) (*http.Response, error) {
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	changed := change(string(text))
	if changed != string(text) {
		p.mu.Lock()
		p.holes++
		p.mu.Unlock()
		p.watch.answerChanged(p, label)
	}
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
	response.Header.Set("Content-Length", strconv.Itoa(len(changed)))
	return response, nil
}

// awsWire leads to the world's AWS, without the detour of a socket.
func (p *process) awsWire() wire {
	return wire{
		p: p,
		send: func(request *http.Request, body []byte) (*http.Response, error) {
			params, err := url.ParseQuery(string(body))
			if err != nil && request.Header.Get("X-Amz-Target") == "" { // else it is JSON
				return nil, err
			}
			topics, bus := len(p.w.home.Published()), len(p.w.home.Events())
			answer := httptest.NewRecorder()
			arrival := request.Clone(context.WithoutCancel(request.Context()))
			arrival.Body = io.NopCloser(bytes.NewReader(body))
			witnessed := p.watch.before(p, params)
			p.w.aws.ServeHTTP(answer, arrival)
			witnessed(answer.Code)
			for _, published := range p.w.home.Published()[topics:] {
				p.w.hear(p, onSNS, published.Message)
			}
			for _, put := range p.w.home.Events()[bus:] {
				p.w.hearEvent(p, put)
			}
			return answer.Result(), nil
		},
		label: func(request *http.Request, body []byte) string {
			if _, operation, isJSON := strings.Cut(request.Header.Get("X-Amz-Target"), "."); isJSON {
				return "aws " + operation
			}
			params, _ := url.ParseQuery(string(body))
			return strings.TrimSpace(fmt.Sprintf("aws %s %s %s", params.Get("Action"), params.Get("UserName"), params.Get("AccessKeyId")))
		},
		refuse: func(code string) (string, string) {
			return "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
				"</Code><Message>injected</Message></Error><RequestId>0</RequestId></ErrorResponse>"
		},
	}
}

// slackWire leads to a stand-in for Slack, without the detour of a socket.
func (p *process) slackWire(channel string, server *channeltest.SlackServer) wire {
	return wire{
		p: p,
		send: func(request *http.Request, body []byte) (*http.Response, error) {
			before := len(server.Messages())
			answer := httptest.NewRecorder()
			arrival := request.Clone(context.WithoutCancel(request.Context()))
			arrival.Body = io.NopCloser(bytes.NewReader(body))
			server.ServeHTTP(answer, arrival)
			for _, text := range server.Received()[before:] {
				p.w.hear(p, channel, strings.NewReplacer("<@U", "", "<!subteam^S", "", "&gt;", ">", ">", "").Replace(text))
			}
			return answer.Result(), nil
		},
		label:  func(*http.Request, []byte) string { return channel + " post" },
		refuse: func(code string) (string, string) { return "text/html", code },
	}
}

// dynamoWire leads to a DynamoDB.
func (p *process) dynamoWire() wire {
	return wire{
		p: p,
		send: func(request *http.Request, body []byte) (*http.Response, error) {
			arrival := request.Clone(context.WithoutCancel(request.Context()))
			arrival.Body = io.NopCloser(bytes.NewReader(body))
			return p.w.net.RoundTrip(arrival)
		},
		label: func(request *http.Request, body []byte) string {
			_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
			type named struct {
				Item struct{ S string } `json:"item"`
			}
			var about struct{ Item, Key named }
			_ = json.Unmarshal(body, &about)
			return strings.TrimSpace("dynamodb " + operation + " " + about.Item.Item.S + about.Key.Item.S)
		},
		refuse: func(code string) (string, string) {
			return "application/x-amz-json-1.0", `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `"}`
		},
	}
}

// awsConfig reaches the world's AWS. It retries as in production, but does not
// wait.
func (p *process) awsConfig(endpoint string, network wire) aws.Config {
	attempts := p.attempts
	if attempts == 0 {
		attempts = 10
	}
	return aws.Config{
		BaseEndpoint: aws.String(endpoint),
		Credentials:  p.credentials(),
		Region:       "us-east-1",
		HTTPClient:   &http.Client{Transport: network},
		Retryer: func() aws.Retryer {
			return awsretry.NewStandard(func(o *awsretry.StandardOptions) {
				o.MaxAttempts, o.RateLimiter = attempts, ratelimit.None
				o.Backoff = awsretry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
}

// credentials reach the account of the process.
func (p *process) credentials() aws.CredentialsProvider {
	if p.account == nil {
		return credentials.NewStaticCredentialsProvider("AKIAOPERATOROFSLEUTH", "secret", "")
	}
	id, secret := p.account.Credentials()
	return credentials.NewStaticCredentialsProvider(id, secret, "")
}

func withoutWaiting(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// witness sees what a process asks of IAM, and what was true at that moment.
type witness struct {
	// seen is called with what was so when a call took effect, and how it was
	// answered.
	asked func(p *process, action, user, keyID string, was awsfake.User, key awsfake.Key, found bool, status int)
	// changed is called with an answer that the process saw otherwise.
	changed func(p *process, label string)
}

func (wi *witness) answerChanged(p *process, label string) {
	if wi != nil {
		wi.changed(p, label)
	}
}

// before looks at the world as a call arrives; what it returns is to be called
// with the status of the answer. The world is locked.
func (wi *witness) before(p *process, params url.Values) func(status int) {
	action, user, keyID := params.Get("Action"), params.Get("UserName"), params.Get("AccessKeyId")
	was, key, found := p.w.truth(user, keyID)
	return func(status int) {
		if action == "UpdateAccessKey" && status == http.StatusOK && key.Active {
			p.w.happened(event{what: "disabled", user: user, keyID: keyID, by: p})
		}
		if action == "DeleteAccessKey" && status == http.StatusOK && found {
			p.w.happened(event{what: "deleted", user: user, keyID: keyID, by: p})
		}
		if wi != nil {
			wi.asked(p, action, user, keyID, was, key, found, status)
		}
	}
}
