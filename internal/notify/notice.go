// Package notify tells people: it turns notices into a bulletin, and hands
// that to every channel, each on its own.
package notify

import (
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Kind is what a notice tells its reader.
type Kind string

// The kinds of notice.
const (
	Expiring  Kind = "expiring"   // a warning: the key will be disabled
	PastLimit Kind = "past_limit" // a warning: the key is past its limit, and was not disabled
	Disabled  Kind = "disabled"   // the final notice
)

// Notice is one message owed to a person about one key. It is stored as JSON
// until every channel has a receipt for it.
type Notice struct {
	KeyID string `json:"key_id"`
	User  string `json:"user"`
	// Account is the account of the key, in a digest; elsewhere the bulletin's.
	Account Account `json:"-"`
	// SlackTag is the user's Slack tag as it was found, unchecked.
	SlackTag string `json:"slack_tag,omitempty"`
	// NameKey: the user has several keys, so the line must say which.
	NameKey bool         `json:"name_key,omitempty"`
	Kind    Kind         `json:"kind"`
	Reason  audit.Reason `json:"reason"`
	// DaysLeft is the whole days until the key is disabled; Expiring only.
	DaysLeft int `json:"days_left,omitempty"`
	// Sooner is set where the other of the two limits comes first.
	Sooner *Sooner `json:"sooner,omitempty"`
	// At is when the key will be, or was, disabled (UTC).
	At time.Time `json:"at,omitzero"`
	// Aside is one more sentence, for what the reader cannot know otherwise.
	Aside string `json:"aside,omitempty"`
}

// Sooner is a limit that a key reaches before the one its state is named for.
type Sooner struct {
	Reason   audit.Reason `json:"reason"`
	DaysLeft int          `json:"days_left"`
}

// Line is the notice in one line, about the person as the channel mentions
// them. Other programs read these lines, so their wording is a contract.
func (n Notice) Line(mention string) string {
	key := "key"
	if n.NameKey {
		key = "key " + n.KeyID
	}
	line := fmt.Sprintf("%s's %s %s due to %s.", mention, key, n.fate(), n.Reason)
	if n.Sooner != nil {
		line += fmt.Sprintf(" It expires sooner, in %d days, due to %s.", n.Sooner.DaysLeft, n.Sooner.Reason)
	}
	if n.Aside != "" {
		line += " " + n.Aside
	}
	return line
}

func (n Notice) fate() string {
	switch n.Kind {
	case Disabled:
		return "is disabled"
	case PastLimit:
		return "is past its limit"
	}
	return fmt.Sprintf("expires in %d days", n.DaysLeft)
}
