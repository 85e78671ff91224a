package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// How fast an app may call, see https://docs.slack.dev/apis/web-api/rate-limits.
const (
	// appInterval is between any two messages of the app's: a workspace takes
	// several hundred a minute.
	appInterval = 200 * time.Millisecond
	// lookupInterval is between two searches for a person: a method of tier 3
	// takes 50 a minute, and more now and then.
	lookupInterval = 1200 * time.Millisecond
	lookupBurst    = 20
)

// AppOptions are the options of a App besides its token; each has a default.
type AppOptions struct {
	// APIURL is the URL of Slack's API; empty is APIURL. It must be https unless
	// it leads to this machine.
	APIURL string
	// HTTP sends the requests; nil is a client of our own, which uses the
	// environment's proxy. Redirects are never followed: they would be given
	// the token.
	HTTP *http.Client
	// Echo is where every message that is sent is printed as well; nil is
	// nowhere.
	Echo io.Writer
	// Log gets a line for each person who could not be reached; may be nil.
	Log *slog.Logger
	// Retry says how often and how patiently to try; its Sleep serves the
	// pacing too, its Pace is not used.
	Retry retry.Policy
	// Now is the clock, for pacing and for waits that Slack gives as a date;
	// nil is time.Now.
	Now func() time.Time
}

// App is a Slack app, by its bot token. Its channels share its pace. It is safe
// for use by several goroutines.
type App struct {
	api *webAPI
	log *slog.Logger

	lookups *retry.Pacer
	posts   *retry.Pacer // of all messages of the app

	mu            sync.Mutex
	echo          io.Writer
	conversations map[string]*retry.Pacer
}

// NewApp returns the app with a token, which has the scopes chat:write, im:write,
// users:read and users:read.email. An error does not quote the token.
func NewApp(token secret.Value, options AppOptions) (*App, error) {
	if err := checkURL(secret.New(cmp.Or(options.APIURL, APIURL))); err != nil {
		return nil, fmt.Errorf("slack api url %q: %w", options.APIURL, err)
	}
	if !token.IsSet() {
		return nil, errors.New("the slack token is empty")
	}
	a := &App{
		api:           newWebAPI(token, "SLEUTH_SLACK_TOKEN", options.APIURL, options.HTTP, options.Retry, options.Now),
		log:           options.Log,
		echo:          options.Echo,
		conversations: map[string]*retry.Pacer{},
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.lookups = a.newPacer(lookupInterval, lookupBurst)
	a.posts = a.newPacer(appInterval, 1)
	return a, nil
}

// Format keeps the token out of whatever prints an App.
func (*App) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack app") }

func (a *App) newPacer(interval time.Duration, burst int) *retry.Pacer {
	return retry.NewPacer(interval, burst, a.api.now, a.api.retry.Sleep)
}

// mayPost waits until a message may go to a conversation.
func (a *App) mayPost(conversation string) func(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.conversations[conversation]
	if own == nil {
		own = a.newPacer(Interval, 1)
		a.conversations[conversation] = own
	}
	return func(ctx context.Context) error {
		if err := own.Wait(ctx); err != nil {
			return err
		}
		return a.posts.Wait(ctx)
	}
}

// post sends a message, which is JSON, to a conversation.
func (a *App) post(ctx context.Context, conversation, message string) error {
	options, err := optionsOf(message)
	if err != nil {
		return err
	}
	return a.api.call(ctx, a.mayPost(conversation), func(ctx context.Context, client *slackgo.Client) error {
		// Slack's ok counts, whatever slack-go makes of the rest of its answer.
		_, _, _ = client.PostMessageContext(ctx, conversation, options...)
		return nil
	})
}

// optionsOf is a message as slack-go takes it.
func optionsOf(message string) ([]slackgo.MsgOption, error) {
	var m struct {
		Text        string               `json:"text"`
		Attachments []slackgo.Attachment `json:"attachments"`
		Blocks      slackgo.Blocks       `json:"blocks"`
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		return nil, fmt.Errorf("read the message for slack: %w", err)
	}
	options := []slackgo.MsgOption{slackgo.MsgOptionText(m.Text, false)}
	if len(m.Attachments) > 0 {
		options = append(options, slackgo.MsgOptionAttachments(m.Attachments...))
	}
	if len(m.Blocks.BlockSet) > 0 {
		options = append(options, slackgo.MsgOptionBlocks(m.Blocks.BlockSet...))
	}
	return options, nil
}

// find asks who has a mail address. Who was removed from the workspace is not
// found.
func (a *App) find(ctx context.Context, address string) (id string, err error) {
	const method = "users.lookupByEmail"
	var user *slackgo.User
	err = a.api.call(ctx, a.lookups.Wait, func(ctx context.Context, client *slackgo.Client) (err error) {
		user, err = client.GetUserByEmailContext(ctx, address)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case user.Deleted:
		return "", &Refusal{Method: method, Reason: "user_disabled"}
	case !memberID.MatchString(user.ID):
		return "", fmt.Errorf("slack answered %s with a user without an id", method)
	}
	return user.ID, nil
}

// print shows a message that is about to be sent, if that is wanted.
func (a *App) print(channel string, m notify.Message) {
	if a.echo == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = fmt.Fprintf(a.echo, "%s message: %s\n%s\n", channel, m.Subject, m.Body)
}

// guarded turns a panic of a sending into an error that quotes no token.
func (a *App) guarded(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("post to slack: panic: %s", a.api.scrub(fmt.Sprint(p)))
	}
}
