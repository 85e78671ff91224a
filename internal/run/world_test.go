package run_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const day = 24 * time.Hour

// seed are the limits of the sample deployment in aws-iam-sleuth's README.
var seed = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}

// world is an account, two channels and what is remembered, with a clock that
// only the test moves.
type world struct {
	t     *testing.T
	aws   *awsfake.Server
	home  *awsfake.Account
	store ledger.Store
	slack *channel
	sns   *channel
	log   *bytes.Buffer
	runs  int

	mu      sync.Mutex
	now     time.Time
	virtual bool // the clock is that of a synctest bubble
	http    *http.Client
}

func newWorld(t *testing.T, options ...awsfake.Option) *world {
	t.Helper()
	w := &world{
		t: t, store: ledger.NewMemory(), slack: &channel{name: "slack"}, sns: &channel{name: "sns"}, log: &bytes.Buffer{},
		now: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
	}
	server, err := awsfake.Start(append(options, awsfake.WithClock(w.clock))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w.aws, w.home = server, server.Home()
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.virtual { // a bubble begins in the year 2000
		return time.Now().AddDate(26, 0, 0)
	}
	return w.now
}

func (w *world) sleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// key is an Active key of that id, made and last used so many days ago; used
// below zero is never.
func (w *world) key(id string, created, used int) awsfake.Key {
	k := awsfake.Key{ID: id, Active: true, Created: w.clock().Add(-time.Duration(created) * day)}
	if used >= 0 {
		k.LastUsed = w.clock().Add(-time.Duration(used) * day)
	}
	return k
}

// user makes a user with tags given as name and value in turn.
func (w *world) user(name string, tags []string, keys ...awsfake.Key) {
	tagged := map[string]string{}
	for pair := range slices.Chunk(tags, 2) {
		tagged[pair[0]] = pair[1]
	}
	w.home.AddUser(awsfake.User{Name: name, Tags: tagged, Keys: keys})
}

func (w *world) iam() *iam.Client {
	id, secret := w.home.Credentials()
	return iam.NewFromConfig(aws.Config{
		HTTPClient:   cmp.Or(w.http, http.DefaultClient),
		Region:       "us-east-1",
		BaseEndpoint: aws.String(w.aws.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	})
}

// runner is a run with the settings of a plain deployment that disables keys.
func (w *world) runner() run.Runner {
	w.runs++
	return run.Runner{
		ID:      fmt.Sprintf("run-%d", w.runs),
		Account: account.Account{ID: awsfake.DefaultHome, Alias: "acme"},
		Config: config.Config{
			Rules:       seed,
			Policy:      audit.Policy{AutoExpire: true},
			Concurrency: 8,
			Lease:       time.Minute,
		},
		IAM:      w.iam(),
		Channels: []notify.Channel{w.slack, w.sns},
		Store:    w.store,
		Log:      slog.New(slog.NewTextHandler(w.log, nil)),
		Now:      w.clock,
	}
}

// run makes one run, with the settings changed by each of change. Calls and
// messages before it are forgotten.
func (w *world) run(change ...func(*run.Runner)) (run.Summary, error) {
	w.t.Helper()
	r := w.runner()
	for _, c := range change {
		c(&r)
	}
	w.aws.ResetCalls()
	w.log.Reset()
	w.slack.forget()
	w.sns.forget()
	return r.Run(w.t.Context())
}

// mustRun is run for a run that is to have no error.
func (w *world) mustRun(change ...func(*run.Runner)) run.Summary {
	w.t.Helper()
	s, err := w.run(change...)
	if err != nil {
		w.t.Fatalf("run %s: %v", s.Run, err)
	}
	return s
}

func (w *world) active(keyID string) bool {
	w.t.Helper()
	k, found := w.home.Key(keyID)
	if !found {
		w.t.Fatalf("key %s is gone", keyID)
	}
	return k.Active
}

// record is what is remembered of a key.
func (w *world) record(keyID string) (ledger.Record, bool) {
	w.t.Helper()
	records, err := w.store.Load(w.t.Context(), awsfake.DefaultHome)
	if err != nil {
		w.t.Fatal(err)
	}
	i := slices.IndexFunc(records, func(r ledger.Record) bool { return r.KeyID() == keyID })
	if i < 0 {
		return ledger.Record{}, false
	}
	return records[i], true
}

// wantLines checks the notices that a channel sent.
func wantLines(t *testing.T, c *channel, want ...string) {
	t.Helper()
	if got := c.lines(); !slices.Equal(got, want) {
		t.Errorf("%s sent\n  %s\nwant\n  %s", c.name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// channel is a channel that remembers what it sent.
type channel struct {
	name string
	id   string // its name, if empty
	err  error  // answered by Send, once set
	hang bool   // Send answers nothing until its context ends

	mu        sync.Mutex
	bulletins []notify.Batch
	sent      []notify.Notice
	said      []string // announcements
}

func (c *channel) Name() string { return c.name }
func (c *channel) ID() string   { return cmp.Or(c.id, c.name) }

func (c *channel) TagProblems(n notify.Notice) []notify.TagProblem { return notify.MissingName(n) }

func (c *channel) Compose(b notify.Batch) []notify.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bulletins = append(c.bulletins, b)
	return []notify.Message{{Subject: b.Account.String(), Body: b.Announcement, Notices: b.Notices}}
}

func (c *channel) Send(ctx context.Context, m notify.Message) error {
	if c.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.sent = append(c.sent, m.Notices...)
	if m.Body != "" {
		c.said = append(c.said, m.Body)
	}
	return nil
}

func (c *channel) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bulletins, c.sent, c.said = nil, nil, nil
}

// lines is every notice that the channel sent, in order of their texts.
func (c *channel) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, n := range c.sent {
		lines = append(lines, channeltest.Sentence(n))
	}
	slices.Sort(lines)
	return lines
}

var errDown = errors.New("the channel is down")

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
