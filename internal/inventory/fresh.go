package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// ReadKey reads one key as it stands at this moment, with its last use and its
// user's tags, and console password if a rule depends on it, whatever it was
// before. What changes most often is read last: the key's status, then its last use.
//
// A user who was renamed is read by the present name, which the returned user
// has. IsGone reports whether an error means that the key no longer exists.
func (r Reader) ReadKey(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error) {
	found, key, err := r.freshOf(ctx, user, keyID)
	if !IsGone(err) && !errors.Is(err, errAnotherUser) {
		return found, key, err
	}
	name, asking := r.Owner(ctx, keyID)
	switch {
	case IsGone(err) && IsGone(asking):
		return user, audit.Key{}, err
	case asking != nil:
		return user, audit.Key{}, fmt.Errorf("find out whether user %s was renamed: %w", user.Name, asking)
	case name == user.Name || name == "":
		// Not wrapped, as that would say that the key is gone.
		return user, audit.Key{}, fmt.Errorf("IAM says that key %s is that of user %q, and: %s", keyID, name, err) //nolint:errorlint // see above
	}
	found, key, err = r.freshOf(ctx, renamed(user, name), keyID)
	if IsGone(err) {
		return user, audit.Key{}, fmt.Errorf("user %s was renamed to %s, and: %s", user.Name, name, err) //nolint:errorlint // the same
	}
	return found, key, err
}

// freshOf is Fresh under one name.
func (r Reader) freshOf(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error) {
	tags, err := r.tags(ctx, user.Name)
	if err != nil {
		return user, audit.Key{}, err
	}
	user.Tags, user.Password = tags, audit.NotKnown
	if r.choose(user, true).NeedsPassword {
		has, err := r.hasPassword(ctx, user.Name)
		if err != nil {
			return user, audit.Key{}, err
		}
		user.Password = audit.KnownToBe(has)
	}
	keys, err := r.keys(ctx, user.Name)
	if err != nil {
		return user, audit.Key{}, err
	}
	for _, key := range keys {
		if key.ID != keyID {
			continue
		}
		if err = r.readLastUse(ctx, user.Name, &key.Key); err != nil {
			return user, audit.Key{}, err
		}
		return user, key.Key, nil
	}
	return user, audit.Key{}, ErrKeyGone
}

// renamed is the user under another name. The ARN ends with it.
func renamed(user audit.User, name string) audit.User {
	if path, found := strings.CutSuffix(user.ARN, "/"+user.Name); found {
		user.ARN = path + "/" + name
	}
	user.Name = name
	return user
}
