// Package enforce makes the only writes to IAM, one key at a time, by a
// protocol that can be cut off between any two calls without disabling a wrong
// key or losing the word to its owner:
//
//  1. write down the intent, with the final notice to give;
//  2. read the key, its last use and its user's tags afresh, and judge them by
//     the same function again; whatever has changed wins;
//  3. disable the key;
//  4. write down that it is disabled and whom to tell.
//
// The notice itself is sent by the run, which records a receipt for each
// channel. Settle picks up what a run that died has left.
package enforce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Lag is how long IAM may go on showing what was before a change. Nothing is
// concluded from a key that reads Active within it.
const Lag = 15 * time.Minute

// freshFor is how long what was read just before a disabling is acted on. A
// call that has met trouble for longer is given up, and left to the next run.
const freshFor = time.Minute

// IAM is the one call that writes.
type IAM interface {
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
}

// Reader reads a key as it stands at this moment.
type Reader interface {
	Fresh(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error)
}

// Ledger is the part of state.Store that the protocol writes to.
type Ledger interface {
	Put(ctx context.Context, records ...*ledger.Record) error
}

// Enforcer disables keys in one account.
type Enforcer struct {
	IAM    IAM
	Reader Reader
	Ledger Ledger
	Now    func() time.Time // UTC
	Run    string           // the run's id
	// Decide judges a key that was just read by the rules in force.
	Decide func(user audit.User, key audit.Key, now time.Time) (audit.Verdict, audit.Decision)
}

// Outcome is what became of one key.
type Outcome uint8

// The outcomes.
const (
	Failed   Outcome = iota // with an error that says why
	Disabled                // the key is Inactive by Sleuth's doing, and its owner must hear of it
	Changed                 // read afresh, it was no longer due, and was left alone
	Gone                    // the key or its user no longer exists
	Pending                 // it cannot be known yet what became of an earlier attempt
)

// FinalNotice writes the final notice for a key, from its user and verdict as
// they were last read.
type FinalNotice func(audit.User, audit.Verdict) notify.Notice

// Disable takes one key that the plan says is due through the protocol. The
// record is the key's, as loaded or new; it is advanced in place, and holds
// the final notice where the outcome is Disabled. An error beside Disabled
// means that the key is disabled but could not be recorded as such: the owner
// must be told now, and will be told again.
func (e Enforcer) Disable(ctx context.Context, user audit.User, key audit.Key, verdict audit.Verdict, final FinalNotice, record *ledger.Record) (Outcome, error) {
	leftover, keyID := record.Intent != nil, key.ID
	if err := e.intend(ctx, record, verdict.State.Reason(), final(user, verdict)); err != nil {
		return Failed, fmt.Errorf("write down the intent to disable key %s of user %s, so it is left active: %w", keyID, user.Name, err)
	}

	freshUser, fresh, err := e.Reader.Fresh(ctx, user, keyID)
	if inventory.IsGone(err) {
		return e.resolve(ctx, record, leftover, Gone, fmt.Errorf("disable key %s of user %s: %w", keyID, user.Name, err))
	}
	if err != nil {
		return Failed, fmt.Errorf("read key %s of user %s once more before disabling it, so it is left active: %w", keyID, user.Name, err)
	}
	if fresh.Status == audit.Inactive && leftover {
		// The attempt of an earlier run did take effect after all.
		return e.disabled(ctx, record)
	}
	freshVerdict, decision := e.Decide(freshUser, fresh, e.Now())
	if decision.Action != audit.Disable && leftover {
		// The key reads Active, and an earlier attempt may still show.
		return Pending, nil
	}
	if decision.Action != audit.Disable {
		return e.resolve(ctx, record, false, Changed, nil)
	}
	record.Intent.Reason, record.Intent.Notice = freshVerdict.State.Reason(), final(freshUser, freshVerdict)

	err = e.deactivate(ctx, user.Name, keyID)
	if inventory.IsGone(err) {
		return e.resolve(ctx, record, leftover, Gone, fmt.Errorf("disable key %s of user %s: %w", keyID, user.Name, err))
	}
	if err != nil {
		// Whatever the error says, an attempt before it may have taken effect
		// with its answer lost. The intent stands, and the next run finds out.
		return Failed, fmt.Errorf("disable key %s of user %s: %w", keyID, user.Name, err)
	}
	return e.disabled(ctx, record)
}

