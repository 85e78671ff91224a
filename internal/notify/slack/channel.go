package slack

import (
	"context"
	"fmt"
	"io"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// ChannelName is the name of an app's Channel in logs, reports and receipts.
const ChannelName = "slack-channel"

// Channel is the channel that an app posts the list of all keys to. It mentions groups, and
// names the people whom Direct writes to: one bell for one key is enough.
type Channel struct {
	app *App
	id  string
}

var (
	_ notify.Channel   = (*Channel)(nil)
	_ notify.TagReader = (*Channel)(nil)
)

// Channel returns the channel with an id (C... or G...), which the app is a
// member of.
func (a *App) Channel(id string) *Channel { return &Channel{a, id} }

// Name implements notify.Channel.
func (*Channel) Name() string { return ChannelName }

// ID implements notify.Channel. A channel's id is unique in all of Slack, so a
// new token does not change it.
func (c *Channel) ID() string { return notify.ChannelID(ChannelName, c.id) }

// Format keeps the app's token out of whatever prints a Channel.
func (c *Channel) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "slack channel "+c.id)
}

// Compose implements notify.Channel. The messages are the webhook's.
func (c *Channel) Compose(b notify.Batch) []notify.Message {
	if b.Empty() {
		return nil
	}
	messages := composer{channel: c.id, named: hasAddress}.compose(b)
	for i := range messages {
		messages[i].Subject = "to " + c.id
	}
	return messages
}

// TagProblems implements notify.TagReader: those whom Direct writes to need no
// mention.
func (*Channel) TagProblems(n notify.Notice) []notify.TagProblem {
	if hasAddress(n) {
		return nil
	}
	return unmentioned(n)
}

// Send implements notify.Channel. It tries again after 429, 5xx, a failure of
// Slack's own, a timeout or a lost connection; any other refusal is final.
func (c *Channel) Send(ctx context.Context, m notify.Message) (err error) {
	defer c.app.guarded(&err)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("post to slack channel %s: %w", c.id, err)
	}
	c.app.print(ChannelName, m)
	if err := c.app.post(ctx, c.id, m.Body); err != nil {
		return fmt.Errorf("post to slack channel %s: %w", c.id, err)
	}
	return nil
}
