// Package notify turns notices about keys into a batch of messages, and delivers
// it to every channel independently.
package notify

import (
	"cmp"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
)

// Kind is what a notice is about.
type Kind string

// The kinds of notice.
const (
	Expiring       Kind = "expiring"        // a warning: the key reaches its limit soon
	PastLimit      Kind = "past_limit"      // a warning: the key is past its limit, and was not disabled
	Disabled       Kind = "disabled"        // the final notice
	Deleting       Kind = "deleting"        // a warning: the key, which Sleuth disabled, will be deleted
	Deleted        Kind = "deleted"         // the key, which Sleuth had disabled, was deleted
	LeakedDisabled Kind = "leaked_disabled" // the final notice of a key that was found in public
	LeakedActive   Kind = "leaked_active"   // the key was found in public, and was not disabled
)

// Final reports whether a notice of this kind is pending until every channel has
// accepted it. A warning is not: the next run creates it again.
func (k Kind) Final() bool {
	return k == Disabled || k == Deleted || k == LeakedDisabled || k == LeakedActive
}

// Urgent reports whether it is more than a warning.
func (k Kind) Urgent() bool { return k != Expiring && k != Deleting }

// Notice is one message to a person about one key. It is stored as JSON until every
// channel has accepted it.
type Notice struct {
	KeyID string `json:"key_id"`
	User  string `json:"user"`
	// Account is the account of the key, in a digest; elsewhere the batch's.
	Account account.Account `json:"-"`
	// SlackTag is the user's Slack tag as it was found, unchecked.
	SlackTag string `json:"slack_tag,omitempty"`
	// WithoutMention: the list names the owner without a mention, because another
	// line or message mentions them.
	WithoutMention bool `json:"-"`
	// Name is the user's Name tag, and Email the person's address; empty if there
	// is none.
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	// TeamChannel is the channel in Slack of the team that the user belongs to; empty
	// if there is none.
	TeamChannel string `json:"team_channel,omitempty"`
	// Created and LastUsed are the key's (UTC); zero if not known, or never.
	Created  time.Time `json:"created,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
	// LastUsedAsOf is when the credential report was made that the last use is
	// from (UTC); zero if it was read live.
	LastUsedAsOf time.Time `json:"last_used_as_of,omitzero"`
	// NeverUsed is true if the key was never used; otherwise a zero LastUsed means
	// that the last use is not known. Service and Region are those of the last use,
	// if known.
	NeverUsed bool   `json:"never_used,omitempty"`
	Service   string `json:"service,omitempty"`
	Region    string `json:"region,omitempty"`
	// Description is the key's, as the IAM console shows it; it may be empty.
	Description string `json:"description,omitempty"`
	// Partition is the one of AWS that the account is in, for links to the
	// console; empty is aws.
	Partition string `json:"partition,omitempty"`
	// ShowKeyID is set if the user has several keys, so that the line must say which.
	ShowKeyID bool         `json:"name_key,omitempty"`
	Kind      Kind         `json:"kind"`
	Reason    audit.Reason `json:"reason"`
	// Rule is the rule that the limits are from; empty for the settings.
	Rule string `json:"rule,omitempty"`
	// DaysLeft is the number of whole days until an Expiring key is disabled, or a
	// Deleting one deleted.
	DaysLeft int `json:"days_left,omitempty"`
	// EarlierLimit is set if the other of the two limits comes first.
	EarlierLimit *EarlierLimit `json:"earlier_limit,omitempty"`
	// At is when the key will reach its limit or be deleted, or was disabled or
	// deleted (UTC).
	At time.Time `json:"at,omitzero"`
	// Disables: an Expiring key is disabled at its limit. Without it, Sleuth only
	// warns.
	Disables bool `json:"disables,omitempty"`
	// Pair is what the key and the user's other key say together; nil if nothing.
	Pair *Pair `json:"pair,omitempty"`
	// NotBefore: a calendar says when keys are disabled, so that At is the first
	// moment at which the key may be, and not the one at which it is.
	NotBefore bool `json:"not_before,omitempty"`
	// Deletes: a Disabled key is deleted later, after warnings.
	Deletes bool `json:"deletes,omitempty"`
	// Uses is who used the key; nil if that is not to be looked up, and the zero
	// Uses if it was not.
	Uses *callers.Uses `json:"uses,omitempty"`
	// Note is one more sentence, such as why a key was not disabled; may be empty.
	Note string `json:"note,omitempty"`
}

// Pair is how far a user is with replacing a key by the other one.
type Pair struct {
	OtherKey string         `json:"other_key"`
	Rotation audit.Rotation `json:"rotation"`
	Text     string         `json:"text"` // in words
}

// PairIn returns what a pair of keys says at a moment; nil if nothing.
func PairIn(pair audit.Pair, now time.Time) *Pair {
	said := pair.Sentence(now)
	if said == "" {
		return nil
	}
	return &Pair{pair.Other.ID, pair.Rotation(now), said}
}

// EarlierLimit is a limit that a key reaches before the one that its state names.
type EarlierLimit struct {
	Reason   audit.Reason `json:"reason"`
	DaysLeft int          `json:"days_left"`
}

// AddressRefused is the line of a log about an owner's address that is not used.
const AddressRefused = "no mail goes to an address outside SLEUTH_EMAIL_DOMAIN; correct the tag"

// About returns a notice with the details of a user, a key and its owner.
func About(user audit.User, key audit.Key, owner audit.Owner) Notice {
	return Notice{
		KeyID: key.ID, User: user.Name, SlackTag: owner.Slack, Name: user.NameTag(), Email: owner.Email, TeamChannel: owner.TeamChannel,
		Created: key.Created, LastUsed: key.LastUsed, LastUsedAsOf: key.UseAsOf, NeverUsed: key.UseRead && key.LastUsed.IsZero(),
		Service: key.Service, Region: key.Region, Description: user.Description(key.ID), Partition: user.Partition(),
	}
}

// DisplayName is the person's name, or the user's if that is not known.
func (n Notice) DisplayName() string { return cmp.Or(n.Name, n.User) }

// Line is the notice in one line of the default template. mention is the owner as
// the channel mentions them.
func (n Notice) Line(mention string) string {
	return Templates{}.Line(n, mention, func(text string) string { return text })
}
