// Package state remembers between runs: who was warned, what was disabled, and
// which notices are still owed.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Version is the version of Record that this Sleuth writes. A record of a
// newer version is not understood, and left as it is.
//
// Fields that this Sleuth does not know in a record of its own version are
// passed over, and lost when it writes the record again. So a field may be
// added within a version only if losing it does no harm; anything else takes a
// new version. A record is written in the lowest version that has its fields,
// so that an older Sleuth goes on reading those without newer ones.
const Version = 2

// leakVersion is the first version that knows of leaks. One that does not
// would let a notice that is owed fall.
const leakVersion = 2

// Record is what is remembered of one key in one account. Times are UTC.
type Record struct {
	Version int    `json:"version"`
	Account string `json:"account"`
	KeyID   string `json:"key_id"`
	User    string `json:"user"`

	// Told is which limits the owner was warned of, by delivered warnings.
	Told audit.History `json:"told,omitzero"`

	// Warning is a warning that is left for a digest to tell.
	Warning *Warning `json:"warning,omitempty"`

	// Intent is written before a key is disabled and stands until it is known
	// what became of it.
	Intent *Intent `json:"intent,omitempty"`
	// Disabled is written once IAM has taken the change.
	Disabled *Disabled `json:"disabled,omitempty"`
	// Leak is set for a key that was found in public, for good: a key that is
	// out stays so.
	Leak *Leak `json:"leak,omitempty"`
	// Final is the final notice, kept so that it can be sent again.
	Final *notify.Notice `json:"final,omitempty"`
	// Receipts is when each channel took the final notice.
	Receipts map[string]time.Time `json:"receipts,omitempty"`
	// Settled is when nothing was owed any more.
	Settled time.Time `json:"settled,omitzero"`

	// Changed is when the record was last written.
	Changed time.Time `json:"changed"`
	// Revision counts the writes, so that a writer that has not seen the
	// newest is refused. It is the store's to keep.
	Revision int64 `json:"revision"`
}

// Warning is a warning that a run has left for the digest of all accounts. The
// next run on the account puts its own in its place.
type Warning struct {
	Run    string        `json:"run"`
	Notice notify.Notice `json:"notice"`
	// Told is what the owner has been told once the warning is delivered.
	Told audit.History `json:"told"`
}

// Intent is a key about to be disabled.
type Intent struct {
	At     time.Time    `json:"at"`
	Run    string       `json:"run"`
	Reason audit.Reason `json:"reason"`
	// Notice is the final notice to give should it turn out that the key was
	// disabled.
	Notice notify.Notice `json:"notice"`
}

// Disabled is a key that Sleuth has disabled.
type Disabled struct {
	At     time.Time    `json:"at"`
	Run    string       `json:"run"`
	Reason audit.Reason `json:"reason"`
}

// Leak is what is remembered of a key that was found in public. Its owner is
// told by the final notice.
type Leak struct {
	At  time.Time `json:"at"`
	Run string    `json:"run"`
	// Event is the ARN of the AWS Health event; empty for one told by hand.
	Event string `json:"event,omitempty"`
	// Disabled is when Sleuth disabled the key for it; zero where it did not.
	Disabled time.Time `json:"disabled,omitzero"`
}

// Owed reports whether somebody is still to be told, or something still to be
// found out, about the key.
func (r Record) Owed() bool { return r.Intent != nil || r.FinalOwed() }

// FinalOwed reports whether some channel has not taken the final notice yet.
func (r Record) FinalOwed() bool {
	return r.Settled.IsZero() && (r.Disabled != nil || r.LeakOwed())
}

// LeakOwed reports whether the owner of a key that was found in public is still
// to be told so.
func (r Record) LeakOwed() bool {
	return r.Leak != nil && r.Settled.IsZero() && r.Final != nil && r.Final.Reason == audit.Exposure
}

// Receive notes that a channel took the final notice. Once all those
// that owe it have, nothing is owed.
func (r *Record) Receive(channel string, at time.Time, all map[string]bool) {
	if r.Receipts == nil {
		r.Receipts = map[string]time.Time{}
	}
	r.Receipts[channel] = at
	if r.ToldBy(all) {
		r.Settled = at
	}
}

// ToldBy reports whether every one of the channels that owe the final notice
// has taken it. Where none does, nobody was told.
func (r Record) ToldBy(channels map[string]bool) bool {
	if len(channels) == 0 {
		return false
	}
	for channel := range channels {
		if _, told := r.Receipts[channel]; !told {
			return false
		}
	}
	return true
}

// StartAnew forgets the key's story, as a key that a person has enabled again
// is a new one: judged afresh, and noticed again. That it was found in public
// is not forgotten.
func (r *Record) StartAnew() {
	*r = Record{Account: r.Account, KeyID: r.KeyID, User: r.User, Leak: r.Leak, Changed: r.Changed, Revision: r.Revision}
}

