package channeltest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Service is what a channel under test talks to. Stand-ins embed Script.
type Service interface {
	Next(answers ...Answer)
	Requests() int
	Arrived() <-chan struct{}
	// Received is the text of every message taken so far.
	Received() []string
	// Secrets must never be seen.
	Secrets() []string
}

// Setup is how a channel under test is to be made.
type Setup struct {
	// Now and Sleep are the channel's clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Timeout bounds one attempt; zero is the channel's default.
	Timeout time.Duration
}

// Harness is a channel under test.
type Harness struct {
	// Start makes a channel that talks to a new service, which ends with t.
	Start func(t *testing.T, setup Setup) (notify.Channel, Service)
	// Line is the line in which people read a notice, which has its account.
	Line func(notify.Notice) string
	// About is what every line about a key holds, and no other line; "'s key"
	// if it is empty, as in the default line.
	About string
	// Address gives a notice of a batch, the one at i, what the channel finds
	// its owner by. Nil leaves it as it is. It is needed if a channel notifies
	// only some people: it must be one that notifies all of what Address returns.
	Address func(i int, n notify.Notice) notify.Notice
	// Many is how many notices make more than one message; 5,000 if it is
	// zero. One that writes to each person needs fewer.
	Many int
	// Mentions: the service takes an @ in a text for a mention, so that none may
	// stand where Mattermost's rules, the widest, find one.
	Mentions bool
	// Never are texts that no message may hold, whatever names and tags say.
	Never []string
}

// crowd is the batch of Crowd as the channel is given it.
func (h Harness) crowd(n int) notify.Batch { return h.addressed(Crowd(n)) }

func (h Harness) addressed(b notify.Batch) notify.Batch {
	if h.Address != nil {
		for i, n := range b.Notices {
			b.Notices[i] = h.Address(i, n)
		}
	}
	return b
}

func (h Harness) many() notify.Batch { return h.crowd(cmp.Or(h.Many, 5_000)) }

// oneMessage is a message of the channel's that has notices.
func (h Harness) oneMessage(t *testing.T, channel notify.Channel) notify.Message {
	t.Helper()
	batch := h.crowd(3)
	messages := channel.Compose(batch.For(channel))
	if h.Address == nil && len(messages) != 1 {
		t.Fatalf("three notices became %d messages, want 1", len(messages))
	}
	if len(messages) == 0 {
		t.Fatal("three notices became no message")
	}
	return messages[0]
}

// attempts is how often a channel tries in all.
const attempts = 5

// Contract is what every channel must keep.
func Contract(t *testing.T, h Harness) {
	t.Helper()
	for name, part := range map[string]func(*testing.T, Harness){
		"answers":                 answers,
		"a service that hangs":    hanging,
		"canceled while sending":  canceledWhileSending,
		"canceled while waiting":  canceledWhileWaiting,
		"canceled before sending": canceledBefore,
		"nothing to say":          nothing,
		"splitting":               splitting,
		"hostile text":            hostile,
		"long text":               long,
		"one bad message":         oneBadMessage,
		"secrets":                 secrets,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, h)
		})
	}
}

func (h Harness) start(t *testing.T) (notify.Channel, Service, *Clock) {
	t.Helper()
	clock := NewClock()
	channel, service := h.Start(t, Setup{Now: clock.Now, Sleep: clock.Sleep})
	return channel, service, clock
}

