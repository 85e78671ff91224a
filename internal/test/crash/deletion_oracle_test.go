package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// keyAt is where a user has a key; -1 if it is not there.
func keyAt(user awsfake.User, keyID string) int {
	return slices.IndexFunc(user.Keys, func(k awsfake.Key) bool { return k.ID == keyID })
}

// see notes which keys a process has read as Active. What reads show may lag behind
// Sleuth's own changes. The judge is locked.
func (j *judge) see(p *process, user awsfake.User, now time.Time) {
	if changed, known := j.changed[user.Name]; known && now.Sub(changed) <= j.lag {
		return
	}
	for _, key := range user.Keys {
		if !key.Active {
			continue
		}
		if j.active[key.ID] == nil {
			j.active[key.ID] = map[*process]time.Time{}
		}
		j.active[key.ID][p] = now
	}
}

// notice takes it that a process which succeeded has recorded which keys it saw
// Active.
func (j *judge) notice(p *process) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for keyID, seen := range j.active {
		if at, saw := seen[p]; saw {
			j.noticed[keyID] = latest(j.noticed[keyID], at)
		}
	}
}

// holdDeletion objects to the deletion of a key that should not have been: unless
// the calendar is open; Sleuth made it Inactive so many days ago; nobody used it since, and no run that
// succeeded saw it Active; its owner heard of it 14 days and 1 day ahead, and of no
// later day; and the process has read, after it wrote down what it would do and
// within the last minute, that the key is Inactive and that no tag speaks for it.
// The judge and the world are locked.
func (j *judge) holdDeletion(p *process, user, keyID string, now time.Time) {
	object := func(format string, args ...any) {
		j.objections = append(j.objections, fmt.Sprintf("%s: %s deleted key %s of user %s: %s",
			now.Format(time.DateTime), p.name, keyID, user, fmt.Sprintf(format, args...)))
	}
	disabled, known := j.written[keyID]
	switch {
	case j.deleteAfter == 0:
		object("nobody asked for that")
	case !known:
		object("Sleuth had not disabled it")
	case now.Sub(disabled) < time.Duration(j.deleteAfter)*day-margin:
		object("it was disabled on %s", disabled)
	case j.noticed[keyID].After(disabled):
		object("it was seen Active on %s", j.noticed[keyID])
	}
	if clock := now.Add(time.Duration(p.ahead.Load())); !j.isOpen(clock) {
		object("at %s by its clock it was outside %+v", clock.Format(time.DateTime), j.calendar)
	}
	j.holdForewarned(p.w.events, keyID, disabled, now, object)

	intent := p.lastCall(func(label string) bool {
		return strings.HasPrefix(label, "state Put") && strings.Contains(label, keyID)
	})
	listed, tagged, used := j.seen[p.name+"ListAccessKeys"+user], j.seen[p.name+"ListUserTags"+user], j.seen[p.name+"GetAccessKeyLastUsed"+keyID]
	for what, saw := range map[string]sighting{"keys": listed, "tags": tagged, "last use": used} {
		if intent < 0 || saw.call <= intent || now.Sub(saw.at) > freshFor {
			object("it had not recorded that it would, or not read the %s after that: %s", what, saw.at)
		}
	}
	if at := keyAt(listed.user, keyID); at < 0 || listed.user.Keys[at].Active {
		object("it was not Inactive when it was read")
	}
	if used.key.LastUsed.After(disabled.Add(15*time.Minute + clockError)) {
		object("it was used on %s, and disabled on %s", used.key.LastUsed, disabled)
	}
	if wishOf(tagged.user.Tags, keyID, now.Add(clockError)) != noWish {
		object("its user's tags were %q", tagged.user.Tags)
	}
}

// holdForewarned objects to a deletion whose owner did not hear of it in time.
func (j *judge) holdForewarned(history []event, keyID string, disabled, now time.Time, object func(string, ...any)) {
	first, last := false, false
	for _, e := range history {
		if e.what != "forewarned" || e.keyID != keyID || e.at.Before(disabled) {
			continue
		}
		if !e.astray && now.Before(e.at.Add(time.Duration(e.days-1)*day-margin)) {
			object("%s had heard on %s that it has %d days left", e.channel, e.at, e.days)
		}
		if e.channel != onBus {
			last = last || first && now.Sub(e.at) >= day-margin
			first = first || now.Sub(e.at) >= 14*day-margin
		}
	}
	if !first || !last {
		object("its owner was not warned in time")
	}
}

