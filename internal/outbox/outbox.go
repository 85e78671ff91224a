// Package outbox delivers pending notices: it hands each channel what is due on
// it, records what the channel accepts, and says what could not be delivered.
// A notice that is not acknowledged stays pending in the ledger.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Outbox is the way to every channel of a run.
type Outbox struct {
	Channels []notify.Channel
	Ledger   ledger.Records
	Breaker  *Breaker // may be shared; nil is one of its own for each delivery
	Now      func() time.Time
	Log      *slog.Logger
}

// Item is one notice to deliver.
type Item struct {
	Record *ledger.Record
	// Notice may be shared with the record, as a digest has very many; it is not
	// changed.
	Notice *notify.Notice
	// Account is the account of the key, in a digest; elsewhere the batch's.
	Account account.Account
	// Delivered is the change of the record once a warning was delivered; nil
	// for a final notice, which is acknowledged channel by channel.
	Delivered ledger.Change
}

// Final is the item of a record's final notice, which is of account in a digest.
// It must be pending.
func Final(record *ledger.Record, account account.Account) Item {
	return Item{Record: record, Notice: &record.Final().Notice, Account: account}
}

// Ref names a key among several accounts.
type Ref struct{ Account, KeyID string }

func refOf(r ledger.Record) Ref { return Ref{r.Account(), r.KeyID()} }

// Result is the result of a delivery.
type Result struct {
	// Notices counts notices that channels accepted, each channel on its own,
	// and Messages the messages they were in.
	Notices, Messages int
	// Failed counts notices that were due on a channel and not delivered.
	Failed int
	// Warned are the keys whose owners received a warning.
	Warned map[Ref]bool
	// Closed counts, by account, the final notices of which nothing is pending
	// any more.
	Closed map[string]int
	// Announced: some channel accepted the announcement.
	Announced bool
	Problems  []Problem
}

// Problem is something that was not delivered. Its error names the keys.
type Problem struct {
	User, KeyID string // empty if it is about several
	Err         error
}

// Due says on which channels a final notice is due, for the ledger: on those
// that can reach the owner. Without any channel, as the administrator asked for,
// nobody is notified of a key that is disabled; a leaked key that is still
// active waits for a channel.
func Due(channels []notify.Channel, n notify.Notice) ledger.Due {
	return ledger.Due{Channels: notify.Recipients(channels, n), Silent: len(channels) == 0 && n.Kind != notify.LeakedActive}
}

// Deliver hands every channel the notices that are due on it, with the
// announcement of the batch, until deadline (zero: no limit). Channels are
// delivered to side by side. An acknowledgement is recorded even if ctx has
// ended by then.
func (o Outbox) Deliver(ctx context.Context, deadline time.Time, batch notify.Batch, items []Item) Result {
	d := &delivery{Outbox: o, items: items, index: indexOf(items), result: Result{Warned: map[Ref]bool{}, Closed: map[string]int{}}}
	if d.Breaker == nil {
		d.Breaker = &Breaker{}
	}
	d.reportUndeliverable()
	sending, cancel := budget.Until(ctx, deadline, o.Now())
	defer cancel()
	posts := d.posts(batch)
	outcomes := notify.Deliver(sending, posts, func(_ context.Context, channel notify.Channel, m notify.Message) error {
		if !notify.Delivers(channel) {
			return nil
		}
		recording, cancel := o.recording(ctx, deadline)
		defer cancel()
		return d.acknowledge(recording, channel, m.Notices)
	})
	for i, outcome := range outcomes {
		d.count(ctx, posts[i].Channel, outcome)
	}
	d.result.Announced = notify.Announced(posts, outcomes)
	return d.result
}

// recordTimeout bounds the recording of one acknowledgement, and of all those
// that come in as the deadline passes.
const recordTimeout = 10 * time.Second

