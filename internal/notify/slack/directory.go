package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// User is a member of a Slack workspace. The ID is what a Slack tag holds.
type User struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name,omitempty"`
	RealName    string `json:"real_name,omitempty"`
	// Email is empty where the token may not see it.
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

// Filter says whom to list beyond the living.
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

// DirectoryOptions are what a Directory can be told beyond its token; each has
// a default.
type DirectoryOptions struct {
	// APIURL is where Slack's API is; empty is Slack's own.
	APIURL string
	// HTTP sends the requests; nil is a client of our own.
	HTTP *http.Client
	// Retry says how often and how patiently to try each page.
	Retry retry.Policy
}

// Directory reads a workspace's users and user groups through Slack's API.
type Directory struct{ api *webAPI }

// NewDirectory returns the directory of the workspace that the token, with the
// scopes users:read and usergroups:read, belongs to.
func NewDirectory(token secret.Value, options DirectoryOptions) *Directory {
	return &Directory{newWebAPI(token, "SLACK_API_TOKEN", options.APIURL, options.HTTP, options.Retry, nil)}
}

// Format keeps the token out of whatever prints a Directory.
func (*Directory) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack directory") }

// List reads all pages of users, then the user groups. What could be read is
// returned with the error for what could not: a *ScopeError, possibly joined
// with another, where the token lacks a scope.
func (d *Directory) List(ctx context.Context, filter Filter) (Listing, error) {
	var listing Listing
	users, err := d.users(ctx)
	for _, u := range users {
		if (u.Deleted && !filter.Deleted) || (u.Bot && !filter.Bots) {
			continue
		}
		listing.Users = append(listing.Users, u)
	}
	slices.SortFunc(listing.Users, func(a, b User) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	if _, lacking := errors.AsType[*ScopeError](err); err != nil && !lacking {
		return listing, err
	}
	groups, groupsErr := d.groups(ctx, filter.Deleted)
	listing.Groups = groups
	return listing, errors.Join(err, groupsErr)
}

// pageSize is what Slack recommends at most, see
// https://docs.slack.dev/reference/methods/users.list.
const pageSize = 200

func (d *Directory) users(ctx context.Context) (users []User, err error) {
	seen := map[string]bool{"": true}
	form := url.Values{"limit": {strconv.Itoa(pageSize)}}
	for {
		var page struct {
			Members  []member `json:"members"`
			Metadata struct {
				NextCursor string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if err := d.read(ctx, "users", "users.list", form, &page); err != nil {
			return users, err
		}
		for _, m := range page.Members {
			users = append(users, m.user())
		}
		next := page.Metadata.NextCursor
		if next == "" {
			return users, nil
		}
		if seen[next] {
			return users, errors.New("list users: slack gave the same page again")
		}
		seen[next] = true
		form.Set("cursor", next)
	}
}

// member is a user as users.list gives it, as far as it is shown.
type member struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Deleted  bool   `json:"deleted"`
	IsBot    bool   `json:"is_bot"`
	Profile  struct {
		DisplayName string `json:"display_name"`
		RealName    string `json:"real_name"`
		Email       string `json:"email"`
	} `json:"profile"`
}

func (m member) user() User {
	return User{
		ID:          m.ID,
		Name:        m.Name,
		DisplayName: m.Profile.DisplayName,
		RealName:    cmp.Or(m.RealName, m.Profile.RealName),
		Email:       m.Profile.Email,
		Deleted:     m.Deleted,
		// Slackbot is a bot, but for Slack's own flag.
		Bot: m.IsBot || m.ID == "USLACKBOT",
	}
}

// groups reads all groups: they come on one page, see
// https://docs.slack.dev/reference/methods/usergroups.list.
func (d *Directory) groups(ctx context.Context, deleted bool) ([]Group, error) {
	form := url.Values{"include_count": {"true"}}
	if deleted {
		form.Set("include_disabled", "true")
	}
	var found struct {
		Groups []userGroup `json:"usergroups"`
	}
	if err := d.read(ctx, "user groups", "usergroups.list", form, &found); err != nil {
		return nil, err
	}
	groups := make([]Group, len(found.Groups))
	for i, g := range found.Groups {
		groups[i] = g.group()
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Handle, b.Handle), cmp.Compare(a.ID, b.ID))
	})
	return groups, nil
}

// userGroup is a group as usergroups.list gives it, as far as it is shown.
type userGroup struct {
	ID         string      `json:"id"`
	Handle     string      `json:"handle"`
	Name       string      `json:"name"`
	UserCount  int         `json:"user_count"`
	DateDelete json.Number `json:"date_delete"` // 0 of the living
}

func (g userGroup) group() Group {
	return Group{
		ID: g.ID, Tag: "subteam-" + g.ID, Handle: g.Handle, Name: g.Name,
		Users: g.UserCount, Deleted: g.DateDelete != "" && g.DateDelete != "0",
	}
}

// read calls a method for what is to be listed.
func (d *Directory) read(ctx context.Context, what, method string, form url.Values, into any) error {
	err := d.api.read(ctx, method, form, nil, into)
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
