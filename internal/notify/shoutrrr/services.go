// Package shoutrrr notifies through any service that shoutrrr speaks:
// Discord, PagerDuty, Opsgenie, mail, a webhook and others.
package shoutrrr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/iam-sleuth/sleuth/internal/httpclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Interval is how far apart the requests to one service are: the strictest take
// about one a second.
const Interval = time.Second

// Options are the options of services besides their URLs; each has a default.
type Options struct {
	// HTTP sends the requests; nil is a client of our own, which uses the
	// environment's proxy. Redirects are never followed. Mail (smtp) does not
	// use it.
	HTTP *http.Client
	// Interval is the time between two requests to a service; zero is Interval.
	Interval time.Duration
	// Retry says how often and how patiently to try; its Sleep serves the
	// pacing too, its Pace is not used.
	Retry retry.Policy
	// Now is the clock, for pacing and for waits that a service gives as a date;
	// nil is time.Now.
	Now func() time.Time
}

// Service is the channel to one service. It is safe for use by several
// goroutines.
type Service struct {
	name   string
	id     string
	source source
	hidden []secret.Value // what no error may quote
	kind   kind
	titled bool // the URL has a title of its own
	retry  retry.Policy
	now    func() time.Time
	client *http.Client // nil for mail
}

var _ notify.Channel = (*Service)(nil)

// message is what a service is asked to send.
type message struct {
	text   string
	params map[string]string
}

// New returns the channels to the services whose shoutrrr URLs are given,
// separated by white space. Each is named for its kind, and numbered from the
// second of a kind on. A URL must be https, or lead to this machine. An error
// says which of the URLs it is about, and quotes none.
func New(urls secret.Value, options Options) ([]notify.Channel, error) {
	var channels []notify.Channel
	count, same := map[string]int{}, map[string]int{}
	for i, raw := range strings.Fields(urls.Reveal()) {
		s, err := newService(raw, options)
		if err != nil {
			return nil, fmt.Errorf("number %d%s: %w", i+1, schemeOf(raw), err)
		}
		// A URL that is given twice is two channels.
		s.id = notify.ChannelID(s.source.kind, raw+strings.Repeat(" again", same[raw]))
		same[raw]++
		count[s.source.kind]++
		s.name = s.source.kind
		if n := count[s.source.kind]; n > 1 {
			s.name = fmt.Sprintf("%s-%d", s.source.kind, n)
		}
		channels = append(channels, s)
	}
	return channels, nil
}

// schemeOf is the part of a URL that may be said, if it is one we know.
func schemeOf(raw string) string {
	kind, _, _ := strings.Cut(raw, "://")
	kind, _, _ = strings.Cut(strings.ToLower(kind), "+")
	_, known := kinds[kind]
	_, other := otherNames[kind]
	if !known && !other && kind != "slack" && kind != "teams" && kind != "logger" {
		return ""
	}
	return ", " + kind
}

func newService(raw string, options Options) (*Service, error) {
	from, err := readSource(raw)
	if err != nil {
		return nil, err
	}
	s := &Service{source: from, hidden: hidden(raw), kind: kinds[from.kind], titled: from.titled(), retry: options.Retry, now: options.Now}
	if s.now == nil {
		s.now = time.Now
	}
	interval := options.Interval
	if interval <= 0 {
		interval = Interval
	}
	s.retry.Pace = retry.NewPacer(interval, 1, s.now, options.Retry.Sleep).Wait
	if s.kind.smtp {
		return s, s.checkMail()
	}
	s.client = httpclient.WithoutRedirects(options.HTTP)
	return s, s.rehearse()
}

var errPlain = errors.New("must not go over plain http, which shows the URL to everybody on the way; use https")

// innermost is what an error comes down to, without secrets: what wraps it often
// quotes the URL.
func (s *Service) innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return errors.New(s.scrub(err.Error()))
}

// Name implements notify.Channel.
func (s *Service) Name() string { return s.name }

// ID implements notify.Channel.
func (s *Service) ID() string { return s.id }

// Format keeps the URL out of whatever prints a Service.
func (s *Service) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.name+" service") }

// Compose implements notify.Channel.
func (s *Service) Compose(b notify.Batch) []notify.Message {
	layout := plain.Layout{MaxBytes: s.kind.maxBytes}
	if s.kind.chat {
		layout.Escaper = quiet
	}
	return layout.Compose(b)
}

// markup is the beginning of what chats may take for a mention beside an @.
var markup = regexp.MustCompile(`<([!@#u]|at\b)`)

// quiet is notify.WithoutMentions for chats: a name that looks like their markup
// stays as it looks, too.
func quiet(text string) string {
	return markup.ReplaceAllString(notify.WithoutMentions(text), "<\u200b$1")
}

func (s *Service) message(m notify.Message) message {
	params := maps.Clone(s.kind.params)
	if s.kind.title && !s.titled && m.Subject != "" {
		if params == nil {
			params = map[string]string{}
		}
		params[types.TitleKey] = m.Subject
	}
	return message{m.Body, params}
}

// Send implements notify.Channel. It retries after 429, 5xx, a timeout or a lost
// connection; mail after any error, as nothing else is seen of it.
func (s *Service) Send(ctx context.Context, m notify.Message) error {
	wanted := s.message(m)
	var answers []response
	err := s.retry.Do(ctx, func(ctx context.Context) error {
		if s.kind.smtp {
			return s.mail(ctx, wanted)
		}
		return s.exchange(ctx, wanted, &answers)
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.name, err)
	}
	return nil
}

// Kinds are the schemes of the URLs that New takes, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// query is the settings within a service's URL, by name in lower case.
func query(u *url.URL) map[string]string {
	settings := map[string]string{}
	for name, values := range u.Query() {
		if len(values) > 0 {
			settings[strings.ToLower(name)] = values[0]
		}
	}
	return settings
}
