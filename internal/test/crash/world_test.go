// Package crash ends runs, at every call and at random, and holds what is left
// after them to the promises: no wrong key, no lost notice, and no silence.
//
// A run here is the real one, with the real SDK and the real stores; only the
// network below it, and the store's own calls, pass through a gate that can cut
// them off. What answers behind the gate outlives the run: it is the world.
package crash

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
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
	onSlack      = "slack"
	onOtherSlack = "slack-other" // a webhook of another workspace
	onSNS        = "sns"
	onBus        = "eventbridge"
)

var channelNames = []string{onSlack, onSNS}

// lease is how long a dead run keeps others off.
const lease = time.Minute

// rules leave room between warning and limit, and let inactivity come first.
var rules = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 60, InactivityWarningAge: 50}

const day = 24 * time.Hour

var beginning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// clock is the one time that everything in a world goes by. Machines may have
// clocks that differ from it.
type clock struct {
	sinceBeginning atomic.Int64
	// ticks: time is that of a synctest bubble, and what waits takes time.
	ticks atomic.Bool
}

func (c *clock) Now() time.Time {
	if c.ticks.Load() {
		return time.Now().UTC()
	}
	return beginning.Add(time.Duration(c.sinceBeginning.Load()))
}

func (c *clock) advance(d time.Duration) {
	if c.ticks.Load() {
		time.Sleep(d)
		return
	}
	c.sinceBeginning.Add(int64(d))
}

// tick has the world go by the time of the synctest bubble that it is called in.
func (c *clock) tick() {
	time.Sleep(time.Until(beginning))
	c.ticks.Store(true)
}

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

	otherSlack *channeltest.SlackServer
	bus        string
	// accounts are those that processes work on; the home is the first.
	accounts []*awsfake.Account
	// words are the texts of the messages.
	words notify.Templates
	// warnings are the settings of warnings.
	warnings warningRules

	// calendar says when keys may be disabled.
	calendar openTimes

	disablesLeaked bool
	deleteAfter    int  // SLEUTH_DELETE_AFTER_DAYS; zero is never
	traces         bool // runs look up who uses keys

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
	for _, server := range []**channeltest.SlackServer{&w.slack, &w.otherSlack} {
		if *server, err = channeltest.StartSlack(t.Context(), channeltest.SlackOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*server).Close)
	}
	t.Cleanup(w.net.CloseIdleConnections)
	w.home = w.aws.Home()
	w.home.SetAlias("acme")
	w.accounts = []*awsfake.Account{w.home}
	w.topic, w.bus = w.home.AddTopic("keys"), w.home.AddBus("keys")
	w.open = open(t, w)
	return w
}

func (w *world) config() config.Config {
	words := w.words
	if words == (notify.Templates{}) {
		words, _ = notify.ParseTemplates(notify.TemplateTexts{Line: notify.Original})
	}
	return config.Config{
		Rules:  rules,
		Policy: audit.Policy{AutoExpire: true, MinNoticeDays: w.warnings.minNotice, RemindAt: w.warnings.remindAt, DeleteAfterDays: w.deleteAfter, Calendar: w.calendar.parsed()},
		// What becomes of leaked keys is for the tests about them to say.
		LeakDisables: w.disablesLeaked, LeakMaxDisable: 10_000,
		Creation:    notify.Heading{Title: "Rotate"},
		Inactivity:  notify.Heading{Title: "Log in"},
		Templates:   words,
		Concurrency: 1,
		Lease:       lease,
	}
}

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// event is one thing that happened in the world and cannot be taken back.
type event struct {
	what    string // disabled, deleted, enabled, deactivated, gone, found, closed, warned, forewarned (of its deletion) or notified
	user    string
	keyID   string // "" in a notice that does not name it
	channel string // of warned and notified
	line    string // of notified
	days    int    // of warned and forewarned: the days left; -1 if the warning names none
	true    bool   // of warned: what it says can be right
	astray  bool   // of warned: the clock that it was said by was wrong
	at      time.Time
	by      *process // that did or said it; nil for a person
}

// happened notes an event. The lock is held.
func (w *world) happened(e event) {
	e.at = w.Now()
	w.events = append(w.events, e)
}

// history is every event so far.
func (w *world) history() []event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]event(nil), w.events...)
}

// finalLine is a final notice. Users in these tests have no Slack tag, or one
// that ends in their name.
var finalLine = regexp.MustCompile(`^(\S+)(?: \(\S+\))?'s key(?: (AKIA\w+))? (?:is disabled due to [a-z ]+\.(?: It is key (AKIA\w+)\.)?|was found in public )`)