// keep is how long a record with nothing owed is remembered. It outlasts any
// sensible expiration age, so that no ladder or minimum notice forgets.
const keep = 400 * 24 * time.Hour

// Expires is when the record may be forgotten; zero while something is owed,
// and for a record that does not say when it was written.
func (r Record) Expires() time.Time {
	if r.Owed() || r.Changed.IsZero() {
		return time.Time{}
	}
	return r.Changed.Add(keep)
}

// forgotten reports whether the record is to be treated as not there at now.
func (r Record) forgotten(now time.Time) bool {
	expires := r.Expires()
	return !expires.IsZero() && expires.Before(now)
}

// Store keeps records and leases. Implementations are safe for concurrent use
// by several goroutines, and by several processes.
type Store interface {
	// Load returns the records of one account, in the order of their key ids.
	// A record that cannot be understood is left out and named in the error, a
	// join of *DamagedError, beside the records that can; any other error
	// comes without records.
	Load(ctx context.Context, account string) ([]Record, error)
	// List is Load for every account.
	List(ctx context.Context) ([]Record, error)
	// Put writes records; they survive a crash of the process and the machine
	// from the moment it returns nil. Each must have the Revision that it was
	// loaded with, zero for a new one, or it is refused with ErrConflict and
	// left as it is; on success Revision is advanced in place. With several
	// records an error may leave some written: those whose Revision advanced.
	// A stored record that cannot be understood is not overwritten: that is a
	// *DamagedError.
	Put(ctx context.Context, records ...*Record) error
	// Delete forgets one record. One that is not there is no error.
	Delete(ctx context.Context, account, keyID string) error

	// Acquire takes or renews the lease on an account for holder, from now
	// until now plus ttl. A lease that another holds and that has not expired
	// at now gives a *LeasedError. Of several that try at once, one wins.
	Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error
	// Release gives up the lease if holder still has it.
	Release(ctx context.Context, account, holder string) error

	// String names the store for people, such as "file:/var/lib/sleuth.db".
	String() string
	// Close releases the store.
	Close() error
}

// LastRun is what is remembered of the last run on an account.
type LastRun struct {
	// Ended is when it ended (UTC). A run that began before that has done
	// nothing yet that was not done already.
	Ended time.Time `json:"ended"`
	// CameTo is the user that it came to before its time was up, in IAM's
	// order; empty where it came to the end.
	CameTo string `json:"came_to,omitempty"`
	// Run is its id.
	Run string `json:"run,omitempty"`
	// ExemptionsTold is when people were last told of the exemptions that have
	// no end or no reason (UTC). Every run carries it on.
	ExemptionsTold time.Time `json:"exemptions_told,omitzero"`
}

// Runs is a Store that also remembers the last run on each account. Without
// it, two runs that do not overlap know nothing of each other.
type Runs interface {
	// LastRun returns the last run on an account; zero where none is known.
	LastRun(ctx context.Context, account string) (LastRun, error)
	// SetLastRun remembers a run, in place of the one before it.
	SetLastRun(ctx context.Context, account string, run LastRun) error
}

// ErrConflict is returned by Put for a record that somebody else has written
// since it was read.
var ErrConflict = errors.New("the record was changed by another run")

// ErrReadOnly is returned by everything that writes to a store that was opened
// for reading only. A lease is a write as well.
var ErrReadOnly = errors.New("the state was opened for reading only")

// Option changes how a lasting store is opened.
type Option func(*options)

type options struct {
	readOnly bool
	now      func() time.Time
}

// ReadOnly opens a store for reading only: whatever would change it is refused
// with ErrReadOnly, and a file that is not there is not made, and reads as
// empty.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Clock is where a store takes the time from to tell which records have
// expired. The default is time.Now.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

func chosen(opts []Option) options {
	o := options{now: time.Now}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// LeasedError says that another run has the account.
type LeasedError struct {
	Account, Holder string
	Until           time.Time
}

func (e *LeasedError) Error() string {
	return fmt.Sprintf("another run (%s) is at work on account %s until %s; wait for it, or for that moment if it is dead",
		e.Holder, e.Account, notify.Date(e.Until))
}

// DamagedError names a record that cannot be understood. It is never
// overwritten.
type DamagedError struct {
	Store, Account, KeyID string
	Err                   error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the record of key %s of account %s in %s cannot be understood: %v; mend it, or remove it with 'sleuth state forget %s'",
		e.KeyID, e.Account, e.Store, e.Err, e.KeyID)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Damaged takes the error of Load apart: the records that cannot be
// understood, and whatever else went wrong.
func Damaged(err error) (damaged []*DamagedError, other error) {
	var one *DamagedError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			more, rest := Damaged(e)
			damaged, other = append(damaged, more...), errors.Join(other, rest)
		}
		return damaged, other
	}
	if errors.As(err, &one) {
		return []*DamagedError{one}, nil
	}
	return nil, err
}
