package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// The oracle says, by AWS's own data and without any of Sleuth's code, whether
// it was right to disable a key.

// isDue reports whether a key has reached a limit at a moment.
func isDue(key awsfake.Key, at time.Time) bool {
	lastUse := key.LastUsed
	if lastUse.IsZero() {
		lastUse = key.Created
	}
	return at.Sub(key.Created) >= 90*day || at.Sub(lastUse) >= 60*day
}

// mayDisable reports whether a user's tags let a key of theirs be disabled. It
// knows the values that these tests use.
func mayDisable(tags map[string]string, at time.Time) bool {
	value, tagged := tags["KeyAutoExpire"]
	last, dated := strings.CutPrefix(value, "False until ")
	switch {
	case !tagged, value == "True":
		return true
	case dated:
		end, err := time.Parse(time.DateOnly, last)
		return err == nil && !at.Before(end.Add(day))
	}
	return false // "False", or doubt
}

// sighting is what was true of something when a process read it.
type sighting struct {
	at   time.Time
	call int // how many calls the process had made by then
	user awsfake.User
	key  awsfake.Key
}

// judge watches the IAM calls of all processes of a world. It objects to every
// UpdateAccessKey that IAM takes and that makes an Active key Inactive, unless
// the process has read, after the newest write of the key's record and so as
// its last word on each,
//
//   - the user's keys, and the key was there and Active,
//   - the key's last use, and by that or by its creation it was past a limit,
//   - the user's tags, and they neither exempted the key nor left a doubt,
//
// each by AWS's own data at the moment of the read. Where reads lag, the status
// may be one that Sleuth's own change has left behind.
type judge struct {
	lag time.Duration

	mu         sync.Mutex
	seen       map[string]sighting // by process, what, and id
	changed    map[string]time.Time
	found      map[string]bool // keys that AWS has said were found in public
	objections []string
}

func newJudge(lag time.Duration) *judge {
	return &judge{lag: lag, seen: map[string]sighting{}, changed: map[string]time.Time{}, found: map[string]bool{}}
}

// find has AWS say that a key was found in public: neither its age nor its
// user's tags keep it from being disabled from then on.
func (j *judge) find(keyID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.found[keyID] = true
}

func (j *judge) witness() *witness { return &witness{asked: j.asked} }

func (j *judge) asked(p *process, action, user, keyID string, was awsfake.User, key awsfake.Key, _ bool, status int) {
	if status != 200 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := p.w.Now()
	saw := sighting{at: now, call: p.made(), user: was, key: key}
	switch action {
	case "ListAccessKeys", "ListUserTags":
		j.seen[p.name+action+user] = saw
	case "GetAccessKeyLastUsed":
		saw.key, _ = p.w.home.Key(keyID)
		j.seen[p.name+action+keyID] = saw
	case "UpdateAccessKey":
		if key.Active {
			j.hold(p, user, keyID, now)
		}
		j.changed[user] = now
	}
}

// hold objects to a disabling that should not have been.
func (j *judge) hold(p *process, user, keyID string, now time.Time) {
	intent := p.lastCall(func(label string) bool {
		return strings.HasPrefix(label, "state Put") && strings.Contains(label, keyID)
	})
	object := func(format string, args ...any) {
		j.objections = append(j.objections, fmt.Sprintf("%s: %s disabled key %s of user %s: %s",
			now.Format(time.DateTime), p.name, keyID, user, fmt.Sprintf(format, args...)))
	}
	if intent < 0 {
		object("it had not written down that it would")
	}
	listed, wasListed := j.seen[p.name+"ListAccessKeys"+user]
	tagged, wasTagged := j.seen[p.name+"ListUserTags"+user]
	used, wasUsed := j.seen[p.name+"GetAccessKeyLastUsed"+keyID]
	for what, saw := range map[string]sighting{"keys": listed, "tags": tagged, "last use": used} {
		if saw.call <= intent {
			object("it had not read the %s afresh", what)
		}
	}
	if !wasListed || !wasTagged || !wasUsed {
		return
	}
	at := slices.IndexFunc(listed.user.Keys, func(k awsfake.Key) bool { return k.ID == keyID })
	lagging := j.lag > 0 && now.Sub(j.changed[user]) <= j.lag
	if !lagging && (at < 0 || !listed.user.Keys[at].Active) {
		object("it was not Active when it was read")
	}
	if j.found[keyID] {
		return
	}
	// A clock that was set back meanwhile takes nothing from what was read.
	if !isDue(used.key, latest(now, used.at)) {
		object("created %s, last used %s, it was not due", used.key.Created, used.key.LastUsed)
	}
	if !mayDisable(tagged.user.Tags, latest(now, tagged.at)) {
		object("its user's KeyAutoExpire was %q", tagged.user.Tags["KeyAutoExpire"])
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// made is how many calls the process has made.
func (p *process) made() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls)
}

// lastCall is the number of the last call with such a label, from 1; -1 where
// there was none.
func (p *process) lastCall(wanted func(label string) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.calls) - 1; i >= 0; i-- {
		if wanted(p.calls[i].label) {
			return i + 1
		}
	}
	return -1
}

// broken are the promises that a world's history breaks, once all is quiet.
// bad is how many calls met anything that may have a thing said once more.
func broken(history []event, bad int) (promises []string) {
	object := func(format string, args ...any) { promises = append(promises, fmt.Sprintf(format, args...)) }
	for i, e := range history {
		if e.what != "disabled" {
			continue
		}
		for _, channel := range channelNames {
			if !heardOf(history[i+1:], e, channel) {
				object("a word lost: %s never heard that key %s of user %s was disabled", channel, e.keyID, e.user)
			}
		}
	}
	type about struct{ user, keyID, channel string }
	heard := map[about]int{}
	for i, e := range history {
		if e.what != "told" {
			continue
		}
		heard[about{e.user, e.keyID, e.channel}]++
		if stories(history[:i], e.user) == 0 {
			object("a false word: %s heard %q, and nothing had happened to the key", e.channel, e.line)
		}
	}
	for a, n := range heard {
		if most := stories(history, a.user) + bad; n > most {
			object("said too often: %s heard %d times of key %q of user %s, want at most %d", a.channel, n, a.keyID, a.user, most)
		}
	}
	return promises
}

// heardOf reports whether a channel heard of a key that was disabled, or need
// not have: a person has enabled the key again, or it is gone.
func heardOf(after []event, disabled event, channel string) bool {
	return slices.ContainsFunc(after, func(e event) bool {
		if e.user != disabled.user || (e.keyID != "" && e.keyID != disabled.keyID) {
			return false
		}
		return e.what == "enabled" || e.what == "gone" || (e.what == "told" && e.channel == channel)
	})
}

// stories is how often something happened to a user's keys of which a final
// notice may be the consequence: one was disabled, by Sleuth or by a person
// while Sleuth was about to, or went away then.
func stories(history []event, user string) int {
	n := 0
	for _, e := range history {
		if e.user == user && e.what != "told" && e.what != "enabled" {
			n++
		}
	}
	return n
}
