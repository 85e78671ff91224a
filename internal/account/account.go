// Package account has the small values that the parts of Sleuth share: which
// account, which key, and what went wrong there.
package account

import "cmp"

// Account is an AWS account.
type Account struct {
	ID string `json:"id"`
	// Name is what AWS Organizations calls the account; empty outside of it.
	Name  string `json:"name,omitempty"`
	Alias string `json:"alias,omitempty"`
}

// String names the account as every message does: by its id, and its name or,
// for lack of one, its alias.
func (a Account) String() string {
	if a.Called() == "" {
		return "AWS account " + a.ID
	}
	return "AWS account " + a.ID + " (" + a.Called() + ")"
}

// Called is the account's name or, for lack of one, its alias; it may be empty.
func (a Account) Called() string { return cmp.Or(a.Name, a.Alias) }

// Problem is something that could not be read or done.
type Problem struct {
	User  string `json:"user,omitempty"`
	KeyID string `json:"key_id,omitempty"`
	Text  string `json:"text"`
}

// KeyRef names a key.
type KeyRef struct {
	User  string `json:"user"`
	KeyID string `json:"key_id"`
}

// Counts is what a run did, in numbers.
type Counts struct {
	// Warned counts the keys whose owners are warned, Disabled the keys that were
	// disabled (in a dry run: would be).
	Warned   int `json:"warned"`
	Disabled int `json:"disabled"`
	// Deleted counts the keys that were deleted, after Sleuth had disabled them (in a
	// dry run: would be).
	Deleted int `json:"deleted"`
	// Held counts keys past their limit that were left active although
	// ENABLE_AUTO_EXPIRE is true; Changed those that were no longer due when they
	// were read once more.
	Held    int `json:"held"`
	Changed int `json:"changed"`
	// Failed counts the problems.
	Failed int `json:"failed"`
	// NoticesSent counts notices that channels accepted, each channel on its own;
	// MessagesSent the messages they were in.
	NoticesSent   int `json:"notices_sent"`
	NoticesFailed int `json:"notices_failed"`
	MessagesSent  int `json:"messages_sent"`
	// NoticesPending counts the keys whose final notice some channel has not
	// acknowledged yet; the next run sends it again.
	NoticesPending int `json:"notices_pending"`
}

// Add adds up.
func (c *Counts) Add(more Counts) {
	c.Warned += more.Warned
	c.Disabled += more.Disabled
	c.Deleted += more.Deleted
	c.Held += more.Held
	c.Changed += more.Changed
	c.Failed += more.Failed
	c.NoticesSent += more.NoticesSent
	c.NoticesFailed += more.NoticesFailed
	c.MessagesSent += more.MessagesSent
	c.NoticesPending += more.NoticesPending
}
