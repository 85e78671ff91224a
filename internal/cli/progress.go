package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// progress shows on a terminal how far long work has come, in a line that is
// written over. On anything else, and for short work, it shows nothing.
type progress struct {
	now   func() time.Time
	began time.Time

	mu    sync.Mutex // guards what follows
	out   io.Writer  // nil if nothing is shown
	last  time.Time
	shown bool // the line is on the screen
}

const (
	progressAfter = 700 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// newProgress returns a progress that is shown if standard error is a terminal.
func (a *console) newProgress() *progress {
	p := &progress{now: a.now, began: a.now()}
	if a.terminal.stderr {
		p.out = a.stderr
	}
	return p
}

// show says how far a run or an audit has come.
func (p *progress) show(at app.Progress) {
	p.say(func(since time.Duration) string { return progressLine(at, since) })
}

// say writes the line over with what is being done, and for how long.
func (p *progress) say(line func(since time.Duration) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.out == nil || now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.out, "\r\x1b[K%s", line(now.Sub(p.began)))
}

// progressLine says how far work has come.
func progressLine(at app.Progress, since time.Duration) string {
	var parts []string
	doing := "reading"
	switch {
	case at.Accounts > 1:
		parts = append(parts, fmt.Sprintf("%d of %s done", at.Done, text.Count(at.Accounts, "account")))
	case at.Stage != "":
		doing = at.Stage
	}
	parts = append(parts, text.Count(at.Users, "user")+" read", fmt.Sprintf("%d s", int(since.Seconds())))
	return doing + ": " + strings.Join(parts, ", ")
}

// clear takes the line off the screen.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

// logUntilInterrupted returns a writer of the log that says nothing more on a
// terminal once the command is interrupted: each call that is cut short would be
// an error there.
func (a *console) logUntilInterrupted(log io.Writer) io.Writer {
	if !a.terminal.stderr {
		return log
	}
	return writerFunc(func(line []byte) (int, error) {
		if a.interrupted() {
			return len(line), nil
		}
		return log.Write(line)
	})
}

type writerFunc func([]byte) (int, error)

// Write implements io.Writer.
func (f writerFunc) Write(text []byte) (int, error) { return f(text) }

// above returns a writer to the same screen that takes the line off it first.
func (p *progress) above(out io.Writer) io.Writer {
	return writerFunc(func(text []byte) (int, error) {
		p.clear()
		return out.Write(text)
	})
}
