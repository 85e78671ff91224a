package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ExemptionRules say which exemptions are honoured. The zero ExemptionRules
// honour all.
type ExemptionRules struct {
	// MaxDays is how many days ahead an exemption may end at most; zero is any
	// number, or no end.
	MaxDays int
	// NeedReason: an exemption takes a KeyAutoExpireReason tag.
	NeedReason bool
}

// Exemption is what a user's tags say of one key. The zero Exemption is a key
// without such tags: not exempt.
type Exemption struct {
	// Claimed: the tag asks that the key be left alone.
	Claimed bool
	// End is the first moment (UTC) at which a dated exemption no longer
	// holds; zero where it has no end.
	End time.Time
	// Unreadable: a tag is there and says nothing that we understand. That is
	// doubt, and doubt never disables a key.
	Unreadable bool
	// Reason is why, for people, without surrounding space; empty where no tag
	// says it.
	Reason string
	// Tag is the name of the tag that speaks for the key; empty where none does.
	Tag string
	// Refusal is why the rules do not honour the exemption; zero where they do.
	Refusal Refusal
}

// ExemptionOf reads what the user's tags say of a key. A tag of the key's own,
// KeyAutoExpire:AKIA..., speaks for it in place of the user's. Where either is
// unreadable the key is in doubt for as long as the other does not exempt it:
// somebody meant to say something that we do not understand.
func ExemptionOf(user User, keyID string) Exemption {
	users, _ := user.Tags.exemption(TagAutoExpire)
	e, hasOwn := user.Tags.exemption(ofKey(TagAutoExpire, keyID))
	unreadable := e.Unreadable || users.Unreadable
	if !hasOwn {
		e = users
	}
	e.Unreadable = unreadable
	for _, name := range []string{ofKey(TagReason, keyID), TagReason} {
		if reason, _ := user.Tags.Value(name); e.Reason == "" {
			e.Reason = strings.TrimSpace(reason)
		}
	}
	return e
}

func (tags Tags) exemption(name string) (e Exemption, found bool) {
	value, found := tags.Value(name)
	if found {
		e = ParseExemption(value)
		e.Tag = name
	}
	return e, found
}

// ofKey is the name of a tag that speaks for one key alone.
func ofKey(tag, keyID string) string { return tag + ":" + keyID }

// ParseExemption reads the value of a KeyAutoExpire tag, without regard to
// case and surrounding space: "false" exempts, "false until 2026-12-31"
// exempts through that day (UTC), "true" does not exempt, and anything else is
// unreadable.
func ParseExemption(value string) Exemption {
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(value, "true"):
		return Exemption{}
	case strings.EqualFold(value, "false"):
		return Exemption{Claimed: true}
	}
	words := strings.Fields(value)
	if len(words) != 3 || !strings.EqualFold(words[0], "false") || !strings.EqualFold(words[1], "until") {
		return Exemption{Unreadable: true}
	}
	lastDay, err := time.Parse(time.DateOnly, words[2])
	if err != nil {
		return Exemption{Unreadable: true}
	}
	return Exemption{Claimed: true, End: lastDay.AddDate(0, 0, 1)}
}

// Under is the exemption as the rules take it at now: with a Refusal where they
// do not honour it.
func (e Exemption) Under(rules ExemptionRules, now time.Time) Exemption {
	if !e.Claimed || e.ended(now) {
		return e
	}
	e.Refusal.NoReason = rules.NeedReason && e.Reason == ""
	if rules.MaxDays > 0 {
		e.Refusal.MaxDays = rules.MaxDays
		e.Refusal.Latest = now.UTC().Truncate(day).AddDate(0, 0, rules.MaxDays)
		e.Refusal.NoEnd = e.End.IsZero()
		e.Refusal.TooFar = e.End.After(e.Refusal.Latest.AddDate(0, 0, 1))
	}
	if !e.Refusal.Refused() {
		e.Refusal = Refusal{}
	}
	return e
}

// ended reports whether a dated exemption is over.
func (e Exemption) ended(now time.Time) bool { return !e.End.IsZero() && !now.Before(e.End) }

// Holds reports whether the exemption is in force at now.
func (e Exemption) Holds(now time.Time) bool {
	return e.Claimed && !e.ended(now) && !e.Refusal.Refused()
}

// LastDay is the last day (UTC) of a dated exemption; zero where it has no end.
func (e Exemption) LastDay() time.Time {
	if e.End.IsZero() {
		return time.Time{}
	}
	return e.End.AddDate(0, 0, -1)
}

// Refusal is why the rules do not honour an exemption. The zero Refusal is none.
type Refusal struct {
	NoEnd, TooFar, NoReason bool
	// MaxDays is how many days ahead the rules let an exemption end, and Latest
	// the last day (UTC) that it may be for now; zero where any will do.
	MaxDays int
	Latest  time.Time
}

// Refused reports whether there is anything in the way.
func (r Refusal) Refused() bool { return r.NoEnd || r.TooFar || r.NoReason }

// String says what is in the way, with the setting that asks for it; "" where
// nothing is.
func (r Refusal) String() string {
	var why []string
	switch {
	case r.NoEnd:
		why = append(why, fmt.Sprintf("it has no end, and MAX_EXEMPTION_DAYS=%d asks for one at most so many days ahead", r.MaxDays))
	case r.TooFar:
		why = append(why, fmt.Sprintf("its end is further ahead than MAX_EXEMPTION_DAYS=%d allows", r.MaxDays))
	}
	if r.NoReason {
		why = append(why, "it has no reason, and REQUIRE_EXEMPTION_REASON asks for one")
	}
	return strings.Join(why, "; ")
}

// Remedy says, as a sentence's beginning, how to set the tags so that the
// exemption is honoured.
func (e Exemption) Remedy() string {
	var set []string
	if e.Refusal.NoEnd || e.Refusal.TooFar {
		set = append(set, fmt.Sprintf("the tag %s to 'False until %s' or an earlier day", e.Tag, e.Refusal.Latest.Format(time.DateOnly)))
	}
	if e.Refusal.NoReason {
		_, key, _ := strings.Cut(e.Tag, ":")
		name := TagReason
		if key != "" {
			name = ofKey(TagReason, key)
		}
		set = append(set, fmt.Sprintf("the tag %s to why it is exempt", name))
	}
	return "set " + strings.Join(set, " and ")
}

// UnreadableTags are the KeyAutoExpire tags, the user's and those of the keys,
// that say nothing that we understand.
func UnreadableTags(user User, keyIDs []string) []Tag {
	var unreadable []Tag
	for _, tag := range user.Tags {
		name, key, ofKey := strings.Cut(tag.Key, ":")
		if strings.EqualFold(name, TagAutoExpire) && (!ofKey || isOneOf(key, keyIDs)) && ParseExemption(tag.Value).Unreadable {
			unreadable = append(unreadable, tag)
		}
	}
	return unreadable
}

// StaleTags are the tags that speak for keys that the user does not have.
func StaleTags(user User, keyIDs []string) []Tag {
	var stale []Tag
	for _, tag := range user.Tags {
		name, key, ofKey := strings.Cut(tag.Key, ":")
		ours := strings.EqualFold(name, TagAutoExpire) || strings.EqualFold(name, TagReason)
		if ours && ofKey && !isOneOf(key, keyIDs) {
			stale = append(stale, tag)
		}
	}
	return stale
}

// isOneOf reads a key's id in a tag's name in any case, as names are.
func isOneOf(id string, keyIDs []string) bool {
	return slices.ContainsFunc(keyIDs, func(known string) bool { return strings.EqualFold(known, id) })
}
