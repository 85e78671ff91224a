package shoutrrr_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// mailServer takes mail by SMTP, and refuses that of its first connections.
type mailServer struct {
	net.Listener
	silent bool // it says nothing at all

	mu       sync.Mutex
	refusing int
	mails    []string
}

func startMailServer(t *testing.T, refusing int, silent bool) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{Listener: listener, refusing: refusing, silent: silent}
	t.Cleanup(func() { _ = s.Close() })
	go func() {
		for {
			connection, err := s.Accept()
			if err != nil {
				return
			}
			go s.serve(connection)
		}
	}()
	return s
}

func (s *mailServer) serve(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	lines := bufio.NewScanner(connection)
	if s.silent {
		lines.Scan()
		return
	}
	say := func(text string) { _, _ = fmt.Fprintf(connection, "%s\r\n", text) }
	say("220 ready")
	for lines.Scan() {
		switch command, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); command {
		case "EHLO":
			say("250-hello\r\n250 AUTH PLAIN")
		case "AUTH":
			say("235 welcome")
		case "MAIL":
			say(s.answer())
		case "DATA":
			say("354 go on")
			s.take(lines)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) answer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusing > 0 {
		s.refusing--
		return "451 later, " + token
	}
	return "250 ok"
}

func (s *mailServer) take(lines *bufio.Scanner) {
	var mail strings.Builder
	for lines.Scan() && lines.Text() != "." {
		mail.WriteString(lines.Text() + "\n")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, mail.String())
}

func (s *mailServer) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

func (s *mailServer) channel(t *testing.T) notify.Channel {
	t.Helper()
	clock := channeltest.NewClock()
	return one(t, "smtp://user:"+token+"@"+s.Addr().String()+"/?from=a@example.com&to=b@example.com&starttls=no",
		shoutrrr.Options{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}})
}

// Of mail only the error is seen: it is retried after any, and shows no password.
func TestMail(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, 1, false)
	message := notify.Message{Subject: "Sleuth: 1 key", Body: "ann's key is disabled"}
	if err := server.channel(t).Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	mails := server.taken()
	if len(mails) != 1 || !strings.Contains(mails[0], message.Subject) || !strings.Contains(mails[0], message.Body) {
		t.Errorf("taken: %q", mails)
	}

	server = startMailServer(t, 50, false)
	err := server.channel(t).Send(t.Context(), message)
	if err == nil || strings.Contains(fmt.Sprintf("%+v", err), token) || !strings.Contains(err.Error(), "after 5 attempts") {
		t.Errorf("error is %v", err)
	}
}

func TestMailEndsWithItsContext(t *testing.T) {
	t.Parallel()
	server := startMailServer(t, 0, true)
	ctx, cancel := context.WithCancel(t.Context())
	channel := server.channel(t)
	sent := make(chan error, 1)
	go func() { sent <- channel.Send(ctx, notify.Message{Subject: "s", Body: "b"}) }()
	cancel()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("Send returned %v, want context.Canceled", err)
	}
}
