package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Channel is one way to reach people. Implementations are safe for use by one
// goroutine at a time.
type Channel interface {
	// Name is the channel's name in logs and reports. It never changes and
	// holds no secret.
	Name() string
	// ID identifies the channel's destination across runs: records name the
	// channels of a pending notice by it. It is made by ChannelID, differs between
	// destinations of the same kind, and holds no secret.
	ID() string
	// Compose writes the messages for a batch, each within the channel's
	// limits, leaving out no notice. It does no I/O.
	Compose(Batch) []Message
	// Send delivers one message, retrying transient failures, until ctx ends.
	// A nil error means that the service has accepted the message. An error names
	// no secret; it says what to do if that is known.
	Send(context.Context, Message) error
}

// ChannelID returns the identity of a destination: the kind of the channel, and
// a short hash of destination, which distinguishes it from others of the kind and
// may be a secret.
func ChannelID(kind, destination string) string {
	sum := sha256.Sum256([]byte(destination))
	return kind + ":" + hex.EncodeToString(sum[:6])
}

// Message is one message to send, with the notices in it.
type Message struct {
	To      string // the recipient, if the channel writes to persons
	Subject string // empty if the channel has none
	Body    string
	Notices []Notice
}

// Post is a batch for a channel.
type Post struct {
	Channel Channel
	Batch   Batch
	// Send replaces the channel's Send, if not nil.
	Send func(context.Context, Message) error
}

// Delivery is the result of a post.
type Delivery struct {
	Channel string // its name
	ID      string // its identity
	// Sent is the number of messages, Notices that of the notices in them.
	Sent, Notices int
	// Failures are the messages that were not delivered, or whose receipt
	// could not be recorded.
	Failures []Failure
}

// Failure is one message that was not delivered.
type Failure struct {
	Notices []Notice
	Err     error
}

// Receipt records that a channel has accepted a message. It is called once a
// message, from one goroutine a channel.
type Receipt func(ctx context.Context, channel Channel, accepted Message) error

// Deliver sends every post through its channel, all channels at once and each
// independently: one that fails, hangs or panics does not affect the others. After
// a failed message a channel still gets the next one.
func Deliver(ctx context.Context, posts []Post, receipt Receipt) []Delivery {
	deliveries := make([]Delivery, len(posts))
	var wg sync.WaitGroup
	for i, post := range posts {
		wg.Go(func() { deliveries[i] = deliver(ctx, post, receipt) })
	}
	wg.Wait()
	return deliveries
}

func deliver(ctx context.Context, post Post, receipt Receipt) (d Delivery) {
	d.Channel, d.ID = post.Channel.Name(), post.Channel.ID()
	post.Batch = post.Batch.For(post.Channel)
	if post.Batch.Empty() {
		return d
	}
	messages := compose(post, &d)
	composed := 0
	for _, m := range messages {
		composed += len(m.Notices)
	}
	if len(d.Failures) == 0 && composed < len(post.Batch.Notices) {
		err := fmt.Errorf("%s composed messages for %d of %d notices", d.Channel, composed, len(post.Batch.Notices))
		d.Failures = append(d.Failures, Failure{Err: err})
	}
	for _, m := range messages {
		if err := send(ctx, post, m); err != nil {
			d.Failures = append(d.Failures, Failure{m.Notices, err})
			continue
		}
		d.Sent++
		d.Notices += len(m.Notices)
		if err := receipt(ctx, post.Channel, m); err != nil {
			err = fmt.Errorf("record that %s took a message: %w", d.Channel, err)
			d.Failures = append(d.Failures, Failure{m.Notices, err})
		}
	}
	return d
}

func compose(post Post, d *Delivery) (messages []Message) {
	defer func() {
		if p := recover(); p != nil {
			messages = nil
			err := fmt.Errorf("compose messages for %s: panic: %v", d.Channel, p)
			d.Failures = append(d.Failures, Failure{post.Batch.Notices, err})
		}
	}()
	return post.Channel.Compose(post.Batch)
}

func send(ctx context.Context, post Post, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("send through %s: panic: %v", post.Channel.Name(), p)
		}
	}()
	if post.Send != nil {
		return post.Send(ctx, m)
	}
	return post.Channel.Send(ctx, m)
}

// Printer is a channel that may print its messages instead of sending them. A
// printed message notifies nobody, so it has no receipt.
type Printer interface {
	PrintOnly() bool
}

// Delivers reports whether the channel sends its messages; a preview does not.
func Delivers(c Channel) bool {
	p, ok := c.(Printer)
	return !ok || !p.PrintOnly()
}

// Readable is a channel whose messages are not text as they are sent.
type Readable interface {
	// Read returns what people see of a message.
	Read(Message) string
}

// Preview is a channel that prints its messages, as people see them, instead of
// sending them.
type Preview struct {
	Channel
	Out io.Writer
}

// PrintOnly implements Printer.
func (Preview) PrintOnly() bool { return true }

// Send implements Channel.
func (p Preview) Send(_ context.Context, m Message) error {
	to := ""
	if m.To != "" {
		to = " to " + m.To
	}
	body := m.Body
	if r, ok := p.Channel.(Readable); ok {
		body = r.Read(m)
	}
	heading := strings.TrimSpace(fmt.Sprintf("%s message%s: %s", p.Name(), to, m.Subject))
	_, err := fmt.Fprintf(p.Out, "%s\n%s\n\n", heading, strings.TrimSpace(body))
	return err
}
