package channeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// What chat.postMessage takes, see
// https://docs.slack.dev/reference/methods/chat.postMessage and
// https://docs.slack.dev/reference/block-kit/blocks.
const (
	slackBlocks  = 50
	slackHeader  = 150
	slackSection = 3_000
)

// SlackAPIOptions are the settings of a SlackAPI; each has a default.
type SlackAPIOptions struct {
	// Interval is the least time between two messages to one conversation, as
	// SlackOptions has it.
	Interval time.Duration
	// Now is the clock for Interval; nil is time.Now.
	Now func() time.Time
	// Scopes are what the token may do, with commas between; empty is all that
	// Sleuth needs.
	Scopes string
}

// SlackScopes are what a Slack app for Sleuth may do.
const SlackScopes = "chat:write,im:write,users:read,users:read.email"

// SlackChannel is the channel that the app of a SlackAPI is a member of, from
// the start. It is a member of those as well whose ids begin like that.
const SlackChannel = "C0STANDIN"

// SlackAPI stands in for the part of Slack's Web API with which a Slack app
// notifies people: chat.postMessage, users.lookupByEmail and auth.test. Its script is
// for chat.postMessage. As the real one it answers 200 where it refuses.
type SlackAPI struct {
	Script
	options SlackAPIOptions
	server  *http.Server
	mux     *http.ServeMux
	url     string

	mu       sync.Mutex
	last     map[string]time.Time
	people   map[string]string // ids by address
	refused  map[string]string // reasons by conversation, or by address
	lookups  []string
	posts    []SlackPost
	refusals []string
}

// SlackPost is a message that the API took.
type SlackPost struct {
	// Channel is the conversation, or the person, that it was sent to.
	Channel string       `json:"channel"`
	Blocks  []SlackBlock `json:"blocks"`
	SlackMessage
}

// SlackBlock is a block of a message. It stands for all types of them.
type SlackBlock struct {
	Type string `json:"type"`
	Text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"text"`
	Elements []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"elements"`
}

// slackBotToken has the form and the length of a real one.
const slackBotToken = "xoxb-0123456789012-0123456789012-notARealTokenButAsLong24"

// StartSlackAPI serves the stand-in on a free port of the loopback interface,
// until Close; ctx only bounds the start.
func StartSlackAPI(ctx context.Context, options SlackAPIOptions) (*SlackAPI, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for calls of slack's api: %w", err)
	}
	s := &SlackAPI{
		options: options,
		url:     "http://" + listener.Addr().String() + "/api/",
		mux:     http.NewServeMux(),
		last:    map[string]time.Time{}, people: map[string]string{}, refused: map[string]string{},
	}
	s.mux.Handle("POST /api/chat.postMessage", s.Handler(s.post))
	s.mux.HandleFunc("/api/users.lookupByEmail", s.lookup)
	s.mux.HandleFunc("/api/auth.test", s.identify)
	s.server = &http.Server{Handler: s.mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// URL is what SLEUTH_SLACK_API_URL is to be.
func (s *SlackAPI) URL() string { return s.url }

// Token is the one that the API takes.
func (s *SlackAPI) Token() string { return slackBotToken }

// Secrets are the texts that give the token away.
func (s *SlackAPI) Secrets() []string {
	return []string{slackBotToken, "notARealTokenButAsLong24"}
}

// Handle adds a method to the API, whose answers are what page says beyond ok.
func (s *SlackAPI) Handle(method string, page func(*http.Request) string) {
	s.mux.HandleFunc("/api/"+method, func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, http.StatusOK, authorized(r), ","+page(r))
	})
}

// Close ends the stand-in and every connection to it.
func (s *SlackAPI) Close() { _ = s.server.Close() }

// Know gives a person with this address an id. Who is not known is found all
// the same, under an id made of the address.
func (s *SlackAPI) Know(address, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[address] = id
}

// Refuse makes the API answer with a reason whatever is sent to a conversation
// or a person, or is asked about an address. Without a reason it no longer does.
// Who is "deleted" is found by their address, and is marked so.
func (s *SlackAPI) Refuse(whom, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[whom] = reason
}

