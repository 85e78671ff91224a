// Package org covers several accounts in one go: it finds out which, enters
// each by a role, with one digest and one summary of all.
package org

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// AccountLister holds the calls made to AWS Organizations.
type AccountLister interface {
	DescribeOrganization(context.Context, *organizations.DescribeOrganizationInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationOutput, error)
	organizations.ListAccountsAPIClient
	organizations.ListAccountsForParentAPIClient
	organizations.ListOrganizationalUnitsForParentAPIClient
}

// Members are the accounts to cover.
type Members struct {
	// Organization is its id; empty for a list of accounts.
	Organization string `json:"organization,omitempty"`
	// Accounts are the ids of those to be covered, in order.
	Accounts []string `json:"accounts"`
	// Names are what Organizations calls the accounts, by id; it knows none for a
	// list of accounts.
	Names map[string]string `json:"names,omitempty"`
	// Suspended counts the accounts left out because they are not active,
	// Excluded those that SLEUTH_EXCLUDE_ACCOUNTS leaves out.
	Suspended int `json:"suspended"`
	Excluded  int `json:"excluded"`
	// HomeOnly: the account is that of the credentials, as the settings name none.
	HomeOnly bool `json:"-"`
}

// Only returns the members without all accounts but one; empty is all.
func (m Members) Only(account string) (Members, error) {
	if account == "" {
		return m, nil
	}
	if !slices.Contains(m.Accounts, account) {
		return m, fmt.Errorf("account %s is not among the accounts of the settings; check SLEUTH_ACCOUNTS, SLEUTH_OUS and SLEUTH_EXCLUDE_ACCOUNTS", account)
	}
	return Members{Organization: m.Organization, Accounts: []string{account}, Names: m.Names, HomeOnly: m.HomeOnly}, nil
}

// Account is one of the accounts, with its name.
func (m Members) Account(id string) account.Account {
	return account.Account{ID: id, Name: m.Names[id]}
}

// List finds out which accounts a scope covers. AWS is asked for those of an
// organization only, which the management account and delegated administrators
// may do.
func List(ctx context.Context, directory AccountLister, scope config.Scope) (Members, error) {
	if !scope.Organization {
		accounts := slices.Clone(scope.Accounts)
		slices.Sort(accounts)
		return Members{Accounts: accounts, HomeOnly: !scope.Several()}, nil
	}
	described, err := directory.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return Members{}, fmt.Errorf("find the organization: %w", withHint(err))
	}
	found := Members{Accounts: []string{}, Names: map[string]string{}}
	if described.Organization != nil {
		found.Organization = aws.ToString(described.Organization.Id)
	}
	listed, err := accountsIn(ctx, directory, scope.OUs)
	if err != nil {
		return Members{}, fmt.Errorf("list the accounts of the organization: %w", withHint(err))
	}
	for _, account := range listed {
		id := aws.ToString(account.Id)
		switch {
		case slices.Contains(scope.Exclude, id):
			found.Excluded++
		case !isActive(account):
			found.Suspended++
		default:
			found.Accounts = append(found.Accounts, id)
			found.Names[id] = aws.ToString(account.Name)
		}
	}
	if len(found.Accounts) == 0 {
		return found, fmt.Errorf("no active account to cover (%d suspended, %d excluded); check SLEUTH_ACCOUNTS, SLEUTH_OUS and SLEUTH_EXCLUDE_ACCOUNTS", found.Suspended, found.Excluded)
	}
	return found, nil
}

// isActive goes by State, which replaces Status, if AWS gives it.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
func isActive(account types.Account) bool {
	if account.State != "" {
		return account.State == types.AccountStateActive
	}
	return account.Status == types.AccountStatusActive
}

// accountsIn lists the accounts of the organization, or of some units and of
// those nested in them, each account once and in the order of their ids.
func accountsIn(ctx context.Context, directory AccountLister, units []string) ([]types.Account, error) {
	var accounts []types.Account
	if len(units) == 0 {
		pages := organizations.NewListAccountsPaginator(directory, &organizations.ListAccountsInput{})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			accounts = append(accounts, page.Accounts...)
		}
	}
	seen := map[string]bool{}
	for units = slices.Clone(units); len(units) > 0; units = units[1:] {
		unit := units[0]
		if seen[unit] {
			continue
		}
		seen[unit] = true
		inside, nested, err := inUnit(ctx, directory, unit)
		if err != nil {
			return nil, fmt.Errorf("in the unit %s: %w", unit, err)
		}
		accounts, units = append(accounts, inside...), append(units, nested...)
	}
	byID := func(a, b types.Account) int { return cmp.Compare(aws.ToString(a.Id), aws.ToString(b.Id)) }
	slices.SortFunc(accounts, byID)
	return slices.CompactFunc(accounts, func(a, b types.Account) bool { return byID(a, b) == 0 }), nil
}

// AccountsInUnits are the accounts in each unit, and in those nested in it. A unit
// that cannot be read is left out, with an error.
func AccountsInUnits(ctx context.Context, directory AccountLister, units []string) (in map[string]audit.Members, errs []error) {
	in = map[string]audit.Members{}
	for _, unit := range units {
		accounts, err := accountsIn(ctx, directory, []string{unit})
		if err != nil {
			errs = append(errs, fmt.Errorf("list the accounts of the organization: %w", withHint(err)))
			continue
		}
		in[unit] = audit.Members{}
		for _, account := range accounts {
			in[unit][aws.ToString(account.Id)] = true
		}
	}
	return in, errs
}

// inUnit lists what is directly in one unit.
func inUnit(ctx context.Context, directory AccountLister, unit string) (accounts []types.Account, units []string, err error) {
	accountPages := organizations.NewListAccountsForParentPaginator(directory, &organizations.ListAccountsForParentInput{ParentId: &unit})
	for accountPages.HasMorePages() {
		page, err := accountPages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		accounts = append(accounts, page.Accounts...)
	}
	unitPages := organizations.NewListOrganizationalUnitsForParentPaginator(directory, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &unit})
	for unitPages.HasMorePages() {
		page, err := unitPages.NextPage(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, nested := range page.OrganizationalUnits {
			units = append(units, aws.ToString(nested.Id))
		}
	}
	return accounts, units, nil
}

// withHint says what to do about the errors that have a known remedy.
func withHint(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	if hint, known := hints[api.ErrorCode()]; known {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

var hints = map[string]string{
	"AccessDeniedException": "run in the management account or in a delegated administrator's, with organizations:DescribeOrganization, " +
		"ListAccounts, ListAccountsForParent and ListOrganizationalUnitsForParent allowed, or name the accounts in SLEUTH_ACCOUNTS, or in the rule",
	"AWSOrganizationsNotInUseException": "the account of the credentials is in no organization: name the accounts in SLEUTH_ACCOUNTS, or in the rule",
	"ParentNotFoundException":           "check the ids in SLEUTH_OUS and SLEUTH_RULES",
}