// deactivate disables the key within freshFor, retries included.
func (e Enforcer) deactivate(ctx context.Context, userName, keyID string) error {
	ctx, cancel := context.WithTimeout(ctx, freshFor)
	defer cancel()
	_, err := e.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName:    aws.String(userName),
		AccessKeyId: aws.String(keyID),
		Status:      types.StatusTypeInactive,
	})
	return err
}

// Settle finds out what became of an intent that an earlier run has left.
func (e Enforcer) Settle(ctx context.Context, record *ledger.Record) (Outcome, error) {
	_, key, err := e.Reader.Fresh(ctx, audit.User{Name: record.User}, record.KeyID)
	switch {
	case inventory.IsGone(err):
		return e.resolve(ctx, record, true, Gone, nil)
	case err != nil:
		return Pending, fmt.Errorf("find out whether an earlier run disabled key %s of user %s: %w", record.KeyID, record.User, err)
	case key.Status == audit.Inactive:
		return e.disabled(ctx, record)
	case e.Now().Sub(record.Intent.At) < Lag:
		return Pending, nil
	}
	return e.resolve(ctx, record, false, Changed, nil)
}

func (e Enforcer) intend(ctx context.Context, record *ledger.Record, reason audit.Reason, final notify.Notice) error {
	// This takes the place of an intent that an earlier run has left, time
	// included: it is the newest attempt whose effect may show last.
	record.Intent = &ledger.Intent{At: e.Now(), Run: e.Run, Reason: reason, Notice: final}
	return e.put(ctx, record)
}

// disabled turns the intent into a record of the deed, with the notice owed.
func (e Enforcer) disabled(ctx context.Context, record *ledger.Record) (Outcome, error) {
	return e.disabledBeside(ctx, record, nil)
}

// disabledBeside is disabled where somebody else may be at work on the key:
// their intent stands.
func (e Enforcer) disabledBeside(ctx context.Context, record *ledger.Record, theirs *ledger.Intent) (Outcome, error) {
	now := e.Now()
	final := record.Intent.Notice
	final.At = now
	record.Disabled = &ledger.Disabled{At: now, Run: e.Run, Reason: record.Intent.Reason}
	switch {
	case record.Intent.Reason == audit.Exposure && record.Leak != nil:
		leak := *record.Leak
		leak.Disabled = now
		record.Leak = &leak
	case record.LeakOwed():
		// The notice that this one takes the place of has not got through, and
		// what it had to say is the more urgent.
		final.Kind, final.Reason, final.Sooner, final.NameKey = notify.Leaked, audit.Exposure, nil, true
	}
	record.Final, record.Receipts, record.Settled = &final, nil, time.Time{}
	record.Intent = theirs
	if err := e.put(ctx, record); err != nil {
		return Disabled, fmt.Errorf("write down that key %s of user %s was disabled (it is, and its owner may hear of it twice): %w", record.KeyID, record.User, err)
	}
	return Disabled, nil
}

// resolve takes back an intent that has come to nothing. Where an earlier run
// may have disabled the key before it went, its owner is told: told twice
// beats never told.
func (e Enforcer) resolve(ctx context.Context, record *ledger.Record, mayHaveBeenDisabled bool, outcome Outcome, cause error) (Outcome, error) {
	if mayHaveBeenDisabled {
		_, err := e.disabled(ctx, record)
		return Disabled, err
	}
	record.Intent = nil
	if err := e.put(ctx, record); err != nil {
		return outcome, errors.Join(cause, fmt.Errorf("take back the intent to disable key %s of user %s: %w", record.KeyID, record.User, err))
	}
	return outcome, cause
}

func (e Enforcer) put(ctx context.Context, record *ledger.Record) error {
	record.Changed = e.Now()
	return e.Ledger.Put(ctx, record)
}
