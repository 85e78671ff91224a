package awsfake_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// estate is an organization to test against: 45 accounts in the root beside
// the home account, and one in each of three units, of which the second is in
// the first and the third in the second. The account of the third is
// suspended.
type estate struct {
	client *organizations.Client
	units  [3]string
	// accounts are the ids of those in the units.
	accounts [3]string
	// inMember is a client that works in one of the accounts.
	inMember *organizations.Client
	isMoto   bool
}

func inEstates(t *testing.T, test func(*testing.T, *estate)) {
	t.Helper()
	t.Parallel()
	t.Run("awsfake", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		id, secret := s.Home().Credentials()
		e := &estate{client: organizations.NewFromConfig(configFor(s.URL(), id, secret, ""))}
		organization := s.Organize()
		for i := range 45 {
			organization.Join(s.Account(fmt.Sprintf("3000000000%02d", i)), organization.Root(), fmt.Sprintf("account-%d", i))
		}
		parent := organization.Root()
		for i := range e.units {
			parent = organization.AddUnit(parent, fmt.Sprintf("unit-%d", i))
			account := s.Account(fmt.Sprintf("4000000000%02d", i))
			organization.Join(account, parent, fmt.Sprintf("nested-%d", i))
			e.units[i], e.accounts[i] = parent, account.ID()
		}
		organization.SetStatus(e.accounts[2], awsfake.AccountSuspended)
		id, secret = s.Account(e.accounts[0]).Credentials()
		e.inMember = organizations.NewFromConfig(configFor(s.URL(), id, secret, ""))
		test(t, e)
	})
	t.Run("moto", func(t *testing.T) {
		t.Parallel()
		a := mototest.Shared(t).Account(t)
		client := organizations.NewFromConfig(a.Config(t.Context()))
		e := &estate{client: client, isMoto: true}
		ctx := t.Context()
		check[*organizations.CreateOrganizationOutput](t)(client.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}))
		create := func(name string) string {
			return *check[*organizations.CreateAccountOutput](t)(client.CreateAccount(ctx, &organizations.CreateAccountInput{
				AccountName: &name, Email: aws.String(name + "@example.com"),
			})).CreateAccountStatus.AccountId
		}
		for i := range 45 {
			create(fmt.Sprintf("account-%d", i))
		}
		root := *check[*organizations.ListRootsOutput](t)(client.ListRoots(ctx, &organizations.ListRootsInput{})).Roots[0].Id
		parent := root
		for i := range e.units {
			made := check[*organizations.CreateOrganizationalUnitOutput](t)(client.CreateOrganizationalUnit(ctx,
				&organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: aws.String(fmt.Sprintf("unit-%d", i))}))
			parent = *made.OrganizationalUnit.Id
			e.units[i], e.accounts[i] = parent, create(fmt.Sprintf("nested-%d", i))
			check[*organizations.MoveAccountOutput](t)(client.MoveAccount(ctx, &organizations.MoveAccountInput{
				AccountId: &e.accounts[i], SourceParentId: &root, DestinationParentId: &parent,
			}))
		}
		check[*organizations.CloseAccountOutput](t)(client.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: &e.accounts[2]}))
		test(t, e)
	})
}

func TestContractOrganization(t *testing.T) {
	inEstates(t, func(t *testing.T, e *estate) {
		ctx := t.Context()
		described := check[*organizations.DescribeOrganizationOutput](t)(e.client.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{}))
		if id := aws.ToString(described.Organization.Id); !strings.HasPrefix(id, "o-") || len(id) < 12 {
			t.Errorf("the organization is %q", id)
		}
		var ids []string
		statuses := map[types.AccountStatus]int{}
		pages := organizations.NewListAccountsPaginator(e.client, &organizations.ListAccountsInput{MaxResults: aws.Int32(20)})
		for pages.HasMorePages() {
			page := check[*organizations.ListAccountsOutput](t)(pages.NextPage(ctx))
			if len(page.Accounts) > 20 {
				t.Errorf("a page of %d accounts", len(page.Accounts))
			}
			for _, account := range page.Accounts {
				ids = append(ids, *account.Id)
				statuses[account.Status]++
				if aws.ToString(account.Name) == "" || !strings.HasSuffix(*account.Arn, "/"+*account.Id) {
					t.Errorf("account %s is called %q, %s", *account.Id, aws.ToString(account.Name), *account.Arn)
				}
			}
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 49 || statuses["ACTIVE"] != 48 || statuses["SUSPENDED"] != 1 {
			t.Errorf("%d accounts: %v; want 48 active and one suspended", len(ids), statuses)
		}
	})
}

func TestContractUnits(t *testing.T) {
	inEstates(t, func(t *testing.T, e *estate) {
		ctx := t.Context()
		roots := check[*organizations.ListRootsOutput](t)(e.client.ListRoots(ctx, &organizations.ListRootsInput{}))
		if len(roots.Roots) != 1 || !strings.HasPrefix(*roots.Roots[0].Id, "r-") {
			t.Fatalf("the roots are %v", roots.Roots)
		}
		for i, parent := range append([]string{*roots.Roots[0].Id}, e.units[:2]...) {
			below := check[*organizations.ListOrganizationalUnitsForParentOutput](t)(e.client.ListOrganizationalUnitsForParent(ctx,
				&organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent}))
			if len(below.OrganizationalUnits) != 1 || *below.OrganizationalUnits[0].Id != e.units[i] {
				t.Errorf("below %s: %v, want %s", parent, below.OrganizationalUnits, e.units[i])
			}
		}
		for i, unit := range e.units {
			in := check[*organizations.ListAccountsForParentOutput](t)(e.client.ListAccountsForParent(ctx,
				&organizations.ListAccountsForParentInput{ParentId: &unit}))
			if len(in.Accounts) != 1 || *in.Accounts[0].Id != e.accounts[i] {
				t.Errorf("in %s: %v, want %s", unit, in.Accounts, e.accounts[i])
			}
		}
		inRoot := 0
		pages := organizations.NewListAccountsForParentPaginator(e.client, &organizations.ListAccountsForParentInput{ParentId: roots.Roots[0].Id})
		for pages.HasMorePages() {
			inRoot += len(check[*organizations.ListAccountsForParentOutput](t)(pages.NextPage(ctx)).Accounts)
		}
		if inRoot != 46 {
			t.Errorf("%d accounts in the root, want 46", inRoot)
		}
	})
}

func TestContractOrganizationRefusals(t *testing.T) {
	inEstates(t, func(t *testing.T, e *estate) {
		_, err := e.client.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: aws.String("ou-ab12-34cdefgh")})
		wantCode(t, "an unknown unit", err, "ParentNotFoundException")
		if e.isMoto {
			t.Log("not asked of moto: it lists nothing to a member rather than refuse")
			return
		}
		_, err = e.inMember.ListAccounts(t.Context(), &organizations.ListAccountsInput{})
		wantCode(t, "a member that asks", err, "AccessDeniedException")
	})
	t.Run("no organization", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		id, secret := s.Home().Credentials()
		_, err := organizations.NewFromConfig(configFor(s.URL(), id, secret, "")).ListAccounts(t.Context(), &organizations.ListAccountsInput{})
		wantCode(t, "without an organization", err, "AWSOrganizationsNotInUseException")
	})
}
