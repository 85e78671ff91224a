package state

import (
	"errors"
	"time"
)

// collector gathers what a lasting store holds: the records that can be
// understood and have not expired, and an error for each that cannot.
type collector struct {
	store   string
	now     time.Time
	records []Record
	damaged []error
}

func (c *collector) add(account, keyID string, text []byte) {
	r, err := decode(text, account, keyID)
	switch {
	case err != nil:
		c.addDamaged(account, keyID, err)
	case !r.forgotten(c.now):
		c.records = append(c.records, r)
	}
}

func (c *collector) addDamaged(account, keyID string, err error) {
	c.damaged = append(c.damaged, &DamagedError{Store: c.store, Account: account, KeyID: keyID, Err: err})
}

func (c *collector) result() ([]Record, error) {
	sortRecords(c.records)
	return c.records, errors.Join(c.damaged...)
}
