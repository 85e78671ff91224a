package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// RunResult is what a run did about the keys that it found. Times are UTC.
type RunResult struct {
	ID       string    `json:"id"`
	Finished time.Time `json:"finished"`
	DryRun   bool      `json:"dry_run"`
	// Started reports whether the account was entered, with no other run at work on it.
	Started bool `json:"started"`
	// TimedOut reports whether time was up before everything was read or done.
	TimedOut bool `json:"timed_out"`
	// AutoExpire reports whether keys past a limit are disabled, and not only reported.
	AutoExpire bool `json:"auto_expire"`
	// Digest reports whether people are notified afterwards, in one digest of all accounts.
	Digest bool `json:"digest"`

	account.Counts

	DisabledKeys   []account.KeyRef `json:"disabled_keys"`
	DeletedKeys    []DeletedKey     `json:"deleted_keys,omitempty"`
	UnreadableTags []string         `json:"unreadable_tags"`
	Announcement   string           `json:"announcement,omitempty"`
}

// DeletedKey is what is kept of a key that Sleuth deleted. Times are UTC.
type DeletedKey struct {
	account.KeyRef

	// Created and LastUsed are the key's; LastUsed is left out if it was never used.
	Created  time.Time `json:"created,omitzero"`
	LastUsed time.Time `json:"last_used,omitzero"`
	// Disabled is when Sleuth disabled it, for Reason, and Deleted when it deleted
	// it.
	Disabled time.Time    `json:"disabled,omitzero"`
	Reason   audit.Reason `json:"reason"`
	Deleted  time.Time    `json:"deleted"`
	// Uses is who used it before it was disabled; null if that was not looked up.
	Uses *callers.Uses `json:"uses,omitempty"`
}

// Complete reports whether the run read and did everything.
func (r RunResult) Complete() bool { return r.Started && !r.TimedOut && r.Failed == 0 }

// Outcome returns how the run ended, in one or two sentences.
func (r RunResult) Outcome() string {
	switch {
	case !r.Started:
		return "The run did not begin on this account: nothing was read, and nothing was changed."
	case r.TimedOut:
		return "The run ran out of time before it completed. The next run continues."
	case r.Failed > 0:
		return "The run completed with " + text.Count(r.Failed, "error") + "."
	}
	return "The run completed."
}

// Actions returns what was done, each with a number.
func (r RunResult) Actions() [][2]string {
	would := ""
	if r.DryRun {
		would = "would be "
	}
	actions := [][2]string{
		{would + "warned", text.Count(r.Warned, "key")},
		{would + "disabled", text.Count(r.Disabled, "key")},
	}
	if r.Deleted > 0 {
		actions = append(actions, [2]string{would + "deleted", text.Count(r.Deleted, "key") + deletedKeys(r.DeletedKeys)})
	}
	for _, d := range []struct {
		n          int
		what, noun string
	}{
		{r.Held, "held back", "key"},
		{r.Changed, "no longer due when read again", "key"},
		{r.NoticesSent, "sent", "notice"},
		{r.NoticesFailed, "not delivered", "notice"},
		{r.NoticesPending, "final notice pending", "key"},
	} {
		if d.n > 0 {
			actions = append(actions, [2]string{d.what, text.Count(d.n, d.noun)})
		}
	}
	if len(r.UnreadableTags) > 0 {
		actions = append(actions, [2]string{"KeyAutoExpire tag unreadable", strings.Join(r.UnreadableTags, ", ")})
	}
	return actions
}

// deletedKeys names the keys that were deleted.
func deletedKeys(keys []DeletedKey) string {
	var names []string
	for _, k := range keys {
		names = append(names, k.KeyID+" of user "+k.User)
	}
	return ": " + text.First(mostNamed, names, ", ")
}

// mostNamed is how many deleted keys a page names; the JSON has them all.
const mostNamed = 20

// NotifiedLater returns who notifies people if it is not the run itself; otherwise
// "".
func (r RunResult) NotifiedLater() string {
	if !r.Digest {
		return ""
	}
	return fmt.Sprintf("People are notified afterwards, in the digest of all accounts of run %s.", r.ID)
}
