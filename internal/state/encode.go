package state

import (
	"encoding/json"
	"errors"
	"fmt"
)

// encode writes a record as JSON, in the version of this Sleuth.
func encode(r Record) ([]byte, error) {
	r.Version = Version
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the record of key %s: %w", r.KeyID, err)
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
		return Record{}, fmt.Errorf("it is not JSON: %w", err)
	}
	if head.Version > Version {
		return Record{}, fmt.Errorf("it has version %d, and this Sleuth knows %d: use a newer Sleuth", head.Version, Version)
	}
	if head.Version < 1 {
		return Record{}, errors.New("it has no version")
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return Record{}, fmt.Errorf("read its fields: %w", err)
	}
	if r.Account != account || r.KeyID != keyID {
		return Record{}, fmt.Errorf("it says that it is key %q of account %q", r.KeyID, r.Account)
	}
	return r, nil
}
