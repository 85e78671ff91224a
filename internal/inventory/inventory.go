// Package inventory reads users and keys from IAM, as a stream. It spends no
// call that cannot change a verdict or a message, unless it is asked to read
// everything.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
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

// BulkIAM is the call that reads the tags of many users.
type BulkIAM interface {
	GetAccountAuthorizationDetails(context.Context, *iam.GetAccountAuthorizationDetailsInput, ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error)
}

// pageSize is the most that IAM returns at once:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
const pageSize = 1000

// Reader reads one account.
type Reader struct {
	IAM IAM
	// Concurrency is how many users are read side by side.
	Concurrency int
	// Rules are the ages of the settings, and UserRules those that kinds of users
	// have in their place.
	Rules     audit.Rules
	UserRules audit.UserRules
	// RuleIAM answers what UserRules depend on; it may be nil without them.
	RuleIAM    RuleIAM
	Exemptions audit.ExemptionRules
	// Now (UTC) is the moment that keys are judged at.
	Now time.Time
	// Everything reads last use and tags of all, for showing them, rather than
	// only if a verdict or a message can depend on them.
	Everything bool
	// Report narrows the reading to the users whom the account's credential
	// report shows to matter; nil reads every user.
	Report *CredentialReport
	// AlsoRead asks for a user whom the report shows not to matter to be read all
	// the same; nil asks for none.
	AlsoRead func(ReportRow) bool
	// Bulk reads the tags of many users at once, if that is fewer calls; nil
	// reads those of each user on their own.
	Bulk BulkIAM
	// LastUses is the account's credential report as an aid: the last use of a
	// key is not read live if a later one than the report has cannot change the
	// verdict. Nil reads every one that can change a verdict, or that is to be
	// shown.
	LastUses *CredentialReport
	// Log gets a line if a way to save calls could not be used; may be nil.
	Log *slog.Logger
	// After is the last user of an unfinished reading: the users behind
	// it, in IAM's order, are read first.
	After string
	// Only is the one user to read, by name; empty for all.
	Only string
	// MayStart is asked before each user is started; on false the reading ends
	// with an *UnfinishedError, once what was started is done. Nil never ends it.
	MayStart func() bool

	// What the account says in bulk, of one reading.
	uses      *reportedUses
	bulk      *bulkTags
	show      *showing
	passwords *passwords
}

// UnfinishedError says that time was up before every user was read.
type UnfinishedError struct {
	// Last is the last user that was read, for Reader.After.
	Last string
}

func (e *UnfinishedError) Error() string {
	return "time was up before every user was read; the last was " + e.Last
}

// UserKeys is one user with what could be read of them.
type UserKeys struct {
	User audit.User
	Keys []Key
	// TagsRead is set if the user's tags are known. If they are not, the keys are
	// good or Inactive whichever rule is the user's.
	TagsRead bool
	// Err is set if the user could not be read; Keys is then empty.
	Err error
	// RuleErr is set if something could not be read that decides which rule is the
	// user's, whose limits are then the most lenient of those that may be.
	RuleErr error
	// Skipped is set for a user who was not read live, as the credential report
	// shows that no key of theirs can be due; Keys is then empty.
	Skipped *Skipped
}

// PairOf returns a key of the user with the other one. Only a user with exactly two
// keys has a pair. A last use that could not be read is not known.
func (s UserKeys) PairOf(key audit.Key) (pair audit.Pair, ok bool) {
	if len(s.Keys) != 2 {
		return audit.Pair{}, false
	}
	for _, other := range s.Keys {
		if other.ID != key.ID {
			pair, ok = audit.Pair{Key: key, Other: other.Key}, !ok
		}
	}
	return pair, ok
}

// Key is one key of a subject.
type Key struct {
	audit.Key
	// Err is set if the key's last use could not be read. Without it the key can
	// be evaluated unless audit.NeedsLastUse.
	Err error
}

// Read reads every user and hands each to visit, in no order, from several
// goroutines at once but never two at a time. A user that cannot be read is
// handed over with the error; Read itself fails only if the list of users
// could not be read to its end, after handing over those it has.
//
// Each key is handed over once, by its first user, even if pages repeat a user
// or a user is renamed while the list is read.
func (r Reader) Read(ctx context.Context, visit func(UserKeys)) error {
	r.begin()
	subjects := make(chan UserKeys)
	visited := make(chan struct{})
	go func() {
		defer close(visited)
		once := map[string]bool{}
		for s := range subjects {
			s.Keys = slices.DeleteFunc(s.Keys, func(key Key) bool { return taken(once, key.ID) })
			visit(s)
		}
	}()

	listed := map[string]bool{}
	gone, err := r.readEach(ctx, r.candidates(ctx), listed, subjects)
	if err == nil && gone > 0 {
		// They were deleted since the report was made, or renamed. The
		// old name does not show which, so the users that the report does not
		// have are read.
		_, err = r.readEach(ctx, r.listUsers(ctx), listed, subjects)
	}
	r.showLastUses(ctx, subjects)
	close(subjects)
	<-visited
	return err
}

// begin sets up what is read in bulk.
func (r *Reader) begin() {
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	r.uses = &reportedUses{report: r.LastUses, now: r.Now}
	r.bulk = &bulkTags{iam: r.Bulk, ended: r.Bulk == nil, log: r.Log, ends: pageEnds{}}
	r.show = &showing{}
	r.passwords = &passwords{}
}

// taken reports whether a name was taken already, and takes it.
func taken(names map[string]bool, name string) bool {
	before := names[name]
	names[name] = true
	return before
}