// Posts are the messages taken so far.
func (s *SlackAPI) Posts() []SlackPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]SlackPost(nil), s.posts...)
}

// Lookups are the addresses that were asked about so far.
func (s *SlackAPI) Lookups() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lookups...)
}

// Refusals are the reasons given so far.
func (s *SlackAPI) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.refusals...)
}

// Received is what readers see of every message taken so far, line by line.
func (s *SlackAPI) Received() []string {
	var texts []string
	for _, p := range s.Posts() {
		texts = append(texts, strings.Join(p.Shown(), "\n"))
	}
	return texts
}

// Shown is what a reader sees of a message: its blocks, or its text where it
// has none, and its attachments.
func (p SlackPost) Shown() (shown []string) {
	for _, b := range p.Blocks {
		if b.Text.Text != "" {
			shown = append(shown, b.Text.Text)
		}
		for _, e := range b.Elements {
			shown = append(shown, e.Text)
		}
	}
	if len(p.Blocks) == 0 {
		shown = append(shown, p.Text)
	}
	for _, a := range p.Attachments {
		shown = append(shown, a.Title, a.Text)
		for _, f := range a.Fields {
			shown = append(shown, f.Title, f.Value)
		}
	}
	return shown
}

// answer writes what every method answers with.
func (s *SlackAPI) answer(w http.ResponseWriter, status int, reason, more string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-OAuth-Scopes", s.scopes())
	w.WriteHeader(status)
	if reason == "" {
		_, _ = fmt.Fprintf(w, `{"ok":true%s}`, more)
		return
	}
	s.mu.Lock()
	s.refusals = append(s.refusals, reason)
	s.mu.Unlock()
	_, _ = fmt.Fprintf(w, `{"ok":false,"error":%s%s}`, strconv.Quote(reason), more)
}

func (s *SlackAPI) scopes() string { return orUsual(s.options.Scopes, SlackScopes) }

// lacks says which of a method's scope the token lacks, if it does.
func (s *SlackAPI) lacks(scope string) (more string, lacks bool) {
	for have := range strings.SplitSeq(s.scopes(), ",") {
		if have == scope {
			return "", false
		}
	}
	return fmt.Sprintf(`,"needed":%q,"provided":%q`, scope, s.scopes()), true
}

// authorized says what is wrong with a request's token, which may be in its form
// as well.
func authorized(r *http.Request) (reason string) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == "" && r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		token = r.FormValue("token")
	}
	switch token {
	case slackBotToken:
		return ""
	case "":
		return "not_authed"
	}
	return "invalid_auth"
}

func (s *SlackAPI) identify(w http.ResponseWriter, r *http.Request) {
	s.answer(w, http.StatusOK, authorized(r),
		`,"url":"https://acme.slack.com/","team":"Acme","user":"sleuth","team_id":"T0STANDIN","user_id":"U0SLEUTH","bot_id":"B0SLEUTH"`)
}

func (s *SlackAPI) lookup(w http.ResponseWriter, r *http.Request) {
	address := r.FormValue("email")
	if reason := authorized(r); reason != "" {
		s.answer(w, http.StatusOK, reason, "")
		return
	}
	if more, lacks := s.lacks("users:read.email"); lacks {
		s.answer(w, http.StatusOK, "missing_scope", more)
		return
	}
	s.mu.Lock()
	s.lookups = append(s.lookups, address)
	id, known := s.people[address]
	reason := s.refused[address]
	s.mu.Unlock()
	if !known {
		id = "U0" + strings.Map(upperOrDigit, address)
	}
	if reason == "" && !strings.Contains(address, "@") {
		reason = "users_not_found"
	}
	if reason != "" && reason != "deleted" {
		s.answer(w, http.StatusOK, reason, "")
		return
	}
	s.answer(w, http.StatusOK, "", fmt.Sprintf(`,"user":{"id":%q,"deleted":%t}`, id, reason == "deleted"))
}

func upperOrDigit(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	}
	return -1
}

