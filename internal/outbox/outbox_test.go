package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

const acct = "123456789012"

// channel is a channel that keeps what it accepts, a message a notice.
type channel struct {
	name string
	err  error
	// send is called before a message is accepted.
	send func(context.Context) error
	// only are the users that it accepts notices about; nil is all.
	only []string

	mu       sync.Mutex
	tried    int
	accepted []string
	named    []string // the keys whose owners were named and not mentioned
	said     string
}

func (c *channel) Name() string { return c.name }
func (c *channel) ID() string   { return c.name }

func (c *channel) Compose(b notify.Batch) (messages []notify.Message) {
	for _, n := range b.Notices {
		messages = append(messages, notify.Message{Notices: []notify.Notice{n}})
	}
	if b.Announcement != "" {
		messages = append(messages, notify.Message{Body: b.Announcement})
	}
	return messages
}

func (c *channel) Send(ctx context.Context, m notify.Message) error {
	if c.send != nil {
		if err := c.send(ctx); err != nil {
			c.tried++
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if c.err != nil {
		return c.err
	}
	c.said += m.Body
	for _, n := range m.Notices {
		c.accepted = append(c.accepted, n.KeyID+" "+string(n.Kind))
		if n.WithoutMention {
			c.named = append(c.named, n.KeyID)
		}
	}
	return nil
}

// picky is a channel that accepts notices about some users alone.
type picky struct{ *channel }

func (p picky) Accepts(n notify.Notice) bool { return slices.Contains(p.only, n.User) }

// bulk is a channel that puts everything into one message, and the account of
// the batch into every notice.
type bulk struct{ *channel }

func (bulk) Compose(b notify.Batch) []notify.Message {
	notices := slices.Clone(b.Notices)
	for i := range notices {
		if notices[i].Account.ID == "" {
			notices[i].Account = b.Account
		}
	}
	return []notify.Message{{Notices: notices}}
}

// bus is a channel that programs listen to.
type bus struct{ *channel }

func (bus) ForPrograms() {}

// printer is a channel that only prints.
type printer struct{ *channel }

func (printer) PrintOnly() bool { return true }

type box struct {
	t     *testing.T
	store ledger.Store
	log   bytes.Buffer
	outbox.Outbox
}

func newBox(t *testing.T, channels ...notify.Channel) *box {
	t.Helper()
	b := &box{t: t, store: ledger.NewMemory()}
	b.Outbox = outbox.Outbox{
		Channels: channels, Ledger: b.store, Now: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	return b
}

func (b *box) deliver(items ...outbox.Item) outbox.Result {
	b.t.Helper()
	return b.Deliver(b.t.Context(), time.Time{}, notify.Batch{}, items)
}

// final is the item of a key that was disabled, with its notice due on channels.
func (b *box) final(keyID, user string, due ...string) outbox.Item {
	b.t.Helper()
	r := ledger.New(acct, keyID, user)
	r.Intend(ledger.Intent{At: now, Run: "run-1", Reason: audit.CreationAge, Due: ledger.Due{Channels: due},
		Notice: notify.Notice{KeyID: keyID, User: user, Kind: notify.Disabled, Reason: audit.CreationAge}})
	b.check(r.MarkDisabled(now, "run-1", nil))
	b.check(b.store.Put(b.t.Context(), &r))
	return outbox.Final(&r, account.Account{})
}

// warning is the item of a warning.
func (b *box) warning(keyID, user string) outbox.Item {
	r := ledger.New(acct, keyID, user)
	return outbox.Item{
		Record: &r, Notice: &notify.Notice{KeyID: keyID, User: user, Kind: notify.Expiring, Reason: audit.CreationAge},
		Delivered: func(r *ledger.Record) error {
			r.MarkWarned(now, audit.History{Creation: audit.LimitWarning{First: now}})
			return nil
		},
	}
}

func (b *box) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) stored(keyID string) ledger.Record {
	b.t.Helper()
	r, _, err := b.store.Get(b.t.Context(), acct, keyID)
	b.check(err)
	return r
}

func (b *box) wantAccepted(c *channel, want ...string) {
	b.t.Helper()
	slices.Sort(c.accepted)
	if !slices.Equal(c.accepted, want) {
		b.t.Errorf("%s accepted %q, want %q", c.name, c.accepted, want)
	}
}

// wantProblem checks that there is one problem, which says all of that.
func (b *box) wantProblem(r outbox.Result, parts ...string) {
	b.t.Helper()
	if len(r.Problems) != 1 {
		b.t.Fatalf("%d problems: %+v", len(r.Problems), r.Problems)
	}
	for _, part := range parts {
		if !strings.Contains(r.Problems[0].Err.Error(), part) {
			b.t.Errorf("the problem %q does not say %q", r.Problems[0].Err, part)
		}
	}
}

var errDown = errors.New("the channel is down")

func TestEveryChannelGetsWhatIsDueOnIt(t *testing.T) {
	t.Parallel()
	slack, sns := &channel{name: "slack"}, &channel{name: "sns"}
	b := newBox(t, slack, sns)
	both, one := b.final("K1", "ann", "slack", "sns"), b.final("K2", "bob", "sns")
	r := b.deliver(both, one, b.warning("K3", "cid"))
	b.wantAccepted(slack, "K1 disabled", "K3 expiring")
	b.wantAccepted(sns, "K1 disabled", "K2 disabled", "K3 expiring")
	if r.Notices != 5 || r.Messages != 5 || r.Failed != 0 || len(r.Problems) != 0 || r.Closed[acct] != 2 || !r.Warned[outbox.Ref{Account: acct, KeyID: "K3"}] || len(r.Warned) != 1 {
		t.Errorf("the result is %+v", r)
	}
	for _, key := range []string{"K1", "K2"} {
		if kept := b.stored(key); kept.Pending() {
			t.Errorf("%s is still pending: %+v", key, kept)
		}
	}
	if kept := b.stored("K3"); kept.Warnings().Creation.First.IsZero() {
		t.Errorf("the warning is not recorded: %+v", kept)
	}
}

// TestOneChannelDown: the other has acknowledged, and is handed nothing again.
func TestOneChannelDown(t *testing.T) {
	t.Parallel()
	slack, sns := &channel{name: "slack", err: errDown}, &channel{name: "sns"}
	b := newBox(t, slack, sns)
	item := b.final("K1", "ann", "slack", "sns")
	r := b.deliver(item)
	b.wantProblem(r, "notify on slack about key K1 of user ann: the channel is down")
	if kept := b.stored("K1"); r.Failed != 1 || r.Notices != 1 || !slices.Equal(kept.Final().PendingOn(), []string{"slack"}) {
		t.Errorf("the result is %+v, pending on %v", r, kept.Final().PendingOn())
	}
	slack.err = nil
	r = b.deliver(item)
	b.wantAccepted(slack, "K1 disabled")
	b.wantAccepted(sns, "K1 disabled")
	if kept := b.stored("K1"); kept.Pending() || len(r.Problems) != 0 {
		t.Errorf("still pending: %+v, %+v", kept, r)
	}
	if !strings.Contains(b.log.String(), "a notice was not delivered") {
		t.Errorf("the log says %q", b.log.String())
	}
}

// TestAChannelThatTheRunDoesNotHave keeps its notices, which are named with what
// to do.
func TestAChannelThatTheRunDoesNotHave(t *testing.T) {
	t.Parallel()
	for name, channels := range map[string][]notify.Channel{
		"another":                  {&channel{name: "sns"}},
		"none":                     nil,
		"one that only prints":     {printer{&channel{name: "slack:test"}}},
		"one that accepts no such": {picky{&channel{name: "slack", only: []string{"bob"}}}, &channel{name: "sns"}},
		"another, in a batch of 2": {&channel{name: "sns"}, &channel{name: "email"}},
	} {
		b := newBox(t, channels...)
		r := b.deliver(b.final("K1", "ann", "slack", "sns"))
		onSNS := slices.ContainsFunc(channels, func(c notify.Channel) bool { return c.Name() == "sns" })
		want := 1
		if !onSNS {
			want = 2
		}
		if len(r.Problems) != want || r.Failed != want || !strings.Contains(r.Problems[0].Err.Error(), "due on the channel slack, which this run does not have: key K1 of user ann; ") ||
			!strings.Contains(r.Problems[0].Err.Error(), "'sleuth state close KEY'") {
			t.Errorf("%s: %+v", name, r)
		}
		if kept := b.stored("K1"); !slices.Contains(kept.Final().PendingOn(), "slack") {
			t.Errorf("%s: pending on %v", name, kept.Final().PendingOn())
		}
	}
}

// TestANoticeDueOnNoChannel is handed to whoever can reach the owner, and is due
// there from then on.
func TestANoticeDueOnNoChannel(t *testing.T) {
	t.Parallel()
	mail, slack, sns := picky{&channel{name: "mail", only: []string{"bob"}}}, &channel{name: "slack"}, &channel{name: "sns", err: errDown}
	b := newBox(t, mail)
	item := b.final("K1", "ann")
	r := b.deliver(item)
	b.wantProblem(r, "user ann could not be notified about key K1: no channel can reach its owner; ")
	if r.Failed != 1 {
		t.Errorf("%d failed, want 1", r.Failed)
	}
	b.Channels = nil
	b.wantProblem(b.deliver(item), "user ann could not be notified about key K1: no channel is configured; ")
	b.Channels = []notify.Channel{printer{&channel{name: "paper"}}}
	if r := b.deliver(item); len(r.Problems) > 0 || r.Notices != 0 || !item.Record.FinalPending() {
		t.Errorf("printed: %+v", r)
	}
	b.Channels = []notify.Channel{mail, slack, sns}
	b.wantProblem(b.deliver(item), "notify on sns")
	if kept := b.stored("K1"); !slices.Equal(kept.Final().Due.Channels, []string{"slack", "sns"}) || !slices.Equal(kept.Final().PendingOn(), []string{"sns"}) {
		t.Errorf("due %v, pending on %v", kept.Final().Due, kept.Final().PendingOn())
	}
	b.wantAccepted(mail.channel)
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	people, programs := &channel{name: "slack", err: errDown}, bus{&channel{name: "bus"}}
	b := newBox(t, people, programs)
	if r := b.deliver(b.warning("K1", "ann")); len(r.Warned) != 0 || b.stored("K1").KeyID() != "" {
		t.Errorf("a program's acceptance counts as a warning: %+v", r)
	}
	b.Channels = []notify.Channel{programs}
	if r := b.deliver(b.warning("K1", "ann")); len(r.Warned) != 1 {
		t.Errorf("without people programs are all there is: %+v", r)
	}
	b.Channels = nil
	if r := b.deliver(b.warning("K2", "ann")); len(r.Problems) != 0 || len(r.Warned) != 0 {
		t.Errorf("without channels nobody is warned: %+v", r)
	}
	b.Channels = []notify.Channel{picky{&channel{name: "mail"}}}
	b.wantProblem(b.deliver(b.warning("K3", "ann")), "user ann could not be notified about key K3")
}

// TestAPreviewAcknowledgesNothing, whatever it accepts.
func TestAPreviewAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	slack := &channel{name: "slack"}
	b := newBox(t, slack)
	item := b.final("K1", "ann", "slack")
	var printed strings.Builder
	b.Channels = []notify.Channel{notify.Preview{Channel: slack, Out: &printed}}
	r := b.Deliver(t.Context(), time.Time{}, notify.Batch{Announcement: "news"}, []outbox.Item{item, b.warning("K2", "bob")})
	b.wantAccepted(slack)
	if kept := b.stored("K1"); !kept.Pending() || r.Messages != 0 || printed.Len() == 0 || r.Announced || len(r.Warned) != 0 {
		t.Errorf("the result is %+v, stored %+v", r, kept)
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	slack, sns := &channel{name: "slack"}, &channel{name: "sns", err: errDown}
	b := newBox(t, slack, sns)
	r := b.Deliver(t.Context(), time.Time{}, notify.Batch{Announcement: "news"}, nil)
	b.wantProblem(r, "notify on sns about this run's announcement")
	if !r.Announced || slack.said != "news" {
		t.Errorf("announced %t, said %q", r.Announced, slack.said)
	}
}

// TestAChannelThatHangsIsGivenUp after two messages, and its notices stay
// pending; the others are delivered. The breaker may be shared.
func TestAChannelThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	hangs := &channel{name: "slack", send: func(context.Context) error { return fmt.Errorf("post: %w", context.DeadlineExceeded) }}
	sns := &channel{name: "sns"}
	b := newBox(t, hangs, sns)
	b.Breaker = &outbox.Breaker{}
	var items []outbox.Item
	for i := range 5 {
		items = append(items, b.final(fmt.Sprintf("K%d", i), "ann", "slack", "sns"))
	}
	r := b.deliver(items...)
	if hangs.tried != 2 || len(sns.accepted) != 5 || r.Failed != 5 || !strings.Contains(r.Problems[4].Err.Error(), "given up for this run") {
		t.Errorf("tried %d times, the other accepted %d: %+v", hangs.tried, len(sns.accepted), r)
	}
	if b.deliver(items[0]); hangs.tried != 2 {
		t.Errorf("the same run tries it again: %d times", hangs.tried)
	}
	b.Breaker, hangs.send = nil, nil
	b.deliver(items...)
	if len(hangs.accepted) != 5 {
		t.Errorf("the next run: %q", hangs.accepted)
	}
}

// TestOtherErrorsGiveNoChannelUp: the next message may be another matter.
func TestOtherErrorsGiveNoChannelUp(t *testing.T) {
	t.Parallel()
	refuses := &channel{name: "slack", err: errDown}
	b := newBox(t, refuses)
	b.deliver(b.final("K1", "a", "slack"), b.final("K2", "b", "slack"), b.final("K3", "c", "slack"), b.final("K4", "d", "slack"))
	if refuses.tried != 4 {
		t.Errorf("tried %d times, want 4", refuses.tried)
	}
}

// TestDeadline: sending ends, and what was accepted until then is recorded.
func TestDeadline(t *testing.T) {
	t.Parallel()
	hangs := &channel{name: "slack", send: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	sns := &channel{name: "sns"}
	b := newBox(t, hangs, sns)
	item := b.final("K1", "ann", "slack", "sns")
	r := b.Deliver(t.Context(), now, notify.Batch{}, []outbox.Item{item})
	if kept := b.stored("K1"); r.Notices != 1 || !slices.Equal(kept.Final().PendingOn(), []string{"slack"}) {
		t.Errorf("the result is %+v, pending on %v", r, kept.Final().PendingOn())
	}
}

// TestAnotherProcessWroteMeanwhile: its changes stay. If it has another notice
// pending, that one is not taken for delivered.
func TestAnotherProcessWroteMeanwhile(t *testing.T) {
	t.Parallel()
	slack := &channel{name: "slack"}
	b := newBox(t, slack)
	item := b.final("K1", "ann", "slack")
	other := b.stored("K1")
	other.MarkWarned(now, audit.History{Inactivity: audit.LimitWarning{First: now}})
	b.check(b.store.Put(t.Context(), &other))
	b.deliver(item)
	if kept := b.stored("K1"); kept.Pending() || kept.Warnings().Inactivity.First.IsZero() {
		t.Errorf("stored is %+v", kept)
	}

	item = b.final("K2", "ann", "slack")
	other = b.stored("K2")
	other.MarkLeaked(now, "run-2", "arn", notify.Notice{KeyID: "K2", Kind: notify.LeakedActive, Reason: audit.Exposure}, ledger.Due{Channels: []string{"slack"}})
	b.check(b.store.Put(t.Context(), &other))
	b.deliver(item)
	if kept := b.stored("K2"); !kept.LeakPending() || kept.Revision() != other.Revision() {
		t.Errorf("the notice of the leak is lost, or was written for nothing: %+v", kept)
	}
}

// TestOneMessageAboutOneKey: its final notice and its warning are both recorded,
// though the channel added the account.
func TestOneMessageAboutOneKey(t *testing.T) {
	t.Parallel()
	slack := bulk{&channel{name: "slack"}}
	b := newBox(t, slack)
	item := b.final("K1", "ann", "slack")
	warning := b.warning("K1", "ann")
	warning.Record = item.Record
	r := b.Deliver(t.Context(), time.Time{}, notify.Batch{Account: account.Account{ID: acct}}, []outbox.Item{item, warning})
	if kept := b.stored("K1"); kept.Pending() || kept.Warnings().Creation.First.IsZero() || kept.Revision() != 2 {
		t.Errorf("stored is %+v", kept)
	}
	if r.Notices != 2 || r.Messages != 1 || r.Closed[acct] != 1 || len(r.Warned) != 1 {
		t.Errorf("the result is %+v", r)
	}
}

// TestWhatADeliveryChanges of a record: nothing, if there is nothing to change,
// and an error is named.
func TestWhatADeliveryChanges(t *testing.T) {
	t.Parallel()
	b := newBox(t, &channel{name: "slack"})
	item := b.warning("K1", "ann")
	item.Delivered = func(*ledger.Record) error { return ledger.ErrUnchanged }
	if r := b.deliver(item); len(r.Problems) != 0 || b.stored("K1").Revision() != 0 {
		t.Errorf("nothing changed, and stored is %+v: %+v", b.stored("K1"), r)
	}
	item.Delivered = func(*ledger.Record) error { return errDown }
	b.wantProblem(b.deliver(item), "key K1 of user ann", errDown.Error())
}

// TestADigestMentionsEachPersonOnce, and a run mentions them at each of their
// keys.
func TestADigestMentionsEachPersonOnce(t *testing.T) {
	t.Parallel()
	for digest, named := range map[string][]string{"": nil, "all accounts": {"K2"}} {
		slack := &channel{name: "slack"}
		b := newBox(t, slack)
		items := []outbox.Item{b.warning("K1", "ann"), b.warning("K2", "ann")}
		for i := range items {
			items[i].Notice.SlackTag = "U1"
		}
		b.Deliver(t.Context(), time.Time{}, notify.Batch{Digest: digest}, items)
		if !slices.Equal(slack.named, named) {
			t.Errorf("digest %q: named at %q, want %q", digest, slack.named, named)
		}
	}
}

// TestDigestItems: the same key id in two accounts is two keys.
func TestDigestItems(t *testing.T) {
	t.Parallel()
	slack := &channel{name: "slack"}
	b := newBox(t, slack)
	item := b.final("K1", "ann", "slack")
	item.Account.ID = acct
	foreign := ledger.New("999999999999", "K1", "eve")
	foreign.MarkLeaked(now, "run", "", notify.Notice{KeyID: "K1", User: "eve", Kind: notify.LeakedActive, Reason: audit.Exposure}, ledger.Due{Channels: []string{"other"}})
	r := b.Deliver(t.Context(), time.Time{}, notify.Batch{Digest: "all"}, []outbox.Item{item, outbox.Final(&foreign, account.Account{ID: "999999999999"})})
	if item.Record.FinalPending() || !foreign.FinalPending() || r.Closed[acct] != 1 || len(r.Closed) != 1 {
		t.Errorf("the result is %+v", r)
	}
	b.wantProblem(r, "key K1 of user eve in account 999999999999")
}

// TestAcceptedInOneAccount is not accepted in another.
func TestAcceptedInOneAccount(t *testing.T) {
	t.Parallel()
	slack := picky{&channel{name: "slack", only: []string{"ann"}}}
	b := newBox(t, slack)
	item := b.final("K1", "ann", "slack")
	item.Account.ID = acct
	foreign := ledger.New("999999999999", "K1", "eve")
	foreign.MarkLeaked(now, "run", "", notify.Notice{KeyID: "K1", User: "eve", Kind: notify.LeakedActive, Reason: audit.Exposure}, ledger.Due{Channels: []string{"slack"}})
	theirs := outbox.Final(&foreign, account.Account{ID: "999999999999"})
	b.Deliver(t.Context(), time.Time{}, notify.Batch{Digest: "all"}, []outbox.Item{item, theirs})
	if item.Record.FinalPending() || !foreign.FinalPending() {
		t.Errorf("pending: %t, and in the other account %t", item.Record.FinalPending(), foreign.FinalPending())
	}
	// One that nobody can reach is named with its account.
	nobody := b.warning("K2", "eve")
	nobody.Account.ID = "999999999999"
	r := b.Deliver(t.Context(), time.Time{}, notify.Batch{Digest: "all"}, []outbox.Item{nobody})
	b.wantProblem(r, "user eve could not be notified about key K2 in account 999999999999: ")
}

func TestDue(t *testing.T) {
	t.Parallel()
	disabled, exposed := notify.Notice{User: "ann", Kind: notify.Disabled}, notify.Notice{User: "ann", Kind: notify.LeakedActive}
	mail, slack := picky{&channel{name: "mail", only: []string{"bob"}}}, &channel{name: "slack"}
	for name, c := range map[string]struct {
		channels []notify.Channel
		notice   notify.Notice
		due      []string
		silent   bool
	}{
		"those that reach the owner":   {[]notify.Channel{mail, slack, printer{&channel{name: "paper"}}}, disabled, []string{"slack"}, false},
		"none that reaches the owner":  {[]notify.Channel{mail}, disabled, nil, false},
		"no channel":                   {nil, disabled, nil, true},
		"no channel, and a leaked key": {nil, exposed, nil, false},
		"only paper":                   {[]notify.Channel{printer{slack}}, disabled, nil, false},
	} {
		if due := outbox.Due(c.channels, c.notice); !slices.Equal(due.Channels, c.due) || due.Silent != c.silent {
			t.Errorf("%s: %+v", name, due)
		}
	}
}
