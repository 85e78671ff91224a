package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// The oracle says, by AWS's own data and without any of Sleuth's code, whether
// it was right to disable a key.

const (
	// clockError is how far the clock of a machine may be from the true time.
	clockError = 5 * time.Minute
	// freshFor is how long before a change everything that it rests on may have
	// been read.
	freshFor = time.Minute
	// margin is what clocks and the length of a run may change about days.
	margin = 2*clockError + 20*time.Minute
)

// lastUse is when a key was last used; one never used counts from its creation.
func lastUse(key awsfake.Key) time.Time {
	if key.LastUsed.IsZero() {
		return key.Created
	}
	return key.LastUsed
}

// isDue reports whether a key has reached a limit at a moment.
func isDue(key awsfake.Key, at time.Time) bool {
	return at.Sub(key.Created) >= 90*day || at.Sub(lastUse(key)) >= 60*day
}

// isNearLimit reports whether a key has reached a warning age at a moment.
func isNearLimit(key awsfake.Key, at time.Time) bool {
	return at.Sub(key.Created) >= 80*day || at.Sub(lastUse(key)) >= 50*day
}

// daysLeft is the whole days until the earlier limit.
func daysLeft(key awsfake.Key, at time.Time) int {
	return max(0, min(90-int(at.Sub(key.Created)/day), 60-int(at.Sub(lastUse(key))/day)))
}

// wish is what a user's tags ask for about a key.
type wish uint8

const (
	noWish wish = iota // it may be disabled
	exempt
	inDoubt // it cannot be known: it may not be disabled either
)

// wishOf reads a user's tags. It knows the names and the values that these
// tests use.
func wishOf(tags map[string]string, keyID string, at time.Time) wish {
	var ofUser, ofKey []wish
	misspelt := false
	for name, value := range tags {
		word, id, hasID := strings.Cut(name, ":")
		word, id = strings.TrimSpace(word), strings.TrimSpace(id)
		switch {
		case !looksMeant(word), hasID && id != keyID:
		case !strings.EqualFold(word, "KeyAutoExpire"):
			misspelt = true
		case hasID:
			ofKey = append(ofKey, wishIn(value, at))
		default:
			ofUser = append(ofUser, wishIn(value, at))
		}
	}
	user, key := agreed(ofUser), agreed(ofKey)
	said := key
	if len(ofKey) == 0 {
		said = user
	}
	if said == noWish && (misspelt || user == inDoubt) {
		return inDoubt
	}
	return said
}

// looksMeant reports whether a tag's name may have been meant as KeyAutoExpire.
func looksMeant(word string) bool {
	plain := strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(word))
	return plain == "keyautoexpire" || plain == "keyautoexpires" || plain == "keyautoexpir"
}

// agreed is what several tags of one meaning ask for together.
func agreed(wishes []wish) wish {
	if len(wishes) == 0 {
		return noWish
	}
	if slices.ContainsFunc(wishes, func(w wish) bool { return w != wishes[0] }) {
		return inDoubt
	}
	return wishes[0]
}

