package crash

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
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

// checkEnd holds a process that ended by itself to its deadline, its cap and its
// leases.
func (s *schedule) checkEnd(t *testing.T, p *process, began time.Time, said string) {
	t.Helper()
	if p.died() {
		return
	}
	if took := s.w.Now().Sub(began); p.lasts > 0 && took > p.lasts && !p.heldUp.Load() {
		s.judge.object("%s took %s, and its deadline was after %s: %s", p.name, took, p.lasts, said)
	}
	if n := s.countBy(p, "deleted"); s.cap > 0 && n > s.cap && p.change != nil {
		s.judge.object("%s deleted %d keys, and SLEUTH_MAX_DELETE is %d", p.name, n, s.cap)
	}
	if n := s.countBy(p, "disabled"); s.cap > 0 && n > s.cap && p.change != nil {
		s.judge.object("%s disabled %d keys, and SLEUTH_MAX_DISABLE is %d", p.name, n, s.cap)
	}
	if p.bad() > 0 || p.heldUp.Load() && p.lasts > 0 || strings.Contains(said, "give back the lease") {
		return // the call that gives the lease back was hit, or was too slow
	}
	for _, account := range s.w.accounts {
		if holder := s.holder(t, account); holder != "" && (holder == p.lastID || holder == p.id) {
			s.judge.object("%s ended and still has the lease on account %s", p.name, account.ID())
		}
	}
}

// checkPending holds a process that reported no problem to having nothing
// pending on the accounts, unless another has their lease.
func (s *schedule) checkPending(t *testing.T, p *process, accounts ...*awsfake.Account) {
	t.Helper()
	for _, r := range s.w.pending(t) {
		at := slices.IndexFunc(accounts, func(a *awsfake.Account) bool { return a.ID() == r.Account() })
		if r.FinalPending() && at >= 0 && s.holder(t, accounts[at]) == "" {
			s.judge.object("%s succeeded, and the notice of key %s is pending", p.name, r.KeyID())
		}
	}
}

// holder is who has the lease on an account; empty if nobody does.
func (s *schedule) holder(t *testing.T, account *awsfake.Account) (holder string) {
	t.Helper()
	s.w.look(t, func(ctx context.Context, store ledger.Store) {
		const other = "somebody who looks"
		err := store.Acquire(ctx, account.ID(), other, s.w.Now().Add(-clockError-s.back), lease)
		if leased, is := errors.AsType[*ledger.LeasedError](err); is {
			holder = leased.Holder
			return
		}
		_ = store.Release(ctx, account.ID(), other)
	})
	return holder
}

