package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
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
	UnreadableTags []string         `json:"unreadable_tags"`
	Announcement   string           `json:"announcement,omitempty"`
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

// NotifiedLater returns who notifies people if it is not the run itself; otherwise
// "".
func (r RunResult) NotifiedLater() string {
	if !r.Digest {
		return ""
	}
	return fmt.Sprintf("People are notified afterwards, in the digest of all accounts of run %s.", r.ID)
}
