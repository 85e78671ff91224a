package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/org"
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
	before func()        // happens in the world just before the call gets there
	slow   time.Duration // is how long the call is under way before it takes effect
	takes  effect        // what the call does
	then   sequel        // what the process sees of it
	status int           // of the answer if the sequel is answered
	code   string        // and its error code,
	body   *string       // or this text as it is
	// rewrite changes the text of the real answer of AWS, such as to one with a
	// hole.
	rewrite func(string) string
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
	hangs       // no answer until the process gives up
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
	id   string // of its run; empty gets one of its own
	fate func(call) fate
	// attempts is how often the SDK tries a call; zero is 10, as in production.
	attempts int
	// eachRecordAlone writes records one by one, as DynamoDB does.
	eachRecordAlone bool
	// knowsItself: the process need not ask AWS which account this is.
	knowsItself bool
	// watch sees every IAM call of the process, in the moment it takes effect.
	watch *witness
	// account is the one that the process works on; nil is the world's home.
	account *awsfake.Account
	// has names the channels of the process; nil is Slack and SNS.
	has []string
	// ahead is how far the clock of its machine is ahead of the world's, in
	// nanoseconds.
	ahead atomic.Int64
	// lasts is how long the process may live; zero is for ever.
	lasts time.Duration
	// digest leaves what there is to say to a digest.
	digest bool
	// hurried: nothing may wait, as the process lives within a call of another.
	hurried bool
	// lastID is the id that no other process has.
	lastID string
	// ruled: it has rules for kinds of users.
	ruled bool
	// change sets what is set otherwise than in other processes; nil is nothing.
	change func(*config.Config)

	ctx    context.Context //nolint:containedctx // it is what a process has: the time it lives
	cancel context.CancelFunc
	life   sync.RWMutex // held for writing to die
	dead   bool

	// heardBefore is how long the world's history was when the process began.
	heardBefore int

	mu        sync.Mutex
	seen      map[string]int
	calls     []call
	suspended chan struct{} // closed once the machine goes on; nil if it runs
	// holes counts the answers that were changed on their way, and spoilt the
	// calls that met anything that may have a thing said once more.
	holes, spoilt int
	heldUp        atomic.Bool // others lived within one of its calls
	// channelIDs are the identities of the channels, by their names here.
	channelIDs map[string]string
}

// now is the time by the clock of the machine that the process runs on.
func (p *process) now() time.Time { return p.w.Now().Add(time.Duration(p.ahead.Load())) }

// bad is how many calls of the process met anything bad.
func (p *process) bad() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spoilt
}

// home is the account that the process works on.
func (p *process) home() *awsfake.Account {
	if p.account == nil {
		return p.w.home
	}
	return p.account
}

// suspend stops the machine of the process: until the function that it returns
// is called, no call of another goroutine leaves.
func (p *process) suspend() (resume func()) {
	stopped := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.suspended != nil {
		return func() {}
	}
	p.suspended = stopped
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.suspended = nil
		close(stopped)
	}
}

// holdsMutex reports whether a call may be made while its caller keeps other
// goroutines of the process waiting for a mutex: nothing may wait at it, as the
// time of a bubble stands still meanwhile.
func holdsMutex(label string) bool {
	return strings.HasPrefix(label, "state Put") || strings.HasPrefix(label, "state Get")
}

