// Package inventory reads users and keys from IAM, as a stream. It spends no
// call that cannot change a verdict or a message, unless it is asked to read
// everything.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// IAM is the calls that reading takes.
type IAM interface {
	ListUsers(context.Context, *iam.ListUsersInput, ...func(*iam.Options)) (*iam.ListUsersOutput, error)
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
	ListUserTags(context.Context, *iam.ListUserTagsInput, ...func(*iam.Options)) (*iam.ListUserTagsOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput, ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
}

// pageSize is the most that IAM returns at once:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
const pageSize = 1000

// Reader reads one account.
type Reader struct {
	IAM IAM
	// Concurrency is how many users are read side by side.
	Concurrency int
	Rules       audit.Rules
	// Now (UTC) is the moment that keys are judged at.
	Now time.Time
	// Everything reads last use and tags of all, for showing them, rather than
	// only where a verdict or a message can depend on them.
	Everything bool
	// Report narrows the reading to the users whom the account's credential
	// report shows to matter; nil reads every user.
	Report *CredentialReport
	// After is the user that an unfinished reading came to: the users behind
	// it, in IAM's order, are read first.
	After string
	// MayStart is asked before each user is begun; on false the reading ends
	// with an *UnfinishedError, once what was begun is done. Nil never ends it.
	MayStart func() bool
}

// UnfinishedError says that time was up before every user was read.
type UnfinishedError struct {
	// Last is the user that the reading came to, for Reader.After.
	Last string
}

func (e *UnfinishedError) Error() string {
	return "time was up before every user was read; the last was " + e.Last
}

// Subject is one user with what could be read of them.
type Subject struct {
	User audit.User
	Keys []Key
	// Err is set where the user could not be read; Keys is then empty.
	Err error
	// Passed is set for a user who was not read live, as the credential report
	// shows that no key of theirs can be due; Keys is then empty.
	Passed *Passed
}

// Key is one key of a subject.
type Key struct {
	audit.Key
	// Err is set where the key could not be read fully enough to judge it.
	Err error
}

// Read reads every user and hands each to visit, in no order, from several
// goroutines at once but never two at a time. A user that cannot be read is
// handed over with the error; Read itself fails only where the list of users
// could not be read to its end, after handing over those it has.
func (r Reader) Read(ctx context.Context, visit func(Subject)) error {
	users := make(chan candidate)
	subjects := make(chan Subject)

	reading := new(errgroup.Group)
	for range max(1, r.Concurrency) {
		reading.Go(func() error {
			for c := range users {
				s := r.subject(ctx, c.user)
				if c.reported && IsGone(s.Err) {
					continue // deleted since the report was made: no user any more
				}
				subjects <- s
			}
			return nil
		})
	}
	visited := make(chan struct{})
	go func() {
		defer close(visited)
		for s := range subjects {
			visit(s)
		}
	}()

	err := r.handOut(ctx, r.candidates(ctx), users, subjects)
	close(users)
	_ = reading.Wait() // the workers hand their errors on with the subject
	close(subjects)
	<-visited
	return err
}

func (r Reader) subject(ctx context.Context, user audit.User) Subject {
	s := Subject{User: user}
	s.Keys, s.Err = r.keys(ctx, user.Name)
	if s.Err != nil {
		return s
	}
	tagsMatter := r.Everything
	for i := range s.Keys {
		key := &s.Keys[i]
		if r.Everything || audit.NeedsLastUse(key.Key, r.Rules, r.Now) {
			key.LastUsed, key.Err = r.lastUsed(ctx, key.ID)
		}
		tagsMatter = tagsMatter || audit.NeedsTags(audit.Judge(key.Key, audit.Exemption{}, r.Rules, r.Now))
	}
	if tagsMatter {
		s.User.Tags, s.Err = r.tags(ctx, user.Name)
	}
	if s.Err != nil {
		s.Keys = nil
	}
	return s
}

// Fresh reads one key as it stands at this moment, with its last use and its
// user's tags, whatever it was before.
func (r Reader) Fresh(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error) {
	keys, err := r.keys(ctx, user.Name)
	if err != nil {
		return user, audit.Key{}, err
	}
	for _, key := range keys {
		if key.ID != keyID {
			continue
		}
		if key.Err != nil {
			return user, audit.Key{}, key.Err
		}
		if key.LastUsed, err = r.lastUsed(ctx, keyID); err != nil {
			return user, audit.Key{}, err
		}
		if user.Tags, err = r.tags(ctx, user.Name); err != nil {
			return user, audit.Key{}, err
		}
		return user, key.Key, nil
	}
	return user, audit.Key{}, ErrKeyGone
}

// ErrKeyGone says that a key no longer exists.
var ErrKeyGone = errors.New("the key no longer exists")

// IsGone reports whether an error says that a user or a key does not exist.
// GetAccessKeyLastUsed declares no error of that kind, and has it all the same:
// there it is known by its code alone.
func IsGone(err error) bool {
	api, isAPI := errors.AsType[smithy.APIError](err)
	return errors.Is(err, ErrKeyGone) || isAPI && api.ErrorCode() == noSuchEntity
}

const noSuchEntity = "NoSuchEntity"

// errNoList says that IAM's answer lacks its list. With nothing to list there
// is an empty one; without, as in an answer with no body, which the SDK lets
// pass, nobody knows: an exempt user would look like one without tags.
var errNoList = errors.New("the answer has no list")

func (r Reader) keys(ctx context.Context, userName string) ([]Key, error) {
	var keys []Key
	pages := iam.NewListAccessKeysPaginator(r.IAM, &iam.ListAccessKeysInput{UserName: aws.String(userName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the access keys of user %s: %w", userName, err)
		}
		if page.AccessKeyMetadata == nil {
			return nil, fmt.Errorf("list the access keys of user %s: %w", userName, errNoList)
		}
		for _, k := range page.AccessKeyMetadata {
			key, err := keyOf(k)
			if err != nil {
				return nil, fmt.Errorf("list the access keys of user %s: %w", userName, err)
			}
			if owner := aws.ToString(k.UserName); owner != "" && owner != userName {
				return nil, fmt.Errorf("list the access keys of user %s: key %s came with the name of user %s", userName, key.ID, owner)
			}
			keys = append(keys, Key{Key: key})
		}
	}
	return keys, nil
}

// keyOf refuses an answer with a hole in it: a key without a creation date
// would look as old as time.
func keyOf(k types.AccessKeyMetadata) (audit.Key, error) {
	key := audit.Key{
		ID:      aws.ToString(k.AccessKeyId),
		Status:  audit.Status(k.Status),
		Created: aws.ToTime(k.CreateDate).UTC(),
	}
	switch {
	case key.ID == "":
		return key, errors.New("a key came without its id")
	case k.CreateDate == nil || k.CreateDate.Unix() <= 0:
		return key, fmt.Errorf("key %s came without its creation date", key.ID)
	case key.Status == "":
		return key, fmt.Errorf("key %s came without its status", key.ID)
	}
	return key, nil
}

func (r Reader) lastUsed(ctx context.Context, keyID string) (time.Time, error) {
	out, err := r.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(keyID)})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last use of key %s: %w", keyID, err)
	}
	if out.AccessKeyLastUsed == nil {
		return time.Time{}, fmt.Errorf("read the last use of key %s: the answer has none", keyID)
	}
	if out.AccessKeyLastUsed.LastUsedDate == nil {
		return time.Time{}, nil
	}
	return out.AccessKeyLastUsed.LastUsedDate.UTC(), nil
}

func (r Reader) tags(ctx context.Context, userName string) (audit.Tags, error) {
	var tags audit.Tags
	pages := iam.NewListUserTagsPaginator(r.IAM, &iam.ListUserTagsInput{UserName: aws.String(userName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the tags of user %s: %w", userName, err)
		}
		if page.Tags == nil {
			return nil, fmt.Errorf("read the tags of user %s: %w", userName, errNoList)
		}
		for _, tag := range page.Tags {
			tags = append(tags, audit.Tag{Key: aws.ToString(tag.Key), Value: aws.ToString(tag.Value)})
		}
	}
	return tags, nil
}
