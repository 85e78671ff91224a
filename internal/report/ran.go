package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Ran is what a run did about what it found. Times are UTC.
type Ran struct {
	ID       string    `json:"id"`
	Finished time.Time `json:"finished"`
	DryRun   bool      `json:"dry_run"`
	// Begun: the account was entered, and no other run kept this one off it.
	Begun bool `json:"begun"`
	// Incomplete: time was up before everything was read or done.
	Incomplete bool `json:"incomplete"`
	// AutoExpire: keys past a limit are to be disabled, and not only told of.
	AutoExpire bool `json:"auto_expire"`
	// Digest: people are told afterwards, in one digest of all accounts.
	Digest bool `json:"digest"`

	account.Counts

	DisabledKeys   []account.KeyRef `json:"disabled_keys"`
	UnreadableTags []string         `json:"unreadable_tags"`
	Announcement   string           `json:"announcement,omitempty"`
}

// Whole reports whether the run did all it should.
func (r Ran) Whole() bool { return r.Begun && !r.Incomplete && r.Failed == 0 }

// Outcome says in one sentence how the run ended.
func (r Ran) Outcome() string {
	switch {
	case !r.Begun:
		return "The run did not begin on this account: nothing was read, and nothing was changed."
	case r.Incomplete:
		return "Time was up before everything was read or done. What is missing is left to the next run."
	case r.Failed > 0:
		return "The run was not whole: " + text.Count(r.Failed, "thing") + " could not be read or done."
	}
	return "The run was whole: everything was read, and all that was due was done."
}

// Deeds says what was done, each with its number.
func (r Ran) Deeds() [][2]string {
	would := ""
	if r.DryRun {
		would = "would be "
	}
	deeds := [][2]string{
		{would + "warned", text.Count(r.Warned, "key")},
		{would + "disabled", text.Count(r.Disabled, "key")},
	}
	for _, d := range []struct {
		n          int
		what, noun string
	}{
		{r.Held, "held back", "key"},
		{r.Changed, "no longer due when read again", "key"},
		{r.NoticesSent, "told", "notice"},
		{r.NoticesFailed, "not taken by a channel", "notice"},
		{r.NoticesPending, "final notices still owed", "key"},
	} {
		if d.n > 0 {
			deeds = append(deeds, [2]string{d.what, text.Count(d.n, d.noun)})
		}
	}
	if len(r.UnreadableTags) > 0 {
		deeds = append(deeds, [2]string{"KeyAutoExpire tag unreadable", strings.Join(r.UnreadableTags, ", ")})
	}
	return deeds
}

// Told says when people are told, where it is not by the run itself.
func (r Ran) Told() string {
	if !r.Digest {
		return ""
	}
	return fmt.Sprintf("People are told of this afterwards, in the digest of all accounts of run %s.", r.ID)
}
