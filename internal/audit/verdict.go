package audit

import (
	"fmt"
	"time"
)

const day = 24 * time.Hour

// Rules are the thresholds in force, in days. A valid set has
// 0 <= WarningAge < ExpirationAge, InactivityAge <= ExpirationAge and
// 0 <= InactivityWarningAge < InactivityAge.
type Rules struct {
	ExpirationAge        int
	WarningAge           int
	InactivityAge        int
	InactivityWarningAge int
}

// State is what a key is under the rules at one moment.
type State uint8

// The states, from harmless to due.
const (
	Good        State = iota // nothing to do
	Idle                     // unused for so long that its owner is warned
	Aging                    // so old that its owner is warned
	IdleExpired              // unused up to the limit: to be disabled
	Expired                  // old up to the limit: to be disabled
	Disabled                 // Inactive already
)

var stateNames = [...]string{"good", "stagnant", "old", "stagnant_expire", "expire", "disabled"}

// States lists every state, from harmless to due.
func States() []State { return []State{Good, Idle, Aging, IdleExpired, Expired, Disabled} }

// String returns the state as users of aws-iam-sleuth know it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText makes a State readable in JSON, as a value and as a map's key.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	known, ok := ParseState(string(text))
	if !ok {
		return fmt.Errorf("unknown state %q", text)
	}
	*s = known
	return nil
}

// ParseState is the reverse of String.
func ParseState(name string) (State, bool) {
	for i, known := range stateNames {
		if known == name {
			return State(i), true
		}
	}
	return Good, false
}

// PastLimit reports whether a key in this state has reached a limit.
func (s State) PastLimit() bool { return s == Expired || s == IdleExpired }

// NeedsWarning reports whether the owner of a key in this state is to be warned.
func (s State) NeedsWarning() bool { return s == Aging || s == Idle }

// Reason is which of the two ages a state comes from.
type Reason uint8

// The reasons.
const (
	NoReason    Reason = iota
	CreationAge        // how long ago the key was made
	Inactivity         // how long ago it was last used
	Exposure           // it was found in public
)

// String returns the reason in the words of the messages.
func (r Reason) String() string {
	switch r {
	case CreationAge:
		return "creation age"
	case Inactivity:
		return "inactivity"
	case Exposure:
		return "exposure"
	}
	return ""
}

// Reason returns which age put a key in this state.
func (s State) Reason() Reason {
	switch s {
	case Aging, Expired:
		return CreationAge
	case Idle, IdleExpired:
		return Inactivity
	}
	return NoReason
}

// Judged is one key of a user with the verdict on it.
type Judged struct {
	User    User
	Key     Key
	Verdict Verdict
}

// Verdict is the judgement on one key at one moment.
type Verdict struct {
	State State
	// Exempt keys are Good; Underlying says what they would be otherwise. For
	// all other keys Underlying equals State.
	Exempt     bool
	Underlying State
	// Exemption is what the tags say of the key, and why the rules do not
	// accept it, if so.
	Exemption Exemption
	// ExemptionActive: the key is exempt, whether or not it needs it.
	ExemptionActive bool
	// Doubt: a KeyAutoExpire tag is unreadable, so that the key must not be
	// disabled whatever its state.
	Doubt bool

	// Limits are the limits that the key was evaluated by, and Rule the name of
	// the rule that they are from; empty for the settings.
	Limits Rules
	Rule   string

	// Age and IdleAge are whole days since creation and since last use.
	Age, IdleAge int
	// ExpiresAt and IdleLimitAt are the two deadlines (UTC): creation plus
	// ExpirationAge, last use plus InactivityAge.
	ExpiresAt, IdleLimitAt time.Time
	// ExpiresIn and StagnatesIn are the whole days left to each limit; zero or
	// less once it is reached.
	ExpiresIn, StagnatesIn int
}

// Refused reports whether the key would be exempt if the rules accepted its
// exemption. It is judged as one that is not exempt.
func (v Verdict) Refused() bool { return v.State != Disabled && v.Exemption.Refusal.Refused() }

// DaysLeft is the days left under the verdict's own reason, and zero for a
// state that has none.
func (v Verdict) DaysLeft() int {
	switch v.State.Reason() {
	case CreationAge:
		return v.ExpiresIn
	case Inactivity:
		return v.StagnatesIn
	}
	return 0
}

// Deadline is the moment (UTC) at which the key reaches the first of its two
// limits.
func (v Verdict) Deadline() time.Time {
	if v.IdleLimitAt.Before(v.ExpiresAt) {
		return v.IdleLimitAt
	}
	return v.ExpiresAt
}

// Judge says what a key is at now. It is the table in docs/verdicts.md, first
// match wins, and the only place that decides it.
func Judge(key Key, exemption Exemption, rules Rules, now time.Time) Verdict {
	return judge(key, key.lastUse(), exemption, rules, now)
}

// judge is Judge with the moment that inactivity is counted from.
func judge(key Key, lastUse time.Time, exemption Exemption, rules Rules, now time.Time) Verdict {
	v := Verdict{
		Age:         wholeDays(key.Created, now),
		IdleAge:     wholeDays(lastUse, now),
		ExpiresAt:   key.Created.Add(time.Duration(rules.ExpirationAge) * day),
		IdleLimitAt: lastUse.Add(time.Duration(rules.InactivityAge) * day),
		Limits:      rules,

		Exemption:       exemption,
		ExemptionActive: exemption.ActiveAt(now),
	}
	v.Doubt = exemption.Unreadable && !v.ExemptionActive
	v.ExpiresIn = rules.ExpirationAge - v.Age
	v.StagnatesIn = rules.InactivityAge - v.IdleAge
	v.Underlying = stateByAge(v.Age, v.IdleAge, rules)

	switch {
	case key.Status != Active:
		v.State, v.Underlying = Disabled, Disabled
	case v.ExemptionActive:
		v.State, v.Exempt = Good, true
	default:
		v.State = v.Underlying
	}
	return v
}

func stateByAge(age, idleAge int, rules Rules) State {
	switch {
	case age >= rules.ExpirationAge:
		return Expired
	case idleAge >= rules.InactivityAge:
		return IdleExpired
	case age >= rules.WarningAge:
		return Aging
	case idleAge >= rules.InactivityWarningAge:
		return Idle
	}
	return Good
}

// wholeDays counts full days from a moment to now. A moment that lies a little
// ahead, as IAM's clock may be, counts as now.
func wholeDays(from, now time.Time) int {
	return max(0, int(now.Sub(from)/day))
}

// MarshalText writes a Reason for JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Reason) UnmarshalText(text []byte) error {
	for _, known := range []Reason{NoReason, CreationAge, Inactivity, Exposure} {
		if known.String() == string(text) {
			*r = known
			return nil
		}
	}
	return fmt.Errorf("unknown reason %q", text)
}
