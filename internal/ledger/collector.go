package ledger

import (
	"errors"
	"time"
)

// collector gathers what a lasting store holds: the records that can be
// understood and have not expired, and an error for each that cannot.
type collector struct {
	store string
	now   time.Time
	// pendingOnly leaves out the records with nothing pending.
	pendingOnly bool
	records     []Record
	damaged     []error
}

// add reads a record stored as text under account and keyID.
func (c *collector) add(account, keyID string, text []byte) {
	r, err := decode(text, account, keyID)
	c.addRead(account, keyID, r, err)
}

// addRead takes a record as it was read, or why it could not be.
func (c *collector) addRead(account, keyID string, r Record, err error) {
	switch {
	case err != nil:
		c.damaged = append(c.damaged, &DamagedError{Store: c.store, Account: account, KeyID: keyID, Err: err})
	case !r.expired(c.now) && (r.Pending() || !c.pendingOnly):
		c.records = append(c.records, r)
	}
}

// only returns the one record that a collector was to gather, if it did.
func only(records []Record, err error) (Record, bool, error) {
	if err != nil || len(records) == 0 {
		return Record{}, false, err
	}
	return records[0], true, nil
}

func (c *collector) result() ([]Record, error) {
	sortRecords(c.records)
	return c.records, errors.Join(c.damaged...)
}