// stormOnDisabledKeys are more rounds of the storm, some of them days or weeks
// apart, in which disabled keys are due to be deleted.
func (s *schedule) stormOnDisabledKeys(t *testing.T) {
	t.Helper()
	if s.w.deleteAfter == 0 {
		return
	}
	storm, r := s.odds, s.random("disabled keys")
	for i, gap := range []time.Duration{20 * time.Minute, 17 * day, 13*day + time.Hour, day + time.Hour, day + time.Hour, time.Hour, day} {
		s.odds = storm
		if i == 0 || r.IntN(3) > 0 { // or keys hardly ever come so far
			s.odds = odds{person: max(storm.person, .05)}
		}
		s.deletion = .4
		if r.IntN(4) == 0 {
			gap += time.Duration(r.Int64N(int64(2 * day)))
		}
		s.w.advance(gap)
		undo := s.meddle(r)
		s.round(t, fmt.Sprintf("storm-on-disabled-%d", i+1), r)
		undo()
	}
}

// meddle has people do something to the keys that Sleuth disabled, and to the last
// day of some. What it returns takes back that keys were enabled.
func (s *schedule) meddle(r *rand.Rand) (undo func()) {
	var enabled []event
	did := func(what, user, keyID string) event {
		e := event{what: what, user: user, keyID: keyID}
		s.happened(e)
		s.log("somebody does this: %s %s %s", what, user, keyID)
		return e
	}
	for _, account := range s.w.accounts {
		for _, user := range account.Users() {
			for _, key := range user.Keys {
				if key.Active || r.IntN(4) > 0 {
					continue
				}
				switch r.IntN(4) {
				case 0:
					account.SetTag(user.Name, "KeyAutoExpire", "False")
					did("tagged", user.Name, key.ID)
				case 1:
					account.UseKey(key.ID, s.w.Now(), "s3", "us-east-1")
					did("used", user.Name, key.ID)
				default:
					account.SetTag(user.Name, "KeyAutoExpire", "False")
					account.SetKeyStatus(key.ID, true)
					enabled = append(enabled, did("enabled", user.Name, key.ID))
				}
			}
		}
	}
	return func() {
		for _, e := range enabled {
			for _, account := range s.w.accounts {
				if _, here := account.User(e.user); here {
					account.SetKeyStatus(e.keyID, false)
					account.RemoveTag(e.user, "KeyAutoExpire")
					did("deactivated", e.user, e.keyID)
				}
			}
		}
	}
}

// speakFor has somebody enable a disabled key of a user, or exempt the user.
func (s *schedule) speakFor(account *awsfake.Account, name string, r *rand.Rand) {
	user, _ := account.User(name)
	for _, key := range user.Keys {
		if key.Active {
			continue
		}
		what := []string{"tagged", "enabled"}[r.IntN(2)]
		if what == "tagged" {
			account.SetTag(name, "KeyAutoExpire", "False")
		} else {
			account.SetKeyStatus(key.ID, true)
		}
		s.happened(event{what: what, user: name, keyID: key.ID})
		s.log("somebody does this: %s %s %s", what, name, key.ID)
		return
	}
}

// atDeletion is what happens, in the deletion of a key, at the call that deletes it
// and at the reads just before. It reports whether anything does.
func (s *schedule) atDeletion(p *process, c call) (f fate, happens bool) {
	r := s.random("deletion " + p.name + "|" + c.String())
	label := strings.Fields(c.label)
	if len(label) < 3 || r.Float64() >= s.deletion {
		return fate{}, false
	}
	switch label[1] {
	case "DeleteAccessKey":
		f.takes, f.then = effect(r.IntN(2)), []sequel{dies, seesReset, seesTimeout}[r.IntN(3)]
		s.spoil(p)
		s.log("%s at %s: %+v", p.name, c, f)
	case "ListUserTags":
		return fate{before: func() { s.speakFor(p.home(), label[2], r) }}, c.nth > 1
	default:
		return fate{}, false
	}
	return f, true
}

// retire runs in peace until every key is deleted that was disabled in peace.
func (s *schedule) retire(t *testing.T) {
	t.Helper()
	if s.w.deleteAfter == 0 {
		return
	}
	began := len(s.w.history())
	for i, gap := range []time.Duration{17 * day, 13*day + time.Hour, day + time.Hour, day + time.Hour} {
		s.w.advance(gap)
		for !s.w.calendar.isOpen(s.w.Now()) {
			s.w.advance(10 * time.Minute)
		}
		s.calls(t, fmt.Sprintf("retirement-%d", i+1))
	}
	for _, e := range s.w.history()[:began] {
		if e.what != "disabled" || !strings.HasPrefix(e.by.name, "calm") {
			continue
		}
		for _, user := range s.w.users() {
			if at := keyAt(user, e.keyID); at >= 0 && mayGo(user, user.Keys[at], s.w.Now()) {
				s.judge.object("key %s of user %s, disabled on %s, was never deleted", e.keyID, user.Name, e.at)
			}
		}
	}
	if pending := s.w.pending(t); len(pending) > 0 {
		s.judge.object("still pending after all keys were deleted: %+v", pending)
	}
}