func wishIn(value string, at time.Time) wish {
	value = strings.ToLower(strings.TrimSpace(value))
	last, dated := strings.CutPrefix(value, "false until ")
	switch {
	case value == "true":
		return noWish
	case value == "false":
		return exempt
	case !dated:
		return inDoubt
	}
	end, err := time.Parse(time.DateOnly, last)
	switch {
	case err != nil:
		return inDoubt
	case at.Before(end.Add(day)):
		return exempt
	}
	return noWish
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
// the process has read, after the newest write of the key's record, within the
// last minute, and so as its last word on each,
//
//   - the user's keys, and the key was there and Active,
//   - the key's last use, and by that or by its creation it was past a limit,
//   - the user's tags, and they neither exempted the key nor left a doubt,
//
// each by AWS's own data at the moment of the read, and from an answer that was
// not changed on its way. If reads lag, the status may be one that Sleuth's own
// change has left behind. A key that is past its limit by the true time plus
// clockError is past it.
//
// With a calendar it is disabled only while that is open, by the clock of the
// process. If clocks are moved meanwhile, they may differ by clockError.
type judge struct {
	lag      time.Duration
	calendar openTimes
	drifts   bool
	// deleteAfter is SLEUTH_DELETE_AFTER_DAYS; zero forbids every deletion.
	deleteAfter int

	mu         sync.Mutex
	seen       map[string]sighting // by process, what, and id
	changed    map[string]time.Time
	floors     map[string]time.Time // since when a key is not disabled without the notice of rules
	found      map[string]bool      // keys that AWS has said were found in public
	objections []string
	// active is when a process has read a key as Active, by key and process, and
	// noticed when one did that succeeded; written is when one has last made a key
	// Inactive.
	active           map[string]map[*process]time.Time
	noticed, written map[string]time.Time
}

func newJudge(lag time.Duration) *judge {
	return &judge{
		lag: lag, seen: map[string]sighting{}, changed: map[string]time.Time{}, found: map[string]bool{}, floors: map[string]time.Time{},
		active: map[string]map[*process]time.Time{}, noticed: map[string]time.Time{}, written: map[string]time.Time{},
	}
}

// find has AWS say that a key was found in public: neither its age nor its
// user's tags keep it from being disabled from then on.
func (j *judge) find(keyID string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.found[keyID] = true
}

// object notes a broken promise.
func (j *judge) object(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.objections = append(j.objections, fmt.Sprintf(format, args...))
}

func (j *judge) witness() *witness { return &witness{asked: j.asked, changed: j.answerChanged} }

func (j *judge) asked(p *process, action, user, keyID string, was awsfake.User, key awsfake.Key, found bool, status int) {
	if status != 200 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := p.w.Now()
	if action == "ListUsers" && p.ruled {
		j.underRules(p, now)
	}
	saw := sighting{at: now, call: p.made(), user: was, key: key}
	switch action {
	case "ListAccessKeys", "ListUserTags":
		j.seen[p.name+action+user] = saw
		if action == "ListAccessKeys" {
			j.see(p, was, now)
		}
	case "GetAccessKeyLastUsed":
		saw.key = p.w.key(keyID)
		j.seen[p.name+action+keyID] = saw
	case "UpdateAccessKey":
		if key.Active {
			j.hold(p, user, keyID, now)
		}
		j.changed[user], j.written[keyID] = now, now
	case "DeleteAccessKey":
		if found {
			j.holdDeletion(p, user, keyID, now)
		}
		j.changed[user] = now
	}
}

// underRules notes that a process goes by rules: once they are gone, keys that are near
// the settings' limits by now are not disabled without a notice.
func (j *judge) underRules(p *process, now time.Time) {
	for _, user := range p.home().Users() {
		for _, key := range user.Keys {
			if _, known := j.floors[key.ID]; !known && now.Sub(key.Created) >= 80*day+clockError {
				j.floors[key.ID] = now
			}
		}
	}
}

// answerChanged takes back what an answer has shown, as the process did not see
// it so.
func (j *judge) answerChanged(p *process, label string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if about := strings.Fields(label); len(about) == 3 {
		delete(j.seen, p.name+about[1]+about[2])
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
		object("it had not recorded that it would")
	}
	listed, wasListed := j.seen[p.name+"ListAccessKeys"+user]
	tagged, wasTagged := j.seen[p.name+"ListUserTags"+user]
	used, wasUsed := j.seen[p.name+"GetAccessKeyLastUsed"+keyID]
	for what, saw := range map[string]sighting{"keys": listed, "tags": tagged, "last use": used} {
		if saw.call <= intent {
			object("it had not read the %s again", what)
		} else if age := now.Sub(saw.at); age > freshFor {
			object("it had read the %s %s before", what, age)
		}
	}
	if !wasListed || !wasTagged || !wasUsed {
		return
	}
	at := keyAt(listed.user, keyID)
	lagging := j.lag > 0 && now.Sub(j.changed[user]) <= j.lag
	if !lagging && (at < 0 || !listed.user.Keys[at].Active) {
		object("it was not Active when it was read")
	}
	if j.found[keyID] {
		return
	}
	if !isDue(used.key, now.Add(clockError)) {
		object("created %s, last used %s, it was not due", used.key.Created, used.key.LastUsed)
	}
	if clock := now.Add(time.Duration(p.ahead.Load())); !j.isOpen(clock) {
		object("at %s by its clock it was outside %+v", clock.Format(time.DateTime), j.calendar)
	}
	if wishOf(tagged.user.Tags, keyID, now.Add(clockError)) != noWish {
		object("its user's tags were %q", tagged.user.Tags)
	}
}

func (j *judge) isOpen(at time.Time) bool {
	if j.drifts && (j.calendar.isOpen(at.Add(-clockError)) || j.calendar.isOpen(at.Add(clockError))) {
		return true
	}
	return j.calendar.isOpen(at)
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

// lastCall is the number of the last call with such a label, from 1; -1 if
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

// broken are the promises about final notices that a world's history breaks,
// once all is quiet. bad is how many calls met anything that may have a thing
// said once more.
func broken(history []event, bad int) (promises []string) {
	object := func(format string, args ...any) { promises = append(promises, fmt.Sprintf(format, args...)) }
	for i, e := range history {
		if e.what != "disabled" && e.what != "deleted" {
			continue
		}
		for _, channel := range e.by.channelNames() {
			if !heardOf(history[i+1:], e, channel) {
				object("a lost notice: %s never heard that key %s of user %s was %s", channel, e.keyID, e.user, e.what)
			}
		}
	}
	type about struct{ keyID, channel string }
	heard := map[about]int{}
	for i, e := range history {
		if e.what != "notified" {
			continue
		}
		heard[about{e.keyID, e.channel}]++
		if stories(history[:i], e.keyID) == 0 {
			object("a false notice: %s heard %q, and nothing had happened to the key", e.channel, e.line)
		}
	}
	for a, n := range heard {
		if most := stories(history, a.keyID) + bad; n > most {
			object("said too often: %s heard %d times of key %s, want at most %d", a.channel, n, a.keyID, most)
		}
	}
	return promises
}

// heardOf reports whether a channel heard of a key that was disabled, or need
// not have: a person has enabled the key again, has closed the notice, or the
// key is gone.
func heardOf(after []event, disabled event, channel string) bool {
	return slices.ContainsFunc(after, func(e event) bool {
		if e.keyID != disabled.keyID {
			return false
		}
		return e.what == "enabled" || e.what == "gone" || e.what == "closed" || (e.what == "notified" && e.channel == channel)
	})
}

// stories is how often something happened to a key of which a final notice may
// be the consequence: it was disabled, by Sleuth or by a person while Sleuth was
// about to, found in public, deleted, or went away then.
func stories(history []event, keyID string) int {
	n := 0
	for _, e := range history {
		if e.keyID == keyID && slices.Contains([]string{"disabled", "deactivated", "deleted", "gone", "found"}, e.what) {
			n++
		}
	}
	return n
}

// warningRules are what the settings say about warnings.
type warningRules struct {
	minNotice int
	remindAt  []int
	// delayed: a calendar, or the notice of rules, may delay the disabling.
	delayed bool
	// floors say since when a key had a rule's limits in place of the settings'.
	floors map[string]time.Time
}

// noticeOf is the fewest days between a delivered warning of a key and its disabling.
func (r warningRules) noticeOf(disabled event) int {
	if since, is := r.floors[disabled.keyID]; disabled.by.ruled || is && since.Before(disabled.at) {
		return max(r.minNotice, audit.MinNoticeUnderRules)
	}
	return r.minNotice
}

// brokenWarnings are the promises about warnings that a history breaks.
func brokenWarnings(history []event, rules warningRules, bad int) (promises []string) {
	object := func(format string, args ...any) { promises = append(promises, fmt.Sprintf(format, args...)) }
	type once struct {
		by             *process
		keyID, channel string
	}
	heard := map[once]int{}
	for i, e := range history {
		switch e.what {
		case "warned":
			heard[once{e.by, e.keyID, e.channel}]++
			if !e.true && !changedMeanwhile(history[:i], e) {
				object("a false warning: %s heard %q on %s", e.channel, e.line, e.at)
			}
		case "disabled":
			promises = append(promises, tooSoon(history[:i], e, rules)...)
		}
	}
	for o, n := range heard {
		if n > 1+o.by.bad() {
			object("%s warned %d times of key %s on %s", o.by.name, n, o.keyID, o.channel)
		}
	}
	return append(promises, tooManyReminders(history, rules, bad)...)
}

// changedMeanwhile reports whether a person, or another process that was at work
// at the same time, did something to the key shortly before, so that a run may
// have seen it otherwise.
func changedMeanwhile(before []event, e event) bool {
	return slices.ContainsFunc(before, func(other event) bool {
		change := other.by == nil || other.by != e.by && other.what == "disabled"
		return other.keyID == e.keyID && change && e.at.Sub(other.at) < time.Hour
	})
}

// tooSoon objects to a key that was disabled sooner than its owner was warned of, or
// without the minimum notice.
func tooSoon(before []event, disabled event, rules warningRules) (promises []string) {
	notice := rules.noticeOf(disabled)
	noticed := notice == 0
	for _, e := range before {
		if e.keyID != disabled.keyID {
			continue
		}
		switch {
		case e.what == "found":
			return nil
		case e.what == "disabled":
			noticed = notice == 0 // its warnings start over
		case e.what != "warned":
		case e.days > 0 && !e.astray && disabled.at.Before(e.at.Add(time.Duration(e.days-1)*day-margin)):
			promises = append(promises, fmt.Sprintf("key %s was disabled on %s, and %s had heard on %s that it has %d days left",
				e.keyID, disabled.at, e.channel, e.at, e.days))
		case e.channel != onBus && disabled.at.Sub(e.at) >= time.Duration(notice)*day-margin:
			noticed = true
		}
	}
	if !noticed {
		promises = append(promises, fmt.Sprintf("key %s was disabled on %s without a warning %d days before", disabled.keyID, disabled.at, notice))
	}
	return promises
}

// tooManyReminders objects to more than one warning for each step of the ladder.
func tooManyReminders(history []event, rules warningRules, bad int) (promises []string) {
	if len(rules.remindAt) == 0 {
		return nil
	}
	type step struct {
		keyID, channel string
		rung           int
	}
	heard, changes := map[step]int{}, map[string]int{}
	for _, e := range history {
		switch {
		case e.what == "warned" && e.astray:
			changes[e.keyID]++ // what was recorded by that clock counts again
		case e.what == "warned":
			rung := 0
			for _, r := range append([]int{rules.minNotice}, rules.remindAt...) {
				if e.days > 0 && r >= e.days && (rung == 0 || r < rung) {
					rung = r
				}
			}
			heard[step{e.keyID, e.channel, rung}]++
		case e.what != "notified" && e.what != "forewarned":
			changes[e.keyID]++
		}
	}
	if len(history) > 0 && history[len(history)-1].at.Sub(history[0].at) > 400*day {
		bad++ // records have expired, and reminders have started again
	}
	for s, n := range heard {
		if n > 1+bad+changes[s.keyID] {
			promises = append(promises, fmt.Sprintf("%s heard %d times of key %s at %d days left", s.channel, n, s.keyID, s.rung))
		}
	}
	return promises
}

// isTrue reports whether a warning of a key as it is can be right at a moment.
func (r warningRules) isTrue(key awsfake.Key, days int, at time.Time) bool {
	soonest, longest := daysLeft(key, at.Add(margin)), daysLeft(key, at.Add(-margin))
	switch {
	case !key.Active || !isNearLimit(key, at.Add(margin)):
		return false
	case days < 0: // it is past its limit, and a person or a setting holds it
		return isDue(key, at.Add(margin))
	case r.minNotice > 0 || r.delayed:
		return days >= soonest
	}
	return soonest <= days && days <= longest
}

// unwarned are the keys that the last run had to warn of, and those of which it
// did not, with the channels.
func unwarned(users []awsfake.User, heard []event, channels []string, now time.Time) (promises []string) {
	for _, user := range users {
		for _, key := range user.Keys {
			if !mustHear(user, key, now) {
				continue
			}
			for _, channel := range channels {
				if !slices.ContainsFunc(heard, func(e event) bool { return e.what == "warned" && e.keyID == key.ID && e.channel == channel }) {
					promises = append(promises, fmt.Sprintf("%s heard no warning of key %s of user %s", channel, key.ID, user.Name))
				}
			}
		}
	}
	return promises
}

// mustHear reports whether a user is to be warned of a key. Of several tags that
// leave a doubt together, one may exempt the key after all.
func mustHear(user awsfake.User, key awsfake.Key, now time.Time) bool {
	wish := wishOf(user.Tags, key.ID, now)
	return key.Active && isNearLimit(key, now.Add(-margin)) && (wish == noWish || wish == inDoubt && tagsMeant(user) < 2)
}

// mayGo reports whether a key must be disabled at its limit. Several tags may
// leave a doubt together, whatever each says.
func mayGo(user awsfake.User, key awsfake.Key, now time.Time) bool {
	return wishOf(user.Tags, key.ID, now) == noWish && tagsMeant(user) < 2
}

// tagsMeant counts the tags of a user that may have been meant as KeyAutoExpire.
func tagsMeant(user awsfake.User) int {
	n := 0
	for name := range user.Tags {
		if looksMeant(strings.TrimSpace(strings.Split(name, ":")[0])) {
			n++
		}
	}
	return n
}

// unreminded are the keys near their limit of whose last step of the ladder
// nobody has heard.
func unreminded(users []awsfake.User, history []event, rules warningRules, now time.Time) (promises []string) {
	for _, user := range users {
		for _, key := range user.Keys {
			if !mustHear(user, key, now) {
				continue
			}
			limit := earlier(key.Created.Add(90*day), lastUse(key).Add(60*day))
			rung, onLadder := 0, isDue(key, now)
			for _, r := range rules.remindAt {
				if !isDue(key, now) && r >= daysLeft(key, now) && (!onLadder || r < rung) {
					rung, onLadder = r, true
				}
			}
			since := limit.Add(-time.Duration(rung)*day - margin)
			if onLadder && !slices.ContainsFunc(history, func(e event) bool {
				return e.what == "warned" && e.keyID == key.ID && !e.at.Before(since)
			}) {
				promises = append(promises, fmt.Sprintf("nobody heard of key %s of user %s since it has %d days left", key.ID, user.Name, rung))
			}
		}
	}
	return promises
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