func (s *SlackAPI) post(w http.ResponseWriter, r *http.Request, body []byte, a Answer) {
	switch a.Kind {
	case Throttled:
		s.answer(w, http.StatusTooManyRequests, orUsual(a.Reason, "ratelimited"), "")
		return
	case Failing:
		// Slack fails in either way.
		if a.Reason != "" {
			s.answer(w, http.StatusOK, a.Reason, "")
			return
		}
		http.Error(w, "upstream connect error", http.StatusServiceUnavailable)
		return
	case Refusing:
		s.answer(w, http.StatusOK, orUsual(a.Reason, "invalid_auth"), "")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // a form may hold the token
	if reason := authorized(r); reason != "" {
		s.answer(w, http.StatusOK, reason, "")
		return
	}
	if more, lacks := s.lacks("chat:write"); lacks {
		s.answer(w, http.StatusOK, "missing_scope", more)
		return
	}
	status, reason := s.accept(w, r, body)
	s.answer(w, status, reason, "")
}

// accept takes a message, or says why Slack would not.
func (s *SlackAPI) accept(w http.ResponseWriter, r *http.Request, body []byte) (status int, reason string) {
	p, reason := readSlackPost(r, body)
	if reason != "" {
		return http.StatusOK, reason
	}
	if reason := p.wrong(); reason != "" {
		return http.StatusOK, reason
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if reason := s.refused[p.Channel]; reason != "" {
		return http.StatusOK, reason
	}
	now := s.options.Now()
	if last, posted := s.last[p.Channel]; posted && now.Sub(last) < s.options.Interval {
		wait := s.options.Interval - now.Sub(last)
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return http.StatusTooManyRequests, "ratelimited"
	}
	s.last[p.Channel] = now
	p.Mentions = mentionsIn(strings.Join(p.Shown(), "\n"))
	p.Cut = utf8.RuneCountInString(p.Text) > slackText
	s.posts = append(s.posts, p)
	return http.StatusOK, ""
}

// readSlackPost reads a message, which comes as JSON or as a form, or says why
// Slack would not. The attachments and blocks of a form are JSON.
func readSlackPost(r *http.Request, body []byte) (p SlackPost, reason string) {
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return p, "invalid_form_data"
		}
		form.Del("token")
		if body, err = jsonOf(form); err != nil {
			return p, "invalid_arguments"
		}
	} else if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return p, "invalid_post_type"
	}
	if !utf8.Valid(body) || json.Unmarshal(body, &p) != nil {
		return p, "invalid_json"
	}
	p.Body = string(body)
	return p, ""
}

// jsonOf is a form as the same message in JSON.
func jsonOf(form url.Values) ([]byte, error) {
	message := map[string]any{}
	for name, values := range form {
		message[name] = values[0]
		if name == "attachments" || name == "blocks" {
			message[name] = json.RawMessage(values[0])
		}
	}
	return json.Marshal(message)
}

var personID = regexp.MustCompile(`^[UW][A-Z0-9]+$`)

// wrong says what Slack would find wrong with a message.
func (p SlackPost) wrong() string {
	switch {
	case !strings.HasPrefix(p.Channel, SlackChannel) && !personID.MatchString(p.Channel):
		return "channel_not_found"
	case p.Text == "": // Slack takes it, but a notification then says nothing
		return "no_text"
	case len(p.Attachments) > slackAttachments:
		return "too_many_attachments"
	case len(p.Blocks) > slackBlocks:
		return "invalid_blocks"
	}
	for _, b := range p.Blocks {
		if !b.fits() {
			return "invalid_blocks"
		}
	}
	return ""
}

func (b SlackBlock) fits() bool {
	size := utf8.RuneCountInString(b.Text.Text)
	switch b.Type {
	case "header":
		return b.Text.Type == "plain_text" && size >= 1 && size <= slackHeader
	case "section":
		return b.Text.Type == "mrkdwn" && size >= 1 && size <= slackSection
	case "context":
		return len(b.Elements) >= 1 && len(b.Elements) <= 10
	case "divider":
		return true
	}
	return false
}
