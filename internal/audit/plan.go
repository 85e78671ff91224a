package audit

import (
	"fmt"
	"slices"
	"time"
)

// Policy is what may be done about a verdict.
type Policy struct {
	// AutoExpire allows disabling. Without it, people are only notified.
	AutoExpire bool
	// OwnKeys are the ids of the keys that Sleuth itself signs with, if it is an
	// IAM user's. Disabling it would end the run halfway.
	OwnKeys []string
	// RemindAt lists the days left at which to warn; empty means on every run.
	RemindAt []int
	// MinNoticeDays is how many days must lie between a key's first delivered
	// warning and its disabling.
	MinNoticeDays int
	// Calendar says when keys may be disabled.
	Calendar Calendar
	// DeleteAfterDays is how many days after Sleuth disabled a key it is deleted;
	// zero never deletes one.
	DeleteAfterDays int
}

// Action is what is to be done about a key.
type Action uint8

// The actions.
const (
	Nothing Action = iota
	Warn
	Disable
)

// String returns the action's name.
func (a Action) String() string {
	switch a {
	case Warn:
		return "warn"
	case Disable:
		return "disable"
	}
	return "nothing"
}

// Hold says why a key past its limit is not disabled.
type Hold uint8

// The holds, the first that applies.
const (
	NotHeld           Hold = iota
	HeldByPolicy           // ENABLE_AUTO_EXPIRE is not true
	HeldByDoubt            // the KeyAutoExpire tag is unreadable
	HeldAsOwnKey           // Sleuth signs with this very key
	HeldForNotice          // SLEUTH_MIN_NOTICE_DAYS have not passed
	HeldByFreeze           // it is a day of SLEUTH_FREEZE
	HeldForWindow          // the time is outside SLEUTH_DISABLE_WHEN
	HeldAsUnreachable      // no configured channel can reach the owner
	HeldByCap              // the run would disable more than SLEUTH_MAX_DISABLE
	HeldAsJustChanged      // Sleuth disabled it moments ago; IAM may lag behind
)

// String returns the hold as it is said in logs and reports.
func (h Hold) String() string {
	switch h {
	case HeldByPolicy:
		return "auto-expire is off"
	case HeldByDoubt:
		return "its KeyAutoExpire tag is unreadable"
	case HeldAsOwnKey:
		return "Sleuth itself runs with it"
	case HeldForNotice:
		return "its owner's minimum notice has not passed"
	case HeldByFreeze:
		return "no key is disabled on the days of SLEUTH_FREEZE"
	case HeldForWindow:
		return "keys are disabled only at the times of SLEUTH_DISABLE_WHEN"
	case HeldAsUnreachable:
		return "no configured channel can reach its owner"
	case HeldByCap:
		return "the run would have disabled more than SLEUTH_MAX_DISABLE allows"
	case HeldAsJustChanged:
		return "Sleuth disabled it moments ago"
	}
	return ""
}

// Passes reports whether a key that is held so is disabled at a moment that is
// known, if nothing changes.
func (h Hold) Passes() bool {
	return h == HeldForNotice || h == HeldByFreeze || h == HeldForWindow
}

// Because is the hold as it is said of a key with this verdict.
func (h Hold) Because(v Verdict) string {
	if h == HeldByDoubt && v.Exemption.Misspelt != "" {
		return fmt.Sprintf("its tag %q may be a misspelt %s", v.Exemption.Misspelt, TagAutoExpire)
	}
	return h.String()
}

// LimitWarning is one limit that an owner was warned of.
type LimitWarning struct {
	Deadline time.Time `json:"deadline"`  // the limit as it stood (UTC)
	First    time.Time `json:"first"`     // when the first warning of it was delivered (UTC)
	Last     time.Time `json:"last"`      // when the newest was (UTC)
	DaysLeft int       `json:"days_left"` // as stated in the newest
	// Refused is when the first warning of it was delivered (UTC) that said
	// that the key's exemption is ignored, and on which day the key will
	// be disabled; zero if there was none.
	Refused time.Time `json:"refused,omitzero"`
}

// History holds the warnings that earlier runs sent to a key's owner, by limit.
type History struct {
	Creation   LimitWarning `json:"creation,omitzero"`
	Inactivity LimitWarning `json:"inactivity,omitzero"`
}

// HasRefusal reports whether the owner was warned that the key's exemption is
// ignored.
func (h History) HasRefusal() bool {
	return !h.Creation.Refused.IsZero() || !h.Inactivity.Refused.IsZero()
}

// WithoutRefusals returns the history of a key whose exemption is accepted again.
// If that ends, its owner is warned again.
func (h History) WithoutRefusals() History {
	h.Creation.Refused, h.Inactivity.Refused = time.Time{}, time.Time{}
	return h
}

