// Package changes compares reports of the same account: which keys are new,
// rotated, disabled, enabled again or deleted, and whose exemption, owner or
// limits changed. It is pure, and knows reports by their published JSON alone.
package changes

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Kind is what changed.
type Kind string

// The kinds of changes.
const (
	New            Kind = "new"             // a key is there that was not
	Rotated        Kind = "rotated"         // a key took the place of another
	Disabled       Kind = "disabled"        // an active key is Inactive
	Enabled        Kind = "enabled"         // an Inactive key is active again
	Deleted        Kind = "deleted"         // a key is gone
	Exempted       Kind = "exemption_given" // a key is exempt that was not
	ExemptionEnded Kind = "exemption_ended" // a key is no longer exempt
	OwnerChanged   Kind = "owner_changed"   // its user's name, Name tag or Slack tag
	RuleChanged    Kind = "rule_changed"    // the rule that its limits are from
	LimitsChanged  Kind = "limits_changed"  // the limits of the settings
)

// Kinds lists every kind, in the order in which they are shown.
func Kinds() []Kind {
	return []Kind{New, Rotated, Disabled, Enabled, Deleted, Exempted, ExemptionEnded, OwnerChanged, RuleChanged, LimitsChanged}
}

// Change is one change. Of a change to the limits there is no user and key.
type Change struct {
	Kind  Kind   `json:"kind"`
	User  string `json:"user,omitempty"`
	KeyID string `json:"key_id,omitempty"`
	// State is what the key is now or, if it is gone, last was.
	State *audit.State `json:"state,omitempty"`
	// Replaces is the key that a rotated one took the place of, and Replaced what
	// became of that: Disabled or Deleted.
	Replaces string `json:"replaces,omitempty"`
	Replaced Kind   `json:"replaced,omitempty"`
	// Run is the run of Sleuth that disabled the key, if the older report is its
	// evidence.
	Run string `json:"run,omitempty"`
	// Field is what changed of an owner or of the limits, and Old and New are its
	// values.
	Field string `json:"field,omitempty"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// Unclear is a key that is in one report only, if the other does not show
// whether it was there, as not everything could be read.
type Unclear struct {
	User  string `json:"user"`
	KeyID string `json:"key_id"`
	Text  string `json:"text"`
}

// Changes are what changed in one account. Times are UTC.
type Changes struct {
	// Since is when the older report's keys were read, and SinceRun the run whose
	// evidence it is; empty if it is an audit.
	Since    time.Time    `json:"since"`
	SinceRun string       `json:"since_run,omitempty"`
	Counts   map[Kind]int `json:"counts"`
	Changes  []Change     `json:"changes"`
	Unclear  []Unclear    `json:"unclear"`
}

// Has reports whether there is a change of one of the kinds.
func (c Changes) Has(kinds []Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return c.Counts[k] > 0 })
}

// Add adds the changes of another account. Since is then the earliest.
func (c *Changes) Add(more Changes) {
	if c.Since.IsZero() || more.Since.Before(c.Since) {
		c.Since = more.Since
	}
	c.Changes = append(c.Changes, more.Changes...)
	c.Unclear = append(c.Unclear, more.Unclear...)
	c.Counts = countsOf(c.Changes)
}

// Between returns what changed from one snapshot of an account to a later one.
func Between(before, after Snapshot) Changes {
	found := Changes{Since: before.At.UTC(), SinceRun: before.Run, Changes: []Change{}, Unclear: []Unclear{}}
	for _, p := range pairsOf(before, after) {
		if p.unclear != "" {
			found.Unclear = append(found.Unclear, Unclear{p.key().User, p.key().KeyID, p.unclear})
			continue
		}
		found.Changes = append(found.Changes, p.changes(before)...)
	}
	found.Changes = withRotations(found.Changes, before, after)
	found.Changes = append(found.Changes, limitsChanged(before.Limits, after.Limits)...)
	found.sort()
	found.Counts = countsOf(found.Changes)
	return found
}

func countsOf(all []Change) map[Kind]int {
	counts := map[Kind]int{}
	for _, kind := range Kinds() {
		counts[kind] = 0
	}
	for _, c := range all {
		counts[c.Kind]++
	}
	return counts
}

func (c *Changes) sort() {
	order := Kinds()
	slices.SortStableFunc(c.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortFunc(c.Unclear, func(a, b Unclear) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
}

// pair is a key in both snapshots; in one only, the other is nil, and unclear
// says why that may not mean anything.
type pair struct {
	before, after *Key
	unclear       string
}

func (p pair) key() *Key { return cmp.Or(p.after, p.before) }

func pairsOf(before, after Snapshot) []pair {
	var pairs []pair
	was := keysByID(before)
	is := keysByID(after)
	for _, id := range ordered(was) {
		p := pair{before: was[id], after: is[id]}
		if p.after == nil && !after.read(*p.before) {
			p.unclear = "missing in the newer report, which could not read everything"
		}
		pairs = append(pairs, p)
	}
	for _, id := range ordered(is) {
		if was[id] != nil {
			continue
		}
		p := pair{after: is[id]}
		if !before.read(*p.after) && !p.after.Created.After(before.At) {
			p.unclear = "missing in the older report, which could not read everything"
		}
		pairs = append(pairs, p)
	}
	return pairs
}

func keysByID(s Snapshot) map[string]*Key {
	keys := make(map[string]*Key, len(s.Keys))
	for i, key := range s.Keys {
		keys[key.KeyID] = &s.Keys[i]
	}
	return keys
}

func ordered(keys map[string]*Key) []string {
	ids := make([]string, 0, len(keys))
	for id := range keys {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// changes are what changed of one key, a rotation not yet seen as one.
func (p pair) changes(before Snapshot) []Change {
	var all []Change
	add := func(c Change) {
		key := p.key()
		c.User, c.KeyID, c.State = key.User, key.KeyID, new(key.State)
		all = append(all, c)
	}
	switch wasActive, isActive := p.before.active(), p.after.active(); {
	case p.before == nil:
		add(Change{Kind: New})
	case p.after == nil:
		add(Change{Kind: Deleted})
	case wasActive && !isActive:
		add(Change{Kind: Disabled, Run: before.disabledBy(p.before.KeyID)})
	case !wasActive && isActive:
		add(Change{Kind: Enabled})
	}
	switch wasExempt, isExempt := p.before.exempt(), p.after.exempt(); {
	case !wasExempt && isExempt:
		add(Change{Kind: Exempted})
	case wasExempt && !isExempt:
		add(Change{Kind: ExemptionEnded})
	}
	if p.before == nil || p.after == nil {
		return all
	}
	for _, field := range ownerFields() {
		if was, is := field.of(*p.before), field.of(*p.after); was != is {
			add(Change{Kind: OwnerChanged, Field: field.name, Old: was, New: is})
		}
	}
	if was, is := p.before.Rule, p.after.Rule; was != is && was != "" && is != "" {
		add(Change{Kind: RuleChanged, Old: was, New: is})
	}
	return all
}

type ownerField struct {
	name string
	of   func(Key) string
}

// ownerFields are the fields of the JSON that say whose a key is.
func ownerFields() []ownerField {
	return []ownerField{
		{"user", func(k Key) string { return k.User }},
		{"display_name", Key.name},
		{"slack_id", Key.slack},
	}
}

// withRotations joins the keys that a user put in the place of others: an
// active key that is new, for one that was active and is disabled or deleted.
// The oldest goes with the oldest. An exemption that goes over to the new key is
// no change.
func withRotations(all []Change, before, after Snapshot) []Change {
	was, is := keysByID(before), keysByID(after)
	gained, lost := map[string][]*Key{}, map[string][]*Key{}
	fate := map[string]Change{}
	for _, c := range all {
		switch {
		case c.Kind == New && is[c.KeyID].active():
			gained[c.User] = append(gained[c.User], is[c.KeyID])
		case c.Kind == Disabled, c.Kind == Deleted && was[c.KeyID].active():
			lost[c.User] = append(lost[c.User], was[c.KeyID])
			fate[c.KeyID] = c
		}
	}
	replaces := map[string]*Key{} // by the id of the new key
	replaced := map[string]bool{}
	handedOver := map[string]bool{} // keys whose exemption did not change hands
	for user, news := range gained {
		olds := lost[user]
		slices.SortFunc(news, byCreation)
		slices.SortFunc(olds, byCreation)
		for i := range min(len(news), len(olds)) {
			replaces[news[i].KeyID] = olds[i]
			replaced[olds[i].KeyID] = true
			if news[i].exempt() && olds[i].exempt() {
				handedOver[news[i].KeyID], handedOver[olds[i].KeyID] = true, true
			}
		}
	}
	joined := []Change{}
	for _, c := range all {
		switch {
		case c.Kind == New && replaces[c.KeyID] != nil:
			old := fate[replaces[c.KeyID].KeyID]
			c.Kind, c.Replaces, c.Replaced, c.Run = Rotated, old.KeyID, old.Kind, old.Run
		case (c.Kind == Disabled || c.Kind == Deleted) && replaced[c.KeyID]:
			continue
		case (c.Kind == Exempted || c.Kind == ExemptionEnded) && handedOver[c.KeyID]:
			continue
		}
		joined = append(joined, c)
	}
	return joined
}

func byCreation(a, b *Key) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.KeyID, b.KeyID))
}

// limitsChanged are the limits of the settings that changed.
func limitsChanged(before, after Limits) []Change {
	var all []Change
	for _, limit := range []struct {
		field   string
		was, is int
	}{
		{"expiration_age", before.ExpirationAge, after.ExpirationAge},
		{"warning_age", before.WarningAge, after.WarningAge},
		{"inactivity_age", before.InactivityAge, after.InactivityAge},
		{"inactivity_warning_age", before.InactivityWarningAge, after.InactivityWarningAge},
	} {
		if limit.was != limit.is {
			all = append(all, Change{Kind: LimitsChanged, Field: limit.field, Old: strconv.Itoa(limit.was), New: strconv.Itoa(limit.is)})
		}
	}
	return all
}

// AccountChanges are the changes of one of several accounts.
type AccountChanges struct {
	Account account.Account `json:"account"`
	Changes
}
