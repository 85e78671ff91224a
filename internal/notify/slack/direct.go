package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// DirectName is the name of an app's Direct in logs, reports and receipts.
const DirectName = "slack-direct"

// Direct writes to each person about their own keys. Who can't be reached is
// written to in a channel.
//
// A message goes to the person's id: chat.postMessage opens the conversation
// itself, see https://docs.slack.dev/reference/methods/chat.postMessage#channels.
type Direct struct {
	app     *App
	channel string // the id of the one for those who can't be reached

	mu    sync.Mutex
	found map[string]string // ids by mail address, as far as they were asked for
}

var (
	_ notify.Channel   = (*Direct)(nil)
	_ notify.Filtered  = (*Direct)(nil)
	_ notify.TagReader = (*Direct)(nil)
)

// Direct returns the channel of direct messages. The id is of the channel for
// those who can't be reached.
func (a *App) Direct(channelID string) *Direct {
	return &Direct{app: a, channel: channelID, found: map[string]string{}}
}

// Name implements notify.Channel.
func (*Direct) Name() string { return DirectName }

// ID implements notify.Channel. A notice itself says whom it is for; the channel
// for those who can't be reached identifies the workspace, whatever the token.
func (d *Direct) ID() string { return notify.ChannelID(DirectName, d.channel) }

// Format keeps the app's token out of whatever prints a Direct.
func (*Direct) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack direct messages") }

// Accepts implements notify.Filtered: a notice is for a person whose id or mail
// address is known. Groups, and who has neither, are for the Channel alone.
func (*Direct) Accepts(n notify.Notice) bool { return hasAddress(n) }

// TagProblems implements notify.TagReader: a message begins with the person's
// name.
func (*Direct) TagProblems(n notify.Notice) []notify.TagProblem { return notify.MissingName(n) }

func hasAddress(n notify.Notice) bool { return addressOf(n) != "" }

// addressOf is the address of a key's owner: a member's id, or a mail
// address for lack of one. Of a group, and of nobody in particular, it is "".
func addressOf(n notify.Notice) string {
	tag := strings.TrimSpace(n.SlackTag)
	switch {
	case memberID.MatchString(tag):
		return tag
	case groupTag.MatchString(tag):
		return ""
	}
	return strings.ToLower(strings.TrimSpace(n.Email))
}

// Compose implements notify.Channel. A message whose reader's id is not known
// yet has their mail address in its place.
func (*Direct) Compose(b notify.Batch) []notify.Message {
	b = asMarkup(b)
	var messages []notify.Message
	for _, dm := range b.DirectMessages(addressOf) {
		messages = append(messages, composeDirectMessage(b, dm)...)
	}
	return messages
}

// Send implements notify.Channel. It tries again as Channel does. The message
// of a person who can't be reached goes to the channel, with their mention, or
// their user name for lack of an id, and the reason.
func (d *Direct) Send(ctx context.Context, m notify.Message) (err error) {
	defer d.app.guarded(&err)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write to a person in slack: %w", err)
	}
	var dm directPayload
	if err := json.Unmarshal([]byte(m.Body), &dm); err != nil {
		return fmt.Errorf("read the message to a person in slack: %w", err)
	}
	d.app.print(DirectName, m)
	sendErr := d.send(ctx, &dm)
	if sendErr == nil {
		return nil
	}
	why, ok := whyUnreached(sendErr)
	if !ok {
		return fmt.Errorf("write to user %s in slack: %w", dm.User, sendErr)
	}
	if err := d.app.post(ctx, d.channel, dm.inChannel(d.channel, why)); err != nil {
		return fmt.Errorf("write to user %s in slack, who can't be reached (%w), by posting to channel %s: %w", dm.User, sendErr, d.channel, err)
	}
	d.app.log.WarnContext(ctx, "a person could not be reached by direct message and was notified in the channel",
		"user", dm.User, "because", why, "error", sendErr.Error())
	return nil
}

// send writes to the person themselves. What it finds out of their id stays in
// the message.
func (d *Direct) send(ctx context.Context, dm *directPayload) error {
	if dm.Channel == "" {
		id, err := d.find(ctx, dm.Email)
		if err != nil {
			return fmt.Errorf("look for the person with the mail address: %w", err)
		}
		dm.Channel = id
	}
	return d.app.post(ctx, dm.Channel, dm.to(dm.Channel))
}

// find asks for the same person once only: they may have several messages.
func (d *Direct) find(ctx context.Context, address string) (id string, err error) {
	d.mu.Lock()
	id, known := d.found[address]
	d.mu.Unlock()
	if known {
		return id, nil
	}
	if id, err = d.app.find(ctx, address); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[address] = id
	return id, nil
}
