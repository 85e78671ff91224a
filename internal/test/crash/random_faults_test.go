package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

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
