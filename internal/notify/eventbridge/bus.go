// Package eventbridge puts events on an Amazon EventBridge bus, for people's own
// automations: one for each notice, and one for each run that failed.
package eventbridge

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// Name is the channel's name in logs, reports and receipts.
const Name = "eventbridge"

// Limits of one call.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
const (
	maxEntries = 10
	maxBytes   = 256 << 10
)

// Putter is the one call that a Bus makes; an EventBridge client is one.
type Putter interface {
	PutEvents(context.Context, *awsevents.PutEventsInput, ...func(*awsevents.Options)) (*awsevents.PutEventsOutput, error)
}

// Options are the options of a Bus besides its ARN; each has a default.
type Options struct {
	// Retry says how often and how patiently to try. It takes the place of the
	// client's own retries.
	Retry retry.Policy
	// Now is the clock, for waits that EventBridge gives as a date; nil is
	// time.Now.
	Now func() time.Time
}

// Bus is the channel that puts events on one bus. It is safe for use by several
// goroutines.
type Bus struct {
	arn    string
	putter Putter
	retry  retry.Policy
	now    func() time.Time
}

var _ notify.MachineChannel = (*Bus)(nil)

// New returns the channel for the bus with this ARN. The putter must work in
// the bus's region, see RegionOf.
func New(arn string, putter Putter, options Options) (*Bus, error) {
	if _, err := RegionOf(arn); err != nil {
		return nil, err
	}
	b := &Bus{arn: arn, putter: putter, retry: options.Retry, now: options.Now}
	if b.now == nil {
		b.now = time.Now
	}
	return b, nil
}

// RegionOf is the region that a bus lies in, which is where to put events on
// it.
func RegionOf(bus string) (string, error) {
	a, err := arn.Parse(bus)
	if err != nil || a.Service != "events" || a.Region == "" || !strings.HasPrefix(a.Resource, "event-bus/") {
		return "", fmt.Errorf("event bus %q: not the ARN of a bus, such as arn:aws:events:us-east-1:123456789012:event-bus/keys", bus)
	}
	return a.Region, nil
}

// Name implements notify.Channel.
func (*Bus) Name() string { return Name }

// ID implements notify.Channel.
func (b *Bus) ID() string { return notify.ChannelID(Name, b.arn) }

// ForPrograms implements notify.MachineChannel.
func (*Bus) ForPrograms() {}

// Format keeps the client's credentials out of whatever prints a Bus.
func (b *Bus) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "event bus "+b.arn) }

// Compose implements notify.Channel. A message is what fits into one call: its
// body has an event on each line.
func (*Bus) Compose(batch notify.Batch) []notify.Message {
	var messages []notify.Message
	var entries []entry
	var notices []notify.Notice
	size := 0
	finish := func() {
		if len(entries) > 0 {
			messages = append(messages, notify.Message{Subject: count(len(entries)), Body: lines(entries), Notices: notices})
		}
		entries, notices, size = nil, nil, 0
	}
	for _, one := range entriesOf(batch) {
		if len(entries) == maxEntries || size+one.size() > maxBytes {
			finish()
		}
		entries, notices, size = append(entries, one.entry), append(notices, one.notices...), size+one.size()
	}
	finish()
	return messages
}

func count(events int) string {
	if events == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", events)
}

// Send implements notify.Channel. Events that the bus did not take are put on
// it again, and those alone. As long as one is left that it does not take, the
// message has failed: the next run sends all of it again.
func (b *Bus) Send(ctx context.Context, m notify.Message) error {
	entries, err := parseLines(m.Body)
	if err != nil {
		return fmt.Errorf("read the events of a message: %w", err)
	}
	return b.put(ctx, entries)
}

func (b *Bus) put(ctx context.Context, pending []entry) error {
	all := len(pending)
	var refused []error
	err := b.retry.Do(ctx, func(ctx context.Context) error {
		again, lost, err := b.attempt(ctx, pending)
		if err != nil {
			return err
		}
		pending, refused = again.entries, append(refused, lost...)
		if len(pending) > 0 {
			return fmt.Errorf("%d of %s: %w", len(pending), count(all), again.why)
		}
		if len(refused) > 0 {
			return retry.Permanent(fmt.Errorf("%d of %s: %w", len(refused), count(all), refused[0]))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("put %s on bus %s: %w", count(all), b.arn, err)
	}
	return nil
}

// leftover is what the bus did not take and may take the next time.
type leftover struct {
	entries []entry
	why     error
}

// attempt makes one call, and sorts what was not taken.
func (b *Bus) attempt(ctx context.Context, entries []entry) (again leftover, refused []error, err error) {
	input := &awsevents.PutEventsInput{}
	for _, e := range entries {
		input.Entries = append(input.Entries, types.PutEventsRequestEntry{
			EventBusName: &b.arn, Source: aws.String(e.Source), DetailType: aws.String(e.DetailType), Detail: aws.String(string(e.Detail)),
		})
	}
	out, err := b.putter.PutEvents(ctx, input, once)
	if err != nil {
		return leftover{}, nil, awserr.ForRetry(ctx, err, b.now(), hintOn)
	}
	if len(out.Entries) != len(entries) {
		return leftover{}, nil, fmt.Errorf("the answer is about %d of %s", len(out.Entries), count(len(entries)))
	}
	for i, result := range out.Entries {
		code := aws.ToString(result.ErrorCode)
		if code == "" {
			continue
		}
		failure := withHint(code, fmt.Errorf("%s: %s", code, aws.ToString(result.ErrorMessage)))
		if isFinal(code) {
			refused = append(refused, failure)
			continue
		}
		again.entries, again.why = append(again.entries, entries[i]), failure
	}
	return again, refused, nil
}

// isFinal reports whether no further attempt can fix the failure of an entry.
// Of a code that is not known we hope.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
func isFinal(code string) bool {
	switch code {
	case "AccessDeniedException", "InvalidAccountIdException", "InvalidArgument", "MalformedDetail", "RedactionFailure",
		"NotAuthorizedForDetailTypeException", "NotAuthorizedForSourceException", "ResourceNotFoundException":
		return true
	}
	return false
}

// once turns the client's own retries off, so that one policy decides.
func once(o *awsevents.Options) { o.Retryer = aws.NopRetryer{} }

const needsPutEvents = "allow events:PutEvents on the bus to the role that Sleuth runs as, and in the bus's policy if that is another account's"

// hints say what to do about EventBridge's errors, of a call or of an entry.
var hints = map[string]string{
	"AccessDenied":              needsPutEvents,
	"AccessDeniedException":     needsPutEvents,
	"ResourceNotFoundException": "there is no such bus: check the ARN in SLEUTH_EVENT_BUS",
}

func hintOn(e smithy.APIError) string { return hints[e.ErrorCode()] }

// withHint adds what to do about the failure of an entry.
func withHint(code string, err error) error {
	if hint := hints[code]; hint != "" {
		return fmt.Errorf("%w; %s", err, hint)
	}
	return err
}
