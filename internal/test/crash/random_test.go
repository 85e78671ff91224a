package crash

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/run"
)

var replay = flag.Uint64("seed", 0, "replay the random schedule of this seed alone")

// seedsByDefault is how many schedules are tried; SLEUTH_RANDOM_SEEDS says
// otherwise. The seeds are always 1 and up, so that a failure can be found again.
const seedsByDefault = 300

// TestRandom runs Sleuth several times under a random schedule of everything
// that can go wrong, then in peace until all is quiet, and holds the outcome to
// the promises. To replay one schedule:
//
//	go test ./internal/test/crash -run Random -seed N
//
// The fate of a call depends on the seed, the process, the call's name and its
// number among those of that name. Only what channels do at the same time is
// left to the scheduler. Time is that of a synctest bubble: whatever waits takes
// its time, and none of ours.
func TestRandom(t *testing.T) {
	t.Parallel()
	if *replay != 0 {
		random(t, *replay, true)
		return
	}
	seeds := seedsByDefault
	if text := os.Getenv("SLEUTH_RANDOM_SEEDS"); text != "" {
		var err error
		if seeds, err = strconv.Atoi(text); err != nil || seeds < 1 {
			t.Fatalf("SLEUTH_RANDOM_SEEDS=%q must be a whole number from 1", text)
		}
	}
	for seed := range seeds {
		t.Run(strconv.Itoa(seed+1), func(t *testing.T) {
			t.Parallel()
			random(t, uint64(seed+1), false)
		})
	}
}

// schedule is what happens under one seed: how likely each thing is at a call.
type schedule struct {
	seed  uint64
	w     *world
	judge *judge

	odds
	digest   bool
	deadline time.Duration
	cap      int     // SLEUTH_MAX_DISABLE; zero is none
	ruled    float64 // that a process has rules for kinds of users

	machines []time.Duration // how far the clock of each is ahead
	back     time.Duration   // how far all of them were set back
	log      func(format string, args ...any)

	bad int // how many calls met anything bad
}

// odds are how likely each thing is that goes wrong.
type odds struct {
	fault   float64
	death   float64
	person  float64
	drift   float64 // of the clock of a machine
	visit   float64 // of another run
	leak    float64 // of an event of AWS, that a key was found in public
	hole    float64 // in an answer of IAM
	slow    float64 // a call that takes its time
	hang    float64 // of a channel, for a process; of a call, by a hundredth
	removed float64 // of a channel, for a process
	lost    float64 // of a result between two processes
	leftOut float64 // of an account
	// deletion is at the calls that delete a key, or are made just before.
	deletion float64
}

// mostMoved bounds how long a machine stands still within one run. With the
// longest lag and what clocks differ, it stays below the time that Sleuth allows
// IAM for showing a change.
const mostMoved = 3 * time.Minute

func random(t *testing.T, seed uint64, aloud bool) {
	t.Helper()
	open := inMemory
	if seed%20 == 0 {
		open = inFile
	}
	w := newWorld(t, "123456789012", open)
	w.traces = seed%2 == 0
	w.speakPlainly(t)
	synctest.Test(t, func(t *testing.T) {
		w.tick()
		s := newSchedule(t, w, seed)
		if aloud {
			s.log = func(format string, args ...any) {
				t.Helper()
				t.Logf(w.Now().Format(time.DateTime)+" "+format, args...)
			}
		}
		s.play(t)
	})
	if t.Failed() {
		t.Logf("replay: go test ./internal/test/crash -run Random -seed %d", seed)
	}
}

func (s *schedule) random(of string) *rand.Rand {
	hash := fnv.New64a()
	fmt.Fprint(hash, of)
	return rand.New(rand.NewPCG(s.seed, hash.Sum64())) //nolint:gosec // replayable on purpose
}

