package crash

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/leak"
)

var replay = flag.Uint64("seed", 0, "replay the random weather of this seed alone")

// seedsByDefault is how many schedules are tried, a tenth with -short;
// SLEUTH_WEATHER_SEEDS says otherwise. The seeds are always 1 and up, so that a failure can be found
// again.
const seedsByDefault = 2_000

// TestWeather runs Sleuth several times under a random schedule of everything
// that can go wrong, then in peace until all is quiet, and holds the outcome to
// the promises. To replay one schedule:
//
//	go test ./internal/test/crash -run Weather -seed N
//
// The fate of a call depends on the seed, the process, the call's name and its
// number among those of that name. Only what the two channels do at the same
// time is left to the scheduler.
func TestWeather(t *testing.T) {
	t.Parallel()
	if *replay != 0 {
		weather(t, *replay, true)
		return
	}
	seeds := seedsByDefault
	if testing.Short() {
		seeds /= 10
	}
	if text := os.Getenv("SLEUTH_WEATHER_SEEDS"); text != "" {
		var err error
		if seeds, err = strconv.Atoi(text); err != nil || seeds < 1 {
			t.Fatalf("SLEUTH_WEATHER_SEEDS=%q must be a whole number from 1", text)
		}
	}
	for seed := range seeds {
		t.Run(strconv.Itoa(seed+1), func(t *testing.T) {
			t.Parallel()
			weather(t, uint64(seed+1), false)
		})
	}
}

// sky is the weather of one schedule: how likely each thing is at a call.
type sky struct {
	seed   uint64
	w      *world
	judge  *judge
	fault  float64
	death  float64
	person float64
	drift  float64
	visit  float64 // of another run
	word   float64 // of AWS, that a key was found in public
	log    func(format string, args ...any)

	bad   int                      // how many calls met anything bad
	moved map[string]time.Duration // how far the clock went while a process ran
}

// mostMoved bounds how far the clock moves within one run. With the longest lag
// it stays below the time that Sleuth allows IAM for showing a change.
const mostMoved = 5 * time.Minute

func weather(t *testing.T, seed uint64, aloud bool) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // replayable on purpose
	pick := func(odds ...float64) float64 { return odds[random.IntN(len(odds))] }
	lag := []time.Duration{0, 0, 10 * time.Second, 3 * time.Minute, 5 * time.Minute}[random.IntN(5)]
	open := inMemory
	if seed%20 == 0 {
		open = inFile
	}
	s := &sky{
		seed: seed, judge: newJudge(lag), log: func(string, ...any) {},
		fault:  pick(0, .02, .05, .15, .4),
		death:  pick(0, .005, .02, .05),
		person: pick(0, .01, .03, .1),
		drift:  pick(0, 0, .01, .03),
		moved:  map[string]time.Duration{},
	}
	if seed%20 != 0 { // a file is one process's alone
		s.visit = pick(0, 0, .01, .03)
	}
	// A file is one process's alone, and the first schedules are as they were.
	if seed%3 == 0 && seed%20 != 0 {
		s.word = pick(.01, .03)
	}
	if aloud {
		s.log = t.Logf
	}
	s.w = newWorld(t, "123456789012", open)
	s.w.aws.SetLag(lag)
	s.w.disablesLeaked = true
	s.populate(random)
	s.log("lag %s, faults %g, deaths %g, people %g, drift %g, visits %g", lag, s.fault, s.death, s.person, s.drift, s.visit)

	for i := range 2 + random.IntN(3) {
		s.run(t, fmt.Sprintf("storm-%d", i+1))
		s.w.advance([]time.Duration{
			0, 10 * time.Second, 2 * lease, 20 * time.Minute, day, 3 * day, -time.Hour,
		}[random.IntN(7)])
	}
	quiet := s.calmDown(t)
	if t.Failed() {
		t.Logf("replay: go test ./internal/test/crash -run Weather -seed %d", seed)
	}
	if !quiet {
		t.Fatalf("it is not quiet after the storm; replay: go test ./internal/test/crash -run Weather -seed %d", seed)
	}
	s.check(t)
}

