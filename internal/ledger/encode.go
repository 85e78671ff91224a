package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// encode writes a record as JSON.
func encode(r Record) ([]byte, error) {
	r.d.Version = Version
	text, err := json.Marshal(r.d)
	if err != nil {
		return nil, fmt.Errorf("encode the record of key %s: %w", r.d.KeyID, err)
	}
	return text, nil
}

// decode reads a record stored under account and keyID, and believes only one
// that says so itself.
func decode(text []byte, account, keyID string) (Record, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Record{}, fmt.Errorf("it is not JSON with a version: %w", err)
	}
	if head.Version > Version {
		return Record{}, fmt.Errorf("it has version %d, and this Sleuth knows %d: use a newer Sleuth", head.Version, Version)
	}
	if head.Version < 1 {
		return Record{}, errors.New("it has no version")
	}
	if head.Version < Version {
		return Record{}, fmt.Errorf("it has version %d, from before the first release; this Sleuth reads version %d", head.Version, Version)
	}
	var r Record
	if err := json.Unmarshal(text, &r.d); err != nil {
		return Record{}, fmt.Errorf("read its fields: %w", err)
	}
	if r.d.Account != account || r.d.KeyID != keyID {
		return Record{}, fmt.Errorf("it says that it is key %q of account %q", r.d.KeyID, r.d.Account)
	}
	if r.d.Revision < 1 {
		return Record{}, fmt.Errorf("it has revision %d, and a stored record begins at 1", r.d.Revision)
	}
	return r, nil
}

// checkPut refuses what no store could keep apart.
func checkPut(records []*Record) error {
	seen := make(map[recordID]bool, len(records))
	for _, r := range records {
		id := recordID{r.d.Account, r.d.KeyID}
		switch {
		case r.d.Account == "" || r.d.KeyID == "":
			return fmt.Errorf("write the record of key %q of account %q: it takes both", r.d.KeyID, r.d.Account)
		case seen[id]:
			return fmt.Errorf("write the record of key %s: it is given twice", r.d.KeyID)
		}
		seen[id] = true
	}
	return nil
}

// revisionAfter returns the revision that written gets when it replaces
// stored, which is the zero Record if there is none. An expired record
// counts as none to a writer that knows of none, but its revisions are counted
// on: who read it before it expired must not overwrite what came after.
func revisionAfter(stored, written Record, now time.Time) (int64, error) {
	unseen := written.d.Revision == 0 && stored.expired(now)
	if written.d.Revision != stored.d.Revision && !unseen {
		return 0, conflict(written)
	}
	return stored.d.Revision + 1, nil
}

// revised is a record as it is to be stored.
type revised struct {
	text     []byte
	revision int64
}

// revise prepares written to replace stored, with its new revision.
func revise(stored, written Record, now time.Time) (revised, error) {
	revision, err := revisionAfter(stored, written, now)
	if err != nil {
		return revised{}, err
	}
	return reviseTo(revision, written)
}

func reviseTo(revision int64, r Record) (revised, error) {
	r.d.Revision = revision
	text, err := encode(r)
	return revised{text, revision}, err
}

func conflict(r Record) error {
	return fmt.Errorf("write the record of key %s of account %s: %w", r.d.KeyID, r.d.Account, ErrConflict)
}
