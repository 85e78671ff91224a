// Package audit evaluates an access key and decides what to do about it.
//
// It is pure: it reads no clock and does no I/O, so that the rules by which
// somebody's key is disabled can be read, and tested, as a table.
package audit

import (
	"cmp"
	"strings"
	"time"
)

// Status is IAM's own word on a key.
type Status string

// The states IAM knows of a key. Anything else is doubt, and never disabled.
const (
	Active   Status = "Active"
	Inactive Status = "Inactive"
)

// Key is one access key of an IAM user. Times are UTC.
type Key struct {
	ID      string
	Status  Status
	Created time.Time
	// LastUsed is zero for a key that was never used, or whose last use was
	// not read because it cannot change the verdict.
	LastUsed time.Time
	// UseRead reports that the last use was read, so that a zero LastUsed means
	// never. Service and Region are what the key was last used with; empty if
	// not known.
	UseRead         bool
	Service, Region string
	// UseAsOf is when the credential report was made that the last use is from;
	// zero if it was read live. The key may have been used since, which would
	// not change its verdict.
	UseAsOf time.Time
}

// lastUse is the moment inactivity is counted from: a key that was never used
// has its creation time as its last use, and none was used before it was
// created.
func (k Key) lastUse() time.Time {
	if k.LastUsed.Before(k.Created) {
		return k.Created
	}
	return k.LastUsed
}

// User is an IAM user as far as Sleuth cares.
type User struct {
	Name    string
	ARN     string
	Created time.Time
	Tags    Tags
	// Password is whether the user can sign in to the console. It is read only if a
	// rule for kinds of users depends on it.
	Password Known
}

// Known is whether something is so, as far as it was read.
type Known uint8

// What may be known.
const (
	NotKnown Known = iota
	No
	Yes
)

// KnownToBe is what is known once it was read.
func KnownToBe(so bool) Known {
	if so {
		return Yes
	}
	return No
}

// Tag is one IAM tag.
type Tag struct{ Key, Value string }

// Tags are a user's tags.
type Tags []Tag

// The tags that Sleuth reads.
const (
	TagName       = "Name"
	TagSlack      = "Slack"
	TagEmail      = "Email"
	TagAutoExpire = "KeyAutoExpire"
	TagReason     = "KeyAutoExpireReason" // for people alone
)

// Value returns the value of the tag called name. As in IAM itself, a tag's
// name is the same in upper and in lower case. Space around the name, and around
// its colon, does not count, unless there is a tag without it.
func (tags Tags) Value(name string) (value string, found bool) {
	for _, tag := range tags {
		if strings.EqualFold(tag.Key, name) {
			return tag.Value, true
		}
	}
	for _, tag := range tags {
		if sameName(tag.Key, name) {
			return tag.Value, true
		}
	}
	return "", false
}

func sameName(a, b string) bool {
	word, rest, colon := cutName(a)
	wantWord, wantRest, wantColon := cutName(b)
	return strings.EqualFold(word, wantWord) && strings.EqualFold(rest, wantRest) && colon == wantColon
}

// Description is what the IAM console calls the description of a key: the
// user's tag that is named by the key's id.
func (u User) Description(keyID string) string {
	description, _ := u.Tags.Value(keyID)
	return strings.TrimSpace(description)
}

// Partition is the partition of AWS that the user is in: aws, aws-us-gov or
// aws-cn; empty if the ARN is not known.
func (u User) Partition() string {
	if parts := strings.SplitN(u.ARN, ":", 3); len(parts) == 3 && parts[0] == "arn" {
		return parts[1]
	}
	return ""
}

// DisplayName is the Name tag, or the user name if there is none.
func (u User) DisplayName() string { return cmp.Or(u.NameTag(), u.Name) }

// NameTag is the Name tag without surrounding space; empty if there is none.
func (u User) NameTag() string {
	name, _ := u.Tags.Value(TagName)
	return strings.TrimSpace(name)
}