// populate makes a few users with keys of all ages around the limits.
func (s *sky) populate(random *rand.Rand) {
	for i := range 2 + random.IntN(3) {
		u := awsfake.User{Name: fmt.Sprintf("USER%d", i)}
		if random.IntN(2) == 0 {
			u.Tags = map[string]string{"Slack": "U" + u.Name}
		}
		for k := range 1 + random.IntN(2) {
			age := []int{1, 55, 79, 85, 89, 90, 120, 400}[random.IntN(8)]
			key := awsfake.Key{
				ID:      fmt.Sprintf("AKIAUSER%dKEY%08d", i, k),
				Active:  random.IntN(8) > 0,
				Created: s.w.Now().Add(-time.Duration(age)*day - time.Minute),
			}
			if random.IntN(3) > 0 {
				key.LastUsed = latest(key.Created, s.w.Now().Add(-time.Duration(random.IntN(70))*day))
			}
			u.Keys = append(u.Keys, key)
		}
		s.w.home.AddUser(u)
		if random.IntN(4) == 0 {
			s.w.home.SetTag(u.Name, "KeyAutoExpire", s.exemption(random))
		}
	}
}

func (s *sky) exemption(random *rand.Rand) string {
	until := s.w.Now().AddDate(0, 0, random.IntN(4)-1).UTC().Format(time.DateOnly)
	return []string{"False", "True", "maybe", "False until " + until}[random.IntN(4)]
}

// run is one process in this weather.
func (s *sky) run(t *testing.T, name string) {
	t.Helper()
	p := &process{w: s.w, name: name, attempts: 3, knowsItself: true, watch: s.judge.witness()}
	p.fate = func(c call) fate { return s.fate(t, p, c) }
	summary, err := p.run(t.Context())
	s.log("%s: died %t, disabled %d, sent %d: %v", name, p.died(), summary.Disabled, summary.NoticesSent, err)
}

// hearOfLeak is AWS's word that any of the keys was found in public, in this
// weather.
func (s *sky) hearOfLeak(t *testing.T, name string, random *rand.Rand) {
	t.Helper()
	users := s.w.home.Users()
	if len(users) == 0 {
		return
	}
	user := users[random.IntN(len(users))]
	if len(user.Keys) == 0 {
		return
	}
	key := user.Keys[random.IntN(len(user.Keys))]
	s.judge.find(key.ID)
	s.w.mu.Lock()
	s.w.happened(event{what: "found", user: user.Name, keyID: key.ID})
	s.w.mu.Unlock()
	p := &process{w: s.w, name: name, attempts: 3, knowsItself: true, watch: s.judge.witness()}
	p.fate = func(c call) fate { return s.fate(t, p, c) }
	word := leak.Event{ARN: "arn:aws:health:global::event/RISK/" + name, Account: s.w.home.ID(), Keys: []leak.Finding{{KeyID: key.ID}}}
	answer, err := p.answer(t.Context(), word)
	s.log("%s: key %s: died %t, %+v: %v", name, key.ID, p.died(), answer.Keys, err)
}

func (s *sky) fate(t *testing.T, p *process, c call) fate {
	t.Helper()
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s|%s", p.name, c)
	random := rand.New(rand.NewPCG(s.seed, hash.Sum64())) //nolint:gosec // replayable on purpose
	var f fate
	switch odds := random.Float64(); {
	case odds < s.person:
		f.before = func() { s.interfere(p, c, random) }
	case odds < s.person+s.drift:
		f.before = func() {
			s.move(p, []time.Duration{-30 * time.Second, 30 * time.Second, 90 * time.Second}[random.IntN(3)])
		}
	case odds < s.person+s.drift+s.visit && !strings.Contains(p.name, "visitor"):
		f.before = func() {
			if random.IntN(2) == 0 { // this one was held up, and has lost its lease
				s.move(p, 2*lease)
			}
			s.log("%s pauses at %s", p.name, c)
			s.spoil()
			s.run(t, p.name+" visitor at "+c.String())
		}
	case odds < s.person+s.drift+s.visit+s.word && !strings.Contains(p.name, "word"):
		f.before = func() {
			s.spoil()
			s.hearOfLeak(t, p.name+" word at "+c.String(), random)
		}
	}
	switch odds := random.Float64(); {
	case odds < s.death:
		f.takes, f.then = effect(random.IntN(2)), dies
	case odds < s.death+s.fault:
		s.goWrong(&f, random)
	default:
		return f
	}
	s.log("%s at %s: %+v", p.name, c, f)
	s.spoil()
	return f
}

// goWrong gives a call one of the faults that networks and services have.
func (s *sky) goWrong(f *fate, random *rand.Rand) {
	switch random.IntN(6) {
	case 0:
		f.takes, f.then, f.status, f.code = hasNoEffect, isAnswered, http.StatusBadRequest, "Throttling"
	case 1:
		f.takes, f.then, f.status, f.code = hasNoEffect, isAnswered, http.StatusForbidden, "AccessDenied"
	case 2:
		f.takes, f.then, f.status, f.code = effect(random.IntN(2)), isAnswered, http.StatusServiceUnavailable, "ServiceUnavailable"
	case 3:
		f.takes, f.then, f.status, f.code = effect(random.IntN(2)), isAnswered, http.StatusInternalServerError, "InternalFailure"
	case 4:
		f.takes, f.then = effect(random.IntN(2)), seesTimeout
	default:
		f.takes, f.then = effect(random.IntN(2)), seesReset
	}
}

