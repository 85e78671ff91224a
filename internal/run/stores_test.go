package run_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// writesNothing is a store that a run may only read.
type writesNothing struct {
	ledger.Store
	t *testing.T
}

func (s writesNothing) Put(context.Context, ...*ledger.Record) error {
	s.t.Error("a record was written")
	return nil
}

func (s writesNothing) Delete(context.Context, string, string) error {
	s.t.Error("a record was deleted")
	return nil
}

func (s writesNothing) Acquire(context.Context, string, string, time.Time, time.Duration) error {
	s.t.Error("a lease was taken")
	return nil
}

func (s writesNothing) Release(context.Context, string, string) error {
	s.t.Error("a lease was given up")
	return nil
}

// damaged is a store in which the record of one key cannot be understood.
type damaged struct {
	ledger.Store
	keyID string
}

var errGarbled = errors.New("garbled")

func (s damaged) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	records, err := s.Store.Load(ctx, account)
	if err != nil {
		return nil, err
	}
	return records, errors.Join(&ledger.DamagedError{Store: "file", Account: account, KeyID: s.keyID, Err: errGarbled})
}

// unreadable is a store that cannot be read at all.
type unreadable struct{ ledger.Store }

var errNoStore = errors.New("the disk is gone")

func (unreadable) Load(context.Context, string) ([]ledger.Record, error) { return nil, errNoStore }

// unwritable is a store that takes leases but no records.
type unwritable struct{ ledger.Store }

func (unwritable) Put(context.Context, ...*ledger.Record) error { return errNoStore }
