package audit

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Pair is the two access keys of a user, as seen from one of them.
type Pair struct {
	Key, Other Key
	// OtherDisabled is when Sleuth disabled Other (UTC); zero if it did not.
	OtherDisabled time.Time
}

// Rotation is how far a user is with replacing a key by the other one.
type Rotation string

// The rotations, from the view of one of the keys.
const (
	NoRotation    Rotation = ""               // nothing can be said
	OtherInactive Rotation = "other_inactive" // the key is Active, and the other leaves no room for a new one
	SelfInactive  Rotation = "inactive"       // the key is Inactive, and the other is Active
	BothInactive  Rotation = "both_inactive"
	NotSwitched   Rotation = "not_switched" // the newer key shows no use yet
	Switching     Rotation = "switching"    // the newer key is used, and the key still, or that is unknown
	Replaced      Rotation = "replaced"     // the newer key is in use, and the key has shown no use for long
	OlderInUse    Rotation = "older_in_use" // the key is the newer one, and the older one is used, or that is unknown
	OlderReplaced Rotation = "older_replaced"
)

// inUseWithin is how many days ago a key was used at most to be called in use,
// and at least to be called replaced.
const inUseWithin = 14

// Rotation says how far the rotation is. It never counts a last use that was not
// read as none.
func (p Pair) Rotation(now time.Time) Rotation {
	switch {
	case !p.Key.known() || !p.Other.known():
		return NoRotation
	case p.Key.Status == Inactive && p.Other.Status == Inactive:
		return BothInactive
	case p.Key.Status == Inactive:
		return SelfInactive
	case p.Other.Status == Inactive:
		return OtherInactive
	}
	older, newer, ordered := p.byAge()
	if !ordered {
		return NoRotation
	}
	replaced := newer.inUse(now) && older.longUnused(now)
	switch {
	case p.Key.ID == newer.ID && replaced:
		return OlderReplaced
	case p.Key.ID == newer.ID:
		return OlderInUse
	case newer.neverUsed():
		return NotSwitched
	case replaced:
		return Replaced
	}
	return Switching
}

func (p Pair) byAge() (older, newer Key, ordered bool) {
	if p.Key.Created.Before(p.Other.Created) {
		return p.Key, p.Other, true
	}
	return p.Other, p.Key, p.Other.Created.Before(p.Key.Created)
}

func (k Key) known() bool { return k.Status == Active || k.Status == Inactive }

// neverUsed reports whether it was read that the key shows no use.
func (k Key) neverUsed() bool { return k.UseRead && k.LastUsed.IsZero() }

// inUse reports whether the key is known to have been used lately. It may have been
// used since a credential report was made, but not less.
func (k Key) inUse(now time.Time) bool {
	return !k.LastUsed.IsZero() && wholeDays(k.LastUsed, now) < inUseWithin
}

// longUnused reports whether it was read that the key has shown no use for long.
func (k Key) longUnused(now time.Time) bool {
	return k.UseRead && wholeDays(k.lastUse(), k.readAt(now)) >= inUseWithin
}

// readAt is the moment up to which the last use is known.
func (k Key) readAt(now time.Time) time.Time {
	if k.UseAsOf.IsZero() {
		return now
	}
	return k.UseAsOf
}

// Sentence says how far the rotation is, in one or two sentences; empty if nothing
// can be said. The service and the region in it are IAM's words.
func (p Pair) Sentence(now time.Time) string {
	key, other := p.Key.ID, p.Other.ID
	switch p.Rotation(now) {
	case NoRotation:
		return ""
	case BothInactive:
		return fmt.Sprintf("%s and %s are both Inactive, and IAM allows two keys: delete one before you create a new one.", key, other)
	case SelfInactive:
		return fmt.Sprintf("%s is Active%s. IAM allows two keys and an Inactive one counts: delete %s once nothing needs it.", other, p.Other.useClause(), key)
	case OtherInactive:
		since := "Inactive"
		if !p.OtherDisabled.IsZero() {
			since = "Inactive; Sleuth disabled it on " + p.OtherDisabled.UTC().Format(fullDay)
		}
		return fmt.Sprintf("IAM allows two keys and an Inactive one counts: delete %s (%s) before you create a new one.", other, since)
	}
	older, newer, _ := p.byAge()
	said := newer.ID + " was created " + ago(wholeDays(newer.Created, now)) + " and " + newer.use(now) + "; " + older.ID + " " + older.use(now) + "."
	if newer.inUse(now) && older.longUnused(now) {
		said += " If nothing needs " + older.ID + ", it can be deleted."
	}
	return said
}

