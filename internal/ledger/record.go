// Package ledger keeps, between runs, what happened to each key: which warnings
// its owner received, whether Sleuth disabled it, and which notices are pending
// on which channels.
package ledger

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Version is the version of the stored form of Record. A record of another
// version is not understood, and is left as it is.
const Version = 3

// Record is what is known of one key in one account. It changes only through
// its transitions, which replace what they change and never write into what an
// earlier copy refers to. All times are UTC. New makes one; the zero Record
// belongs to no key.
type Record struct{ d fields }

// fields is the stored form of a Record.
type fields struct {
	Version int    `json:"version"`
	Account string `json:"account"`
	KeyID   string `json:"key_id"`
	User    string `json:"user"`

	Warnings      audit.History  `json:"warnings,omitzero"`
	QueuedWarning *QueuedWarning `json:"queued_warning,omitempty"`
	Intent        *Intent        `json:"intent,omitempty"`
	Disabled      *Disabled      `json:"disabled,omitempty"`
	Deletion      *Deletion      `json:"deletion,omitempty"`
	Leak          *Leak          `json:"leak,omitempty"`
	Final         *Final         `json:"final,omitempty"`
	Uses          *callers.Uses  `json:"uses,omitempty"`

	Changed  time.Time `json:"changed"`
	Revision int64     `json:"revision"`
}

// QueuedWarning is a warning that a run leaves for the digest of all accounts.
// The next run on the account replaces it.
type QueuedWarning struct {
	Run    string        `json:"run"`
	Notice notify.Notice `json:"notice"`
	// Warnings is the owner's history once the warning is delivered.
	Warnings audit.History `json:"warnings"`
	// Deletion is set in place of Warnings if the warning is that the key, which
	// is disabled, will be deleted.
	Deletion *audit.DeletionWarnings `json:"deletion,omitempty"`
}

// Due says on which channels a final notice is due. It is set down before the
// key is disabled, so that a later run with other channels cannot change it.
type Due struct {
	// Channels are the identities of the channels (notify.Channel's ID). Empty:
	// no channel could reach the owner, and the notice is due on whichever later
	// can.
	Channels []string `json:"channels,omitempty"`
	// Silent: the administrator asked for no notice at all.
	Silent bool `json:"silent,omitempty"`
}

// Intent is an attempt to disable a key, or to delete it, recorded before it is
// made.
type Intent struct {
	At     time.Time    `json:"at"`
	Run    string       `json:"run"`
	Reason audit.Reason `json:"reason"`
	// Notice is the final notice to deliver, on the channels of Due, if it turns
	// out that the key was disabled.
	Notice notify.Notice `json:"notice"`
	Due    Due           `json:"due,omitzero"`
	// Confirmed is set, once the attempt was made, if IAM has confirmed it.
	Confirmed bool `json:"-"`
}

// Is reports whether both are the same attempt.
func (i Intent) Is(other Intent) bool { return i.Run == other.Run && i.At.Equal(other.At) }

// Disabled says that Sleuth disabled the key.
type Disabled struct {
	At     time.Time    `json:"at"`
	Run    string       `json:"run"`
	Reason audit.Reason `json:"reason"`
	// Confirmed: IAM confirmed the call that disabled the key, and no run has seen
	// it enabled or gone since. Otherwise somebody else may have made it Inactive,
	// and it is never deleted.
	Confirmed bool `json:"confirmed,omitempty"`
}

// Deletion is what was done about deleting the key, which Sleuth had disabled.
type Deletion struct {
	// Warnings are those that were delivered to its owner.
	Warnings audit.DeletionWarnings `json:"warnings,omitzero"`
	// Intent is the attempt whose outcome is not recorded; nil if there is none.
	Intent *Intent `json:"intent,omitempty"`
	// At is when Sleuth deleted the key, and Run the run that did; zero if it did
	// not.
	At  time.Time `json:"at,omitzero"`
	Run string    `json:"run,omitempty"`
}

// Leak says that the key was found in public. It is kept for good, as a key
// that was published stays so.
type Leak struct {
	At  time.Time `json:"at"`
	Run string    `json:"run"`
	// Event is the ARN of the AWS Health event; empty if a person reported it.
	Event string `json:"event,omitempty"`
	// Disabled is when Sleuth disabled the key for it; zero if it did not.
	Disabled time.Time `json:"disabled,omitzero"`
}

// Final is the final notice, kept until every channel that it is due on has
// acknowledged it or a person has closed it.
type Final struct {
	Notice notify.Notice `json:"notice"`
	Due    Due           `json:"due,omitzero"`
	// Acknowledged is when each channel accepted the notice, by its identity.
	Acknowledged map[string]time.Time `json:"acknowledged,omitempty"`
	// ClosedAt is when nothing was pending any more; zero while something is.
	ClosedAt time.Time `json:"closed_at,omitzero"`
}

