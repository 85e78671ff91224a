// Package email sends each person mail about their own keys, through Amazon SES.
package email

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Name is the channel's name in logs, reports and receipts.
const Name = "email"

// maxBody is how many bytes of text one mail holds: as much as anybody reads.
// SES takes 40 MB with headers and encoded, which may be three times as long:
// https://docs.aws.amazon.com/ses/latest/dg/quotas.html
const maxBody = 512 << 10

// maxSubject is how many bytes of a subject are kept, so that no server on the
// way finds the header too long: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1
const maxSubject = 200

// API is what the channel needs of SES, version 2.
type API interface {
	SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

var _ API = (*sesv2.Client)(nil)

// Options are the options of a Mailer besides its API; each has a default.
type Options struct {
	// Retry says how often and how patiently to try.
	Retry retry.Policy
	// Allows reports whether mail may go to an address; nil allows any.
	Allows func(address string) bool
	// Now is the clock, for waits that SES gives as a date; nil is time.Now.
	Now func() time.Time
}

// Mailer is the channel that writes to those whose address is known. It is safe
// for use by several goroutines.
type Mailer struct {
	from  string // as it stands in the header
	api   API
	retry retry.Policy
	now   func() time.Time

	allows func(address string) bool
}

var (
	_ notify.Channel   = (*Mailer)(nil)
	_ notify.Filtered  = (*Mailer)(nil)
	_ notify.TagReader = (*Mailer)(nil)
)

// New returns the channel that sends mail from an address, which may have a
// name before it.
func New(from string, api API, options Options) (*Mailer, error) {
	address, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("mail from %q: not a mail address, such as keys@example.com or Sleuth <keys@example.com>", from)
	}
	// SES takes ASCII here; String encodes a name that is not.
	m := &Mailer{from: address.String(), api: api, retry: options.Retry, now: options.Now, allows: options.Allows}
	if m.now == nil {
		m.now = time.Now
	}
	return m, nil
}

// Name implements notify.Channel.
func (*Mailer) Name() string { return Name }

// ID implements notify.Channel. A notice itself says to which address it goes,
// whoever sends it.
func (*Mailer) ID() string { return notify.ChannelID(Name, "") }

// Format keeps the client's credentials out of whatever prints a Mailer.
func (m *Mailer) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "mail from "+m.from) }

// Accepts implements notify.Filtered: a notice whose owner has an address.
func (*Mailer) Accepts(n notify.Notice) bool { return n.Email != "" }

// TagProblems implements notify.TagReader: a mail begins with the person's name.
func (*Mailer) TagProblems(n notify.Notice) []notify.TagProblem { return notify.MissingName(n) }

// Compose implements notify.Channel: a mail to each person.
func (*Mailer) Compose(b notify.Batch) []notify.Message {
	var messages []notify.Message
	for _, dm := range b.DirectMessages(func(n notify.Notice) string { return n.Email }) {
		messages = append(messages, compose(b, dm)...)
	}
	return messages
}

// compose writes a direct message, as several if it is longer than a mail may be. The
// notice of a letter in pieces counts as sent with the last of them.
func compose(b notify.Batch, dm notify.DirectMessage) []notify.Message {
	written := b.Templates.Personal(b, dm, text.OneLine)
	if half := len(dm.Notices) / 2; half > 0 && len(written) > maxBody {
		first, second := dm, dm
		first.Notices, second.Notices = dm.Notices[:half], dm.Notices[half:]
		return append(compose(b, first), compose(b, second)...)
	}
	subject := text.Shorten(b.Templates.Subject(b, dm, text.OneLine), maxSubject)
	var messages []notify.Message
	for _, piece := range text.Pieces(text.Lines(written), maxBody) {
		if strings.TrimSpace(piece) != "" { // SES takes no empty text
			messages = append(messages, notify.Message{To: dm.To, Subject: subject, Body: piece})
		}
	}
	messages[len(messages)-1].Notices = dm.Notices
	return messages
}

// Send implements notify.Channel. It retries the errors that AWS's SDK would: after
// throttling, 5xx, a timeout or a lost connection.
func (m *Mailer) Send(ctx context.Context, message notify.Message) error {
	if m.allows != nil && !m.allows(message.To) { // a notice may be older than the setting
		return fmt.Errorf("send mail to %s: the address is outside SLEUTH_EMAIL_DOMAIN; correct the tag, or close the notice with 'sleuth state close'", text.OneLine(message.To))
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: &m.from,
		Destination:      &types.Destination{ToAddresses: []string{message.To}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: utf8(message.Subject), Body: &types.Body{Text: utf8(message.Body)},
		}},
	}
	err := m.retry.Do(ctx, func(ctx context.Context) error {
		_, err := m.api.SendEmail(ctx, in, once)
		return m.classify(ctx, err)
	})
	if err != nil {
		return fmt.Errorf("send mail to %s: %w", text.OneLine(message.To), err)
	}
	return nil
}

func utf8(text string) *types.Content {
	return &types.Content{Data: &text, Charset: aws.String("UTF-8")}
}

// once keeps the SDK from trying again by itself: this channel does that.
func once(o *sesv2.Options) { o.Retryer = aws.NopRetryer{} }

// classify is awserr.ForRetry, except that no retry helps when the day's quota is
// used up.
func (m *Mailer) classify(ctx context.Context, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && overQuota(api) {
		return retry.Permanent(fmt.Errorf("%w; %s", err, quotaHint))
	}
	return awserr.ForRetry(ctx, err, m.now(), hintOn)
}

func hintOn(e smithy.APIError) string {
	// A mail is rejected for what it holds, too.
	if e.ErrorCode() == "MessageRejected" && strings.Contains(e.ErrorMessage(), "not verified") {
		return unverified
	}
	return hints[e.ErrorCode()]
}

// overQuota reports whether as much was sent as may be in 24 hours: a throttling
// that no wait of ours outlasts. The texts are those of
// https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
func overQuota(e smithy.APIError) bool {
	message := strings.ToLower(e.ErrorMessage())
	return strings.Contains(message, "daily") && strings.Contains(message, "quota exceeded")
}

const (
	quotaHint  = "SES takes no more mail from this account today: ask AWS for a larger sending quota"
	needsSend  = "allow ses:SendEmail on the identity of SLEUTH_EMAIL_FROM to the role that Sleuth runs as"
	notPaused  = "SES has paused this account's sending: its console says why"
	unverified = "verify the address or the domain of SLEUTH_EMAIL_FROM in SES, in the region that Sleuth runs in; in SES's sandbox, the address written to as well"
)

// hints say what to do about SES's errors, see
// https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors.
var hints = map[string]string{
	"AccessDenied":                       needsSend,
	"AccessDeniedException":              needsSend,
	"MailFromDomainNotVerifiedException": "the MAIL FROM domain of SLEUTH_EMAIL_FROM's identity is not verified: its MX record is missing or wrong",
	"SendingPausedException":             notPaused,
	"AccountSuspendedException":          notPaused,
	"BadRequestException":                "SES does not take the address or the message as it is: check the Email tag",
}
