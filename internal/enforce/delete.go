package enforce

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// DeletionIAM is the one call that deletes.
type DeletionIAM interface {
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
}

// Deleter deletes keys in one account that Sleuth disabled, by the same protocol
// as an Enforcer disables them.
type Deleter struct {
	Enforcer // its Decide is not used

	Keys DeletionIAM
	// Decide judges a key that was just read, with its record, by the rules in
	// force.
	Decide func(user audit.User, key audit.Key, record ledger.Record, now time.Time) audit.Deletion
}

// DeletionNotice writes the notice for a key that is deleted, from what was last
// read.
type DeletionNotice func(audit.User, audit.Key) notify.Notice

// Delete takes one key that is to be deleted through the protocol. The record is
// the key's, as loaded; it is advanced in place, and holds the notice if the
// outcome is Deleted. An error beside Deleted means that the key is deleted but
// could not be recorded as such.
func (d Deleter) Delete(ctx context.Context, user audit.User, key audit.Key, notice DeletionNotice, record *ledger.Record) (Outcome, error) {
	attempt := ledger.Intent{At: d.Now(), Run: d.Run, Reason: record.Disabled().Reason, Notice: notice(user, key)}
	attempt.Due = d.Due(attempt.Notice)
	record.IntendDeletion(attempt)
	if err := d.Ledger.Put(ctx, record); err != nil {
		return Failed, fmt.Errorf("write down the intent to delete key %s of user %s, so it is not deleted: %w", key.ID, user.Name, err)
	}
	acting, cancel := context.WithTimeout(ctx, maxReadAge)
	defer cancel()
	freshUser, fresh, err := d.Reader.ReadKey(acting, user, key.ID)
	if inventory.IsGone(err) {
		return d.withdraw(ctx, record, Gone, true)
	}
	if err != nil {
		return Failed, fmt.Errorf("read key %s of user %s once more before deleting it, so it is not deleted: %w", key.ID, user.Name, err)
	}
	switch decision := d.Decide(freshUser, fresh, *record, d.Now()); {
	case decision.Kept == audit.KeptAsEnabled:
		return d.withdraw(ctx, record, Changed, true)
	case decision.Step != audit.DeleteKey:
		return d.withdraw(ctx, record, Changed, false)
	}
	attempt.Notice = notice(freshUser, fresh)
	attempt.Due = d.Due(attempt.Notice)
	_, err = d.Keys.DeleteAccessKey(acting, &iam.DeleteAccessKeyInput{UserName: aws.String(freshUser.Name), AccessKeyId: aws.String(key.ID)})
	// An attempt before this one may have deleted the key with its answer lost.
	if err != nil && !d.isGone(ctx, freshUser, key.ID, err) {
		err = fmt.Errorf("delete key %s of user %s: %w", key.ID, freshUser.Name, err)
		if ctx.Err() != nil {
			err = fmt.Errorf("%w; the next run finds out whether it was deleted", err)
		}
		return Failed, err
	}
	return d.recordDeleted(ctx, record, attempt)
}

// SettleDeletion finds out the outcome of an intent to delete a key that an
// earlier run has left. A key that is gone was deleted by that run.
func (d Deleter) SettleDeletion(ctx context.Context, record *ledger.Record) (Outcome, error) {
	attempt := record.Deletion().Intent
	if attempt == nil {
		return Changed, nil
	}
	_, _, err := d.Reader.ReadKey(ctx, audit.User{Name: record.User()}, record.KeyID())
	switch {
	case inventory.IsGone(err):
		return d.recordDeleted(ctx, record, *attempt)
	case err != nil:
		return Pending, fmt.Errorf("find out whether an earlier run deleted key %s of user %s: %w", record.KeyID(), record.User(), err)
	case d.Now().Sub(attempt.At) < ConsistencyWindow:
		return Pending, nil
	}
	return d.withdraw(ctx, record, Changed, false)
}

// recordDeleted turns an attempt into a record of the deleted key, with the notice
// pending. What others have written meanwhile is merged.
func (d Deleter) recordDeleted(ctx context.Context, record *ledger.Record, attempt ledger.Intent) (Outcome, error) {
	now := d.Now()
	err := ledger.Update(ctx, d.Ledger, record, func(r *ledger.Record) error {
		if !r.Deletion().At.IsZero() {
			return ledger.ErrUnchanged // another process recorded the same
		}
		r.IntendDeletion(attempt)
		return r.MarkDeleted(now, d.Run)
	})
	if err != nil {
		err = fmt.Errorf("write down that key %s of user %s was deleted (it is, and its owner may hear of it twice): %w", record.KeyID(), record.User(), err)
	}
	return Deleted, err
}

// withdraw removes an intent whose attempt had no effect. A key that was enabled
// since, or is gone, is not to be deleted later either.
func (d Deleter) withdraw(ctx context.Context, record *ledger.Record, outcome Outcome, forGood bool) (Outcome, error) {
	now := d.Now()
	err := ledger.Update(ctx, d.Ledger, record, func(r *ledger.Record) error {
		if r.Deletion().Intent == nil {
			return ledger.ErrUnchanged // another process withdrew it
		}
		err := r.WithdrawDeletion(now)
		if err == nil && forGood && r.Disabling().Confirmed {
			err = r.KeepFromDeletion(now)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("take back the intent to delete key %s of user %s: %w", record.KeyID(), record.User(), err)
	}
	return outcome, err
}
