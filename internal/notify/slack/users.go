package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	slackgo "github.com/slack-go/slack"

	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// User is a member of a Slack workspace. The ID is what a Slack tag holds.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	RealName    string `json:"real_name,omitempty"`
	// Email is empty if the token may not see it.
	Email   string `json:"email,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Bot     bool   `json:"bot,omitempty"`
}

// Group is a user group of a Slack workspace.
type Group struct {
	ID string `json:"id"`
	// Tag is what a Slack tag holds to mention the group.
	Tag     string `json:"tag"`
	Handle  string `json:"handle"`
	Name    string `json:"name"`
	Users   int    `json:"users"`
	Deleted bool   `json:"deleted,omitempty"`
}

// Listing is whom a workspace knows, ordered by name.
type Listing struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`
}

// Filter also lists deleted users and bots.
type Filter struct {
	Deleted bool // users and groups that were deleted
	Bots    bool
}

// ScopeError is a listing that the token may not read.
type ScopeError struct {
	// What was to be listed, and the scope that the token needs for it.
	What, Scope string
}

// Error says what to do.
func (e *ScopeError) Error() string {
	return "list " + e.What + ": " + withoutScope(e.Scope)
}

// UsersOptions are the options of a Users besides its token; each has
// a default.
type UsersOptions struct {
	// APIURL is the URL of Slack's API; empty is Slack's own.
	APIURL string
	// HTTP sends the requests; nil is a client of our own.
	HTTP *http.Client
	// Retry says how often and how patiently to try each page.
	Retry retry.Policy
}

// Users reads a workspace's users and user groups through Slack's API.
type Users struct{ api *webAPI }

// NewUsers returns the users of the workspace that the token, with the
// scopes users:read and usergroups:read, belongs to.
func NewUsers(token secret.Value, options UsersOptions) *Users {
	return &Users{newWebAPI(token, "SLEUTH_SLACK_API_TOKEN", options.APIURL, options.HTTP, options.Retry, nil)}
}

// Format keeps the token out of whatever prints a Users.
func (*Users) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack users") }

// List reads all pages of users, then the user groups. What could be read is
// returned with the error for what could not: a *ScopeError, possibly joined
// with another, if the token lacks a scope.
func (u *Users) List(ctx context.Context, filter Filter) (Listing, error) {
	var listing Listing
	users, err := u.users(ctx)
	for _, user := range users {
		if (user.Deleted && !filter.Deleted) || (user.Bot && !filter.Bots) {
			continue
		}
		listing.Users = append(listing.Users, user)
	}
	slices.SortFunc(listing.Users, func(a, b User) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	if _, lacking := errors.AsType[*ScopeError](err); err != nil && !lacking {
		return listing, err
	}
	groups, groupsErr := u.groups(ctx, filter.Deleted)
	listing.Groups = groups
	return listing, errors.Join(err, groupsErr)
}

// pageSize is what Slack recommends at most, see
// https://docs.slack.dev/reference/methods/users.list.
const pageSize = 200

func (u *Users) users(ctx context.Context) (users []User, err error) {
	seen := map[string]bool{}
	for cursor := ""; ; {
		var page slackgo.UserPagination
		err := u.read(ctx, "users", func(ctx context.Context, client *slackgo.Client) (err error) {
			page, err = client.GetUsersPaginated(slackgo.GetUsersOptionLimit(pageSize),
				slackgo.GetUsersOptionIncludeLocale(false), slackgo.GetUsersOptionCursor(cursor)).Next(ctx)
			return err
		})
		if err != nil {
			return users, err
		}
		for _, member := range page.Users {
			users = append(users, userOf(member))
		}
		if cursor = page.Cursor; cursor == "" {
			return users, nil
		}
		if seen[cursor] {
			return users, errors.New("list users: slack gave the same page again")
		}
		seen[cursor] = true
	}
}

func userOf(member slackgo.User) User {
	return User{
		ID:          member.ID,
		Name:        member.Name,
		DisplayName: member.Profile.DisplayName,
		RealName:    cmp.Or(member.RealName, member.Profile.RealName),
		Email:       member.Profile.Email,
		Deleted:     member.Deleted,
		// Slackbot is a bot, except for Slack's own flag.
		Bot: member.IsBot || member.ID == "USLACKBOT",
	}
}

// groups reads all groups: they come on one page, see
// https://docs.slack.dev/reference/methods/usergroups.list.
func (u *Users) groups(ctx context.Context, deleted bool) ([]Group, error) {
	var found []slackgo.UserGroup
	err := u.read(ctx, "user groups", func(ctx context.Context, client *slackgo.Client) (err error) {
		found, err = client.GetUserGroupsContext(ctx,
			slackgo.GetUserGroupsOptionIncludeCount(true), slackgo.GetUserGroupsOptionIncludeDisabled(deleted))
		return err
	})
	if err != nil {
		return nil, err
	}
	groups := make([]Group, len(found))
	for i, g := range found {
		groups[i] = Group{
			ID: g.ID, Tag: "subteam-" + g.ID, Handle: g.Handle, Name: g.Name,
			Users: g.UserCount, Deleted: g.DateDelete != 0,
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Handle, b.Handle), cmp.Compare(a.ID, b.ID))
	})
	return groups, nil
}

// read makes a call for what is to be listed.
func (u *Users) read(ctx context.Context, what string, ask func(context.Context, *slackgo.Client) error) error {
	err := u.api.call(ctx, nil, ask)
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		if scope := refusal.lacking(); scope != "" {
			return &ScopeError{What: what, Scope: scope}
		}
	}
	return fmt.Errorf("list %s: %w", what, err)
}