// useClause is on which day an Active key was last used; empty if that is not known.
// A final notice may be delivered days later, so that it does not count the days.
func (k Key) useClause() string {
	if k.LastUsed.IsZero() {
		return ""
	}
	return " and was last used on " + k.LastUsed.UTC().Format(fullDay) + k.usedWith() + k.asOf()
}

const fullDay = "Monday 2 January 2006"

// asOf says of a last use from the credential report when that was made.
func (k Key) asOf() string {
	if k.UseAsOf.IsZero() {
		return ""
	}
	return " as of " + k.UseAsOf.UTC().Format("15:04 UTC")
}

// use says when the key was last used as far as is known: a use takes some time to
// show in IAM, and longer in the credential report.
func (k Key) use(now time.Time) string {
	switch {
	case !k.LastUsed.IsZero():
		return "was last used " + ago(wholeDays(k.LastUsed, now)) + k.usedWith() + k.asOf()
	case k.UseRead:
		return "shows no use in IAM" + k.asOf()
	}
	return "may be in use: its last use was not read"
}

// usedWith is the service and the region of the last use, in parentheses.
func (k Key) usedWith() string {
	if k.Service == "" {
		return ""
	}
	if k.Region == "" {
		return " (" + k.Service + ")"
	}
	return " (" + k.Service + ", " + k.Region + ")"
}

// ago says how many whole days ago something was.
func ago(days int) string {
	switch days {
	case 0:
		return "in the last 24 hours"
	case 1:
		return "1 day ago"
	}
	return fmt.Sprintf("%d days ago", days)
}

// RotateCommands are the lines of the AWS CLI that replace a user's key, in their
// order: a key is made Inactive before it is deleted, so that it can be had back if
// something fails. Inactive says that the key is so already. Other is the user's
// other key, if there is one.
func RotateCommands(user, key string, inactive bool, other string, rotation Rotation) []string {
	create, retire := cliLine("create", user, ""), RetireCommands(user, key, inactive)
	if retire == nil {
		return nil
	}
	switch rotation {
	case NotSwitched, Switching, Replaced, SelfInactive:
		return retire
	case OtherInactive, BothInactive:
		return append(append(RetireCommands(user, other, true), create), retire...)
	case OlderInUse, OlderReplaced:
		return append(append(RetireCommands(user, other, false), create), retire...)
	}
	return append([]string{create}, retire...)
}

// RetireCommands are the lines of the AWS CLI that make a key Inactive, unless it is,
// and, once nothing fails without it, delete it. A name with characters that a message
// does not show, which IAM allows no user, has none: what is shown would name another.
func RetireCommands(user, key string, inactive bool) []string {
	if strings.ContainsFunc(user+key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil
	}
	lines := []string{cliLine("update", user, key) + " --status Inactive", cliLine("delete", user, key)}
	if inactive {
		return lines[1:]
	}
	return lines
}

func cliLine(verb, user, key string) string {
	line := "aws iam " + verb + "-access-key --user-name" + shellValue(user)
	if key != "" {
		line += " --access-key-id" + shellValue(key)
	}
	return line
}

// shellValue is the value of an option for a shell. A name that a shell could take
// for more than a word is quoted, and one that could be taken for an option is
// bound to its own.
func shellValue(value string) string {
	plain := value != "" && !strings.ContainsFunc(value, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("._-+@", r)
	})
	first := " "
	if strings.HasPrefix(value, "-") {
		first = "="
	}
	if plain && isAlphanumeric(rune(value[0])) {
		return first + value
	}
	return first + "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