// whileSuspended waits until the machine runs.
func (p *process) whileSuspended() {
	p.mu.Lock()
	stopped := p.suspended
	p.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
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
func (p *process) pass(ctx context.Context, label string, do func() error) error {
	if !holdsMutex(label) {
		p.whileSuspended()
	}
	if p.died() {
		return errDead
	}
	f := p.fate(p.numbered(label))
	if f.before != nil {
		f.before()
	}
	if err := retry.Sleep(ctx, f.slow); err != nil {
		return err
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
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case isAnswered:
		return &answered{f.status, f.code, f.body}
	}
	if err == nil && f.rewrite != nil {
		return &rewritten{f.rewrite}
	}
	return err
}

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
	p.lastID = made.id
	made.id = cmp.Or(p.id, made.id)

	p.channelIDs = map[string]string{}
	cfg := p.awsConfig(p.w.aws.URL(), p.awsWire())
	made.iam = iam.NewFromConfig(cfg)
	// Random schedules leave out who we are: a run that does not know does not begin.
	made.identity = awsclient.Identity{Account: account.Account{ID: p.home().ID()}}
	if !p.knowsItself {
		var err error
		if made.identity, _, err = awsclient.Identify(p.ctx, cfg); err != nil {
			return made, err
		}
	}
	for _, name := range p.channelNames() {
		channel, err := p.open(name, cfg)
		if err != nil {
			return made, err
		}
		made.channels = append(made.channels, channel)
		p.channelIDs[name] = channel.ID()
	}
	made.settings = p.w.config()
	if p.change != nil {
		p.change(&made.settings)
	}
	made.settings.Policy.OwnKeys = made.identity.OwnKeys
	var err error
	made.store, err = p.w.open(p)
	return made, err
}

// channelNames are the channels of the process.
func (p *process) channelNames() []string {
	if p.has == nil {
		return []string{onSlack, onSNS}
	}
	return p.has
}

// open makes one channel as the command does.
func (p *process) open(name string, cfg aws.Config) (notify.Channel, error) {
	patience := retry.Policy{Sleep: withoutWaiting}
	switch name {
	case onSNS:
		cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAOPERATOROFSLEUTH", "secret", "")
		return sns.NewTopic(p.w.topic, awssns.NewFromConfig(cfg), sns.Options{Retry: patience, Now: p.now})
	case onBus:
		cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIAOPERATOROFSLEUTH", "secret", "")
		return eventbridge.New(p.w.bus, awsevents.NewFromConfig(cfg), eventbridge.Options{Retry: patience, Now: p.now})
	}
	server := p.w.slack
	if name == onOtherSlack {
		server = p.w.otherSlack
	}
	return slack.NewWebhook(secret.New(server.URL()), slack.Options{
		HTTP: &http.Client{Transport: p.slackWire(name, server)}, Retry: patience, Now: p.now,
	})
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
		Tracer:   p.tracer(),
		ID:       made.id,
		Account:  made.identity.Account,
		Config:   made.settings,
		IAM:      made.iam,
		Channels: made.channels,
		Store:    made.store,
		Log:      quietLog(),
		Now:      p.now,
		Budget:   budget.Account(p.now(), p.deadline(), p.parts()...),
		Digest:   p.digest,
	}.Run(p.ctx)
}

// parts are those of a run that are not in every one.
func (p *process) parts() []budget.Part {
	if p.digest {
		return nil
	}
	return []budget.Part{budget.Notify}
}

// deadline is when the process will be ended, by its own clock; zero is never.
func (p *process) deadline() time.Time {
	if p.lasts == 0 {
		return time.Time{}
	}
	return p.now().Add(p.lasts)
}

// send is the life of a process that makes the digest of runs, or, if they have
// sent their own messages, delivers what is pending for accounts that they left
// out.
func (p *process) send(ctx context.Context, runs []run.Summary) (org.Delivered, error) {
	made, err := p.begin(ctx)
	defer p.cancel()
	if err != nil {
		return org.Delivered{}, err
	}
	defer func() { _ = made.store.Close() }()
	digest := org.Digest{
		Run: p.id, Holder: p.lastID, Organization: "o-example", NewBatch: made.settings.NewBatch(),
		Channels: made.channels, Store: made.store, Log: quietLog(), Lease: lease, Now: p.now, Budget: budget.Sending(p.now(), p.deadline()),
	}
	if p.digest {
		return digest.Send(p.ctx, runs), nil
	}
	return digest.SendLeftOut(p.ctx, runs), nil
}

// answer is the life of a process that answers leaked keys.
func (p *process) answer(ctx context.Context, event leak.Event) (leak.Response, error) {
	made, err := p.begin(ctx)
	defer p.cancel()
	if err != nil {
		return leak.Response{}, err
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
		Now:      p.now,
		Budget:   budget.Leak(p.now(), p.deadline()),
	}.Respond(p.ctx, event)
	return answer, answer.Err()
}