// Decision is what is to be done about one key, and why.
type Decision struct {
	Action Action
	Hold   Hold
	// DaysLeft and At (UTC) say when the key will be disabled, minimum notice and
	// calendar included. DaysLeft is zero for a key past its limit that nothing but a
	// person or a setting holds.
	DaysLeft int
	At       time.Time
	// OtherDaysLeft is the days, likewise, to the limit that the state is not
	// named for. If that comes sooner, the warning names it as well.
	OtherDaysLeft int
}

// Decide turns a verdict into a decision.
func Decide(key Key, v Verdict, rules Rules, history History, policy Policy, now time.Time) Decision {
	if !v.State.NeedsWarning() && !v.State.PastLimit() {
		return Decision{}
	}
	own, other := limits(v, rules, history, policy)
	d := Decision{Action: Warn, At: own.disablesAt(now), DaysLeft: own.daysUntilDisabled(now)}
	if d.OtherDaysLeft = other.daysUntilDisabled(now); v.State == Expired {
		d.OtherDaysLeft = d.DaysLeft // past the creation limit, use is of no matter
	} else if at := other.disablesAt(now); at.Before(d.At) {
		d.At = at
	}
	if v.State.PastLimit() {
		d.Hold = hold(key, v, policy, own.noticeEnds(now), now)
		if d.Hold == NotHeld {
			d.Action = Disable
			return d
		}
		if !d.Hold.Passes() {
			d.DaysLeft = 0
		}
	}
	if !due(v, rules, history, policy, d) {
		d.Action = Nothing
	}
	return d
}

// Held is the decision for a key that is due, and is not to be disabled after
// all: its owner is warned if a reminder is due.
func (d Decision) Held(because Hold, v Verdict, rules Rules, history History, policy Policy) Decision {
	d.Action, d.Hold, d.DaysLeft = Warn, because, 0
	if !due(v, rules, history, policy, d) {
		d.Action = Nothing
	}
	return d
}

func hold(key Key, v Verdict, policy Policy, noticeEnds, now time.Time) Hold {
	switch {
	case !policy.AutoExpire:
		return HeldByPolicy
	case v.Doubt:
		return HeldByDoubt
	case slices.Contains(policy.OwnKeys, key.ID):
		return HeldAsOwnKey
	case noticeEnds.After(now):
		return HeldForNotice
	}
	switch policy.Calendar.At(now) {
	case Frozen:
		return HeldByFreeze
	case OutsideWindows:
		return HeldForWindow
	case NotClosed:
	}
	return NotHeld
}

// due reports whether a warning is to be sent on this run: always without a
// ladder, else when a limit in sight has passed a rung since its owner last
// heard of it.
func due(v Verdict, rules Rules, history History, policy Policy, d Decision) bool {
	if len(policy.RemindAt) == 0 {
		return true
	}
	for _, limit := range limitsWarnedAbout(v, rules, history, policy, d) {
		if v.State.PastLimit() && limit.reason != v.State.Reason() {
			continue
		}
		if limit.refused && !d.namesDay(v) {
			limit.refused = false // what would be said of it begins no notice
		}
		if limit.firstWarned().IsZero() && limit.daysLeft <= limit.notice {
			return true // the calendar must not keep the notice from beginning
		}
		// The warning that begins the notice must not wait for a lower rung. If
		// there is no notice, rung zero is on every ladder anyway.
		ladder := append(slices.Clone(policy.RemindAt), limit.notice)
		rung, onLadder := rungFor(limit.daysSaid, ladder)
		if !onLadder {
			continue
		}
		if limit.firstWarned().IsZero() {
			return true
		}
		if last, wasOnLadder := rungFor(limit.warned.DaysLeft, ladder); !wasOnLadder || rung < last {
			return true
		}
	}
	return false
}

// namesDay reports whether a warning names the day on which the key will be
// disabled: not if it is past its limit, and a person or a setting holds it.
func (d Decision) namesDay(v Verdict) bool {
	return !v.State.PastLimit() || d.Hold.Passes()
}

// limit is one of the two deadlines, with what its owner knows of it.
type limit struct {
	reason           Reason
	deadline         time.Time
	daysLeft         int
	daysSaid         int // the days left in a message to the owner
	daysUntilWarning int // days until the warning age; zero or less once it is reached
	warned           LimitWarning
	// notice is how many days must lie between the first delivered warning and
	// the disabling; of a refused exemption, the first that speaks of it.
	notice  int
	refused bool
	// calendar is that of a key that will be disabled, and zero of any other.
	calendar Calendar
}

