package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// demoSlack takes what is posted to a Slack webhook, and keeps it.
type demoSlack struct {
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex // guards bodies
	bodies [][]byte
}

func startDemoSlack() (*demoSlack, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &demoSlack{listener: listener}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *demoSlack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !json.Valid(body) {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, body)
	s.mu.Unlock()
	_, _ = io.WriteString(w, "ok")
}

func (s *demoSlack) url() string {
	return "http://" + s.listener.Addr().String() + "/services/demo"
}

func (s *demoSlack) close() { _ = s.server.Close() }

// take returns what was posted since it was last called.
func (s *demoSlack) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.bodies
	s.bodies = nil
	return taken
}

// writeSlackMessage shows a posted message as a reader of the channel sees it.
func writeSlackMessage(w io.Writer, colours palette, body []byte) error {
	var message struct {
		Text        string
		Attachments []struct {
			Title, Text, Color string
			Fields             []struct{ Title, Value string }
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return fmt.Errorf("read the posted message: %w", err)
	}
	fmt.Fprintf(w, "  %s\n", colours.bold(shownBySlack(message.Text)))
	for _, attachment := range message.Attachments {
		paint, bar := fmt.Sprint, "  "
		switch attachment.Color {
		case "#ffff00":
			paint, bar = colours.yellow, "  ┃ "
		case "#ff0000":
			paint, bar = colours.red, "  ┃ "
		}
		block := []string{colours.bold(attachment.Title)}
		if attachment.Text != "" {
			block = append(block, attachment.Text)
		}
		for _, f := range attachment.Fields {
			block = append(block, f.Value)
		}
		writeIndented(w, paint(bar), shownBySlack(strings.Join(block, "\n")))
	}
	return nil
}

// shownBySlack takes back what is escaped for Slack.
func shownBySlack(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

func writeIndented(w io.Writer, indent, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(w, strings.TrimRight(indent+strings.TrimSpace(line), " "))
	}
}
