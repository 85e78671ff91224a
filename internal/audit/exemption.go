package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ExemptionRules say which exemptions are accepted. The zero ExemptionRules
// accept all.
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
	// holds; zero if it has no end.
	End time.Time
	// Unreadable: a tag is there and says nothing that we understand. That is
	// doubt, and doubt never disables a key.
	Unreadable bool
	// Misspelt is the name of a tag that may have been meant as KeyAutoExpire,
	// which makes the exemption unreadable; empty if there is none.
	Misspelt string
	// Reason is why, for people, without surrounding space; empty if no tag
	// says it.
	Reason string
	// Tag is the name of the tag that speaks for the key; empty if none does.
	Tag string
	// Refusal is why the rules do not accept the exemption; zero if they do.
	Refusal Refusal
}

// ExemptionOf reads what the user's tags say of a key. A tag of the key's own,
// KeyAutoExpire:AKIA..., applies to it in place of the user's. If either is
// unreadable the key is in doubt for as long as the other does not exempt it:
// the tag is meant to say something that Sleuth does not understand. A tag whose name
// may be a misspelt KeyAutoExpire is such a tag, whatever its value.
func ExemptionOf(user User, keyID string) Exemption {
	users, _ := user.Tags.exemption(keyID, false)
	e, hasOwn := user.Tags.exemption(keyID, true)
	unreadable := e.Unreadable || users.Unreadable
	if !hasOwn {
		e = users
	}
	e.Misspelt = user.Tags.misspelt(keyID)
	e.Unreadable = unreadable || e.Misspelt != ""
	for _, name := range []string{ofKey(TagReason, keyID), TagReason} {
		if reason, _ := user.Tags.Value(name); e.Reason == "" {
			e.Reason = strings.TrimSpace(reason)
		}
	}
	return e
}

// exemption is what the tags that name the key say of it, or those that speak
// for all of the user's keys. IAM takes names that differ in surrounding space
// for two tags: if they contradict each other, it is unknown which was meant.
func (tags Tags) exemption(keyID string, ofKey bool) (e Exemption, found bool) {
	for _, tag := range tags {
		if spelt, own := autoExpireName(tag.Key, keyID); spelt != exactName || own != ofKey {
			continue
		}
		parsed := ParseExemption(tag.Value)
		parsed.Tag = tagNameFor(tag.Key, keyID, ofKey)
		if found && (parsed.Claimed != e.Claimed || !parsed.End.Equal(e.End) || parsed.Unreadable || e.Unreadable) {
			parsed = Exemption{Unreadable: true, Tag: e.Tag}
		}
		e, found = parsed, true
	}
	return e, found
}

// tagNameFor is the name to set such a tag by: as Sleuth writes it, unless IAM
// would take that for another tag.
func tagNameFor(name, keyID string, isOfKey bool) string {
	canonical := TagAutoExpire
	if isOfKey {
		canonical = ofKey(TagAutoExpire, keyID)
	}
	if strings.EqualFold(name, canonical) {
		return canonical
	}
	return name
}

// misspelt is the name of the first tag that may have been meant to speak for
// the key; empty if there is none.
func (tags Tags) misspelt(keyID string) string {
	for _, tag := range tags {
		if spelt, _ := autoExpireName(tag.Key, keyID); spelt == misspeltName {
			return tag.Key
		}
	}
	return ""
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
	fields := strings.Fields(value)
	if len(fields) != 3 || !strings.EqualFold(fields[0], "false") || !strings.EqualFold(fields[1], "until") {
		return Exemption{Unreadable: true}
	}
	lastDay, err := time.Parse(time.DateOnly, fields[2])
	if err != nil {
		return Exemption{Unreadable: true}
	}
	return Exemption{Claimed: true, End: endOf(lastDay)}
}

// farthestYear is the last one that RFC 3339, and so JSON, can write.
const farthestYear = 9999

// endOf is the first moment after a day. The last day that can be written ends
// a second early, as the moment after it could not be written.
func endOf(day time.Time) time.Time {
	end := day.AddDate(0, 0, 1)
	if end.Year() > farthestYear {
		return end.Add(-time.Second)
	}
	return end
}