// answers: which answers are tried again, and after how long.
func answers(t *testing.T, h Harness) {
	const second = time.Second
	date := NewClock().Now().Add(12 * second).Format(http.TimeFormat)
	for name, test := range map[string]struct {
		answers  []Answer
		requests int
		taken    bool
		// The bounds of the time slept, with room for the channel's pace.
		least, most time.Duration
	}{
		"fine":                       {nil, 1, true, 0, 0},
		"throttled":                  {[]Answer{{Kind: Throttled}}, 2, true, 1, 2 * second},
		"throttled for a while":      {[]Answer{{Kind: Throttled, RetryAfter: "7"}}, 2, true, 7 * second, 8 * second},
		"throttled until a time":     {[]Answer{{Kind: Throttled, RetryAfter: date}}, 2, true, 12 * second, 13 * second},
		"throttled for an hour":      {[]Answer{{Kind: Throttled, RetryAfter: "3600"}}, 2, true, 30 * second, 31 * second},
		"throttled, nonsense header": {[]Answer{{Kind: Throttled, RetryAfter: "soon"}}, 2, true, 1, 2 * second},
		"failing, for a while":       {[]Answer{{Kind: Failing, RetryAfter: "9"}}, 2, true, 9 * second, 10 * second},
		"failing twice":              {[]Answer{{Kind: Failing}, {Kind: Failing}}, 3, true, 1, 4 * second},
		"closing":                    {[]Answer{{Kind: Closing}}, 2, true, 1, 2 * second},
		"failing for good":           {slices.Repeat([]Answer{{Kind: Failing}}, 50), attempts, false, 1, time.Minute},
		"closing for good":           {slices.Repeat([]Answer{{Kind: Closing}}, 50), attempts, false, 1, time.Minute},
		"throttled for good":         {slices.Repeat([]Answer{{Kind: Throttled, RetryAfter: "60"}}, 50), attempts, false, 120 * second, 130 * second},
		"refusing":                   {[]Answer{{Kind: Refusing}}, 1, false, 0, 0},
		"failing, then refusing":     {[]Answer{{Kind: Failing}, {Kind: Refusing}}, 2, false, 1, 2 * second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			channel, service, clock := h.start(t)
			service.Next(test.answers...)
			err := channel.Send(t.Context(), h.oneMessage(t, channel))
			if taken := err == nil; taken != test.taken {
				t.Errorf("Send returned %v, want success: %t", err, test.taken)
			}
			if got := len(service.Received()) == 1; got != test.taken {
				t.Errorf("%d messages were taken, want one: %t", len(service.Received()), test.taken)
			}
			if got := service.Requests(); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			if got := clock.Elapsed(); got < test.least || got > test.most {
				t.Errorf("waited %s, want between %s and %s", got, test.least, test.most)
			}
		})
	}
}

func hanging(t *testing.T, h Harness) {
	clock := NewClock()
	channel, service := h.Start(t, Setup{Now: clock.Now, Sleep: clock.Sleep, Timeout: 300 * time.Millisecond})
	service.Next(Answer{Kind: Hanging})
	if err := channel.Send(t.Context(), h.oneMessage(t, channel)); err != nil {
		t.Errorf("Send returned %v, want success at the second attempt", err)
	}
	// A slow machine may need a third.
	if service.Requests() < 2 || len(service.Received()) == 0 {
		t.Errorf("%d requests, %d messages taken, want another attempt", service.Requests(), len(service.Received()))
	}
}

func canceledWhileSending(t *testing.T, h Harness) {
	channel, service, _ := h.start(t)
	service.Next(slices.Repeat([]Answer{{Kind: Hanging}}, attempts)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan error, 1)
	message := h.oneMessage(t, channel)
	go func() { sent <- channel.Send(ctx, message) }()
	<-service.Arrived()
	cancel()
	wantCanceled(t, <-sent)
	if service.Requests() != 1 {
		t.Errorf("%d requests, want none after the end", service.Requests())
	}
}

