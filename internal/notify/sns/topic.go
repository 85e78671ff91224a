// Package sns notifies people through an Amazon SNS topic, in plain text.
package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// Name is the channel's name in logs, reports and receipts.
const Name = "sns"

// maxBody is what a message may hold, in bytes. SNS takes 256 KiB for message,
// subject and attributes together, see
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html; the rest is room
// for what a subscription wraps around a message.
const maxBody = 240 * 1024

// Publisher is the one call that a Topic makes; an SNS client is one.
type Publisher interface {
	Publish(context.Context, *awssns.PublishInput, ...func(*awssns.Options)) (*awssns.PublishOutput, error)
}

// Options are the options of a Topic besides its ARN; each has a default.
type Options struct {
	// Echo is where every message that is sent is printed as well, after a line
	// "sns message: SUBJECT"; nil is nowhere.
	Echo io.Writer
	// Retry says how often and how patiently to try. It takes the place of the
	// client's own retries.
	Retry retry.Policy
	// Now is the clock, for waits that SNS gives as a date; nil is time.Now.
	Now func() time.Time
}

// Topic is the channel that publishes to one topic. It is safe for use by
// several goroutines.
type Topic struct {
	arn       string
	publisher Publisher
	echo      io.Writer
	retry     retry.Policy
	now       func() time.Time
}

var _ notify.Channel = (*Topic)(nil)

// NewTopic returns the channel for the topic with this ARN, which is checked.
// The publisher must work in the topic's region, see RegionOf.
func NewTopic(arn string, publisher Publisher, options Options) (*Topic, error) {
	if _, err := RegionOf(arn); err != nil {
		return nil, err
	}
	t := &Topic{arn: arn, publisher: publisher, echo: options.Echo, retry: options.Retry, now: options.Now}
	if t.now == nil {
		t.now = time.Now
	}
	return t, nil
}

// Name implements notify.Channel.
func (*Topic) Name() string { return Name }

// ID implements notify.Channel.
func (t *Topic) ID() string { return notify.ChannelID(Name, t.arn) }

// Format keeps the client's credentials out of whatever prints a Topic.
func (t *Topic) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "sns topic "+t.arn) }

// Compose implements notify.Channel.
func (*Topic) Compose(b notify.Batch) []notify.Message {
	return plain.Layout{MaxBytes: maxBody}.Compose(b)
}

// Send implements notify.Channel. It retries the errors that AWS's SDK would: after
// throttling, 5xx, a timeout or a lost connection.
func (t *Topic) Send(ctx context.Context, m notify.Message) error {
	input := t.input(m)
	if t.echo != nil {
		_, _ = fmt.Fprintf(t.echo, "sns message: %s\n%s\n", m.Subject, m.Body)
	}
	err := t.retry.Do(ctx, func(ctx context.Context) error {
		_, err := t.publisher.Publish(ctx, input, once)
		return awserr.ForRetry(ctx, err, t.now(), hintOn)
	})
	if err != nil {
		return fmt.Errorf("publish to sns topic %s: %w", t.arn, err)
	}
	return nil
}

func (t *Topic) input(m notify.Message) *awssns.PublishInput {
	input := &awssns.PublishInput{TopicArn: &t.arn, Subject: &m.Subject, Message: &m.Body}
	if strings.HasSuffix(t.arn, fifo) {
		// One group keeps the parts in order; the hash keeps a repeated
		// attempt from becoming a second message.
		hash := sha256.Sum256([]byte(m.Subject + "\x00" + m.Body))
		input.MessageGroupId = aws.String("sleuth")
		input.MessageDeduplicationId = aws.String(hex.EncodeToString(hash[:]))
	}
	return input
}

// once turns the client's own retries off, so that one policy decides.
func once(o *awssns.Options) { o.Retryer = aws.NopRetryer{} }

func hintOn(e smithy.APIError) string { return hints[e.ErrorCode()] }

const needsPublish = "allow sns:Publish on the topic to the role that Sleuth runs as, and in the topic's policy if that is another account's"

// hints say what to do about SNS's errors, see
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
var hints = map[string]string{
	"AuthorizationError":    needsPublish,
	"AccessDenied":          needsPublish,
	"AccessDeniedException": needsPublish,
	"NotFound":              "there is no such topic: check the ARN in SNS_TOPIC",
	"KMSAccessDenied":       "the topic is encrypted: allow kms:GenerateDataKey and kms:Decrypt on its key to the role that Sleuth runs as",
	"KMSDisabled":           "the key that the topic is encrypted with is disabled: enable it again in KMS",
	"KMSNotFound":           "the key that the topic is encrypted with does not exist: give the topic another",
}
