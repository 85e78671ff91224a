package inventory

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/sync/errgroup"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
)

// candidate is a user who may have to be read live.
type candidate struct {
	user audit.User
	// reported: known from the credential report, which may be hours old.
	reported bool
	// skipped is set if the report shows that the user need not be read.
	skipped *Skipped
}

// candidates are the account's users, by the credential report if that is
// wanted. A report that cannot be had or cannot serve costs calls, never a
// user.
func (r Reader) candidates(ctx context.Context) iter.Seq2[candidate, error] {
	if r.Report == nil {
		return r.listUsers(ctx)
	}
	text, err := r.Report.usable(ctx, r)
	if err == nil {
		return r.reportedUsers(text)
	}
	if !r.Everything {
		r.uses.giveUp()
	}
	if ctx.Err() == nil {
		r.Report.Log.WarnContext(ctx, "every user is read live rather than by the credential report", "because", awserr.Message(err))
	}
	return r.listUsers(ctx)
}

// dispatch gives the workers every candidate to be read, those behind After
// first, and passes the others on as the subjects they already are.
func (r Reader) dispatch(ctx context.Context, candidates iter.Seq2[candidate, error], users chan<- candidate, subjects chan<- UserKeys) error {
	last := r.After
	begin := func(c candidate) error {
		if r.MayStart != nil && !r.MayStart() {
			return &UnfinishedError{Last: last}
		}
		select {
		case users <- c:
			last = c.user.Name
			return nil
		case <-ctx.Done():
			return fmt.Errorf("list users: %w", context.Cause(ctx))
		}
	}
	var postponed []candidate
	behind := r.After == ""
	for c, err := range candidates {
		switch {
		case err != nil:
			return err
		case c.skipped != nil:
			subjects <- UserKeys{User: c.user, Skipped: c.skipped}
			behind = behind || c.user.Name == r.After
		case !behind:
			postponed = append(postponed, c)
			behind = c.user.Name == r.After
		default:
			if err := begin(c); err != nil {
				return err
			}
		}
	}
	for _, c := range postponed {
		if err := begin(c); err != nil {
			return err
		}
	}
	return nil
}

// listUsers asks for the next page of users while those of the last are read,
// so that no worker waits for it.
func (r Reader) listUsers(ctx context.Context) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		pages := make(chan []types.User)
		var listing errgroup.Group
		listing.Go(func() error {
			defer close(pages)
			return r.listPages(ctx, pages)
		})
		defer func() {
			stop()
			_ = listing.Wait() // its error, if it counts, was handed on below
		}()
		for page := range pages {
			for _, u := range page {
				c := candidate{user: audit.User{Name: aws.ToString(u.UserName), ARN: aws.ToString(u.Arn), Created: aws.ToTime(u.CreateDate)}}
				var err error
				if c.user.Name == "" {
					err = errors.New("list users: a user came without a name")
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
		if err := listing.Wait(); err != nil {
			yield(candidate{}, err)
		}
	}
}

func (r Reader) listPages(ctx context.Context, out chan<- []types.User) error {
	pages := iam.NewListUsersPaginator(r.IAM, &iam.ListUsersInput{MaxItems: aws.Int32(pageSize)})
	ends, first := pageEnds{}, true
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list users: %w", err)
		}
		if page.Users == nil {
			return fmt.Errorf("list users: %w", errNoList)
		}
		if first {
			r.uses.settle(len(page.Users), page.IsTruncated)
			first = false
		}
		select {
		case out <- page.Users:
		case <-ctx.Done():
			return fmt.Errorf("list users: %w", context.Cause(ctx))
		}
		// Those of the page are users, whatever it says of the next.
		if err := ends.check(page.IsTruncated, page.Marker); err != nil {
			return fmt.Errorf("list users: %w", err)
		}
	}
	return nil
}

// reportedUsers is every user in a usable report.
func (r Reader) reportedUsers(text reportText) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		for row, err := range ParseReport(text.content) {
			c := candidate{user: row.user(), reported: true}
			if err == nil && !row.NeedsRead(r.choose(c.user, false).Strictest, r.Now) && (r.AlsoRead == nil || !r.AlsoRead(row)) {
				c.skipped = row.skipped()
			} else if err == nil {
				r.uses.keep(row, text.made)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}