// Pending reports whether some channel has not acknowledged the notice.
func (f Final) Pending() bool { return f.ClosedAt.IsZero() }

// PendingOn returns the identities of the channels that have yet to acknowledge
// the notice, in order. A pending notice without any is due on whichever channel
// can reach the owner.
func (f Final) PendingOn() []string {
	if !f.Pending() {
		return nil
	}
	var pending []string
	for _, channel := range f.Due.Channels {
		if _, acknowledged := f.Acknowledged[channel]; !acknowledged {
			pending = append(pending, channel)
		}
	}
	return pending
}

// New returns the record of a key that nothing is known of.
func New(account, keyID, user string) Record {
	return Record{fields{Account: account, KeyID: keyID, User: user}}
}

// Account returns the id of the key's account.
func (r Record) Account() string { return r.d.Account }

// KeyID returns the key's id.
func (r Record) KeyID() string { return r.d.KeyID }

// User returns the name of the key's user, as it was last seen.
func (r Record) User() string { return r.d.User }

// Warnings returns which limits the owner was warned of by delivered warnings,
// since the key was last enabled.
func (r Record) Warnings() audit.History { return r.d.Warnings }

// QueuedWarning returns the warning that waits for a digest; nil if none does.
func (r Record) QueuedWarning() *QueuedWarning { return copyOf(r.d.QueuedWarning) }

// QueuedFor returns the run that queued a warning, and the warning. It must not be
// changed: it is the record's own, of which a digest has very many. Empty and nil if
// there is none.
func (r Record) QueuedFor() (run string, warning *notify.Notice) {
	if r.d.QueuedWarning == nil {
		return "", nil
	}
	return r.d.QueuedWarning.Run, &r.d.QueuedWarning.Notice
}

// Intent returns the attempt whose outcome is not recorded; nil if there is none.
func (r Record) Intent() *Intent { return copyOf(r.d.Intent) }

// Disabled says that Sleuth disabled the key; nil if it did not.
func (r Record) Disabled() *Disabled { return copyOf(r.d.Disabled) }

// Disabling is how Sleuth disabled the key, for audit.DecideDeletion; zero if it
// did not.
func (r Record) Disabling() audit.Disabling {
	if r.d.Disabled == nil {
		return audit.Disabling{}
	}
	return audit.Disabling{At: r.d.Disabled.At, Confirmed: r.d.Disabled.Confirmed}
}

// Deletion is what was done about deleting the key; zero if nothing was.
func (r Record) Deletion() Deletion {
	if r.d.Deletion == nil {
		return Deletion{}
	}
	deletion := *r.d.Deletion
	deletion.Intent = copyOf(deletion.Intent)
	return deletion
}

// Leak says that the key was found in public; nil if it was not.
func (r Record) Leak() *Leak { return copyOf(r.d.Leak) }

// Final returns the final notice and its delivery; nil if there is none.
func (r Record) Final() *Final {
	final := copyOf(r.d.Final)
	if final != nil {
		final.Acknowledged, final.Due.Channels = maps.Clone(final.Acknowledged), slices.Clone(final.Due.Channels)
	}
	return final
}

// Uses is who used the key, as it was last looked up; the zero Uses if it never
// was.
func (r Record) Uses() callers.Uses {
	if r.d.Uses == nil {
		return callers.Uses{}
	}
	return *r.d.Uses
}

// Changed returns when the record last changed.
func (r Record) Changed() time.Time { return r.d.Changed }

// Revision counts the writes of the record, so that a write that has not seen
// the newest is refused. The store keeps it.
func (r Record) Revision() int64 { return r.d.Revision }

func copyOf[T any](of *T) *T {
	if of == nil {
		return nil
	}
	value := *of
	return &value
}

// Equal reports whether both say the same, stored or not.
func (r Record) Equal(other Record) bool {
	r.d.Version, other.d.Version = Version, Version
	mine, mineErr := json.Marshal(r.d)
	theirs, theirsErr := json.Marshal(other.d)
	return mineErr == nil && theirsErr == nil && string(mine) == string(theirs)
}

// MarshalJSON writes the stored form.
func (r Record) MarshalJSON() ([]byte, error) { return json.Marshal(r.d) }

// Stored returns a value of the type of a Record's stored form, for those who
// check its description.
func Stored() any { return fields{} }

// retention is how long a record with nothing pending is kept. It outlasts any
// sensible expiration age, so that no reminder or minimum notice is forgotten.
const retention = 400 * 24 * time.Hour

// Expires returns when the record may be removed; zero while something is
// pending, and for a record that does not say when it changed.
func (r Record) Expires() time.Time {
	if r.Pending() || r.d.Changed.IsZero() {
		return time.Time{}
	}
	return r.d.Changed.Add(retention)
}

// expired reports whether the record is to be treated as missing at now.
func (r Record) expired(now time.Time) bool {
	expires := r.Expires()
	return !expires.IsZero() && expires.Before(now)
}
