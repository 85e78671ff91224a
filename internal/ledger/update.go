package ledger

import (
	"context"
	"errors"
	"fmt"
)

// maxAttempts bounds how often a record that others keep changing is read again.
const maxAttempts = 5

// ErrUnchanged is returned by a change that has nothing to change.
var ErrUnchanged = errors.New("nothing to change")

// Records is the part of a Store that a change of records needs.
type Records interface {
	Get(ctx context.Context, account, keyID string) (record Record, found bool, err error)
	Put(ctx context.Context, records ...*Record) error
}

// Change is one or more transitions of a record. It is applied again to the
// newest record if another process has written that in between, and returns
// ErrUnchanged if it then has nothing to do.
type Change func(*Record) error

// Update applies change to a record and writes it: the one policy for conflicts
// (read again, merge, retry). Afterwards record is what is stored, or, after an
// error of the store, what should be.
func Update(ctx context.Context, store Records, record *Record, change Change) error {
	return UpdateAll(ctx, store, []*Record{record}, change)
}

// UpdateAll is Update for several records, which are written together if no
// other process has changed them. An error of one keeps none of the others back.
func UpdateAll(ctx context.Context, store Records, records []*Record, change Change) error {
	var failed []error
	pending := records
	for range maxAttempts {
		changed, errs := apply(pending, change)
		failed = append(failed, errs...)
		if len(changed) == 0 {
			return errors.Join(failed...)
		}
		before := revisions(changed)
		err := store.Put(ctx, changed...)
		if err == nil {
			return errors.Join(failed...)
		}
		if !errors.Is(err, ErrConflict) {
			return errors.Join(append(failed, err)...)
		}
		if pending, err = unwritten(ctx, store, changed, before); err != nil {
			return errors.Join(append(failed, err)...)
		}
	}
	return errors.Join(append(failed, fmt.Errorf("write %d records after %d attempts: %w", len(pending), maxAttempts, ErrConflict))...)
}

// apply makes the change to each record that it changes.
func apply(records []*Record, change Change) (changed []*Record, failed []error) {
	for _, record := range records {
		next := *record
		switch err := change(&next); {
		case errors.Is(err, ErrUnchanged):
		case err != nil:
			failed = append(failed, err)
		default:
			*record = next
			changed = append(changed, record)
		}
	}
	return changed, failed
}

func revisions(records []*Record) []int64 {
	all := make([]int64, len(records))
	for i, record := range records {
		all[i] = record.d.Revision
	}
	return all
}

// unwritten reads the records again that a refused Put left out. One that was
// removed since starts over with what its writer knows.
func unwritten(ctx context.Context, store Records, records []*Record, before []int64) ([]*Record, error) {
	var left []*Record
	for i, record := range records {
		if record.d.Revision != before[i] {
			continue
		}
		newest, found, err := store.Get(ctx, record.d.Account, record.d.KeyID)
		if err != nil {
			return nil, errors.Join(conflict(*record), err)
		}
		if found {
			*record = newest
		} else {
			record.d.Revision = 0
		}
		left = append(left, record)
	}
	return left, nil
}
