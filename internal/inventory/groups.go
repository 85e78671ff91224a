package inventory

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// GroupIAM is the call that reads the members of a group.
type GroupIAM interface {
	GetGroup(context.Context, *iam.GetGroupInput, ...func(*iam.Options)) (*iam.GetGroupOutput, error)
}

// Groups reads the members of an account's groups. A group that does not exist has
// none. Those that cannot be read are left out, with an error each.
func Groups(ctx context.Context, client GroupIAM, names []string) (groups map[string]audit.Members, errs []error) {
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

func membersOf(ctx context.Context, client GroupIAM, name string) (audit.Members, error) {
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