// countBy counts the keys that a process has disabled for their age, or deleted.
func (s *schedule) countBy(p *process, what string) int {
	n := 0
	for _, e := range s.w.history() {
		if e.what == what && e.by == p {
			n++
		}
	}
	return n
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

func (s *schedule) fate(t *testing.T, p *process, c call, hanging map[string]bool, moved *atomic.Int64) fate {
	t.Helper()
	if f, happens := s.atDeletion(p, c); happens {
		return f
	}
	r := s.random(p.name + "|" + c.String())
	var f fate
	mayWait := !holdsMutex(c.label) && !p.hurried
	guest := strings.Contains(p.name, "visitor") || strings.Contains(p.name, "responder")
	switch odds := r.Float64(); {
	case odds < s.person:
		f.before = func() { s.interfere(p, c, r) }
	case odds < s.person+s.drift:
		f.before = func() {
			ahead := time.Duration(p.ahead.Load()) + []time.Duration{-30 * time.Second, 30 * time.Second, 90 * time.Second}[r.IntN(3)]
			if (ahead + s.back).Abs() <= clockError {
				p.ahead.Store(int64(ahead))
				s.spoil(nil) // time may seem to be up
				s.log("%s at %s: its clock is now %s ahead", p.name, c, ahead)
			}
		}
	case odds < s.person+s.drift+s.visit && !guest:
		f.before = func() {
			if mayWait && r.IntN(2) == 0 { // this one stands still, and loses its lease
				s.standStill(p, moved)
			}
			p.heldUp.Store(true)
			s.log("%s pauses at %s", p.name, c)
			s.spoil(nil)
			visitor := s.process(t, p.name+" visitor at "+c.String())
			visitor.account, visitor.digest = p.account, p.digest
			s.hurry(visitor, !mayWait)
			s.run(t, visitor)
		}
	case odds < s.person+s.drift+s.visit+s.leak && !guest:
		f.before = func() {
			p.heldUp.Store(true)
			s.spoil(nil)
			responder := s.process(t, p.name+" responder at "+c.String())
			s.hurry(responder, !mayWait)
			s.hearOfLeak(t, responder, r)
		}
	}
	switch odds := r.Float64(); {
	case odds < s.death:
		f.takes, f.then = effect(r.IntN(2)), dies
	case odds < s.death+s.fault:
		s.goWrong(&f, c, r)
	case odds < s.death+s.fault+s.hole && holeIn(c) != nil:
		holes := holeIn(c)
		f.rewrite = holes[r.IntN(len(holes))].change
	case mayWait && hanging[c.label]:
		f.takes, f.then = hasNoEffect, hangs
	case mayWait && odds < s.death+s.fault+s.hole+s.slow:
		f.slow = time.Duration(r.Int64N(int64(40 * time.Second)))
		s.spoil(nil) // what was accepted may not be recorded in time
		s.log("%s at %s: it takes %s", p.name, c, f.slow)
		return f
	default:
		return f
	}
	s.log("%s at %s: %+v", p.name, c, f)
	s.spoil(p)
	return f
}

// hurry has a process wait for nothing, if it must not.
func (s *schedule) hurry(p *process, must bool) {
	if must {
		p.hurried, p.attempts, p.lasts = true, 1, 0
	}
}

// standStill stops the machine of a process for longer than its lease.
func (s *schedule) standStill(p *process, moved *atomic.Int64) {
	if moved.Add(int64(2*lease)) > int64(mostMoved) {
		moved.Add(-int64(2 * lease))
		return
	}
	defer p.suspend()()
	time.Sleep(2 * lease)
}

// goWrong gives a call one of the faults that networks and services have.
func (s *schedule) goWrong(f *fate, c call, r *rand.Rand) {
	switch r.IntN(6) {
	case 0:
		f.takes, f.then, f.status, f.code = hasNoEffect, isAnswered, http.StatusBadRequest, "Throttling"
		if strings.HasPrefix(c.label, "state ") {
			f.code = "ProvisionedThroughputExceededException"
		}
	case 1:
		f.takes, f.then, f.status, f.code = hasNoEffect, isAnswered, http.StatusForbidden, "AccessDenied"
	case 2:
		f.takes, f.then, f.status, f.code = effect(r.IntN(2)), isAnswered, http.StatusServiceUnavailable, "ServiceUnavailable"
	case 3:
		f.takes, f.then, f.status, f.code = effect(r.IntN(2)), isAnswered, http.StatusInternalServerError, "InternalFailure"
	case 4:
		f.takes, f.then = effect(r.IntN(2)), seesTimeout
	default:
		f.takes, f.then = effect(r.IntN(2)), seesReset
	}
}

// spoil notes that a call of a process, or of none in particular, met something
// that may have a thing said twice.
func (s *schedule) spoil(p *process) {
	s.w.mu.Lock()
	s.bad++
	s.w.mu.Unlock()
	if p != nil {
		p.mu.Lock()
		p.spoilt++
		p.mu.Unlock()
	}
}

// interfere has a person do something just before a call arrives, to the user
// that the call is about or to any other.
func (s *schedule) interfere(p *process, c call, r *rand.Rand) {
	account := p.home()
	users := account.Users()
	if len(users) == 0 {
		return
	}
	user := users[r.IntN(len(users))]
	if at := slices.IndexFunc(users, func(u awsfake.User) bool { return strings.Contains(c.label, u.Name) }); at >= 0 {
		user = users[at]
	}
	if len(user.Keys) == 0 {
		return
	}
	key := user.Keys[r.IntN(len(user.Keys))]
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	what := ""
	switch r.IntN(10) {
	case 0:
		what = "gone"
		account.RemoveUser(user.Name)
		for _, k := range user.Keys {
			if k.ID != key.ID {
				s.w.happened(event{what: what, user: user.Name, keyID: k.ID})
			}
		}
	case 1, 2:
		what = "tagged"
		account.SetTag(user.Name, tagName(key.ID, r), s.exemption(r))
	case 3:
		what = "untagged"
		for name := range user.Tags {
			if looksMeant(strings.TrimSpace(strings.Split(name, ":")[0])) {
				account.RemoveTag(user.Name, name)
			}
		}
	case 4:
		what = "used"
		account.UseKey(key.ID, s.w.Now(), "s3", "us-east-1")
	case 5, 6:
		what = "enabled"
		account.SetKeyStatus(key.ID, true)
	case 7:
		what = "deactivated"
		account.SetKeyStatus(key.ID, false)
	case 8:
		what = "gone"
		made := awsfake.Key{ID: fmt.Sprintf("AKIANEW%013d", r.Int64N(1e13)), Active: true, Created: s.w.Now()}
		user.Keys = append(slices.DeleteFunc(user.Keys, func(k awsfake.Key) bool { return k.ID == key.ID }), made)
		account.AddUser(user)
	case 9:
		what = "renamed"
		account.RemoveUser(user.Name)
		user.Name += "R"
		account.AddUser(user)
		for _, k := range user.Keys {
			if k.ID != key.ID {
				s.w.happened(event{what: what, user: user.Name, keyID: k.ID})
			}
		}
	}
	s.w.happened(event{what: what, user: user.Name, keyID: key.ID})
	now, _ := account.User(user.Name)
	s.log("%s at %s: somebody does this: %s %s %s, now with the tags %q", p.name, c, what, user.Name, key.ID, now.Tags)
}

// calmRounds is how many rounds it may take after a storm, the quiet one
// included, and daysOfNotice more if keys are held for their notice.
const calmRounds = 5

// calmDown runs in peace until a round finds nothing to do.
func (s *schedule) calmDown(t *testing.T) bool {
	t.Helper()
	s.w.advance(6 * time.Hour) // past what a clock that was ahead has left in the future
	held := s.w.warnings.minNotice > 0 || s.ruled > 0
	s.odds, s.cap, s.ruled, s.back, s.machines = odds{}, 0, 0, 0, []time.Duration{0}
	s.log("calm")
	rounds, gap := calmRounds, 20*time.Minute
	if held {
		rounds, gap = calmRounds+15, day+time.Minute // keys come to their limits meanwhile
	}
	for i := range rounds {
		for !s.w.calendar.isOpen(s.w.Now()) {
			s.w.advance(10 * time.Minute)
		}
		before := len(s.w.history())
		s.calls(t, fmt.Sprintf("calm-%d", i+1))
		if s.isQuietSince(t, before) {
			s.checkWarnings(before)
			return true
		}
		s.w.advance(gap)
	}
	return false
}

// calls is a round in which everything has to succeed.
func (s *schedule) calls(t *testing.T, name string) {
	t.Helper()
	s.round(t, name, s.random(name))
}

// isQuietSince reports whether nothing but warnings happened since, nothing is
// pending, and no key waits for the end of its notice.
func (s *schedule) isQuietSince(t *testing.T, before int) bool {
	t.Helper()
	return len(s.w.pending(t)) == 0 && len(s.overdue()) == 0 && !slices.ContainsFunc(s.w.history()[before:], func(e event) bool {
		return e.what == "notified" || e.what == "disabled" || e.what == "deleted"
	})
}

// checkWarnings holds the last round to the warnings that it had to give.
func (s *schedule) checkWarnings(before int) {
	history := s.w.history()
	missed := unreminded(s.w.users(), history, s.w.warnings, s.w.Now())
	switch {
	case len(s.w.warnings.remindAt) == 0:
		missed = unwarned(s.w.users(), history[before:], allChannels, s.w.Now())
	case s.w.warnings.minNotice > 0 || s.w.warnings.delayed:
		return // the days left are those of the notice, or of the calendar, then
	}
	for _, text := range missed {
		s.judge.object("%s", text)
	}
}

// overdue are the keys that are past their limit, and Active.
func (s *schedule) overdue() (promises []string) {
	for _, user := range s.w.users() {
		for _, key := range user.Keys {
			if key.Active && isDue(key, s.w.Now()) && mayGo(user, key, s.w.Now()) {
				promises = append(promises, fmt.Sprintf("key %s of user %s is past its limit, and Active", key.ID, user.Name))
			}
		}
	}
	return promises
}

func (s *schedule) check(t *testing.T) {
	t.Helper()
	history := s.w.history()
	failed := append(slices.Clone(s.judge.objections), broken(history, s.bad)...)
	s.w.warnings.floors = s.judge.floors
	failed = append(failed, brokenWarnings(history, s.w.warnings, s.bad)...)
	failed = append(failed, s.overdue()...)
	for _, text := range failed {
		t.Error(text)
	}
	if len(failed) > 0 {
		for i, e := range history {
			s.log("event %d: %s %s %s %s %q %d on %s", i, e.what, e.user, e.keyID, e.channel, e.line, e.days, e.at.Format(time.DateTime))
		}
	}
}