func newSchedule(t *testing.T, w *world, seed uint64) *schedule {
	t.Helper()
	s := &schedule{seed: seed, w: w, log: func(string, ...any) {}}
	r := s.random("schedule")
	pick := func(odds ...float64) float64 { return odds[r.IntN(len(odds))] }
	lag := []time.Duration{0, 0, 10 * time.Second, 3 * time.Minute, 5 * time.Minute}[r.IntN(5)]
	s.judge = newJudge(lag)
	w.aws.SetLag(lag)
	w.disablesLeaked = true
	s.fault = pick(0, .02, .05, .15, .4)
	s.death = pick(0, .005, .02, .05)
	s.person = pick(0, .01, .03, .1)
	s.drift = pick(0, 0, .01, .03)
	s.hole = pick(0, 0, .01, .05)
	s.slow = pick(0, 0, .02, .1)
	s.hang = pick(0, 0, .1, .3)
	s.removed = pick(0, 0, .2, .5)
	s.lost = pick(0, .1, .3)
	s.leftOut = pick(0, .2, .5)
	s.digest = r.IntN(3) > 0
	s.deadline = []time.Duration{0, 15 * time.Minute, 2 * time.Minute}[r.IntN(3)]
	s.cap = []int{0, 0, 0, 1, 2}[r.IntN(5)]
	s.machines = []time.Duration{0, time.Duration(r.Int64N(int64(2*clockError))) - clockError}
	w.warnings = warningRules{
		minNotice: []int{0, 0, 0, 2, 3}[r.IntN(5)],
		remindAt:  [][]int{nil, nil, {14, 7, 3, 1}}[r.IntN(3)],
	}
	if seed%5 == 2 {
		w.calendar = calendars()[s.random("calendar").IntN(len(calendars()))]
		w.warnings.delayed, s.judge.calendar, s.judge.drifts = true, w.calendar, s.drift > 0
	}
	if seed%5 == 4 {
		s.ruled = s.random("rules").Float64()
		w.warnings.delayed = true
	}
	if seed%20 != 0 { // a file is one process's alone
		s.visit = pick(0, 0, .01, .03)
		if seed%3 == 0 {
			s.leak = pick(.01, .03)
		}
	}
	if seed%4 == 1 {
		for i := range 2 {
			w.accounts = append(w.accounts, w.aws.Account(fmt.Sprintf("20000000000%d", i)))
		}
	}
	if seed%4 == 3 || seed%40 == 0 {
		w.deleteAfter = 30
		s.judge.deleteAfter = w.deleteAfter
	}
	s.populate(r)
	return s
}

func (s *schedule) play(t *testing.T) {
	t.Helper()
	r := s.random("play")
	s.log("%d accounts, digest %t, lag %s, deadline %s, cap %d, warnings %+v, calendar %+v, machines %s", len(s.w.accounts), s.digest, s.judge.lag, s.deadline, s.cap, s.w.warnings, s.w.calendar, s.machines)
	for i := range 2 + r.IntN(3) {
		s.round(t, fmt.Sprintf("storm-%d", i+1), r)
		if r.IntN(10) == 0 {
			s.closeNotices(t)
		}
		switch gap := []time.Duration{
			0, 10 * time.Second, 2 * lease, 20 * time.Minute, day, 3 * day, -time.Hour, 401 * day,
		}[min(r.IntN(9), 7)]; {
		case gap < 0 && s.back == 0:
			s.back = -gap
		case gap == 401*day && r.IntN(4) > 0:
		default:
			s.w.advance(max(gap, 0))
		}
	}
	s.stormOnDisabledKeys(t)
	if !s.calmDown(t) {
		t.Error("it is not quiet after the storm")
	}
	s.retire(t)
	s.check(t)
}

// populate makes a few users in each account, with keys of all ages around the
// limits.
func (s *schedule) populate(r *rand.Rand) {
	for a, account := range s.w.accounts {
		for i := range 2 + r.IntN(3) {
			u := awsfake.User{Name: fmt.Sprintf("USER%d%d", a, i)}
			if r.IntN(2) == 0 {
				u.Tags = map[string]string{"Slack": "U" + u.Name}
			}
			for k := range 1 + r.IntN(2) {
				age := []int{1, 55, 79, 85, 89, 90, 120, 400}[r.IntN(8)]
				key := awsfake.Key{
					ID:      fmt.Sprintf("AKIAUSER%d%dKEY%07d", a, i, k),
					Active:  r.IntN(8) > 0,
					Created: s.w.Now().Add(-time.Duration(age)*day - time.Minute),
				}
				if r.IntN(3) > 0 {
					key.LastUsed = latest(key.Created, s.w.Now().Add(-time.Duration(r.IntN(70))*day))
				}
				u.Keys = append(u.Keys, key)
			}
			account.AddUser(u)
			if s.ruled > 0 && i == 0 {
				account.SetGroup(neverDue, u.Name)
			}
			if r.IntN(4) == 0 {
				account.SetTag(u.Name, tagName(u.Keys[0].ID, r), s.exemption(r))
			}
		}
	}
}

