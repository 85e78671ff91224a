package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

func TestAPIKeysOfAllUsersAreReadPageByPage(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t, awsfake.WithPageLimit(2))
	var want []audit.Credential
	for i := range 5 {
		key := awsfake.ServiceKey{ID: fmt.Sprint("ACCA", i), Service: "bedrock.amazonaws.com", Active: i != 3, Created: daysAgo(10 * i)}
		if i == 2 {
			key.Expires = daysAgo(-5)
		}
		user := fmt.Sprint("user-", i/2)
		if i%2 == 0 {
			keys := []awsfake.ServiceKey{key}
			if i < 4 {
				keys = append(keys, awsfake.ServiceKey{ID: fmt.Sprint("ACCA", i+1), Service: "bedrock.amazonaws.com", Active: i+1 != 3, Created: daysAgo(10 * (i + 1))})
			}
			a.Home().AddUser(awsfake.User{Name: user, ServiceKeys: keys})
		}
		want = append(want, audit.Credential{Kind: audit.APIKey, User: user, ID: key.ID, Service: key.Service, Active: key.Active, Changed: key.Created, Expires: key.Expires})
	}
	found, doubts, err := inventory.ReadAPIKeys(t.Context(), a.reader.Bulk.(inventory.APIKeyIAM), now)
	if err != nil || len(doubts) > 0 {
		t.Fatal(err, doubts)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	a.wantCalls(t, map[string]int{"ListServiceSpecificCredentials": 3})
}

// oddAPIKeys answers with the pages that it has.
type oddAPIKeys []*iam.ListServiceSpecificCredentialsOutput

func (p *oddAPIKeys) ListServiceSpecificCredentials(context.Context, *iam.ListServiceSpecificCredentialsInput, ...func(*iam.Options)) (*iam.ListServiceSpecificCredentialsOutput, error) {
	page := (*p)[0]
	*p = (*p)[1:]
	return page, nil
}

func TestAPIKeysWithHoles(t *testing.T) {
	t.Parallel()
	key := func(change func(*types.ServiceSpecificCredentialMetadata)) types.ServiceSpecificCredentialMetadata {
		k := types.ServiceSpecificCredentialMetadata{
			UserName: aws.String("ann"), ServiceSpecificCredentialId: aws.String("ACCA1"), ServiceName: aws.String("logs.amazonaws.com"),
			Status: types.StatusTypeActive, CreateDate: aws.Time(daysAgo(1)),
		}
		change(&k)
		return k
	}
	found, doubts, err := inventory.ReadAPIKeys(t.Context(), &oddAPIKeys{
		{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{
			key(func(*types.ServiceSpecificCredentialMetadata) {}),
			key(func(k *types.ServiceSpecificCredentialMetadata) { k.ServiceSpecificCredentialId = nil }),
			key(func(k *types.ServiceSpecificCredentialMetadata) { k.UserName = nil }),
			key(func(k *types.ServiceSpecificCredentialMetadata) { k.CreateDate = nil }),
			key(func(k *types.ServiceSpecificCredentialMetadata) { k.CreateDate = aws.Time(time.Unix(0, 0)) }),
		}, IsTruncated: true, Marker: aws.String("m")},
		// The same one again, on the next page; of unknown status, which is not Inactive.
		{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{
			key(func(*types.ServiceSpecificCredentialMetadata) {}),
			key(func(k *types.ServiceSpecificCredentialMetadata) {
				k.ServiceSpecificCredentialId, k.Status = aws.String("ACCA2"), ""
			}),
		}},
	}, now)
	if err != nil || len(found) != 2 || !found[1].Active || len(doubts) != 4 {
		t.Errorf("found %+v, doubts %v, %v", found, doubts, err)
	}
	for name, c := range map[string]struct {
		pages oddAPIKeys
		want  string
	}{
		"no list":   {oddAPIKeys{{}}, "the answer has no list"},
		"no marker": {oddAPIKeys{{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}, IsTruncated: true}}, "no marker for the rest"},
	} {
		if _, _, err := inventory.ReadAPIKeys(t.Context(), &c.pages, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
