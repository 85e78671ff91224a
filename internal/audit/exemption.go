package audit

import (
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

// Exemption is what a user's KeyAutoExpire tag says. The zero Exemption is a
// user without the tag: not exempt.
type Exemption struct {
	// Claimed: the tag asks that the user's keys be left alone.
	Claimed bool
	// End is the first moment (UTC) at which a dated exemption no longer
	// holds; zero where it has no end.
	End time.Time
	// Unreadable: the tag is there and says nothing that we understand. That
	// is doubt, and doubt never disables a key.
	Unreadable bool
}

// ExemptionOf reads the user's KeyAutoExpire tag.
func ExemptionOf(user User) Exemption {
	value, found := user.Tags.Value(TagAutoExpire)
	if !found {
		return Exemption{}
	}
	return ParseExemption(value)
}

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

// Holds reports whether the exemption is in force at now.
func (e Exemption) Holds(now time.Time) bool {
	return e.Claimed && (e.End.IsZero() || now.Before(e.End))
}
