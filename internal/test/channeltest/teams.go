package channeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// What Teams takes, see
// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
// and https://learn.microsoft.com/microsoftteams/limits-specifications-teams.
const (
	teamsBytes  = 28_000
	teamsSecond = 4 // requests
)

// TeamsServer stands in for a workflow of Power Automate that posts to Teams: it
// takes Adaptive Cards within the documented limits, follows a script if it has
// one, and records what it took.
type TeamsServer struct {
	Script
	now    func() time.Time
	server *http.Server
	url    string

	mu       sync.Mutex
	requests []time.Time // those of the last second
	cards    []TeamsCard
	refusals []string
}

// TeamsCard is a message that the stand-in took, as its reader sees it.
type TeamsCard struct {
	// Elements are the texts of the card from top to bottom, Exact those of them
	// that are not read as Markdown.
	Elements, Exact []string
	// Body is the message as it came.
	Body string
}

const (
	teamsWorkflow = "0123456789abcdef0123456789abcdef"
	teamsSig      = "notARealSignatureButAsLongAsOne_0123456789A"
)

// StartTeams serves the stand-in on a free port of the loopback interface, until
// Close; ctx only bounds the start. Now is the clock for its rate limit; nil
// lets any number of requests through.
func StartTeams(ctx context.Context, now func() time.Time) (*TeamsServer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for teams messages: %w", err)
	}
	path := "/powerautomate/automations/direct/workflows/" + teamsWorkflow + "/triggers/manual/paths/invoke"
	s := &TeamsServer{
		now: now,
		url: "http://" + listener.Addr().String() + path + "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + teamsSig,
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+path, s.Handler(s.respond))
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// URL is the workflow's URL.
func (s *TeamsServer) URL() string { return s.url }

// Secrets are the texts that give the workflow away.
func (s *TeamsServer) Secrets() []string { return []string{s.url, teamsWorkflow, teamsSig} }

// Close ends the stand-in and every connection to it.
func (s *TeamsServer) Close() { _ = s.server.Close() }

// Cards are the messages taken so far.
func (s *TeamsServer) Cards() []TeamsCard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.cards)
}

// Refusals are the reasons why messages were not taken, except those of the
// script.
func (s *TeamsServer) Refusals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refusals)
}

// Received is the text of every message taken so far, line by line.
func (s *TeamsServer) Received() []string {
	var texts []string
	for _, card := range s.Cards() {
		texts = append(texts, strings.Join(card.Elements, "\n"))
	}
	return texts
}

func (s *TeamsServer) respond(w http.ResponseWriter, r *http.Request, body []byte, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a.Kind {
	case Throttled:
		refuseTeams(w, http.StatusTooManyRequests, "TooManyRequests", orUsual(a.Reason, "Rate limit is exceeded."))
		return
	case Failing:
		refuseTeams(w, http.StatusBadGateway, "BadGateway", orUsual(a.Reason, "try "+r.URL.String()+" later"))
		return
	case Refusing:
		refuseTeams(w, http.StatusUnauthorized, "DirectApiAuthorizationRequired", orUsual(a.Reason, "no access with "+r.URL.String()))
		return
	}
	if status, reason := s.take(r, body); reason != "" {
		s.refusals = append(s.refusals, reason)
		refuseTeams(w, status, "InvalidRequest", reason)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func refuseTeams(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// take keeps a message, or says why Teams would not take it.
func (s *TeamsServer) take(r *http.Request, body []byte) (status int, reason string) {
	if !s.inTime() {
		return http.StatusTooManyRequests, "more than four requests a second"
	}
	switch {
	case r.URL.Query().Get("sig") != teamsSig:
		return http.StatusUnauthorized, "another sig"
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		return http.StatusUnsupportedMediaType, "not JSON"
	case len(body) >= teamsBytes:
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("%d bytes, at most %d are taken", len(body), teamsBytes)
	}
	card, err := readTeamsCard(body)
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	s.cards = append(s.cards, card)
	return http.StatusAccepted, ""
}

// inTime reports whether a request keeps to the rate limit.
func (s *TeamsServer) inTime() bool {
	if s.now == nil {
		return true
	}
	now := s.now()
	s.requests = slices.DeleteFunc(s.requests, func(t time.Time) bool { return now.Sub(t) >= time.Second })
	s.requests = append(s.requests, now)
	return len(s.requests) <= teamsSecond
}

// readTeamsCard reads a message strictly: an element that it does not know,
// Teams might not show.
func readTeamsCard(body []byte) (TeamsCard, error) {
	var m struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Schema  string `json:"$schema"`
				Type    string
				Version string
				Body    []teamsElement
				MSTeams struct{ Width string }
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil || !utf8.Valid(body) {
		return TeamsCard{}, fmt.Errorf("not a message: %w", err)
	}
	if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
		return TeamsCard{}, fmt.Errorf("a message of type %q with %d attachments", m.Type, len(m.Attachments))
	}
	content := m.Attachments[0].Content
	if content.Type != "AdaptiveCard" || content.Version != "1.4" || len(content.Body) == 0 {
		return TeamsCard{}, fmt.Errorf("%q of version %q with %d elements", content.Type, content.Version, len(content.Body))
	}
	card := TeamsCard{Body: string(body)}
	for _, element := range content.Body {
		text, err := element.read()
		if err != nil {
			return TeamsCard{}, err
		}
		card.Elements = append(card.Elements, text)
		if element.Type == "RichTextBlock" {
			card.Exact = append(card.Exact, text)
		}
	}
	return card, nil
}

// teamsElement is a TextBlock or a RichTextBlock.
type teamsElement struct {
	Type    string
	Text    string
	Wrap    bool
	Spacing string
	Inlines []struct{ Type, Text, Size, Weight, Color, FontType string }
}

func (e teamsElement) read() (string, error) {
	text := e.Text
	for _, run := range e.Inlines {
		if run.Type != "TextRun" || e.Type != "RichTextBlock" {
			return "", fmt.Errorf("a %q in a %q", run.Type, e.Type)
		}
		text += run.Text
	}
	known := e.Type == "TextBlock" && e.Wrap || e.Type == "RichTextBlock"
	if !known || strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("an element of type %q with the text %q", e.Type, text)
	}
	return text, nil
}
