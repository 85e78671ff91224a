// Package crashtest kills runs, at every call and at random, and holds what is
// left after them to the promises: no wrong key, and no lost word.
//
// A run here is the real one, with the real SDK and the real stores; only the
// network below it, and the store's own calls, pass through a gate that can cut
// them off. What answers behind the gate outlives the run: it is the world.
package crash

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// The channels' names, as they stand in receipts.
const (
	onSlack = "slack"
	onSNS   = "sns"
)

var channelNames = []string{onSlack, onSNS}

// lease is how long a dead run keeps others off.
const lease = time.Minute

// rules leave room between warning and limit, and let inactivity come first.
var rules = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 60, InactivityWarningAge: 50}

const day = 24 * time.Hour

var beginning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// clock is the one time that everything in a world goes by.
type clock struct{ sinceBeginning atomic.Int64 }

func (c *clock) Now() time.Time { return beginning.Add(time.Duration(c.sinceBeginning.Load())) }

func (c *clock) advance(d time.Duration) { c.sinceBeginning.Add(int64(d)) }

// opener opens the store for one process.
type opener func(p *process) (ledger.Store, error)

// world is what lives on when a process dies.
type world struct {
	clock
	aws   *awsfake.Server
	home  *awsfake.Account
	slack *channeltest.SlackServer
	topic string
	net   *http.Transport
	open  opener

	disablesLeaked bool

	mu     sync.Mutex // one effect at a time; guards what follows
	events []event
	runs   int
}

// newWorld is an account without users, and channels that have heard nothing.
func newWorld(t *testing.T, accountID string, open func(*testing.T, *world) opener) *world {
	t.Helper()
	w := &world{net: &http.Transport{}}
	var err error
	if w.aws, err = awsfake.Start(awsfake.WithClock(w.Now), awsfake.WithHome(accountID)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.aws.Close)
	w.aws.RecordCalls(false)
	if w.slack, err = channeltest.StartSlack(t.Context(), channeltest.SlackOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.slack.Close)
	t.Cleanup(w.net.CloseIdleConnections)
	w.home = w.aws.Home()
	w.home.SetAlias("acme")
	w.topic = w.home.AddTopic("keys")
	w.open = open(t, w)
	return w
}

func (w *world) config() config.Config {
	return config.Config{
		Rules:  rules,
		Policy: audit.Policy{AutoExpire: true},
		// What becomes of leaked keys is for the tests about them to say.
		LeakDisables: w.disablesLeaked, LeakMaxDisable: 10_000,
		Creation:    notify.Heading{Title: "Rotate"},
		Inactivity:  notify.Heading{Title: "Log in"},
		Concurrency: 1,
		Lease:       lease,
	}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// event is one thing that happened in the world and cannot be taken back.
type event struct {
	what    string // disabled, enabled, gone or told
	user    string
	keyID   string // "" in a notice that does not name it
	channel string // of told
	line    string // of told
}

// happened notes an event. The lock is held.
func (w *world) happened(e event) { w.events = append(w.events, e) }

// history is every event so far.
func (w *world) history() []event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]event(nil), w.events...)
}

// finalLine is a final notice. Users in these tests have no Slack tag, or one
// that ends in their name.
var finalLine = regexp.MustCompile(`^(\S+)(?: \(\S+\))?'s key(?: (AKIA\w+))? (?:is disabled due to |was found in public )`)

// hear notes the final notices in a message that a channel's service took. The
// lock is held.
func (w *world) hear(channel, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		if said := finalLine.FindStringSubmatch(line); said != nil {
			w.happened(event{what: "told", user: said[1], keyID: said[2], channel: channel, line: line})
		}
	}
}

// truth is a key as it is, and its owner; found is false where it is gone.
func (w *world) truth(user, keyID string) (owner awsfake.User, key awsfake.Key, found bool) {
	owner, known := w.home.User(user)
	if !known {
		return owner, key, false
	}
	for _, key := range owner.Keys {
		if key.ID == keyID {
			return owner, key, true
		}
	}
	return owner, key, false
}

// owed is the records that still owe something, read as nobody's process.
func (w *world) owed(t *testing.T) []ledger.Record {
	t.Helper()
	bystander := &process{w: w, name: "bystander", fate: peaceful}
	bystander.ctx, bystander.cancel = context.WithCancel(t.Context())
	defer bystander.cancel()
	store, err := w.open(bystander)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	records, err := store.Load(t.Context(), w.home.ID())
	if err != nil {
		t.Fatal(err)
	}
	var owed []ledger.Record
	for _, r := range records {
		if r.Pending() {
			owed = append(owed, r)
		}
	}
	return owed
}
