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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// call is one call of a process, at the gate. Nth counts the calls of the same
// label, from 1: retries are calls of their own.
type call struct {
	label string
	nth   int
}

func (c call) String() string { return fmt.Sprintf("%s #%d", c.label, c.nth) }

// fate is what becomes of one call. The zero fate is that nothing happens to
// it.
type fate struct {
	before func()  // happens in the world just before the call gets there
	takes  effect  // what the call does
	then   sequel  // what the process sees of it
	status int     // of the answer where the sequel is answered
	code   string  // and its error code,
	body   *string // or this text as it is
}

type effect uint8

const (
	takesEffect effect = iota
	hasNoEffect
)

type sequel uint8

const (
	seesTheAnswer sequel = iota
	dies
	seesReset   // a lost connection
	seesTimeout // no answer in time
	isAnswered  // with status and code
)

func peaceful(call) fate { return fate{} }

var (
	errDead  = errors.New("this process is dead")
	errReset = fmt.Errorf("read tcp 127.0.0.1:1->127.0.0.1:2: %w", syscall.ECONNRESET)
)

// errTimeout is how Go reports an answer that did not come in time.
type errTimeout struct{}

func (errTimeout) Error() string   { return "Client.Timeout exceeded while awaiting headers" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// process is one process of Sleuth, from start to end.
type process struct {
	w    *world
	name string
	fate func(call) fate
	// attempts is how often the SDK tries a call; zero is 10, as in production.
	attempts int
	// eachRecordAlone writes records one by one, as DynamoDB does.
	eachRecordAlone bool
	// knowsItself: the process need not ask AWS which account this is.
	knowsItself bool
	// watch sees every IAM call of the process, in the moment it takes effect.
	watch *witness

	ctx    context.Context //nolint:containedctx // it is what a process has: the time it lives
	cancel context.CancelFunc
	life   sync.RWMutex // held for writing to die
	dead   bool

	// heardBefore is how long the world's history was when the process began.
	heardBefore int

	mu    sync.Mutex
	seen  map[string]int
	calls []call
}

// die ends the process: nothing that it does from now on takes effect.
func (p *process) die() {
	p.life.Lock()
	p.dead = true
	p.life.Unlock()
	p.cancel()
}

func (p *process) died() bool {
	p.life.RLock()
	defer p.life.RUnlock()
	return p.dead
}

// numbered is the call of that label that comes now.
func (p *process) numbered(label string) call {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[label]++
	c := call{label, p.seen[label]}
	p.calls = append(p.calls, c)
	return c
}

// take lets a call take effect, unless the process has died.
func (p *process) take(do func() error) error {
	p.life.RLock()
	defer p.life.RUnlock()
	if p.dead {
		return errDead
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	return do()
}

// answered is the error of a call that was answered with an error not its own.
type answered struct {
	status int
	code   string
	body   *string
}

func (a *answered) Error() string { return fmt.Sprintf("answered %d %s", a.status, a.code) }

// pass takes a call through the gate. The error is the call's own, or what the
// process sees instead of its answer.
func (p *process) pass(label string, do func() error) error {
	if p.died() {
		return errDead
	}
	f := p.fate(p.numbered(label))
	if f.before != nil {
		f.before()
	}
	var err error
	if f.takes == takesEffect {
		err = p.take(do)
	}
	switch f.then {
	case dies:
		p.die()
		return errDead
	case seesReset:
		return errReset
	case seesTimeout:
		return errTimeout{}
	case isAnswered:
		return &answered{f.status, f.code, f.body}
	}
	return err
}

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
	err = n.p.pass(n.label(request, body), func() error {
		var err error
		response, err = n.send(request, body)
		return err
	})
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

// awsWire leads to the world's AWS, without the detour of a socket.
func (p *process) awsWire() wire {
	return wire{
		p: p,
		send: func(request *http.Request, body []byte) (*http.Response, error) {
			params, err := url.ParseQuery(string(body))
			if err != nil {
				return nil, err
			}
			before := len(p.w.home.Published())
			answer := httptest.NewRecorder()
			arrival := request.Clone(context.WithoutCancel(request.Context()))
			arrival.Body = io.NopCloser(bytes.NewReader(body))
			witnessed := p.watch.before(p, params)
			p.w.aws.ServeHTTP(answer, arrival)
			witnessed(answer.Code)
			for _, published := range p.w.home.Published()[before:] {
				p.w.hear(onSNS, published.Message)
			}
			return answer.Result(), nil
		},
		label: func(_ *http.Request, body []byte) string {
			params, _ := url.ParseQuery(string(body))
			return strings.TrimSpace(fmt.Sprintf("aws %s %s %s", params.Get("Action"), params.Get("UserName"), params.Get("AccessKeyId")))
		},
		refuse: func(code string) (string, string) {
			return "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
				"</Code><Message>the weather</Message></Error><RequestId>0</RequestId></ErrorResponse>"
		},
	}
}

// slackWire leads to the stand-in for Slack.
func (p *process) slackWire() wire {
	return wire{
		p: p,
		send: func(request *http.Request, body []byte) (*http.Response, error) {
			before := len(p.w.slack.Messages())
			arrival := request.Clone(context.WithoutCancel(request.Context()))
			arrival.Body = io.NopCloser(bytes.NewReader(body))
			response, err := p.w.net.RoundTrip(arrival)
			for _, text := range p.w.slack.Received()[before:] {
				p.w.hear(onSlack, strings.NewReplacer("<@U", "", "<!subteam^S", "", ">", "").Replace(text))
			}
			return response, err
		},
		label:  func(*http.Request, []byte) string { return "slack post" },
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
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAOPERATOROFSLEUTH", "secret", ""),
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

func withoutWaiting(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// parts are what a process is made of.
type parts struct {
	id       string
	identity awsclient.Identity
	settings config.Config
	iam      *iam.Client
	channels []notify.Channel
	store    ledger.Store
}

// begin is the life of a process until it has its parts: what the command does
// from finding out who it is to opening the store.
func (p *process) begin(ctx context.Context) (parts, error) {
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.w.mu.Lock()
	p.w.runs++
	p.heardBefore = len(p.w.events)
	made := parts{id: fmt.Sprintf("run-%d", p.w.runs)}
	p.w.mu.Unlock()

	patience := retry.Policy{Sleep: withoutWaiting}
	cfg := p.awsConfig(p.w.aws.URL(), p.awsWire())
	made.iam = iam.NewFromConfig(cfg)
	// The weather leaves out who we are: a run that does not know does not begin.
	made.identity = awsclient.Identity{Account: account.Account{ID: p.w.home.ID()}}
	if !p.knowsItself {
		var err error
		if made.identity, _, err = awsclient.Identify(p.ctx, cfg); err != nil {
			return made, err
		}
	}
	webhook, err := slack.NewWebhook(secret.New(p.w.slack.URL()), slack.Options{
		HTTP: &http.Client{Transport: p.slackWire()}, Retry: patience, Now: p.w.Now,
	})
	if err != nil {
		return made, err
	}
	topic, err := sns.NewTopic(p.w.topic, awssns.NewFromConfig(cfg), sns.Options{Retry: patience, Now: p.w.Now})
	if err != nil {
		return made, err
	}
	made.channels = []notify.Channel{webhook, topic}
	made.settings = p.w.config()
	made.settings.Policy.OwnKeys = made.identity.OwnKeys
	made.store, err = p.w.open(p)
	return made, err
}

// run is the life of a process that makes a run, to closing the store.
func (p *process) run(ctx context.Context) (run.Summary, error) {
	made, err := p.begin(ctx)
	defer p.cancel()
	if err != nil {
		return run.Summary{}, err
	}
	// Not at the gate: a kernel closes what a dead process has open.
	defer func() { _ = made.store.Close() }()
	return run.Runner{
		ID:       made.id,
		Account:  made.identity.Account,
		Config:   made.settings,
		IAM:      made.iam,
		Channels: made.channels,
		Store:    made.store,
		Log:      quietLog(),
		Now:      p.w.Now,
	}.Run(p.ctx)
}

// answer is the life of a process that answers leaked keys.
func (p *process) answer(ctx context.Context, event leak.Event) (leak.Answer, error) {
	made, err := p.begin(ctx)
	defer p.cancel()
	if err != nil {
		return leak.Answer{}, err
	}
	defer func() { _ = made.store.Close() }()
	answer := leak.Responder{
		ID:       made.id,
		Account:  made.identity.Account,
		Config:   made.settings,
		IAM:      made.iam,
		Channels: made.channels,
		Store:    made.store,
		Log:      quietLog(),
		Now:      p.w.Now,
	}.Respond(p.ctx, event)
	return answer, answer.Err()
}

// gated is a store whose calls pass the gate of a process. It remembers runs
// as well, as all real stores do.
type gated struct {
	ledger.Store
	p *process
}

func (g gated) Load(ctx context.Context, account string) (records []ledger.Record, err error) {
	err = g.p.pass("state Load", func() error {
		var err error
		records, err = g.Store.Load(ctx, account)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

func (g gated) Put(ctx context.Context, records ...*ledger.Record) error {
	if !g.p.eachRecordAlone {
		return g.put(ctx, records)
	}
	var refused error
	for _, r := range records {
		err := g.put(ctx, []*ledger.Record{r})
		if err != nil && !errors.Is(err, ledger.ErrConflict) {
			return errors.Join(refused, err)
		}
		refused = errors.Join(refused, err)
	}
	return refused
}

// put writes copies: a caller that does not see the answer does not see the new
// revision either.
func (g gated) put(ctx context.Context, records []*ledger.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	copies := make([]*ledger.Record, len(records))
	ids := make([]string, len(records))
	for i, r := range records {
		c := *r
		copies[i], ids[i] = &c, r.KeyID()
	}
	slices.Sort(ids)
	err := g.p.pass("state Put "+strings.Join(ids, " "), func() error { return g.Store.Put(ctx, copies...) })
	if err != nil {
		return err
	}
	for i, r := range records {
		*r = *copies[i]
	}
	return nil
}

func (g gated) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	return g.p.pass("state Acquire", func() error { return g.Store.Acquire(ctx, account, holder, now, ttl) })
}

func (g gated) Release(ctx context.Context, account, holder string) error {
	return g.p.pass("state Release", func() error { return g.Store.Release(ctx, account, holder) })
}

func (g gated) LastRun(ctx context.Context, account string) (last ledger.LastRun, err error) {
	err = g.p.pass("state LastRun", func() error {
		var err error
		last, err = g.Store.(ledger.Runs).LastRun(ctx, account)
		return err
	})
	if err != nil {
		return ledger.LastRun{}, err
	}
	return last, nil
}

func (g gated) SetLastRun(ctx context.Context, account string, last ledger.LastRun) error {
	return g.p.pass("state SetLastRun", func() error {
		return g.Store.(ledger.Runs).SetLastRun(ctx, account, last)
	})
}

// witness sees what a process asks of IAM, and what was true at that moment.
type witness struct {
	// seen is called with what was so when a call took effect, and how it was
	// answered.
	asked func(p *process, action, user, keyID string, was awsfake.User, key awsfake.Key, found bool, status int)
}

// before looks at the world as a call arrives; what it returns is to be called
// with the status of the answer. The world is locked.
func (wi *witness) before(p *process, params url.Values) func(status int) {
	action, user, keyID := params.Get("Action"), params.Get("UserName"), params.Get("AccessKeyId")
	was, key, found := p.w.truth(user, keyID)
	return func(status int) {
		if action == "UpdateAccessKey" && status == http.StatusOK && key.Active {
			p.w.happened(event{what: "disabled", user: user, keyID: keyID})
		}
		if wi != nil {
			wi.asked(p, action, user, keyID, was, key, found, status)
		}
	}
}
