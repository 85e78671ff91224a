package eventbridge

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Source is what every event of Sleuth's says that it is from.
const Source = "iam-sleuth"

// Schema is the version of the details, docs/schema/event-v1.json. Fields may
// be added within a version; none is renamed or removed.
const Schema = 1

// The detail types of the events.
const (
	KeyWarning        = "Sleuth Key Warning"    // the key will be disabled
	KeyPastLimit      = "Sleuth Key Past Limit" // the key is past its limit, and was not disabled
	KeyDisabled       = "Sleuth Key Disabled"
	KeyDeleting       = "Sleuth Key Deletion Warning"        // the disabled key will be deleted
	KeyDeleted        = "Sleuth Key Deleted"                 // the disabled key was deleted
	KeyLeakedDisabled = "Sleuth Key Leaked And Disabled"     // found in public, and disabled
	KeyLeakedActive   = "Sleuth Key Leaked And Still Active" // found in public, and still active
	Announcement      = "Sleuth Announcement"                // a general message about a run
	RunFailed         = "Sleuth Run Failed"
)

// entry is one event on its way to the bus, as a line of a message's body.
type entry struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
}

// keyDetail is the detail of an event about a key. All times are UTC.
type keyDetail struct {
	Schema  int             `json:"schema"`
	Run     string          `json:"run,omitempty"`
	Account account.Account `json:"account"`
	User    string          `json:"user"`
	Name    string          `json:"name,omitempty"`
	Email   string          `json:"email,omitempty"`
	KeyID   string          `json:"key_id"`
	Kind    notify.Kind     `json:"kind"`
	Reason  audit.Reason    `json:"reason"`
	// DaysLeft is null but in a warning.
	DaysLeft   *int      `json:"days_left"`
	DisablesAt time.Time `json:"disables_at,omitzero"`
	DisabledAt time.Time `json:"disabled_at,omitzero"`
	DeletesAt  time.Time `json:"deletes_at,omitzero"`
	DeletedAt  time.Time `json:"deleted_at,omitzero"`
	Created    time.Time `json:"created,omitzero"`
	LastUsed   time.Time `json:"last_used,omitzero"`
	// LastUsedAsOf is when the credential report was made that LastUsed is from.
	LastUsedAsOf time.Time `json:"last_used_as_of,omitzero"`
	// Service and Region are those of the last use, Description the key's, and
	// Console the page of the IAM console with the user's keys.
	Service      string               `json:"last_used_service,omitempty"`
	Region       string               `json:"last_used_region,omitempty"`
	Description  string               `json:"description,omitempty"`
	Console      string               `json:"console"`
	EarlierLimit *notify.EarlierLimit `json:"earlier_limit,omitempty"`
	Rule         string               `json:"rule,omitempty"` // empty if the limits are the settings'
	// Uses is who used the key, if that was looked up.
	Uses *callers.Uses `json:"uses,omitempty"`
	Note string        `json:"note,omitempty"`
}

// announcementDetail is the detail of an Announcement. A digest's is of no
// single account. One too long for an event has several, which are numbered.
type announcementDetail struct {
	Schema  int              `json:"schema"`
	Run     string           `json:"run,omitempty"`
	Account *account.Account `json:"account,omitempty"`
	Text    string           `json:"text"`
	Part    int              `json:"part,omitempty"`
	Parts   int              `json:"parts,omitempty"`
}

// maxTextBytes is how many bytes of free text an event holds. As JSON it may be
// six times as long, which leaves room for all else within maxBytes.
const maxTextBytes = 32 << 10

// detailType is the type of the event for a notice.
func detailType(k notify.Kind) string {
	switch k {
	case notify.PastLimit:
		return KeyPastLimit
	case notify.Disabled:
		return KeyDisabled
	case notify.Deleting:
		return KeyDeleting
	case notify.Deleted:
		return KeyDeleted
	case notify.LeakedDisabled:
		return KeyLeakedDisabled
	case notify.LeakedActive:
		return KeyLeakedActive
	}
	return KeyWarning
}

// entriesOf are the events of a batch, the announcement first.
func entriesOf(b notify.Batch) []eventMessage {
	entries := announcementsOf(b)
	for _, n := range b.Notices {
		if n.Account == (account.Account{}) {
			n.Account = b.Account
		}
		shown := n
		if n.Uses != nil && !b.UsesInLists { // whoever reads events may be many
			uses := n.Uses.WithoutSources()
			shown.Uses = &uses
		}
		entries = append(entries, eventMessage{keyEntry(shown, b.Run), []notify.Notice{n}})
	}
	return entries
}

