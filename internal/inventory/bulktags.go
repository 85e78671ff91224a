package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
)

// maxTags is how much text of tags is kept for users who have not asked for
// them yet, in bytes. Most of them never will.
const maxTags = 4 << 20

// tagsAlone is how many users' tags are read on their own before a page is
// worth it: a page also has every user's policies, and takes longer.
const tagsAlone = 10

// bulkTags reads the tags of many users with one call, by
// GetAccountAuthorizationDetails, if that is fewer calls than ListUserTags for
// each user who needs them.
//
// How many need them shows only as the users are read, and how many a page
// holds only from the pages: IAM shortens them as it likes, the more the longer
// the users' policies are. So the next page is read once more users needed their
// tags than pages were read, and tagsAlone beyond that. That is never twice the
// calls of the better way, and a few more if many users need their tags.
type bulkTags struct {
	iam BulkIAM
	log *slog.Logger

	mu     sync.Mutex // guards what follows; held while a page is read
	needed int        // users whose tags were asked for
	pages  int        // that were read
	ended  bool       // there are no more pages, or they cannot be relied on
	marker *string
	ends   pageEnds
	known  map[string]taggedUser
	size   int // bytes of text in known
}

// taggedUser is what a page says of a user.
type taggedUser struct {
	arn     string
	created time.Time
	tags    audit.Tags
}

// of returns the user's tags if they are known from a page, or from the next
// one. False says that they are to be read on their own.
func (b *bulkTags) of(ctx context.Context, user audit.User) (audit.Tags, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.needed++
	for {
		known, found := b.known[user.Name]
		switch {
		case found:
			b.forget(user.Name)
			return known.tags, known.arn == user.ARN && known.created.Equal(user.Created)
		case b.ended || b.pages+tagsAlone >= b.needed:
			return nil, false
		}
		if err := b.readPage(ctx); err != nil {
			b.ended = true
			if ctx.Err() == nil {
				b.log.InfoContext(ctx, "the tags of every user are read on their own rather than a thousand users at a time", "because", awserr.Message(err))
			}
		}
	}
}

// readPage reads the next page. The lock is held, so a page that does not come
// is given up before it holds up those who wait for it.
func (b *bulkTags) readPage(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitFor(ctx))
	defer cancel()
	b.pages++
	page, err := b.iam.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeUser}, MaxItems: aws.Int32(pageSize), Marker: b.marker,
	})
	switch {
	case err != nil:
		return fmt.Errorf("read the tags of users: %w", err)
	case page.UserDetailList == nil:
		return fmt.Errorf("read the tags of users: %w", errNoList)
	}
	if b.size >= maxTags {
		b.known, b.size = nil, 0 // most of them were read already
	}
	for _, detail := range page.UserDetailList {
		b.add(detail)
	}
	b.marker, b.ended = page.Marker, !page.IsTruncated
	if err := b.ends.check(page.IsTruncated, page.Marker); err != nil {
		return fmt.Errorf("read the tags of users: %w", err)
	}
	return nil
}

// add takes in a user, unless something is missing: then the user's tags are
// read on their own if they are needed.
func (b *bulkTags) add(detail types.UserDetail) {
	name := aws.ToString(detail.UserName)
	user, err := taggedUserOf(detail)
	if before, twice := b.known[name]; twice && (before.arn != user.arn || !slices.Equal(before.tags, user.tags)) {
		user.arn = "" // nobody's
	}
	if err != nil || name == "" {
		return
	}
	b.forget(name)
	if b.known == nil {
		b.known = map[string]taggedUser{}
	}
	b.known[name] = user
	b.size += user.size()
}

func (b *bulkTags) forget(name string) {
	b.size -= b.known[name].size()
	delete(b.known, name)
}

func (u taggedUser) size() int {
	size := len(u.arn)
	for _, tag := range u.tags {
		size += len(tag.Key) + len(tag.Value)
	}
	return size
}

func taggedUserOf(detail types.UserDetail) (taggedUser, error) {
	if aws.ToString(detail.Arn) == "" || detail.CreateDate == nil {
		return taggedUser{}, errors.New("a user came without ARN or creation date")
	}
	tags, err := addTags(nil, detail.Tags)
	return taggedUser{arn: *detail.Arn, created: detail.CreateDate.UTC(), tags: tags}, err
}
