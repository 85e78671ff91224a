package leak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// tell hands every channel what is pending that it has no receipt for, and
// records what it took. What it does not take stays owed to the next run.
func (a *answering) tell(ctx context.Context) {
	pending, said := a.pending, strings.Join(a.said, "\n")
	a.pending, a.said = nil, nil
	pending = slices.DeleteFunc(pending, func(r *ledger.Record) bool { return !r.FinalOwed() || r.Final == nil })
	if len(pending) == 0 && said == "" {
		return
	}
	if len(a.Channels) == 0 {
		a.tellNobody(ctx, pending, said)
		return
	}
	a.checkReach(pending, said)
	t := telling{answering: a, byKey: map[string]*ledger.Record{}}
	var posts []notify.Post
	for _, channel := range a.Channels {
		bulletin := a.Config.Blank()
		bulletin.Account, bulletin.Run, bulletin.Announcement = a.Account, a.ID, said
		for _, record := range pending {
			t.byKey[record.KeyID] = record
			if _, told := record.Receipts[channel.Name()]; !told {
				bulletin.Notices = append(bulletin.Notices, *record.Final)
			}
		}
		posts = append(posts, notify.Post{Channel: channel, Bulletin: bulletin})
	}
	sending, cancel := a.timeToTell(ctx)
	defer cancel()
	// A receipt is recorded even where no time is left to tell any more.
	deliveries := notify.Deliver(sending, posts, func(_ context.Context, channel string, m notify.Message) error {
		if a.DryRun || !a.tells[channel] {
			return nil
		}
		return t.receipt(ctx, channel, m)
	})
	for _, d := range deliveries {
		if a.tells[d.Channel] { // what is only printed is not sent
			a.answer.MessagesSent += d.Sent
			a.answer.NoticesSent += d.Told
		}
		for _, failure := range d.Failures {
			a.answer.NoticesFailed += len(failure.Notices)
			a.problem("", fmt.Errorf("%s was not told of %s: %w", d.Channel, notify.NameKeys(failure.Notices), failure.Err))
		}
	}
	a.settleTold(ctx, pending)
}

func (a *answering) timeToTell(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.Deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	kept := min(keptFromTelling, a.Deadline.Sub(a.answer.At)/16)
	return context.WithTimeout(ctx, a.Deadline.Sub(a.now())-kept)
}

// checkReach names what no channel tells.
func (a *answering) checkReach(pending []*ledger.Record, said string) {
	if len(a.tells) == 0 {
		return
	}
	for _, record := range pending {
		if len(notify.Unreachable(a.Channels, []notify.Notice{*record.Final})) > 0 {
			a.answer.NoticesFailed++
			a.problem(record.KeyID, fmt.Errorf("nobody was told of leaked key %s of user %s: %s", record.KeyID, record.User, notify.NoWay))
		}
	}
	if said == "" {
		return
	}
	for _, c := range a.Channels {
		if _, selective := c.(notify.Selective); !selective && notify.TellsPeople(c) {
			return
		}
	}
	a.problem("", errors.New("nobody was told what is no user's to hear: set a channel that tells of all keys, such as SLACK_URL or SNS_TOPIC"))
}

// tellNobody is tell where no channel is set. A key that is disabled is out of
// harm's way; one that is not needs somebody.
func (a *answering) tellNobody(ctx context.Context, pending []*ledger.Record, said string) {
	for _, record := range pending {
		if record.Final.Kind == notify.Exposed {
			a.problem(record.KeyID, fmt.Errorf("nobody was told that key %s of user %s was found in public and is still active; "+
				"set a channel, such as SLACK_URL or SNS_TOPIC", record.KeyID, record.User))
			continue
		}
		a.Log.WarnContext(ctx, "a leaked key is disabled and nobody is told, as no channel is set", "key", record.KeyID, "user", record.User)
		a.settle(ctx, record)
	}
	if said != "" {
		a.problem("", errors.New("nobody was told, as no channel is set: "+said))
	}
}

// settleTold closes the records whose receipts came before, where the channel
// that was owed is no longer set.
func (a *answering) settleTold(ctx context.Context, pending []*ledger.Record) {
	if len(a.tells) == 0 {
		return
	}
	for _, record := range pending {
		if record.FinalOwed() && record.ToldBy(notify.Owed(a.Channels, *record.Final)) {
			a.settle(ctx, record)
		}
	}
}

func (a *answering) settle(ctx context.Context, record *ledger.Record) {
	if a.DryRun {
		return
	}
	record.Settled, record.Changed = a.now(), a.now()
	if err := a.Store.Put(ctx, record); err != nil {
		a.problem(record.KeyID, fmt.Errorf("record that nothing is owed: %w", err))
	}
}

// telling is the records that are told of at one time.
type telling struct {
	*answering
	mu    sync.Mutex // channels come with their receipts side by side
	byKey map[string]*ledger.Record
}

// receipt records that a channel took a message.
func (t *telling) receipt(ctx context.Context, channel string, m notify.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var failed []error
	for _, n := range m.Notices {
		if record := t.byKey[n.KeyID]; record != nil {
			failed = append(failed, t.receive(ctx, record, channel, n))
		}
	}
	return errors.Join(failed...)
}

// receive writes one receipt. Where somebody else has written the record since,
// it goes into theirs if that owes the same notice; one that owes another will
// have it told.
func (t *telling) receive(ctx context.Context, record *ledger.Record, channel string, n notify.Notice) error {
	owed := notify.Owed(t.Channels, n)
	var err error
	for range mostAttempts {
		record.Receive(channel, t.now(), owed)
		record.Changed = t.now()
		if err = t.Store.Put(ctx, record); !errors.Is(err, ledger.ErrConflict) {
			return err
		}
		newest, loading := stored(ctx, t.Store, record.Account, record.KeyID)
		if loading != nil {
			return errors.Join(err, loading)
		}
		if newest == nil {
			record.Revision = 0
			continue
		}
		*record = *newest
		if record.Final == nil || record.Final.Kind != n.Kind || record.Final.Reason != n.Reason {
			return nil
		}
	}
	return err
}
