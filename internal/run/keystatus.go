package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// KeyStatuses is what a run learned about an account's keys, for what keeps a
// list of those that are due: it also says of which keys nothing can be said.
type KeyStatuses struct {
	// Due are the keys past a warning or a limit, exempt ones aside, that are
	// still active, by user and key.
	Due []audit.Judged

	byReport bool            // users may have been ignored by the credential report
	whole    bool            // every user was read or tried
	users    map[string]bool // read: true; could not be read: false
	doubtful map[string]bool // keys of which nothing can be said
	disabled map[string]bool // keys that this run disabled

	rules audit.UserRules   // with the members of their groups
	arns  map[string]string // of the users who were not read
}

// KeyStatus is what a run can say of a key that is not among those that are due.
type KeyStatus uint8

// The statuses.
const (
	Unknown  KeyStatus = iota // nothing: the key, or the user, was not read
	Resolved                  // the key is within the limits, disabled or gone
	NotRead                   // the report shows nothing of it; IAM was not asked
)

// Of returns the status of a key that was one of that user's. Do not ask
// for keys that are due.
func (k KeyStatuses) Of(user, keyID string) KeyStatus {
	read, seen := k.users[user]
	switch {
	case k.disabled[keyID]:
		return Resolved
	case k.doubtful[keyID], seen && !read:
		return Unknown
	case seen:
		return Resolved
	case !k.whole:
		return Unknown
	case k.byReport:
		return NotRead
	}
	return Resolved // no such user was listed
}

func newKeyStatuses(byReport bool) KeyStatuses {
	return KeyStatuses{byReport: byReport, users: map[string]bool{}, doubtful: map[string]bool{}, disabled: map[string]bool{}, arns: map[string]string{}}
}

// recordReadability notes what could be read of a user. The lock is held.
func (p *pass) recordReadability(s inventory.UserKeys) {
	if !p.Config.SecurityHub {
		return
	}
	if s.Skipped != nil {
		p.statuses.arns[s.User.Name] = s.User.ARN
		return
	}
	p.statuses.users[s.User.Name] = s.Err == nil
	choice := p.choose(s.User, s.TagsRead)
	for _, key := range s.Keys {
		unread := key.Err != nil && audit.NeedsLastUse(key.Key, time.Time{}, choice.Ages, p.started)
		if unread || s.TagsRead && p.dueByAnother(key.Key, choice) {
			p.statuses.doubtful[key.ID] = true
		}
	}
}

// keyStatuses is what the run knows once everything is done.
func (p *pass) keyStatuses() *KeyStatuses {
	if !p.Config.SecurityHub {
		return nil
	}
	known := &p.statuses
	for _, ref := range p.summary.DisabledKeys {
		known.disabled[ref.KeyID] = true
	}
	for id := range p.damaged {
		known.doubtful[id] = true // no step was planned for it
	}
	for _, s := range p.steps {
		switch {
		case known.disabled[s.key.ID]:
		case s.changed || p.justDisabled(s.key.ID):
			known.doubtful[s.key.ID] = true
		case due(s.verdict):
			known.Due = append(known.Due, audit.Judged{User: s.user, Key: s.key, Verdict: s.verdict})
		}
	}
	slices.SortFunc(known.Due, func(a, b audit.Judged) int {
		return cmp.Or(cmp.Compare(a.User.Name, b.User.Name), cmp.Compare(a.Key.ID, b.Key.ID))
	})
	return known
}

// due reports whether a key with this verdict is past a warning or a limit.
func due(v audit.Verdict) bool { return v.State.NeedsWarning() || v.State.PastLimit() }

// justDisabled reports whether IAM may still show a key as Active that an
// earlier run has disabled.
func (p *pass) justDisabled(keyID string) bool {
	record := p.records[keyID]
	return record != nil && record.Disabled() != nil && p.started.Sub(record.Disabled().At) < enforce.ConsistencyWindow
}

// Look reads one key as it stands now. The result is nil if the key is within
// the limits, disabled, exempt or gone.
func (r Runner) Look(ctx context.Context, user, keyID string) (*audit.Judged, error) {
	p := r.newPass()
	asked := audit.User{Name: user}
	if r.Known != nil {
		p.reader.UserRules, asked.ARN = r.Known.rules, r.Known.arns[user]
	}
	found, key, err := p.reader.ReadKey(ctx, asked, keyID)
	if inventory.IsGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	choice := p.choose(found, true)
	v := choice.Judge(found, key, p.Config.Exemptions, p.started)
	switch {
	case due(v):
	case !v.Exempt && p.dueByAnother(key, choice):
		return nil, fmt.Errorf("it cannot be known which rule applies: %s", choice.Limits)
	default:
		return nil, nil
	}
	return &audit.Judged{User: found, Key: key, Verdict: v}, nil
}
