package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

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
	// ListPending is List for the records with something pending.
	ListPending(ctx context.Context) ([]Record, error)
	// Get returns the record of one key; found is false if there is none, or an
	// expired one. A record that cannot be understood is a *DamagedError.
	Get(ctx context.Context, account, keyID string) (record Record, found bool, err error)
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
	// ResumeAfter is the last user that was read before time was up, in IAM's
	// order; empty at the end of the list.
	ResumeAfter string `json:"resume_after,omitempty"`
	// Run is its id.
	Run string `json:"run,omitempty"`
	// ExemptionsNotified is when people were last notified of the exemptions that have
	// no end or no reason (UTC). Every run carries it on.
	ExemptionsNotified time.Time `json:"exemptions_notified,omitzero"`
	// Rules: the run was under rules for kinds of users. RulesUntil is when the
	// first run was that no longer was (UTC); zero if there were never any. Only
	// UnderRules sets them.
	Rules      bool      `json:"rules,omitempty"`
	RulesUntil time.Time `json:"rules_until,omitzero"`
}

// UnderRules returns what is to be remembered once a run has begun, with rules for
// kinds of users or without. That there were rules is never forgotten.
func (r LastRun) UnderRules(rules bool, at time.Time) LastRun {
	switch {
	case rules:
		r.Rules, r.RulesUntil = true, time.Time{}
	case r.Rules:
		r.Rules, r.RulesUntil = false, at.UTC()
	}
	return r
}

// Runs is a Store that also remembers the last run on each account. Without
// it, two runs that do not overlap know nothing of each other.
type Runs interface {
	// LastRun returns the last run on an account; zero if none is known. One
	// that cannot be understood is a *DamagedRunError.
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

// Clock is how a store reads the time, to know which records have
// expired. The default is time.Now.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

func applyOptions(opts []Option) options {
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
	return fmt.Sprintf("another run (%s) holds the lease on account %s until %s; wait until it ends, or until then if it crashed",
		e.Holder, e.Account, text.Date(e.Until))
}

// DamagedError names a record that cannot be understood. It is never
// overwritten.
type DamagedError struct {
	Store, Account, KeyID string
	Err                   error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the record of key %s of account %s in %s cannot be read: %v; correct it, or remove it with 'sleuth state forget %s'",
		e.KeyID, e.Account, e.Store, e.Err, e.KeyID)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// SplitDamaged takes the error of Load apart: the records that cannot be
// understood, and whatever else went wrong.
func SplitDamaged(err error) (damaged []*DamagedError, other error) {
	var one *DamagedError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			more, rest := SplitDamaged(e)
			damaged, other = append(damaged, more...), errors.Join(other, rest)
		}
		return damaged, other
	}
	if errors.As(err, &one) {
		return []*DamagedError{one}, nil
	}
	return nil, err
}
