package leak

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Outcome is the outcome for one key.
type Outcome string

// The outcomes.
const (
	Disabled        Outcome = "disabled"         // by Sleuth, now
	Notified        Outcome = "notified"         // notified, and left Active
	AlreadyDisabled Outcome = "already_disabled" // it was Inactive, and its owner is notified of that
	Known           Outcome = "known"            // an earlier answer has done what there is to do
	Gone            Outcome = "gone"             // the key or its user no longer exists
	NotCovered      Outcome = "not_covered"      // the settings leave its account out
	Failed          Outcome = "failed"           // not all was done; the problems say what not
)

// Result is the outcome for one key, and why.
type Result struct {
	KeyID   string  `json:"key_id"`
	User    string  `json:"user,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Detail is one sentence more, for people.
	Detail string `json:"detail,omitempty"`
}

// Response is what was done about an event; the Lambda's result. Times are UTC.
type Response struct {
	Schema   int             `json:"schema"`
	Run      string          `json:"run"`
	Event    string          `json:"event,omitempty"` // its ARN
	Account  account.Account `json:"account"`
	At       time.Time       `json:"at"`
	Finished time.Time       `json:"finished"`
	DryRun   bool            `json:"dry_run"`
	Keys     []Result        `json:"keys"`
	// NoticesSent counts notices taken by channels, each channel on its own;
	// MessagesSent the messages they were in.
	NoticesSent   int `json:"notices_sent"`
	NoticesFailed int `json:"notices_failed"`
	MessagesSent  int `json:"messages_sent"`
	// NoticesPending counts the keys whose notice some channel has not taken yet;
	// the next run sends it again.
	NoticesPending int `json:"notices_pending"`
	// Failed counts the problems; a response with any has failed.
	Failed   int               `json:"failed"`
	Problems []account.Problem `json:"problems"`
}

// Err says in one line what was not done; nil if all was.
func (a Response) Err() error {
	if len(a.Problems) == 0 {
		return nil
	}
	const most = 5
	var texts []string
	for i, problem := range a.Problems {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d more", len(a.Problems)-most))
			break
		}
		texts = append(texts, problem.Text)
	}
	return fmt.Errorf("%w: %s", errIncomplete, strings.Join(texts, "; "))
}

var errIncomplete = errors.New("the response to leaked keys is incomplete")

// String is the answer for people, a line a key.
func (a Response) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, a.Account)
	for _, key := range a.Keys {
		fmt.Fprintf(&b, "key %s", key.KeyID)
		if key.User != "" {
			fmt.Fprintf(&b, " of user %s", text.OneLine(key.User))
		}
		fmt.Fprintf(&b, ": %s", key.Outcome.inWords(a.DryRun))
		if key.Detail != "" {
			fmt.Fprintf(&b, "; %s", key.Detail)
		}
		b.WriteString("\n")
	}
	if a.leavesSessions() {
		b.WriteString(aboutSessions + "\n")
	}
	if a.NoticesSent > 0 {
		fmt.Fprintf(&b, "notices sent %d\n", a.NoticesSent)
	}
	for _, problem := range a.Problems {
		fmt.Fprintf(&b, "failed: %s\n", text.OneLine(problem.Text))
	}
	return b.String()
}

// aboutSessions follows the list of keys if sessions may have been made from
// one of them.
const aboutSessions = "Disabling a key does not end the sessions that were made from it, which live for up to 36 hours: " +
	"docs/leaks.md says how an administrator ends them."

// leavesSessions reports whether sessions may go on that were made from one of
// the keys.
func (a Response) leavesSessions() bool {
	return slices.ContainsFunc(a.Keys, func(key Result) bool {
		switch key.Outcome {
		case Disabled, Notified, AlreadyDisabled, Failed:
			return !strings.HasPrefix(key.KeyID, "ASIA") && key.Detail != nothingKnown
		}
		return false
	})
}

func (o Outcome) inWords(dryRun bool) string {
	switch {
	case o == Disabled && dryRun:
		return "would be disabled"
	case o == Notified && dryRun:
		return "would be left active; its owner would be notified"
	case o == AlreadyDisabled && dryRun:
		return "is disabled already; its owner would be notified"
	}
	switch o {
	case Disabled:
		return "disabled"
	case Notified:
		return "left active"
	case AlreadyDisabled:
		return "was disabled already"
	case Known:
		return "handled before"
	case Gone:
		return "no longer exists"
	case NotCovered:
		return "not covered"
	}
	return "failed"
}
