package notify_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// channel makes a message of each notice.
type channel struct {
	name    string
	compose func(notify.Batch) []notify.Message
	send    func(context.Context, notify.Message) error
}

func (c channel) Name() string { return c.name }
func (c channel) ID() string   { return c.name }

func (c channel) Compose(b notify.Batch) (messages []notify.Message) {
	if c.compose != nil {
		return c.compose(b)
	}
	for _, n := range b.Notices {
		messages = append(messages, notify.Message{Body: n.KeyID, Notices: []notify.Notice{n}})
	}
	return messages
}

func (c channel) Send(ctx context.Context, m notify.Message) error {
	if c.send == nil {
		return nil
	}
	return c.send(ctx, m)
}

var three = notify.Batch{Notices: []notify.Notice{{KeyID: "K1"}, {KeyID: "K2"}, {KeyID: "K3"}}}

func taken(context.Context, notify.Channel, notify.Message) error { return nil }

var errRefused = errors.New("refused")

func refuses(key string) func(context.Context, notify.Message) error {
	return func(_ context.Context, m notify.Message) error {
		if m.Body == key {
			return errRefused
		}
		return nil
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		channel    channel
		receipt    notify.Receipt
		sent, told int
		lost       []string // keys of the notices in failures
		reason     string   // in the first failure
	}{
		"all goes well":       {channel{}, taken, 3, 3, nil, ""},
		"one message fails":   {channel{send: refuses("K2")}, taken, 2, 2, []string{"K2"}, "refused"},
		"one message panics":  {channel{send: panics("K1")}, taken, 2, 2, []string{"K1"}, "panic: oh dear"},
		"composing panics":    {channel{compose: func(notify.Batch) []notify.Message { panic("no words") }}, taken, 0, 0, []string{"K1", "K2", "K3"}, "panic: no words"},
		"the receipt is lost": {channel{}, forgets("K3"), 3, 3, []string{"K3"}, "record that x took a message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.channel.name = "x"
			d := notify.Deliver(t.Context(), []notify.Post{{Channel: test.channel, Batch: three}}, test.receipt)[0]
			if d.Channel != "x" || d.Sent != test.sent || d.Notices != test.told {
				t.Errorf("%s: %d sent, %d told, want %d and %d", d.Channel, d.Sent, d.Notices, test.sent, test.told)
			}
			var lost []string
			for _, f := range d.Failures {
				for _, n := range f.Notices {
					lost = append(lost, n.KeyID)
				}
			}
			if diff := cmp.Diff(test.lost, lost); diff != "" {
				t.Errorf("notices in failures (-want +got):\n%s", diff)
			}
			if test.reason != "" && (len(d.Failures) == 0 || !strings.Contains(d.Failures[0].Err.Error(), test.reason)) {
				t.Errorf("failures are %+v, want %q", d.Failures, test.reason)
			}
		})
	}
}

func panics(key string) func(context.Context, notify.Message) error {
	return func(_ context.Context, m notify.Message) error {
		if m.Body == key {
			panic("oh dear")
		}
		return nil
	}
}

func forgets(key string) notify.Receipt {
	return func(_ context.Context, _ notify.Channel, m notify.Message) error {
		if m.Body == key {
			return errors.New("disk full")
		}
		return nil
	}
}

// A receipt says that the service has taken the message: none without it.
func TestReceiptsFollowDelivery(t *testing.T) {
	t.Parallel()
	var receipts []string
	notify.Deliver(t.Context(), []notify.Post{{Channel: channel{name: "x", send: refuses("K2")}, Batch: three}},
		func(_ context.Context, c notify.Channel, m notify.Message) error {
			name := c.Name()
			receipts = append(receipts, name+" "+m.Notices[0].KeyID)
			return nil
		})
	if diff := cmp.Diff([]string{"x K1", "x K3"}, receipts); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
}

func TestAChannelThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	others := make(chan struct{})
	hangs := channel{name: "hangs", send: func(ctx context.Context, m notify.Message) error {
		if m.Body == "K1" {
			<-others // the other channel is done with all of its messages
			cancel()
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	works := channel{name: "works", send: func(_ context.Context, m notify.Message) error {
		if m.Body == "K3" {
			close(others)
		}
		return nil
	}}
	got := notify.Deliver(ctx, []notify.Post{{Channel: hangs, Batch: three}, {Channel: works, Batch: three}}, taken)
	if got[0].Channel != "hangs" || got[0].Sent != 0 || len(got[0].Failures) != 3 {
		t.Errorf("the channel that hangs: %+v", got[0])
	}
	if got[1].Channel != "works" || got[1].Sent != 3 || len(got[1].Failures) != 0 {
		t.Errorf("the channel that works: %+v", got[1])
	}
}

func TestNothingIsComposedOfNothing(t *testing.T) {
	t.Parallel()
	asked := channel{name: "x", compose: func(notify.Batch) []notify.Message {
		t.Error("an empty batch was composed")
		return nil
	}}
	notify.Deliver(t.Context(), []notify.Post{{Channel: asked, Batch: notify.Batch{Account: account.Account{ID: "1"}}}}, taken)
}
