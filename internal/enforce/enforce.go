// Package enforce makes the only writes to IAM, one key at a time, by a
// protocol that can be cut off between any two calls without disabling or deleting
// a wrong key, or losing the word to its owner:
//
//  1. write down the intent, with the final notice to give;
//  2. read its user's tags, the key and its last use again, and judge them by
//     the same function again; whatever has changed wins;
//  3. disable the key;
//  4. record it as disabled, with the channels that the notice is due on.
//
// The notice itself is sent by the run, which records a receipt for each
// channel. Settle picks up what a run that died has left.
package enforce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// ConsistencyWindow is how long IAM may show the state before a change. Nothing is
// concluded from a key that reads Active within it.
const ConsistencyWindow = 15 * time.Minute

// maxReadAge bounds reading a key just before it is disabled and disabling it,
// together and with all retries. What takes longer is given up, and left to the
// next run: by then what was read first may no longer be so.
const maxReadAge = time.Minute

// IAM is the one call that writes.
type IAM interface {
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
}

// Reader reads a key as it stands at this moment. The user that it returns has
// the present name, whichever was asked for; inventory.IsGone recognizes the error of
// a key that no longer exists.
type Reader interface {
	ReadKey(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error)
}

// Enforcer disables keys in one account.
type Enforcer struct {
	IAM    IAM
	Reader Reader
	Ledger ledger.Records
	Now    func() time.Time // UTC
	Run    string           // the run's id
	// Due says on which channels a final notice is due.
	Due func(notify.Notice) ledger.Due
	// Decide judges a key that was just read by the rules in force.
	Decide func(user audit.User, key audit.Key, now time.Time) (audit.Verdict, audit.Decision)
}

// Outcome is the result for one key.
type Outcome uint8

// The outcomes.
const (
	Failed   Outcome = iota // with an error that says why
	Disabled                // the key is Inactive by Sleuth's doing, and its owner must hear of it
	Changed                 // read again, it was no longer due, and was left alone
	Gone                    // the key or its user no longer exists
	Pending                 // the outcome of an earlier attempt cannot be known yet
	Deleted                 // Sleuth deleted the key, and its owner must hear of it
)

// ErrUndecided says that a call was cut short that may have disabled a key.
var ErrUndecided = errors.New("the next run finds out whether the key was disabled")

// FinalNotice writes the final notice for a key, from what was last read.
type FinalNotice func(audit.User, audit.Key, audit.Verdict) notify.Notice

// Disable takes one key that the plan says is due through the protocol. The
// record is the key's, as loaded or new; it is advanced in place, and holds
// the final notice if the outcome is Disabled. An error beside Disabled
// means that the key is disabled but could not be recorded as such: the owner
// must be sent now, and will be sent again.
func (e Enforcer) Disable(ctx context.Context, user audit.User, key audit.Key, verdict audit.Verdict, final FinalNotice, record *ledger.Record) (Outcome, error) {
	earlier, keyID := record.Intent(), key.ID
	leftover := earlier != nil
	attempt, err := e.intend(ctx, record, verdict.State.Reason(), final(user, key, verdict))
	if err != nil {
		return Failed, fmt.Errorf("write down the intent to disable key %s of user %s, so it is left active: %w", keyID, user.Name, err)
	}

	acting, cancel := context.WithTimeout(ctx, maxReadAge)
	defer cancel()
	freshUser, fresh, err := e.Reader.ReadKey(acting, user, keyID)
	if inventory.IsGone(err) {
		return e.resolve(ctx, record, leftover, Gone, fmt.Errorf("disable key %s of user %s: %w", keyID, user.Name, err))
	}
	if err != nil {
		return Failed, fmt.Errorf("read key %s of user %s once more before disabling it, so it is left active: %w", keyID, user.Name, err)
	}
	attempt.Notice.User = freshUser.Name // the present one
	if fresh.Status == audit.Inactive && leftover {
		// The attempt of an earlier run did take effect after all.
		return e.recordDisabled(ctx, record, attempt, nil)
	}
	freshVerdict, decision := e.Decide(freshUser, fresh, e.Now())
	if decision.Action != audit.Disable && leftover {
		// The key reads Active, and an earlier attempt may still show.
		return Pending, nil
	}
	if decision.Action != audit.Disable {
		return e.resolve(ctx, record, false, Changed, nil)
	}
	attempt.Reason, attempt.Notice = freshVerdict.State.Reason(), final(freshUser, fresh, freshVerdict)
	attempt.Due = e.dueWith(earlier, attempt.Notice)

	if err = e.deactivate(acting, freshUser.Name, keyID); err != nil {
		err = fmt.Errorf("disable key %s of user %s: %w", keyID, freshUser.Name, err)
		if ctx.Err() != nil {
			err = fmt.Errorf("%w; %w", err, ErrUndecided)
		}
	}
	if e.isGone(ctx, freshUser, keyID, err) {
		return e.resolve(ctx, record, leftover, Gone, err)
	}
	if err != nil {
		// Whatever the error says, an attempt before it may have taken effect
		// with its answer lost. The intent stands, and the next run finds out.
		return Failed, err
	}
	attempt.Confirmed = true
	return e.recordDisabled(ctx, record, attempt, nil)
}