// plainLine is the template of lines that name all that the oracle wants to
// know, and plainText such a line.
const plainLine = `@@{{.Kind}};{{.User}};{{.Key}};{{.Days}};{{with .EarlierLimit}}{{.Days}}{{end}};`

var plainText = regexp.MustCompile(`@@(\w+);([^;]+);(AKIA\w+);(\d+);(\d*);`)

// speakPlainly has every message name the key, the kind and the days left in a
// form that the oracle reads.
func (w *world) speakPlainly(t *testing.T) {
	t.Helper()
	var problems []notify.TemplateProblem
	if w.words, problems = notify.ParseTemplates(notify.TemplateTexts{Line: plainLine}); len(problems) > 0 {
		t.Fatal(problems)
	}
}

// hear notes the notices in a message that a channel's service took. The lock is
// held.
func (w *world) hear(p *process, channel, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		if said := plainText.FindStringSubmatch(line); said != nil {
			days, _ := strconv.Atoi(said[4])
			if sooner, err := strconv.Atoi(said[5]); err == nil {
				days = min(days, sooner)
			}
			w.heard(p, channel, notify.Kind(said[1]), said[2], said[3], line, days)
		} else if said := finalLine.FindStringSubmatch(line); said != nil {
			w.happened(event{what: "notified", user: said[1], keyID: said[2] + said[3], channel: channel, line: line, by: p})
		}
	}
}

// hearEvent notes the notice in an event that a bus took. The lock is held.
func (w *world) hearEvent(p *process, put awsfake.Event) {
	var said struct {
		User         string               `json:"user"`
		KeyID        string               `json:"key_id"`
		Kind         notify.Kind          `json:"kind"`
		Days         int                  `json:"days_left"`
		EarlierLimit *notify.EarlierLimit `json:"earlier_limit"`
	}
	if json.Unmarshal([]byte(put.Detail), &said) != nil || said.KeyID == "" {
		return
	}
	if said.EarlierLimit != nil {
		said.Days = min(said.Days, said.EarlierLimit.DaysLeft)
	}
	w.heard(p, onBus, said.Kind, said.User, said.KeyID, put.DetailType, said.Days)
}

func (w *world) heard(p *process, channel string, kind notify.Kind, user, keyID, line string, days int) {
	e := event{what: "warned", user: user, keyID: keyID, channel: channel, line: line, days: days, by: p}
	switch {
	case kind.Final():
		e.what = "notified"
	case kind == notify.Deleting:
		e.what = "forewarned"
	case kind == notify.PastLimit:
		e.days = -1
	}
	// By a clock that is wrong by more than it may be, nothing is held.
	e.astray = time.Duration(p.ahead.Load()).Abs() > clockError
	e.true = e.astray || w.warnings.isTrue(w.key(keyID), e.days, w.Now())
	w.happened(e)
}

// truth is a key as it is, and its owner; found is false if it is gone.
func (w *world) truth(user, keyID string) (owner awsfake.User, key awsfake.Key, found bool) {
	for _, account := range w.accounts {
		owner, known := account.User(user)
		if !known {
			continue
		}
		for _, key := range owner.Keys {
			if key.ID == keyID {
				return owner, key, true
			}
		}
		return owner, key, false
	}
	return owner, key, false
}

// users are those of every account.
func (w *world) users() []awsfake.User {
	var users []awsfake.User
	for _, account := range w.accounts {
		users = append(users, account.Users()...)
	}
	return users
}

// key is a key of any account.
func (w *world) key(id string) awsfake.Key {
	for _, account := range w.accounts {
		if key, found := account.Key(id); found {
			return key
		}
	}
	return awsfake.Key{}
}

// look opens the store as nobody's process, which nothing happens to.
func (w *world) look(t *testing.T, do func(ctx context.Context, store ledger.Store)) {
	t.Helper()
	bystander := &process{w: w, name: "bystander", fate: peaceful}
	bystander.ctx, bystander.cancel = context.WithCancel(t.Context())
	defer bystander.cancel()
	store, err := w.open(bystander)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	do(bystander.ctx, store)
}

// pending is the records with something pending, of every account.
func (w *world) pending(t *testing.T) (pending []ledger.Record) {
	t.Helper()
	w.look(t, func(ctx context.Context, store ledger.Store) {
		for _, account := range w.accounts {
			records, err := store.Load(ctx, account.ID())
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if r.Pending() {
					pending = append(pending, r)
				}
			}
		}
	})
	return pending
}