func canceledWhileWaiting(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clock := NewClock()
	channel, service := h.Start(t, Setup{Now: clock.Now, Sleep: func(ctx context.Context, d time.Duration) error {
		if d <= 0 { // leave to go at once
			return ctx.Err()
		}
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	service.Next(Answer{Kind: Failing})
	wantCanceled(t, channel.Send(ctx, h.oneMessage(t, channel)))
	if service.Requests() != 1 {
		t.Errorf("%d requests, want none after the end", service.Requests())
	}
}

func canceledBefore(t *testing.T, h Harness) {
	channel, service, _ := h.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantCanceled(t, channel.Send(ctx, h.oneMessage(t, channel)))
	if service.Requests() != 0 {
		t.Errorf("%d requests, want none", service.Requests())
	}
}

func wantCanceled(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Send returned %v, want one that wraps context.Canceled", err)
	}
}

func nothing(t *testing.T, h Harness) {
	channel, _, _ := h.start(t)
	if got := channel.Compose(notify.Batch{Account: acct, Creation: notify.Heading{Title: "x", Text: "y"}}); len(got) != 0 {
		t.Errorf("nothing to say became %d messages", len(got))
	}
	if channel.Name() == "" {
		t.Error("the channel has no name")
	}
}

// splitting: every notice is in one message, and in it as a line.
func splitting(t *testing.T, h Harness) {
	channel, service, _ := h.start(t)
	batch := h.many()
	if taken := len(batch.For(channel).Notices); taken != len(batch.Notices) {
		t.Fatalf("the channel takes %d of %d notices: Address is to make it all", taken, len(batch.Notices))
	}
	messages := channel.Compose(batch)
	if len(messages) < 2 {
		t.Fatalf("%d messages for %d notices: this tests nothing", len(messages), len(batch.Notices))
	}
	times := map[string]int{}
	for i, m := range messages {
		if err := channel.Send(t.Context(), m); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		received := service.Received()
		if len(received) != i+1 {
			t.Fatalf("message %d was not taken", i)
		}
		if !strings.Contains(received[i], batch.Account.String()) {
			t.Errorf("message %d does not name the account", i)
		}
		for _, n := range m.Notices {
			times[n.KeyID]++
		}
		wantLines(t, h, received[i], batch.Account, m.Notices)
	}
	for _, n := range batch.Notices {
		if times[n.KeyID] != 1 {
			t.Errorf("%s is in %d messages, want one", n.KeyID, times[n.KeyID])
		}
	}
}

// wantLines demands a line of its own for each notice, and no line for others.
func wantLines(t *testing.T, h Harness, text string, of account.Account, notices []notify.Notice) {
	t.Helper()
	lines := map[string]int{}
	about := 0
	for line := range strings.SplitSeq(text, "\n") {
		lines[line]++
		if strings.Contains(line, cmp.Or(h.About, "'s key")) {
			about++
		}
	}
	for _, n := range notices {
		n.Account = of
		if line := h.Line(n); lines[line] == 0 {
			t.Errorf("no line %q in a message that is to hold it", line)
		}
	}
	if about != len(notices) {
		t.Errorf("a message has %d lines about keys for %d notices", about, len(notices))
	}
}

// hostile: whatever names and tags hold, a notice is one line, and a message is
// valid and wakes nobody that it should not.
func hostile(t *testing.T, h Harness) {
	for _, text := range Hostile() {
		t.Run(fmt.Sprintf("%+q", text[:min(len(text), 40)]), func(t *testing.T) {
			t.Parallel()
			channel, service, _ := h.start(t)
			batch := notify.Batch{
				Account:      account.Account{ID: "123456789012", Alias: text},
				Creation:     notify.Heading{Title: text, Text: text},
				Announcement: text + ".",
			}
			for i, n := range []notify.Notice{{User: text}, {User: "someone", SlackTag: text}, {User: text, SlackTag: "U1", Note: text}} {
				n.Kind, n.Reason, n.KeyID = notify.Expiring, audit.CreationAge, fmt.Sprintf("AKIA%d", i)
				batch.Notices = append(batch.Notices, n)
			}
			batch = h.addressed(batch)
			for _, m := range channel.Compose(batch.For(channel)) {
				if err := channel.Send(t.Context(), m); err != nil {
					t.Errorf("the message was refused: %v", err)
				}
			}
			received := strings.Join(service.Received(), "\n")
			for _, n := range batch.Notices {
				n.Account = batch.Account
				if !slices.Contains(strings.Split(received, "\n"), h.Line(n)) {
					t.Errorf("no line %q", h.Line(n))
				}
			}
			for _, r := range "\u202e\u2066\u200f\u0085\u2028\x00\x1b\r" {
				if strings.ContainsRune(received, r) {
					t.Errorf("%+q came through", r)
				}
			}
			if found := MattermostMentions(received); h.Mentions && len(found) > 0 {
				t.Errorf("%q would be mentioned by %q", found, received)
			}
			for _, broadcast := range h.Never {
				if strings.Contains(received, broadcast) {
					t.Errorf("%s came through", broadcast)
				}
			}
		})
	}
}

// long: texts of any length become messages that the service takes, each notice
// in one of them.
func long(t *testing.T, h Harness) {
	for name, batch := range Long(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			channel, service, _ := h.start(t)
			batch := h.addressed(batch)
			times := map[string]int{}
			for i, m := range channel.Compose(batch.For(channel)) {
				if err := channel.Send(t.Context(), m); err != nil {
					t.Fatalf("message %d was refused: %v", i, err)
				}
				for _, n := range m.Notices {
					times[n.KeyID]++
				}
			}
			for _, n := range batch.Notices {
				if times[n.KeyID] != 1 {
					t.Errorf("%s is in %d messages, want one", n.KeyID, times[n.KeyID])
				}
			}
			if len(service.Received()) == 0 {
				t.Error("no message was taken")
			}
		})
	}
}