// isGone reports whether disabling failed because the key no longer exists. IAM
// gives the same answer for a user who was renamed a moment ago, so it is asked
// once more.
func (e Enforcer) isGone(ctx context.Context, user audit.User, keyID string, disabling error) bool {
	if !inventory.IsGone(disabling) {
		return false
	}
	_, _, err := e.Reader.ReadKey(ctx, user, keyID)
	return inventory.IsGone(err)
}

func (e Enforcer) deactivate(ctx context.Context, userName, keyID string) error {
	_, err := e.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{
		UserName:    aws.String(userName),
		AccessKeyId: aws.String(keyID),
		Status:      types.StatusTypeInactive,
	})
	return err
}

// Settle finds out the outcome of an intent that an earlier run has left.
func (e Enforcer) Settle(ctx context.Context, record *ledger.Record) (Outcome, error) {
	attempt := record.Intent()
	if attempt == nil {
		return Changed, nil
	}
	user, key, err := e.Reader.ReadKey(ctx, audit.User{Name: record.User()}, record.KeyID())
	if inventory.IsGone(err) {
		return e.resolve(ctx, record, true, Gone, nil)
	}
	if err != nil {
		return Pending, fmt.Errorf("find out whether an earlier run disabled key %s of user %s: %w", record.KeyID(), record.User(), err)
	}
	if key.Status == audit.Inactive {
		attempt.Notice.User = user.Name // the present one
		return e.recordDisabled(ctx, record, *attempt, nil)
	}
	if e.Now().Sub(attempt.At) < ConsistencyWindow {
		return Pending, nil
	}
	return e.resolve(ctx, record, false, Changed, nil)
}

// intend records the attempt. A record that another process has written since
// is not merged: what it says may be a reason not to disable the key.
func (e Enforcer) intend(ctx context.Context, record *ledger.Record, reason audit.Reason, final notify.Notice) (ledger.Intent, error) {
	attempt := ledger.Intent{At: e.Now(), Run: e.Run, Reason: reason, Notice: final, Due: e.dueWith(record.Intent(), final)}
	record.Intend(attempt)
	return *record.Intent(), e.Ledger.Put(ctx, record)
}

// dueWith says on which channels a final notice is due if an earlier attempt is
// undecided: on that one's as well, as it may have been the one that disabled the
// key, by a run with other channels.
func (e Enforcer) dueWith(earlier *ledger.Intent, final notify.Notice) ledger.Due {
	due := e.Due(final)
	if earlier == nil {
		return due
	}
	due.Channels = slices.Concat(due.Channels, earlier.Due.Channels)
	slices.Sort(due.Channels)
	due.Channels = slices.Compact(due.Channels)
	return due
}

// recordDisabled turns an attempt into a record of the disabled key, with the
// notice pending. A record that others have written meanwhile is merged: the
// intent of another run that may be alive is kept, as that run must still find
// out the outcome of its own. So is keep, if it is not nil.
func (e Enforcer) recordDisabled(ctx context.Context, record *ledger.Record, attempt ledger.Intent, keep *ledger.Intent) (Outcome, error) {
	now := e.Now()
	err := ledger.Update(ctx, e.Ledger, record, func(r *ledger.Record) error {
		stands := keep
		if other := r.Intent(); other != nil && !other.Is(attempt) {
			stands = nil
			if AtWork(other, now) {
				stands = other
			}
		}
		if recordedAsLeak(*r, attempt) {
			return ledger.ErrUnchanged // another process recorded the same
		}
		r.Intend(attempt)
		return r.MarkDisabled(now, e.Run, stands)
	})
	if err != nil {
		return Disabled, fmt.Errorf("write down that key %s of user %s was disabled (it is, and its owner may hear of it twice): %w", record.KeyID(), record.User(), err)
	}
	return Disabled, nil
}

// resolve removes an intent whose attempt had no effect. If an earlier run may
// have disabled the key before it ended, its owner is notified: twice is better
// than never.
func (e Enforcer) resolve(ctx context.Context, record *ledger.Record, mayHaveBeenDisabled bool, outcome Outcome, cause error) (Outcome, error) {
	if mayHaveBeenDisabled {
		_, err := e.recordDisabled(ctx, record, *record.Intent(), nil)
		return Disabled, err
	}
	err := record.Withdraw(e.Now())
	if err == nil {
		err = e.Ledger.Put(ctx, record)
	}
	if err != nil {
		return outcome, errors.Join(cause, fmt.Errorf("take back the intent to disable key %s of user %s: %w", record.KeyID(), record.User(), err))
	}
	return outcome, cause
}
