package report

import (
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Rotation is how far a user is with replacing a key by the other one.
type Rotation struct {
	OtherKey string         `json:"other_key_id"`
	State    audit.Rotation `json:"state"`
	Text     string         `json:"text"`
	// Commands are lines of the AWS CLI that end the rotation, in their order.
	Commands []string `json:"commands"`
}

// unfinished are the rotations that are worth showing of a key that is not due.
func unfinished(rotation audit.Rotation) bool {
	return slices.Contains([]audit.Rotation{audit.NotSwitched, audit.Replaced, audit.SelfInactive, audit.BothInactive}, rotation)
}

// ShowPair adds what a key's pair says at a moment, if the key is due or its
// rotation unfinished. The rules leave an exempt key alone, and so does this.
func (r *Row) ShowPair(pair audit.Pair, now time.Time) {
	rotation := pair.Rotation(now)
	due := r.State.PastLimit() || r.State.NeedsWarning()
	if r.Exempt || rotation == audit.NoRotation || !due && !unfinished(rotation) {
		return
	}
	inactive := pair.Key.Status == audit.Inactive
	r.Rotation = &Rotation{
		OtherKey: pair.Other.ID, State: rotation, Text: onOneLine(pair.Sentence(now)),
		Commands: audit.RetireCommands(r.User, r.KeyID, inactive),
	}
	if due {
		r.Rotation.Commands = audit.RotateCommands(r.User, r.KeyID, inactive, pair.Other.ID, rotation)
	}
	if r.Rotation.Commands == nil {
		r.Rotation.Commands = []string{} // written as [] rather than null
	}
}

// RotationText is what the key's pair says, in words; empty if nothing.
func (r Row) RotationText() string {
	if r.Rotation == nil {
		return ""
	}
	return r.Rotation.Text
}

// otherKey is the id of the other key of the user, if the pair says something.
func (r Row) otherKey() string {
	if r.Rotation == nil {
		return ""
	}
	return r.Rotation.OtherKey
}
