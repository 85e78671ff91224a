package inventory

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// RuleIAM is the calls that rules for kinds of users may need: which users are in a
// group, and whether a user can sign in to the console.
type RuleIAM interface {
	GetGroup(context.Context, *iam.GetGroupInput, ...func(*iam.Options)) (*iam.GetGroupOutput, error)
	GetLoginProfile(context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error)
}

// Groups reads the members of an account's groups. A group that does not exist has
// none. Those that cannot be read are left out, with an error each.
func Groups(ctx context.Context, client RuleIAM, names []string) (groups map[string]audit.Members, errs []error) {
	groups = map[string]audit.Members{}
	for _, name := range names {
		members, err := membersOf(ctx, client, name)
		if err != nil && !IsGone(err) {
			errs = append(errs, err)
			continue
		}
		groups[name] = members
	}
	return groups, errs
}

func membersOf(ctx context.Context, client RuleIAM, name string) (audit.Members, error) {
	members, ends := audit.Members{}, pageEnds{}
	pages := iam.NewGetGroupPaginator(client, &iam.GetGroupInput{GroupName: aws.String(name), MaxItems: aws.Int32(pageSize)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil {
			err = ends.check(page.IsTruncated, page.Marker)
		}
		if err == nil && page.Users == nil {
			err = errNoList
		}
		if err != nil {
			return nil, fmt.Errorf("read the members of group %s: %w", name, err)
		}
		for _, user := range page.Users {
			members[aws.ToString(user.UserName)] = true
		}
	}
	return members, nil
}

// passwordsAlone is how many users' console passwords are asked for one by one: the
// credential report takes about as many calls, and longer.
const passwordsAlone = 10

// passwords is what one reading knows of console passwords as such.
type passwords struct {
	mu     sync.Mutex // guards what follows
	needed int        // users whose password was asked for
	denied error      // we may not ask; kept, so that it costs one call
}

// readPassword finds out whether a user can sign in to the console: from the
// credential report if it is there or saves calls, else live. What the report says
// may be hours old; ReadKey never takes it from there.
func (r Reader) readPassword(ctx context.Context, user *audit.User) error {
	r.passwords.mu.Lock()
	r.passwords.needed++
	several, denied := r.passwords.needed > passwordsAlone, r.passwords.denied
	r.passwords.mu.Unlock()
	if user.Password = r.uses.password(ctx, *user, several); user.Password != audit.NotKnown {
		return nil
	}
	if denied != nil {
		return denied
	}
	has, err := r.hasPassword(ctx, user.Name)
	if IsDenied(err) {
		r.passwords.mu.Lock()
		r.passwords.denied = err
		r.passwords.mu.Unlock()
	}
	if err == nil {
		user.Password = audit.KnownToBe(has)
	}
	return err
}

// hasPassword asks IAM. Its answer for a user without a password is that for a user
// who does not exist.
func (r Reader) hasPassword(ctx context.Context, userName string) (bool, error) {
	_, err := r.RuleIAM.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String(userName)})
	switch {
	case IsGone(err):
		return false, nil
	case IsDenied(err): // of every user
		return false, fmt.Errorf("find out which users have a console password: %w", err)
	case err != nil:
		return false, fmt.Errorf("find out whether user %s has a console password: %w", userName, err)
	}
	return true, nil
}
