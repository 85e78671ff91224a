package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
)

// estate is the accounts that the settings cover, and the way into them. An
// account alone is an estate of one: the home account, which the credentials
// are for.
type accountSet struct {
	scope       config.Scope
	home        member
	roleAssumer *org.RoleAssumer
	// names are what Organizations calls the accounts, by id. They are known once
	// members was called, or taken from a listing.
	names map[string]string
}

// member is a connection to one account.
type member struct {
	awsclient.Identity
	aws      aws.Config
	traffic  *awsclient.Traffic
	aliasErr error // why the account has no alias; it is not fatal
}

// connectHome connects to the account of our own credentials. Session names the
// sessions in the others. The estate is nil if there is no connection at all;
// beside another error it has one.
func (a *App) connectHome(ctx context.Context, cfg config.Config, session string) (*accountSet, error) {
	connection, err := a.connect(ctx, cfg.Concurrency*max(1, cfg.Scope.Concurrency))
	if err != nil {
		return nil, err
	}
	e := &accountSet{home: member{aws: connection.Copy()}}
	e.home.traffic = awsclient.Count(&e.home.aws)
	if e.home.Identity, e.home.aliasErr, err = awsclient.Identify(ctx, e.home.aws); err != nil {
		return e, err
	}
	e.scope = cfg.Scope.In(e.home.Account.ID)
	e.roleAssumer = org.NewRoleAssumer(connection, e.home.Account.ID, e.home.Partition, e.scope, "sleuth-"+session)
	return e, nil
}

// members finds out which accounts there are to cover.
func (e *accountSet) members(ctx context.Context) (org.Members, error) {
	members, err := org.List(ctx, awsclient.NewOrganizations(e.home.aws), e.scope)
	e.names = members.Names
	return members, err
}

// account is an account with its name.
func (e *accountSet) account(id string) account.Account {
	return account.Account{ID: id, Name: e.names[id]}
}

// covers reports whether the settings cover an account. AWS is asked only if
// they go by its units, as every second counts.
func (e *accountSet) covers(ctx context.Context, account string) (bool, error) {
	if !e.scope.Allows(account) || len(e.scope.OUs) == 0 {
		return e.scope.Allows(account), nil
	}
	members, err := e.members(ctx)
	return slices.Contains(members.Accounts, account), err
}

// enter connects to one account.
func (e *accountSet) enter(ctx context.Context, account string, log *slog.Logger) (member, error) {
	if account == e.home.Account.ID {
		e.home.logAlias(ctx, log)
		home := e.home
		home.Account.Name = e.names[account]
		return home, nil
	}
	inside, err := e.roleAssumer.Assume(ctx, account)
	if err != nil {
		return member{}, err
	}
	m := member{aws: inside}
	m.traffic = awsclient.Count(&m.aws)
	if m.Identity, m.aliasErr, err = awsclient.Identify(ctx, m.aws); err != nil {
		return member{}, err
	}
	m.logAlias(ctx, log)
	m.Account.Name = e.names[account]
	if m.Account.ID != account {
		return m, fmt.Errorf("the credentials for account %s are for account %s; check AWS_ENDPOINT_URL", account, m.Account.ID)
	}
	return m, nil
}

// logAlias says in the log why messages do not name an account by its alias.
func (m member) logAlias(ctx context.Context, log *slog.Logger) {
	if m.aliasErr != nil {
		log.WarnContext(ctx, "the account's alias is left out of the messages", "account", m.Account.ID, "error", awserr.Message(m.aliasErr))
	}
}