// Apply is the exemption as the rules take it at now: with a Refusal if they
// do not accept it.
func (e Exemption) Apply(rules ExemptionRules, now time.Time) Exemption {
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

// ActiveAt reports whether the exemption is in force at now.
func (e Exemption) ActiveAt(now time.Time) bool {
	return e.Claimed && !e.ended(now) && !e.Refusal.Refused()
}

// LastDay is the last day (UTC) of a dated exemption; zero if it has no end.
func (e Exemption) LastDay() time.Time {
	if e.End.IsZero() {
		return time.Time{}
	}
	return lastDayBefore(e.End)
}

// lastDayBefore is the day on which the moment before end lies.
func lastDayBefore(end time.Time) time.Time { return end.UTC().Add(-time.Nanosecond).Truncate(day) }

// Refusal is why the rules do not accept an exemption. The zero Refusal is none.
type Refusal struct {
	NoEnd, TooFar, NoReason bool
	// MaxDays is how many days ahead the rules let an exemption end, and Latest
	// the last day (UTC) that it may be for now; zero if any will do.
	MaxDays int
	Latest  time.Time
	// Ceiling is the age, in days, that the key is about to reach or has reached,
	// and that no exemption goes beyond; zero if that is not in the way.
	Ceiling int
}

// Refused reports whether there is anything in the way.
func (r Refusal) Refused() bool { return r.NoEnd || r.TooFar || r.NoReason || r.Ceiling > 0 }

// String says what is in the way, with the setting that asks for it; "" if
// nothing is.
func (r Refusal) String() string {
	var why []string
	switch {
	case r.NoEnd:
		why = append(why, fmt.Sprintf("it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=%d asks for one at most so many days ahead", r.MaxDays))
	case r.TooFar:
		why = append(why, fmt.Sprintf("its end is further ahead than SLEUTH_MAX_EXEMPTION_DAYS=%d allows", r.MaxDays))
	}
	if r.NoReason {
		why = append(why, "it has no reason, and SLEUTH_REQUIRE_EXEMPTION_REASON asks for one")
	}
	if r.Ceiling > 0 {
		why = append(why, fmt.Sprintf("the rules let no exempt key grow older than %d days", r.Ceiling))
	}
	return strings.Join(why, "; ")
}

// Remedy says, as a sentence's beginning, how to set the tags so that the
// exemption is accepted; "" if no tag can do that.
func (e Exemption) Remedy() string {
	if e.Refusal.Ceiling > 0 {
		return ""
	}
	var set []string
	if e.Refusal.NoEnd || e.Refusal.TooFar {
		set = append(set, fmt.Sprintf("the tag %s to 'False until %s' or an earlier day", e.Tag, e.Refusal.Latest.Format(time.DateOnly)))
	}
	if e.Refusal.NoReason {
		_, key, _ := cutName(e.Tag)
		name := TagReason
		if key != "" {
			name = ofKey(TagReason, key)
		}
		set = append(set, fmt.Sprintf("the tag %s to why it is exempt", name))
	}
	return "set " + strings.Join(set, " and ")
}

// UnreadableTags are the KeyAutoExpire tags, the user's and those of the keys,
// that say nothing that we understand, that contradict each other, or whose
// name is misspelt.
func UnreadableTags(user User, keyIDs []string) []Tag {
	about := append(slices.Clone(keyIDs), "") // the user's own, even without keys
	var unreadable []Tag
	for _, tag := range user.Tags {
		if slices.ContainsFunc(about, func(keyID string) bool { return user.Tags.inDoubt(tag.Key, keyID) }) {
			unreadable = append(unreadable, tag)
		}
	}
	return unreadable
}

// inDoubt reports whether the tag of that name puts a key in doubt.
func (tags Tags) inDoubt(name, keyID string) bool {
	spelt, ofKey := autoExpireName(name, keyID)
	if spelt != exactName {
		return spelt == misspeltName
	}
	e, _ := tags.exemption(keyID, ofKey)
	return e.Unreadable
}

// StaleTags are the tags that speak for keys that the user does not have.
func StaleTags(user User, keyIDs []string) []Tag {
	var stale []Tag
	for _, tag := range user.Tags {
		word, key, colon := cutName(tag.Key)
		if !colon || isOneOf(key, keyIDs) {
			continue
		}
		if strings.EqualFold(word, TagReason) || spellingOf(word) != otherName && namesAnyKey(key) {
			stale = append(stale, tag)
		}
	}
	return slices.DeleteFunc(stale, func(tag Tag) bool {
		return slices.ContainsFunc(keyIDs, func(keyID string) bool { return user.Tags.inDoubt(tag.Key, keyID) })
	})
}

// isOneOf reads a key's id in a tag's name in any case, as names are.
func isOneOf(id string, keyIDs []string) bool {
	return slices.ContainsFunc(keyIDs, func(known string) bool { return strings.EqualFold(known, id) })
}