// readEach reads the candidates that are not listed yet, and lists them. Gone
// counts those that only the report has.
func (r Reader) readEach(ctx context.Context, candidates iter.Seq2[candidate, error], listed map[string]bool, subjects chan<- UserKeys) (gone int64, err error) {
	var missing atomic.Int64
	users := make(chan candidate)
	reading := new(errgroup.Group)
	for range max(1, r.Concurrency) {
		reading.Go(func() error {
			for c := range users {
				s := r.userKeys(ctx, c.user)
				if c.reported && IsGone(s.Err) {
					missing.Add(1)
					continue
				}
				if r.postponed(ctx, s) {
					continue
				}
				subjects <- s
			}
			return nil
		})
	}
	err = r.dispatch(ctx, r.wanted(once(candidates, listed)), users, subjects)
	close(users)
	_ = reading.Wait() // the workers hand their errors on with the subject
	return missing.Load(), err
}

// wanted leaves out all but the one user to read, if there is one.
func (r Reader) wanted(candidates iter.Seq2[candidate, error]) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		for c, err := range candidates {
			if err == nil && r.Only != "" && c.user.Name != r.Only {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// once leaves out the candidates that are listed already, and lists the others.
func once(candidates iter.Seq2[candidate, error], listed map[string]bool) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		for c, err := range candidates {
			if err == nil && taken(listed, c.user.Name) {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (r Reader) userKeys(ctx context.Context, user audit.User) UserKeys {
	s := UserKeys{User: user}
	s.Keys, s.Err = r.keys(ctx, user.Name)
	if s.Err != nil {
		return s
	}
	if r.Rules, s.Err = r.agesOf(ctx, &s); s.Err == nil {
		r.lastUses(ctx, user, s.Keys)
		s.Err = r.readTags(ctx, &s)
	}
	if s.Err != nil {
		s.Keys = nil
	}
	return s
}

// agesOf returns the ages that a user's keys are evaluated by. If the user's tags or
// console password decide, they are read, unless no key is due under any rule that
// may be theirs.
func (r Reader) agesOf(ctx context.Context, s *UserKeys) (audit.Rules, error) {
	choice, least := r.choose(s.User, s.TagsRead), r
	least.Rules = choice.Strictest
	if !choice.NeedsTags && !choice.NeedsPassword {
		return choice.Ages, nil
	}
	if !least.tagsMatter(s.Keys) {
		return choice.Strictest, nil
	}
	if choice.NeedsTags {
		if err := least.readTags(ctx, s); err != nil {
			return choice.Strictest, err
		}
		choice = r.choose(s.User, s.TagsRead)
	}
	if choice.NeedsPassword {
		s.RuleErr = r.readPassword(ctx, &s.User)
		choice = r.choose(s.User, s.TagsRead)
	}
	return choice.Ages, nil
}

// readTags reads a user's tags if they matter and were not read.
func (r Reader) readTags(ctx context.Context, s *UserKeys) error {
	if s.TagsRead || !r.tagsMatter(s.Keys) {
		return nil
	}
	tags, err := r.tagsInBulk(ctx, s.User)
	s.User.Tags, s.TagsRead = tags, err == nil
	return err
}

// choose returns the limits of a user, as far as their ages go.
func (r Reader) choose(user audit.User, tagsRead bool) audit.Choice {
	return r.UserRules.Choose(user, tagsRead, audit.Limits{Ages: r.Rules})
}

func (r Reader) tagsMatter(keys []Key) bool {
	return r.Everything || slices.ContainsFunc(keys, func(key Key) bool {
		return audit.NeedsTags(audit.Judge(key.Key, audit.Exemption{}, r.Rules, r.Now))
	})
}

// tagsInBulk reads a user's tags, with those of other users if that is fewer
// calls.
func (r Reader) tagsInBulk(ctx context.Context, user audit.User) (audit.Tags, error) {
	if tags, known := r.bulk.of(ctx, user); known {
		return tags, nil
	}
	return r.tags(ctx, user.Name)
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

func (r Reader) keys(ctx context.Context, userName string) ([]Key, error) {
	var keys []Key
	ends := pageEnds{}
	pages := iam.NewListAccessKeysPaginator(r.IAM, &iam.ListAccessKeysInput{UserName: aws.String(userName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil {
			err = ends.check(page.IsTruncated, page.Marker)
		}
		if err == nil {
			keys, err = r.addKeys(keys, page.AccessKeyMetadata, userName)
		}
		if err != nil {
			return nil, fmt.Errorf("list the access keys of user %s: %w", userName, err)
		}
	}
	return keys, nil
}

// addKeys adds a page of a user's keys.
func (r Reader) addKeys(keys []Key, page []types.AccessKeyMetadata, userName string) ([]Key, error) {
	if page == nil {
		return nil, errNoList
	}
	for _, k := range page {
		key, err := keyOf(k, userName, r.Now)
		if err != nil {
			return nil, err
		}
		if keys, err = addKey(keys, key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (r Reader) tags(ctx context.Context, userName string) (audit.Tags, error) {
	var tags audit.Tags
	ends := pageEnds{}
	pages := iam.NewListUserTagsPaginator(r.IAM, &iam.ListUserTagsInput{UserName: aws.String(userName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil {
			err = ends.check(page.IsTruncated, page.Marker)
		}
		if err == nil {
			tags, err = addTags(tags, page.Tags)
		}
		if err != nil {
			return nil, fmt.Errorf("read the tags of user %s: %w", userName, err)
		}
	}
	return tags, nil
}

// addTags adds a page of a user's tags.
func addTags(tags audit.Tags, page []types.Tag) (audit.Tags, error) {
	if page == nil {
		return nil, errNoList
	}
	for _, t := range page {
		tag, err := tagOf(t)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	return tags, nil
}
