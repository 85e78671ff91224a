package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	slackgo "github.com/slack-go/slack"
)

// Scopes are what an App's token must be allowed to do.
var Scopes = []string{"chat:write", "im:write", "users:read", "users:read.email"}

// Identity is whom a token belongs to.
type Identity struct {
	Team string // the workspace's name
	URL  string // the workspace's address
	Bot  string // the app's user name there
	// Granted are the scopes that the token has; none if Slack did not say.
	Granted []string
	// Lacking are those of Scopes that it has not, as far as Slack says.
	Lacking []string
}

// Identify asks Slack whom the token belongs to and what it may do. Nobody sees
// anything of it. An error says what to do.
// https://docs.slack.dev/reference/methods/auth.test
func (a *App) Identify(ctx context.Context) (who Identity, err error) {
	defer a.guarded(&err)
	var answer *slackgo.AuthTestResponse
	err = a.api.call(ctx, nil, func(ctx context.Context, client *slackgo.Client) (err error) {
		answer, err = client.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return Identity{}, fmt.Errorf("ask slack whose the token is: %w", err)
	}
	who = Identity{Team: answer.Team, URL: answer.URL, Bot: answer.User}
	for scope := range strings.SplitSeq(a.api.scrub(answer.Header.Get("X-OAuth-Scopes")), ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			who.Granted = append(who.Granted, scope)
		}
	}
	for _, scope := range Scopes {
		if len(who.Granted) > 0 && !slices.Contains(who.Granted, scope) {
			who.Lacking = append(who.Lacking, scope)
		}
	}
	return who, nil
}
