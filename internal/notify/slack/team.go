package slack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// TeamName is the name of an app's Team in logs, reports and receipts.
const TeamName = "slack-team"

// Team posts to the channel of each team the list of the keys that are the team's.
type Team struct {
	app  *App
	main string // the id of the channel that has the list of all keys
}

var (
	_ notify.Channel  = (*Team)(nil)
	_ notify.Filtered = (*Team)(nil)
)

// Team returns the channel of the teams' lists. The id is of the channel that gets
// the list of all keys, which needs none of a team.
func (a *App) Team(channelID string) *Team { return &Team{a, channelID} }

// Name implements notify.Channel.
func (*Team) Name() string { return TeamName }

// ID implements notify.Channel. A notice itself says in which channel it is; the
// channel for all keys identifies the workspace, whatever the token.
func (t *Team) ID() string { return notify.ChannelID(TeamName, t.main) }

// Format keeps the app's token out of whatever prints a Team.
func (*Team) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "slack channels of teams") }

// Accepts implements notify.Filtered: a notice whose owner's team has a channel.
func (t *Team) Accepts(n notify.Notice) bool {
	return n.TeamChannel != "" && n.TeamChannel != t.main
}

// Compose implements notify.Channel. The messages are those of Channel.
func (*Team) Compose(b notify.Batch) []notify.Message {
	byChannel := map[string][]notify.Notice{}
	for _, n := range b.Notices {
		byChannel[n.TeamChannel] = append(byChannel[n.TeamChannel], n)
	}
	b.Announcement = ""
	var messages []notify.Message
	for _, channel := range slices.Sorted(maps.Keys(byChannel)) {
		b.Notices = byChannel[channel]
		for _, m := range (composer{channel: channel, named: hasAddress}).compose(b) {
			m.To = channel
			messages = append(messages, m)
		}
	}
	return messages
}

// Send implements notify.Channel. It tries again as Channel does.
func (t *Team) Send(ctx context.Context, m notify.Message) (err error) {
	defer t.app.guarded(&err)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("post to slack channel %s of a team: %w", m.To, err)
	}
	t.app.print(TeamName+" to "+m.To, m)
	if err := t.app.post(ctx, m.To, m.Body); err != nil {
		return fmt.Errorf("post to slack channel %s of a team: %w", m.To, err)
	}
	return nil
}