// oneBadMessage: a message that is refused does not keep the next from being
// sent, and the failure says whose notices are lost.
func oneBadMessage(t *testing.T, h Harness) {
	channel, service, _ := h.start(t)
	batch := h.many()
	messages := channel.Compose(batch)
	service.Next(Answer{Kind: Refusing})
	receipts := 0
	delivered := notify.Deliver(t.Context(), []notify.Post{{Channel: channel, Batch: batch}},
		func(context.Context, notify.Channel, notify.Message) error { receipts++; return nil })[0]
	if delivered.Sent != len(messages)-1 || receipts != len(messages)-1 || len(service.Received()) != len(messages)-1 {
		t.Errorf("%d sent, %d receipts, %d taken, want %d of each",
			delivered.Sent, receipts, len(service.Received()), len(messages)-1)
	}
	if len(delivered.Failures) != 1 || len(delivered.Failures[0].Notices) != len(messages[0].Notices) {
		t.Errorf("the failure does not name the first message's notices: %d failures", len(delivered.Failures))
	}
	if delivered.Notices != len(batch.Notices)-len(messages[0].Notices) {
		t.Errorf("%d notices, want those of all messages but the first", delivered.Notices)
	}
}

// secrets: none is in an error, in a printed channel or in what a panic says.
func secrets(t *testing.T, h Harness) {
	channel, service, _ := h.start(t)
	var seen strings.Builder
	look := func(err error) {
		for ; err != nil; err = errors.Unwrap(err) {
			fmt.Fprintf(&seen, "%s\n%v\n%+v\n%#v\n", err, err, err, err)
		}
	}
	fmt.Fprintf(&seen, "%v\n%+v\n%#v\n%s\n%q\n", channel, channel, channel, channel, channel)
	fmt.Fprintf(&seen, "%+v\n%#v\n", struct{ channel notify.Channel }{channel}, notify.Post{Channel: channel})
	message := h.oneMessage(t, channel)
	for kind, times := range map[Kind]int{Throttled: attempts, Failing: attempts, Closing: attempts, Refusing: 1} {
		service.Next(slices.Repeat([]Answer{{Kind: kind}}, times)...)
		err := channel.Send(t.Context(), message)
		if err == nil {
			t.Errorf("kind %d: no error: this tests nothing", kind)
		}
		look(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	look(channel.Send(ctx, message))
	for line := range strings.SplitSeq(seen.String(), "\n") {
		for _, secret := range service.Secrets() {
			if strings.Contains(line, secret) {
				t.Errorf("a secret is in %q", line)
			}
		}
	}
}