// spoil notes that a call met something that may have a thing said twice.
func (s *sky) spoil() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.bad++
}

// move sets the clock while a process runs, within bounds.
func (s *sky) move(p *process, by time.Duration) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.moved[p.name]+by.Abs() > mostMoved {
		return
	}
	s.moved[p.name] += by.Abs()
	s.w.advance(by)
	s.log("%s: the clock moves by %s", p.name, by)
}

// interfere has a person do something just before a call arrives, to the user
// that the call is about or to any other.
func (s *sky) interfere(p *process, c call, random *rand.Rand) {
	users := s.w.home.Users()
	if len(users) == 0 {
		return
	}
	user := users[random.IntN(len(users))]
	if at := slices.IndexFunc(users, func(u awsfake.User) bool { return strings.Contains(c.label, u.Name) }); at >= 0 {
		user = users[at]
	}
	if len(user.Keys) == 0 {
		return
	}
	key := user.Keys[random.IntN(len(user.Keys))]
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	what := ""
	switch random.IntN(9) {
	case 0:
		what = "delete the user"
		s.w.home.RemoveUser(user.Name)
		s.w.happened(event{what: "gone", user: user.Name})
	case 1, 2:
		what = "tag the user"
		s.w.home.SetTag(user.Name, "KeyAutoExpire", s.exemption(random))
	case 3:
		what = "untag the user"
		s.w.home.RemoveTag(user.Name, "KeyAutoExpire")
	case 4:
		what = "use"
		s.w.home.UseKey(key.ID, s.w.Now(), "s3", "us-east-1")
	case 5, 6:
		what = "enable"
		s.w.home.SetKeyStatus(key.ID, true)
		s.w.happened(event{what: "enabled", user: user.Name, keyID: key.ID})
	case 7:
		what = "deactivate"
		s.w.home.SetKeyStatus(key.ID, false)
		s.w.happened(event{what: "deactivated", user: user.Name, keyID: key.ID})
	case 8:
		what = "rotate"
		s.rotate(user, key, random)
	}
	s.log("%s at %s: somebody does this: %s %s %s", p.name, c, what, user.Name, key.ID)
}

// rotate deletes a key and makes another. The world is locked.
func (s *sky) rotate(user awsfake.User, old awsfake.Key, random *rand.Rand) {
	made := awsfake.Key{ID: fmt.Sprintf("AKIANEW%013d", random.Int64N(1e13)), Active: true, Created: s.w.Now()}
	user.Keys = append(slices.DeleteFunc(user.Keys, func(k awsfake.Key) bool { return k.ID == old.ID }), made)
	s.w.home.AddUser(user)
	s.w.happened(event{what: "gone", user: user.Name, keyID: old.ID})
}

// calmRuns is how many runs it may take after a storm, the quiet one included.
const calmRuns = 5

// calmDown runs in peace until a run finds nothing to do.
func (s *sky) calmDown(t *testing.T) bool {
	t.Helper()
	s.w.advance(6 * time.Hour) // past what a clock that was set back has left in the future
	for i := range calmRuns {
		p := &process{w: s.w, name: fmt.Sprintf("calm-%d", i+1), fate: peaceful, knowsItself: true, watch: s.judge.witness()}
		summary, err := p.run(t.Context())
		s.log("%s: disabled %d, sent %d: %v", p.name, summary.Disabled, summary.NoticesSent, err)
		if err == nil && isQuiet(p, summary) && len(s.w.owed(t)) == 0 {
			return true
		}
		s.w.advance(20 * time.Minute)
	}
	return false
}

func (s *sky) check(t *testing.T) {
	t.Helper()
	failed := append(s.judge.objections, broken(s.w.history(), s.bad)...)
	for _, user := range s.w.home.Users() {
		for _, key := range user.Keys {
			if key.Active && isDue(key, s.w.Now()) && mayDisable(user.Tags, s.w.Now()) {
				failed = append(failed, fmt.Sprintf("key %s of user %s is past its limit, and Active", key.ID, user.Name))
			}
		}
	}
	for _, text := range failed {
		t.Error(text)
	}
	if len(failed) > 0 {
		t.Errorf("replay: go test ./internal/test/crash -run Weather -seed %d", s.seed)
		for i, e := range s.w.history() {
			s.log("event %d: %+v", i, e)
		}
	}
}