// tagName is a way to write KeyAutoExpire, and mostly the right one.
func tagName(keyID string, r *rand.Rand) string {
	return []string{
		"KeyAutoExpire", "KeyAutoExpire", "KeyAutoExpire", "KeyAutoExpire", "KeyAutoExpire", "KeyAutoExpire",
		"KeyAutoExpire:" + keyID, "KeyAutoExpire: " + keyID, "KeyAutoExpire ", " keyautoexpire",
		"Key-Auto-Expire", "Key_AutoExpire", "Key AutoExpire", "KeyAutoExpires", "KeyAutoExpir",
	}[r.IntN(15)]
}

func (s *schedule) exemption(r *rand.Rand) string {
	until := s.w.Now().AddDate(0, 0, r.IntN(4)-1).UTC().Format(time.DateOnly)
	return []string{
		"False", "True", "maybe", "False until " + until, "False until " + until, " false ",
		"False until 9999-12-31", "False until 10000-01-01", "False until 2026-02-30",
	}[r.IntN(9)]
}

// round is one run over all accounts: on a single one, or on each of several,
// with their digest.
func (s *schedule) round(t *testing.T, name string, r *rand.Rand) {
	t.Helper()
	if len(s.w.accounts) == 1 {
		s.run(t, s.process(t, name))
		return
	}
	var runs []run.Summary
	has := s.process(t, name).has
	for i, account := range s.w.accounts {
		if r.Float64() < s.leftOut {
			continue
		}
		p := s.process(t, fmt.Sprintf("%s-account-%d", name, i))
		p.account, p.digest, p.has, p.id = account, s.digest, has, fmt.Sprintf("%s.%d", name, i)
		summary := s.run(t, p)
		runs = append(runs, s.handOver(p, summary, r.Float64() < s.lost))
	}
	p := s.process(t, name+"-digest")
	p.digest, p.has, p.id = s.digest, has, name
	s.send(t, p, runs)
}

// handOver takes the result of a run to the process that makes the digest, as
// Step Functions does through a bucket; it may get lost.
func (s *schedule) handOver(p *process, summary run.Summary, lost bool) run.Summary {
	missing := org.NotEntered(account.Account{ID: p.account.ID()}, p.id, s.w.Now(), errors.New("no result"))
	if p.died() || lost {
		s.log("%s: its result is lost", p.name)
		return missing
	}
	text, err := json.Marshal(summary)
	if err != nil {
		s.judge.object("%s: its result cannot be written: %v", p.name, err)
		return missing
	}
	var read run.Summary
	if err := json.Unmarshal(text, &read); err != nil {
		s.judge.object("%s: its result cannot be read: %v", p.name, err)
		return missing
	}
	return read
}

// allChannels are the channels that there are.
var allChannels = []string{onSlack, onOtherSlack, onSNS, onBus}

// process is one process under this schedule.
func (s *schedule) process(t *testing.T, name string) *process {
	t.Helper()
	r := s.random("process " + name)
	p := &process{w: s.w, name: name, attempts: 3, knowsItself: true, watch: s.judge.witness(), lasts: s.deadline}
	p.ahead.Store(int64(s.machines[r.IntN(len(s.machines))] - s.back))
	for _, channel := range allChannels {
		if r.Float64() >= s.removed {
			p.has = append(p.has, channel)
		}
	}
	if len(p.has) == 0 || slices.Equal(p.has, []string{onBus}) {
		p.has = []string{onSlack, onSNS}
	}
	hanging := map[string]bool{}
	for _, channel := range allChannels {
		hanging[labelOf(channel)] = r.Float64() < s.hang
	}
	p.ruled = s.random("rules "+name).Float64() < s.ruled
	if s.cap > 0 || p.ruled {
		p.change = func(c *config.Config) {
			if s.cap > 0 {
				limit := config.Cap{Set: true, Keys: s.cap, Text: strconv.Itoa(s.cap)}
				c.MaxDisable, c.MaxDelete = limit, limit
			}
			if p.ruled {
				underRules(c)
			}
		}
	}
	moved := new(atomic.Int64)
	p.fate = func(c call) fate { return s.fate(t, p, c, hanging, moved) }
	return p
}

