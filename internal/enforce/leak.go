package enforce

import (
	"context"
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// LeakNotice writes the final notice for a key that was found in public, from
// its user and the key as they were last read.
type LeakNotice func(audit.User, audit.Key) notify.Notice

// NotDisabled says why a leaked key, as it was just read, is not to be disabled
// after all; empty if it is.
type NotDisabled func(audit.User, audit.Key) string

// DisableLeaked takes a key that was found in public through the protocol. The
// record is the key's, with its Leak set; what it holds as its final notice
// stays pending if the outcome is not Disabled. Otherwise it is as for Disable.
func (e Enforcer) DisableLeaked(ctx context.Context, user audit.User, key audit.Key, keep NotDisabled, final LeakNotice, record *ledger.Record) (Outcome, error) {
	earlier, keyID := record.Intent(), key.ID
	leftover := earlier != nil
	var theirs *ledger.Intent
	if AtWork(earlier, e.Now()) {
		theirs = earlier
	}
	attempt, err := e.intend(ctx, record, audit.Exposure, final(user, key))
	if err != nil {
		return Failed, fmt.Errorf("write down the intent to disable key %s of user %s, so it is left active: %w", keyID, user.Name, err)
	}
	acting, cancel := context.WithTimeout(ctx, maxReadAge)
	defer cancel()
	freshUser, fresh, err := e.Reader.ReadKey(acting, user, keyID)
	if inventory.IsGone(err) {
		return e.resolve(ctx, record, leftover, Gone, nil)
	}
	if err != nil {
		return Failed, fmt.Errorf("read key %s of user %s once more before disabling it, so it is left active: %w", keyID, user.Name, err)
	}
	if fresh.Status == audit.Inactive && leftover {
		attempt.Notice.User = freshUser.Name // the present one
		return e.recordDisabled(ctx, record, attempt, theirs)
	}
	if fresh.Status != audit.Active || keep(freshUser, fresh) != "" {
		// With an attempt behind it that may yet show, nothing is known.
		if leftover {
			return Pending, nil
		}
		return e.resolve(ctx, record, false, Changed, nil)
	}
	attempt.Notice = final(freshUser, fresh)
	attempt.Due = e.dueWith(earlier, attempt.Notice)
	if err = e.deactivate(acting, freshUser.Name, keyID); err != nil {
		err = fmt.Errorf("disable key %s of user %s: %w", keyID, freshUser.Name, err)
	}
	if e.isGone(ctx, freshUser, keyID, err) {
		return e.resolve(ctx, record, leftover, Gone, nil)
	}
	if err != nil {
		return Failed, err
	}
	attempt.Confirmed = true
	return e.recordDisabled(ctx, record, attempt, theirs)
}

// AtWork reports whether an intent is that of a run that may be alive: an answer
// to a leak does not wait for it. What the run goes on to do is found out by the
// next one, for which its intent must stand.
func AtWork(intent *ledger.Intent, now time.Time) bool {
	return intent != nil && intent.Reason != audit.Exposure && now.Sub(intent.At) < ConsistencyWindow
}

// recordedAsLeak reports whether the record, which another process has written,
// already says what this attempt would: that the key was disabled as leaked,
// with its notice, and no answer to a leak is under way.
func recordedAsLeak(r ledger.Record, attempt ledger.Intent) bool {
	intent, final := r.Intent(), r.Final()
	if attempt.Reason != audit.Exposure || intent != nil && intent.Reason == audit.Exposure {
		return false
	}
	return r.Leak() != nil && r.Disabled() != nil && final != nil &&
		final.Notice.Kind == notify.LeakedDisabled && final.Notice.Reason == audit.Exposure
}