func (o Outbox) recording(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	timeout := recordTimeout
	if !deadline.IsZero() {
		timeout = min(timeout, deadline.Add(recordTimeout).Sub(o.Now()))
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}

// delivery is the working state of one Deliver.
type delivery struct {
	Outbox
	items []Item
	index map[noticeRef][]int // where in items they are

	mu     sync.Mutex // guards the records and the result while channels deliver
	result Result
}

func (d *delivery) posts(batch notify.Batch) []notify.Post {
	var posts []notify.Post
	for _, channel := range d.Channels {
		b := batch
		b.Notices = make([]notify.Notice, 0, len(d.items))
		for _, item := range d.items {
			if item.dueOn(channel) {
				b.Notices = append(b.Notices, item.notice())
			}
		}
		if b.Digest != "" {
			b.MentionOnce()
		}
		posts = append(posts, notify.Post{Channel: channel, Batch: b, Send: d.Breaker.guarded(channel)})
	}
	return posts
}

// notice is the notice as it is sent.
func (i Item) notice() notify.Notice {
	n := *i.Notice
	n.Account = i.Account
	return n
}

// dueOn reports whether a channel is to be handed the item. What a channel is
// not for, notify leaves out.
func (i Item) dueOn(channel notify.Channel) bool {
	if !i.Notice.Kind.Final() {
		return true
	}
	final := i.Record.Final()
	if final == nil || !final.Pending() {
		return false
	}
	return len(final.Due.Channels) == 0 || slices.Contains(final.PendingOn(), channel.ID())
}

// acknowledge records that a channel accepted notices.
func (d *delivery) acknowledge(ctx context.Context, channel notify.Channel, accepted []notify.Notice) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	finals, warnings := map[Ref]notify.Notice{}, map[Ref]*Item{}
	var records []*ledger.Record
	for _, item := range d.itemsOf(accepted) {
		ref := refOf(*item.Record)
		switch {
		case item.Notice.Kind.Final():
			finals[ref] = *item.Notice
		case notify.CountsAsWarning(d.Channels, channel, item.notice()):
			warnings[ref] = item
			d.result.Warned[ref] = true
		}
		if !slices.Contains(records, item.Record) {
			records = append(records, item.Record)
		}
	}
	return ledger.UpdateAll(ctx, d.Ledger, records, func(r *ledger.Record) error {
		unchanged := true
		if notice, accepted := finals[refOf(*r)]; accepted {
			if err := d.acknowledgeFinal(r, channel, notice); err == nil {
				unchanged = false
			} else if !errors.Is(err, ledger.ErrUnchanged) {
				return err
			}
		}
		if item, accepted := warnings[refOf(*r)]; accepted {
			if err := item.Delivered(r); err == nil {
				unchanged = false
			} else if !errors.Is(err, ledger.ErrUnchanged) {
				return err
			}
		}
		if unchanged {
			return ledger.ErrUnchanged
		}
		return nil
	})
}

// noticeRef names a notice among those of a delivery.
type noticeRef struct {
	Ref
	final bool
}

func indexOf(items []Item) map[noticeRef][]int {
	index := make(map[noticeRef][]int, len(items))
	for i := range items {
		ref := refOfNotice(items[i].notice())
		index[ref] = append(index[ref], i)
	}
	return index
}

func refOfNotice(n notify.Notice) noticeRef {
	return noticeRef{Ref{n.Account.ID, n.KeyID}, n.Kind.Final()}
}

// itemsOf returns the items of notices that a channel accepted. Outside a digest
// an item has no account, and channels may add the batch's.
func (d *delivery) itemsOf(accepted []notify.Notice) []*Item {
	var items []*Item
	add := func(ref noticeRef) {
		for _, i := range d.index[ref] {
			items = append(items, &d.items[i])
		}
	}
	for _, n := range accepted {
		ref := refOfNotice(n)
		add(ref)
		if ref.Account != "" {
			ref.Account = ""
			add(ref)
		}
	}
	return items
}

// acknowledgeFinal records one acknowledgement. If the record, which others may
// have written since, now has another notice pending, that one is still to be
// delivered.
func (d *delivery) acknowledgeFinal(r *ledger.Record, channel notify.Channel, n notify.Notice) error {
	now, final := d.Now().UTC(), r.Final()
	if final == nil || !final.Pending() || final.Notice.Kind != n.Kind || final.Notice.Reason != n.Reason {
		return ledger.ErrUnchanged
	}
	if len(final.Due.Channels) == 0 {
		if err := r.Assign(now, notify.Recipients(d.Channels, n)); err != nil {
			return err
		}
	}
	if !slices.Contains(r.Final().PendingOn(), channel.ID()) {
		return ledger.ErrUnchanged
	}
	if err := r.Acknowledge(now, channel.ID()); err != nil {
		return err
	}
	if !r.FinalPending() {
		d.result.Closed[r.Account()]++
	}
	return nil
}

// count adds the results of one channel's messages.
func (d *delivery) count(ctx context.Context, channel notify.Channel, outcome notify.Delivery) {
	if notify.Delivers(channel) { // what is only printed is not sent
		d.result.Messages += outcome.Sent
		d.result.Notices += outcome.Notices
	}
	for _, failure := range outcome.Failures {
		d.result.Failed += len(failure.Notices)
		for _, n := range failure.Notices {
			d.Log.ErrorContext(ctx, "a notice was not delivered", "channel", outcome.Channel,
				"account", n.Account.ID, "user", n.User, "key", n.KeyID, "notice", string(n.Kind))
		}
		d.problem("", "", notDelivered(outcome.Channel, failure))
	}
}

// notDelivered says why a message was not delivered, and then about which keys
// it was, if those are several.
func notDelivered(channel string, failure notify.Failure) error {
	keys := notify.ShowKeyIDs(failure.Notices)
	if n := len(failure.Notices); n > 1 {
		return fmt.Errorf("notify on %s about %d keys: %w (%s)", channel, n, failure.Err, keys)
	}
	return fmt.Errorf("notify on %s about %s: %w", channel, keys, failure.Err)
}

func (d *delivery) problem(user, keyID string, err error) {
	d.result.Problems = append(d.result.Problems, Problem{User: user, KeyID: keyID, Err: err})
}
