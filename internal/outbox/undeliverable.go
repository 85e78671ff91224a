package outbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// reportUndeliverable names what this run cannot deliver whatever the channels
// answer: notices that are due on a channel which it does not have, and those
// whose owners none of its channels can reach.
func (d *delivery) reportUndeliverable() {
	missing := map[string][]notify.Notice{}
	for _, item := range d.items {
		elsewhere, reachable := d.dueElsewhere(item), true
		for _, id := range elsewhere {
			missing[id] = append(missing[id], item.notice())
		}
		if len(elsewhere) == 0 {
			reachable = d.reaches(item)
		}
		if !reachable {
			d.result.Failed++
			d.problem(item.Notice.User, item.Notice.KeyID, fmt.Errorf("user %s could not be notified about key %s%s: %w",
				item.Notice.User, item.Notice.KeyID, inAccount(item.notice()), d.whyUnreachable()))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		d.result.Failed += len(missing[id])
		d.problem("", "", fmt.Errorf("final notices are due on the channel %s, which this run does not have: %s; "+
			"set that channel again, or close each with 'sleuth state close KEY'", id, notify.ShowKeyIDs(missing[id])))
	}
}

// dueElsewhere are the channels that a final notice is pending on and that this
// run does not have, or that no longer accept it.
func (d *delivery) dueElsewhere(item Item) []string {
	if !item.Notice.Kind.Final() || item.Record.Final() == nil {
		return nil
	}
	return slices.DeleteFunc(item.Record.Final().PendingOn(), func(id string) bool {
		return slices.ContainsFunc(d.Channels, func(c notify.Channel) bool { return c.ID() == id && notify.Accepts(c, item.notice()) })
	})
}

// reaches reports whether some channel can deliver the item. Channels that only
// print are not asked to, and a run without channels warns nobody.
func (d *delivery) reaches(item Item) bool {
	final := item.Notice.Kind.Final()
	if final && len(item.Record.Final().Due.Channels) > 0 {
		return true
	}
	if len(d.Channels) == 0 {
		return !final
	}
	if !slices.ContainsFunc(d.Channels, notify.Delivers) {
		return true
	}
	return len(notify.Recipients(d.Channels, item.notice())) > 0
}

var errNoChannel = errors.New("no channel is configured; set one, such as SLACK_URL or SNS_TOPIC")

// ErrUnreachable says why a notice cannot be delivered although channels are
// configured, and what to do.
var ErrUnreachable = errors.New("no channel can reach its owner; give the user a Slack or an Email tag, or set a channel that accepts notices about all keys")

func (d *delivery) whyUnreachable() error {
	if len(d.Channels) == 0 {
		return errNoChannel
	}
	return ErrUnreachable
}

// inAccount names the account of a notice that is part of a digest.
func inAccount(n notify.Notice) string {
	if n.Account.ID == "" {
		return ""
	}
	return " in account " + n.Account.ID
}
