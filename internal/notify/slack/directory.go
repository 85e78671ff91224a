package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	slackapi "github.com/slack-go/slack"

	"github.com/iam-sleuth/sleuth/internal/notify/retry"
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
	return fmt.Sprintf("list %s: the token lacks the scope %s: add it under OAuth & Permissions and install the app again",
		e.What, e.Scope)
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
type Directory struct {
	client *slackapi.Client
	token  secret.Value
	retry  retry.Policy
}

// NewDirectory returns the directory of the workspace that the token, with the
// scopes users:read and usergroups:read, belongs to.
func NewDirectory(token secret.Value, options DirectoryOptions) *Directory {
	settings := []slackapi.Option{slackapi.OptionHTTPClient(clientFor(options.HTTP))}
	if options.APIURL != "" {
		settings = append(settings, slackapi.OptionAPIURL(strings.TrimSuffix(options.APIURL, "/")+"/"))
	}
	return &Directory{
		client: slackapi.New(token.Reveal(), settings...),
		token:  token,
		retry:  options.Retry,
	}
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
	page := d.client.GetUsersPaginated(slackapi.GetUsersOptionLimit(pageSize))
	seen := map[string]bool{"": true}
	for {
		err := d.read(ctx, "users", "users:read", func(ctx context.Context) error {
			next, err := page.Next(ctx)
			if err == nil {
				page = next
			}
			return err
		})
		if err != nil {
			return users, err
		}
		for _, u := range page.Users {
			users = append(users, userOf(u))
		}
		if page.Cursor == "" {
			return users, nil
		}
		if seen[page.Cursor] {
			return users, errors.New("list users: slack gave the same page again")
		}
		seen[page.Cursor] = true
	}
}

func userOf(u slackapi.User) User {
	return User{
		ID:          u.ID,
		Name:        u.Name,
		DisplayName: u.Profile.DisplayName,
		RealName:    cmp.Or(u.RealName, u.Profile.RealName),
		Email:       u.Profile.Email,
		Deleted:     u.Deleted,
		// Slackbot is a bot, but for Slack's own flag.
		Bot: u.IsBot || u.ID == "USLACKBOT",
	}
}

func (d *Directory) groups(ctx context.Context, deleted bool) (groups []Group, err error) {
	err = d.read(ctx, "user groups", "usergroups:read", func(ctx context.Context) error {
		found, err := d.client.GetUserGroupsContext(ctx,
			slackapi.GetUserGroupsOptionIncludeCount(true),
			slackapi.GetUserGroupsOptionIncludeDisabled(deleted))
		if err != nil {
			return err
		}
		groups = make([]Group, len(found))
		for i, g := range found {
			groups[i] = Group{
				ID: g.ID, Tag: "subteam-" + g.ID, Handle: g.Handle, Name: g.Name,
				Users: g.UserCount, Deleted: g.DateDelete != 0,
			}
		}
		return nil
	})
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Handle, b.Handle), cmp.Compare(a.ID, b.ID))
	})
	return groups, err
}

// read makes one call of the API, which needs a scope.
func (d *Directory) read(ctx context.Context, what, scope string, call func(context.Context) error) error {
	err := d.retry.Do(ctx, func(ctx context.Context) error { return classify(call(ctx)) })
	if err == nil {
		return nil
	}
	refused, ok := errors.AsType[slackapi.SlackErrorResponse](err)
	if ok && refused.Err == "missing_scope" {
		return &ScopeError{What: what, Scope: cmp.Or(refused.Needed, scope)}
	}
	if hint := tokenHints[refused.Err]; hint != "" {
		return fmt.Errorf("list %s: slack answered %s: %s", what, refused.Err, hint)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("list %s: %w", what, ctx.Err())
	}
	return fmt.Errorf("list %s: %s", what, secret.Scrub(err.Error(), d.token))
}

// classify says which errors of the API are worth another attempt.
func classify(err error) error {
	if limited, ok := errors.AsType[*slackapi.RateLimitedError](err); ok {
		return retry.After(limited.RetryAfter, err)
	}
	if refused, ok := errors.AsType[slackapi.SlackErrorResponse](err); ok {
		switch refused.Err {
		case "fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable":
			return err
		}
		return retry.Permanent(err)
	}
	if status, ok := errors.AsType[slackapi.StatusCodeError](err); ok && status.Code < 500 {
		return retry.Permanent(err)
	}
	return err
}

// tokenHints say what to do about a token that Slack does not take, see
// https://docs.slack.dev/reference/methods/users.list#errors.
var tokenHints = map[string]string{
	"not_authed":             "set SLACK_API_TOKEN",
	"invalid_auth":           "SLACK_API_TOKEN is not a token of Slack's, or its address may not use it",
	"account_inactive":       "the token's user or app was removed: make a new token",
	"token_revoked":          "the token was revoked: make a new one",
	"token_expired":          "the token has expired: make a new one",
	"not_allowed_token_type": "this kind of token may not list users: use a bot token (xoxb-)",
	"org_login_required":     "the workspace is moving to an organization: try later",
	"ekm_access_denied":      "the workspace's administrators have suspended access",
}