// keyEntry is the event about a key. Only its note can make it too long.
func keyEntry(n notify.Notice, run string) entry {
	e := newEntry(detailType(n.Kind), keyDetailOf(n, run))
	if e.size() > maxBytes {
		n.Note = text.Shorten(text.OneLine(n.Note), maxTextBytes)
		e = newEntry(detailType(n.Kind), keyDetailOf(n, run))
	}
	return e
}

// announcementsOf are the events of the announcement: one, or
// more if that is too long for one.
func announcementsOf(b notify.Batch) []eventMessage {
	if b.Announcement == "" {
		return nil
	}
	detail := announcementDetail{Schema: Schema, Run: b.Run}
	if b.Digest == "" {
		account := oneLineAccount(b.Account)
		detail.Account = &account
	}
	pieces := text.Pieces(cleanLines(b.Announcement), maxTextBytes)
	var entries []eventMessage
	for i, piece := range pieces {
		detail.Text = piece
		if len(pieces) > 1 {
			detail.Part, detail.Parts = i+1, len(pieces)
		}
		entries = append(entries, eventMessage{entry: newEntry(Announcement, detail)})
	}
	return entries
}

// told is an event and the notices in it, of which there is one or
// none.
type eventMessage struct {
	entry
	notices []notify.Notice
}

// keyDetailOf puts texts that others wrote on one line, as what reads events
// often pastes them into others. IAM lets no user name have more.
func keyDetailOf(n notify.Notice, run string) keyDetail {
	d := keyDetail{
		Schema: Schema, Run: run, Account: oneLineAccount(n.Account),
		User: text.OneLine(n.User), Name: text.OneLine(n.Name), Email: text.OneLine(n.Email),
		KeyID: n.KeyID, Kind: n.Kind, Reason: n.Reason,
		Created: moment(n.Created), LastUsed: moment(n.LastUsed), LastUsedAsOf: moment(n.LastUsedAsOf), EarlierLimit: n.EarlierLimit, Rule: n.Rule, Note: text.OneLine(n.Note),
		Service: text.OneLine(n.Service), Region: text.OneLine(n.Region), Description: text.OneLine(n.Description), Console: n.ConsoleURL(),
	}
	if n.Uses != nil && n.Uses.LookedUp() {
		d.Uses = n.Uses
	}
	switch n.Kind {
	case notify.Expiring:
		d.DaysLeft, d.DisablesAt = &n.DaysLeft, moment(n.At)
	case notify.Disabled, notify.LeakedDisabled:
		d.DisabledAt = moment(n.At)
	case notify.Deleting:
		d.DaysLeft, d.DeletesAt = &n.DaysLeft, moment(n.At)
	case notify.Deleted:
		d.DeletedAt = moment(n.At)
	}
	return d
}

// moment is a time as events say it: in UTC, to the second.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// cleanLines leaves a text its own lines.
func cleanLines(content string) string {
	var clean []string
	for line := range strings.SplitSeq(content, "\n") {
		clean = append(clean, text.OneLine(line))
	}
	return strings.Join(clean, "\n")
}

func oneLineAccount(a account.Account) account.Account {
	return account.Account{ID: text.OneLine(a.ID), Name: text.OneLine(a.Name), Alias: text.OneLine(a.Alias)}
}

func newEntry(detailType string, detail any) entry {
	encoded, err := json.Marshal(detail)
	if err != nil { // a time beyond the year 9999: the event must not cost the others
		encoded, _ = json.Marshal(map[string]any{"schema": Schema, "error": err.Error()})
	}
	return entry{Source: Source, DetailType: detailType, Detail: encoded}
}

// size is what EventBridge counts of an entry, with a time that we leave to it.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
func (e entry) size() int { return 14 + len(e.Source) + len(e.DetailType) + len(e.Detail) }

// lines writes entries as a message's body, one on a line.
func lines(entries []entry) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, e := range entries {
		_ = encoder.Encode(e) // was encoded once already
	}
	return b.String()
}

// parseLines is the reverse of lines.
func parseLines(body string) ([]entry, error) {
	var entries []entry
	for decoder := json.NewDecoder(strings.NewReader(body)); decoder.More(); {
		var e entry
		if err := decoder.Decode(&e); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