// limits are the one that the key's state is named for, and the other. Whoever
// relied on an exemption that is ignored gets as many days from the first
// warning of it as the owner of any other key gets.
func limits(v Verdict, rules Rules, history History, policy Policy) (own, other limit) {
	creation := limit{
		reason: CreationAge, deadline: v.ExpiresAt, daysLeft: v.ExpiresIn, daysUntilWarning: rules.WarningAge - v.Age,
		warned: history.Creation, notice: policy.MinNoticeDays, refused: v.Refused(),
	}
	inactivity := limit{
		reason: Inactivity, deadline: v.IdleLimitAt, daysLeft: v.StagnatesIn, daysUntilWarning: rules.InactivityWarningAge - v.IdleAge,
		warned: history.Inactivity, notice: policy.MinNoticeDays, refused: v.Refused(),
	}
	if v.Refused() {
		creation.notice = max(creation.notice, rules.ExpirationAge-rules.WarningAge)
		inactivity.notice = max(inactivity.notice, rules.InactivityAge-rules.InactivityWarningAge)
	}
	if policy.AutoExpire && !v.Doubt {
		creation.calendar, inactivity.calendar = policy.Calendar, policy.Calendar
	}
	if v.State.Reason() == Inactivity {
		return inactivity, creation
	}
	return creation, inactivity
}

// limitsWarnedAbout are the limits whose warning age the key has reached, with the
// days left in a message to its owner. Inactivity is not shown if creation
// comes first, as then the last use need not have been read.
func limitsWarnedAbout(v Verdict, rules Rules, history History, policy Policy, d Decision) []limit {
	own, other := limits(v, rules, history, policy)
	own.daysSaid, other.daysSaid = d.DaysLeft, d.OtherDaysLeft
	comesFirst := v.State != Expired && v.IdleLimitAt.Before(v.ExpiresAt)
	if other.daysUntilWarning > 0 || other.reason == Inactivity && !comesFirst {
		return []limit{own}
	}
	return []limit{own, other}
}

// firstWarned is when the owner first heard of the limit; zero if nobody
// did. A limit that has moved since, because the key was used or the rules were
// changed, is a new one. If the key's exemption is ignored, it is when
// the owner first heard of that.
func (l limit) firstWarned() time.Time {
	switch {
	case !l.warned.Deadline.Equal(l.deadline):
		return time.Time{}
	case l.refused:
		return l.warned.Refused
	}
	return l.warned.First
}

// disablesAt is when the key will be disabled for this limit: as the notice ends,
// or as the calendar next allows it.
func (l limit) disablesAt(now time.Time) time.Time {
	at := l.noticeEnds(now)
	earliest := at
	if earliest.Before(now) {
		earliest = now
	}
	if next, ever := l.calendar.Next(earliest); ever && next.After(earliest) {
		return next
	}
	return at
}

// noticeEnds is when nothing but the calendar keeps the key from being disabled for
// this limit: at the deadline, or once the owner has had the minimum notice. That
// begins with the first warning, which is sent now or as the key reaches the
// warning age.
func (l limit) noticeEnds(now time.Time) time.Time {
	if l.notice == 0 {
		return l.deadline
	}
	first := l.firstWarned()
	if first.IsZero() {
		first = now.Add(time.Duration(max(0, l.daysUntilWarning)) * day)
	}
	if ends := first.Add(time.Duration(l.notice) * day); ends.After(l.deadline) {
		return ends
	}
	return l.deadline
}

// daysUntilDisabled is the days until then. To a deadline they are the verdict's
// own; to the end of a notice, and to a window, they are rounded up, so that no message says fewer
// than there are.
func (l limit) daysUntilDisabled(now time.Time) int {
	left := max(0, l.daysLeft)
	if at := l.disablesAt(now); at.After(l.deadline) {
		left = max(left, int((at.Sub(now)+day-1)/day))
	}
	return left
}

// rungFor is the lowest rung that a number of days left has passed. A key past
// its limit stands on rung zero, below them all.
func rungFor(daysLeft int, ladder []int) (rung int, onLadder bool) {
	if daysLeft <= 0 {
		return 0, true
	}
	passed := slices.DeleteFunc(slices.Clone(ladder), func(r int) bool { return r < daysLeft })
	if len(passed) == 0 {
		return 0, false
	}
	return slices.Min(passed), true
}

// Add is the history after a warning about v, decided by d, was delivered at
// now.
func (h History) Add(v Verdict, rules Rules, d Decision, now time.Time) History {
	for _, limit := range limitsWarnedAbout(v, rules, h, Policy{}, d) {
		w := LimitWarning{Deadline: limit.deadline, First: now, Last: now, DaysLeft: limit.daysSaid}
		if limit.warned.Deadline.Equal(limit.deadline) && !limit.warned.First.IsZero() {
			w.First = limit.warned.First
		}
		if limit.refused {
			w.Refused = limit.firstWarned()
			if w.Refused.IsZero() && d.namesDay(v) {
				w.Refused = now
			}
		}
		if limit.reason == CreationAge {
			h.Creation = w
		} else {
			h.Inactivity = w
		}
	}
	return h
}
