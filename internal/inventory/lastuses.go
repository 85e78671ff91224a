package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// shownAlone is how many last uses are read live if only messages show them:
// getting the credential report takes about as many calls, and longer.
const shownAlone = 10

// lastUses reads the last uses that can change the verdict on a user's keys, or
// those of all keys, from the credential report if that is enough.
func (r Reader) lastUses(ctx context.Context, user audit.User, keys []Key) {
	r.readLastUses(ctx, user, keys, func(key Key) bool {
		return r.Everything || audit.NeedsLastUse(key.Key, time.Time{}, r.Rules, r.Now)
	})
}

// readLastUses reads the last uses of the keys that are wanted: from the report,
// unless a later use than it has could change the verdict, else live.
func (r Reader) readLastUses(ctx context.Context, user audit.User, keys []Key, wanted func(Key) bool) {
	if !slices.ContainsFunc(keys, wanted) {
		return
	}
	reported, made := r.uses.of(ctx, user, keys)
	for i := range keys {
		key := &keys[i]
		if !wanted(*key) {
			continue
		}
		if known, found := reported[key.ID]; found && !audit.NeedsLastUse(key.Key, known.LastUsed, r.Rules, r.Now) {
			known.showIn(&key.Key, made)
			continue
		}
		key.Err = r.readLastUse(ctx, user.Name, &key.Key)
	}
}

// readLastUse sets when and with what a key was last used. On an error the key
// stays as it was.
func (r Reader) readLastUse(ctx context.Context, userName string, key *audit.Key) error {
	out, err := r.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(key.ID)})
	if err != nil {
		return fmt.Errorf("read the last use of key %s: %w", key.ID, err)
	}
	used, err := lastUseOf(out, userName, r.Now)
	if err != nil {
		return fmt.Errorf("read the last use of key %s of user %s: %w", key.ID, userName, err)
	}
	key.LastUsed, key.Service, key.Region, key.UseRead = used.at, used.service, used.region, true
	return nil
}

// showing are the users who are read except for last uses that no verdict depends
// on, and that messages show: those of the keys they are about, and of the other
// keys of their users.
type showing struct {
	mu     sync.Mutex // guards what follows
	users  []UserKeys
	keys   int            // of these users, whose last use is to be shown
	report errgroup.Group // gets the credential report meanwhile
}

// postponed keeps a user back if messages show last uses of their keys that were
// not read. These are read once it is known how many there are. As soon as there
// are enough, it begins to get the credential report.
func (r Reader) postponed(ctx context.Context, s UserKeys) bool {
	r.Rules = r.choose(s.User, s.TagsRead).Ages
	keys := 0
	for _, key := range s.Keys {
		if r.shown(s, key) {
			keys++
		}
	}
	if keys == 0 {
		return false
	}
	r.show.mu.Lock()
	defer r.show.mu.Unlock()
	before := r.show.keys
	r.show.users, r.show.keys = append(r.show.users, s), before+keys
	if before <= shownAlone && r.show.keys > shownAlone {
		r.show.report.Go(func() error {
			r.uses.get(ctx)
			return nil
		})
	}
	return true
}

// shown reports whether a message may show a key's last use that was not read: one
// about this key, or about the user's other key, if this one is Active.
func (r Reader) shown(s UserKeys, key Key) bool {
	if key.UseRead || key.Err != nil {
		return false
	}
	if r.hasMessage(s.User, key.Key) {
		return true
	}
	pair, ok := s.PairOf(key.Key)
	return ok && key.Status == audit.Active && r.hasMessage(s.User, pair.Other)
}

// hasMessage reports whether a message may be about a key.
func (r Reader) hasMessage(user audit.User, key audit.Key) bool {
	exemption := audit.ExemptionOf(user, key.ID).Apply(r.Exemptions, r.Now)
	return audit.NeedsTags(audit.Judge(key, exemption, r.Rules, r.Now))
}

// showLastUses completes the users who were postponed. Once time is up, they
// are handed on as they are: a message need not show a last use.
func (r Reader) showLastUses(ctx context.Context, subjects chan<- UserKeys) {
	_ = r.show.report.Wait() // has no error
	if r.show.keys <= shownAlone {
		r.uses.giveUp()
	}
	var reading errgroup.Group
	reading.SetLimit(max(1, r.Concurrency))
	for _, s := range r.show.users {
		if r.MayStart != nil && !r.MayStart() {
			subjects <- s
			continue
		}
		reading.Go(func() error {
			r.showLastUsesOf(ctx, s)
			subjects <- s
			return nil
		})
	}
	_ = reading.Wait() // the errors are with the keys
}

// showLastUsesOf completes one user. A key that was deleted meanwhile, or whose
// user was renamed, is shown without its last use. An answer that names another
// user although this one is still there is false, and an error.
func (r Reader) showLastUsesOf(ctx context.Context, s UserKeys) {
	r.Rules = r.choose(s.User, s.TagsRead).Ages
	r.readLastUses(ctx, s.User, s.Keys, func(key Key) bool { return r.shown(s, key) })
	for i := range s.Keys {
		err := s.Keys[i].Err
		if errors.Is(err, errAnotherUser) {
			_, err = r.keys(ctx, s.User.Name)
		}
		if IsGone(err) {
			s.Keys[i].Err = nil
		}
	}
}