// underRules sets rules by which some users' keys never come to a limit: those of one
// group, and all others if their tags say so.
func underRules(c *config.Config) {
	c.RulesFrom = config.RulesSource{Kind: config.RulesInline}
	never := audit.Limits{Rule: "never", MinNoticeDays: audit.MinNoticeUnderRules, Ages: audit.Rules{
		ExpirationAge: 9000, WarningAge: 8000, InactivityAge: 9000, InactivityWarningAge: 8000,
	}}
	c.UserRules = audit.UserRules{Rules: []audit.UserRule{
		{Name: "never", Limits: never, Match: audit.Match{Groups: []string{neverDue}}},
		{Name: "never", Limits: never, Match: audit.Match{Tags: []audit.Tag{{Key: "Slack", Value: "U*1"}}}},
	}}
}

// neverDue is the group whose members' keys come to no limit under rules.
const neverDue = "machines"

// labelOf is how the calls of a channel are labelled.
func labelOf(channel string) string {
	switch channel {
	case onSNS:
		return "aws Publish"
	case onBus:
		return "aws PutEvents"
	}
	return channel + " post"
}

// run has a process make its run, and holds it to what a run promises.
func (s *schedule) run(t *testing.T, p *process) run.Summary {
	t.Helper()
	began := s.w.Now()
	summary, err := p.run(t.Context())
	s.log("%s (channels %v): died %t, disabled %d, sent %d: %v", p.name, p.has, p.died(), summary.Disabled, summary.NoticesSent, err)
	s.checkEnd(t, p, began, fmt.Sprint(err))
	if err == nil && !p.died() && !p.heldUp.Load() && !p.digest && summary.Started {
		s.checkPending(t, p, p.home())
	}
	if err == nil && !p.died() && summary.Started {
		s.judge.notice(p)
	}
	if p.holes > 0 && err == nil && !p.died() {
		s.judge.object("%s succeeded, though %d answers had holes", p.name, p.holes)
	}
	return summary
}

// send has a process make the digest.
func (s *schedule) send(t *testing.T, p *process, runs []run.Summary) org.Delivered {
	t.Helper()
	began := s.w.Now()
	delivered, err := p.send(t.Context(), runs)
	s.log("%s (channels %v): died %t, sent %d: %v %v", p.name, p.has, p.died(), delivered.NoticesSent, delivered.Problems, err)
	s.checkEnd(t, p, began, fmt.Sprint(err, delivered.Problems))
	if err == nil && len(delivered.Problems) == 0 && !p.died() && !p.heldUp.Load() && p.digest {
		// A run that failed has said so, and may not know what is pending.
		s.checkPending(t, p, slices.DeleteFunc(slices.Clone(s.w.accounts), func(a *awsfake.Account) bool {
			return slices.ContainsFunc(runs, func(r run.Summary) bool { return r.Account.ID == a.ID() && r.Started && r.Failed > 0 })
		})...)
	}
	return delivered
}

// closeNotices has a person close every notice that is pending.
func (s *schedule) closeNotices(t *testing.T) {
	t.Helper()
	s.w.look(t, func(ctx context.Context, store ledger.Store) {
		records, err := store.ListPending(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range records {
			if !records[i].FinalPending() {
				continue
			}
			if err := ledger.Update(ctx, store, &records[i], func(r *ledger.Record) error { return r.Close(s.w.Now()) }); err != nil {
				t.Fatal(err)
			}
			s.log("somebody closes the notice of key %s", records[i].KeyID())
			s.happened(event{what: "closed", user: records[i].User(), keyID: records[i].KeyID()})
		}
	})
}

func (s *schedule) happened(e event) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.happened(e)
}

// hearOfLeak has AWS say that one of the keys was found in public.
func (s *schedule) hearOfLeak(t *testing.T, p *process, r *rand.Rand) {
	t.Helper()
	account := s.w.accounts[r.IntN(len(s.w.accounts))]
	users := account.Users()
	if len(users) == 0 {
		return
	}
	user := users[r.IntN(len(users))]
	if len(user.Keys) == 0 {
		return
	}
	key := user.Keys[r.IntN(len(user.Keys))]
	s.judge.find(key.ID)
	s.happened(event{what: "found", user: user.Name, keyID: key.ID})
	if len(s.w.accounts) > 1 {
		p.account = account
	}
	found := leak.Event{ARN: "arn:aws:health:global::event/RISK/" + p.name, Account: account.ID(), Keys: []leak.LeakedKey{{KeyID: key.ID}}}
	answer, err := p.answer(t.Context(), found)
	s.log("%s: key %s: died %t, %+v: %v", p.name, key.ID, p.died(), answer.Keys, err)
}
