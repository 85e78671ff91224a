package leak

import (
	"context"
	"errors"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// mergingLedger is the store as the protocol of disabling writes to it. A deed that is
// done is written down whatever others have written meanwhile; anything else
// is theirs to have changed.
type mergingLedger struct {
	store ledger.Store
	now   func() time.Time
}

// Put implements enforce.Ledger.
func (l mergingLedger) Put(ctx context.Context, records ...*ledger.Record) error {
	err := l.store.Put(ctx, records...)
	for range mostAttempts {
		if !errors.Is(err, ledger.ErrConflict) || len(records) != 1 || !isLeakDeed(*records[0]) {
			return err
		}
		record := records[0]
		newest, loading := stored(ctx, l.store, record.Account, record.KeyID)
		if loading != nil {
			return errors.Join(err, loading)
		}
		if newest != nil && isLeakDeed(*newest) {
			*record = *newest // somebody else wrote the same deed down
			return nil
		}
		record.Revision = 0
		if newest != nil {
			record.Revision, record.Told, record.Warning = newest.Revision, newest.Told, newest.Warning
			if enforce.AtWork(newest.Intent, l.now()) {
				record.Intent = newest.Intent
			}
		}
		record.Changed = l.now()
		err = l.store.Put(ctx, record)
	}
	return err
}

// isLeakDeed reports whether the record is of a key that was disabled and whose
// owner is told, or was, that it was found in public, with no answer to a leak
// under way.
func isLeakDeed(r ledger.Record) bool {
	underWay := r.Intent != nil && r.Intent.Reason == audit.Exposure
	return !underWay && r.Leak != nil && r.Disabled != nil && r.Final != nil &&
		r.Final.Kind == notify.Leaked && r.Final.Reason == audit.Exposure
}
