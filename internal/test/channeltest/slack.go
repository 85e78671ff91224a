package channeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// What an incoming webhook takes, see
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
// https://docs.slack.dev/changelog/2018-truncating-really-long-messages.
const (
	slackAttachments = 100
	slackText        = 40_000
)

// SlackOptions are the settings of a SlackServer; each has a default.
type SlackOptions struct {
	// Interval is the least time between two messages: one that comes sooner is
	// answered with 429 and Retry-After. Zero lets all through. Slack's own is
	// about a second.
	Interval time.Duration
	// Now is the clock for Interval; nil is time.Now.
	Now func() time.Time
}

// SlackServer stands in for Slack's incoming webhooks: it holds messages to the
// documented limits, answers in plain text as Slack does, follows a script where
// it has one, and records what it took.
type SlackServer struct {
	Script
	options SlackOptions
	server  *http.Server
	url     string

	mu       sync.Mutex
	last     time.Time
	messages []SlackMessage
	refusals []string
}

// SlackMessage is a message that the stand-in took.
type SlackMessage struct {
	Text        string            `json:"text"`
	Attachments []SlackAttachment `json:"attachments"`

	// Body is the message as it came.
	Body string `json:"-"`
	// Mentions are whom the message notifies, in order: ids of members (U, W)
	// and user groups (S), and here, channel and everyone.
	Mentions []string `json:"-"`
	// Cut: Slack would have shown only a part of it.
	Cut bool `json:"-"`
}

// SlackAttachment is one attachment of a message.
type SlackAttachment struct {
	Title  string       `json:"title"`
	Text   string       `json:"text"`
	Color  string       `json:"color"`
	Fields []SlackField `json:"fields"`
}

// SlackField is one field of an attachment.
type SlackField struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// slackToken stands for the secret part of a webhook's path, of the length of
// the real ones.
const slackToken = "T0STANDIN/B0STANDIN/notARealTokenButAsLong24"

// StartSlack serves the stand-in on a free port of the loopback interface, until
// Close; ctx only bounds the start.
func StartSlack(ctx context.Context, options SlackOptions) (*SlackServer, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for slack messages: %w", err)
	}
	s := &SlackServer{
		options: options,
		url:     "http://" + listener.Addr().String() + "/services/" + slackToken,
	}
	mux := http.NewServeMux()
	mux.Handle("POST /services/"+slackToken, s.Handler(s.respond))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound, "no_service")
	})
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// ServeHTTP answers a request as the server does, without the detour of a socket.
func (s *SlackServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.server.Handler.ServeHTTP(w, r)
}

// URL is the webhook's URL.
func (s *SlackServer) URL() string { return s.url }

// Secrets are the texts that give the webhook away.
func (s *SlackServer) Secrets() []string {
	return []string{s.url, slackToken, "T0STANDIN", "B0STANDIN", "notARealTokenButAsLong24"}
}

// Close ends the stand-in and every connection to it.
func (s *SlackServer) Close() { _ = s.server.Close() }

// Messages are the messages taken so far.
func (s *SlackServer) Messages() []SlackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SlackMessage(nil), s.messages...)
}

// Refusals are the answers other than ok given so far, such as invalid_payload.
func (s *SlackServer) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.refusals...)
}

// Received is the text of every message taken so far, line by line.
func (s *SlackServer) Received() []string {
	var texts []string
	for _, m := range s.Messages() {
		text := m.Text
		for _, a := range m.Attachments {
			text += "\n" + a.Title + "\n" + a.Text
			for _, f := range a.Fields {
				text += "\n" + f.Title + "\n" + f.Value
			}
		}
		texts = append(texts, text)
	}
	return texts
}

func (s *SlackServer) respond(w http.ResponseWriter, r *http.Request, body []byte, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, reason := s.judge(w, r, body, a)
	if status != http.StatusOK {
		s.refusals = append(s.refusals, reason)
	}
	say(w, status, reason)
}

func (s *SlackServer) judge(w http.ResponseWriter, r *http.Request, body []byte, a Answer) (status int, reason string) {
	switch a.Kind {
	case Throttled:
		return http.StatusTooManyRequests, orUsual(a.Reason, "rate_limited")
	case Failing:
		return http.StatusInternalServerError, orUsual(a.Reason, "rollup_error")
	case Refusing:
		reason := orUsual(a.Reason, "no_service")
		return slackStatus(reason), reason
	}
	m, reason := readSlackMessage(r, body)
	if reason != "" {
		return slackStatus(reason), reason
	}
	now := s.options.Now()
	if wait := s.options.Interval - now.Sub(s.last); wait > 0 && !s.last.IsZero() {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return http.StatusTooManyRequests, "rate_limited"
	}
	s.last = now
	s.messages = append(s.messages, m)
	return http.StatusOK, "ok"
}

// readSlackMessage reads a message, or says why Slack would not take it.
func readSlackMessage(r *http.Request, body []byte) (m SlackMessage, reason string) {
	if !utf8.Valid(body) || json.Unmarshal(body, &m) != nil {
		return m, "invalid_payload"
	}
	if kind := r.Header.Get("Content-Type"); len(kind) < 16 || kind[:16] != "application/json" {
		return m, "invalid_payload"
	}
	if len(m.Attachments) > slackAttachments {
		return m, "too_many_attachments"
	}
	if m.Text == "" && len(m.Attachments) == 0 {
		return m, "no_text"
	}
	m.Body = string(body)
	shown := m.Text
	for _, a := range m.Attachments {
		if a.Title == "" && a.Text == "" && len(a.Fields) == 0 {
			return m, "no_text"
		}
		shown += "\n" + a.Title + "\n" + a.Text
		for _, f := range a.Fields {
			shown += "\n" + f.Value
		}
	}
	m.Cut = utf8.RuneCountInString(shown) > slackText
	m.Mentions = mentionsIn(shown)
	return m, ""
}

var mention = regexp.MustCompile(`<(?:@([UW][A-Z0-9]+)|!subteam\^(S[A-Z0-9]+)|!(here|channel|everyone|group))(?:\|[^<>]*)?>`)

func mentionsIn(text string) (whom []string) {
	for _, found := range mention.FindAllStringSubmatch(text, -1) {
		whom = append(whom, found[1]+found[2]+found[3])
	}
	return whom
}

// slackStatus is the status that goes with a reason.
func slackStatus(reason string) int {
	switch reason {
	case "action_prohibited", "posting_to_general_channel_denied", "invalid_token", "team_disabled":
		return http.StatusForbidden
	case "channel_not_found", "no_service", "no_team", "no_active_hooks":
		return http.StatusNotFound
	case "channel_is_archived":
		return http.StatusGone
	}
	return http.StatusBadRequest
}

func orUsual(reason, usual string) string {
	if reason != "" {
		return reason
	}
	return usual
}

func say(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reason)
}
