package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// progress shows on a terminal how far a long reading has come. On anything
// else, and for short work, it shows nothing.
type progress struct {
	out   io.Writer // nil where nothing is shown
	now   func() time.Time
	began time.Time
	last  time.Time
}

const (
	progressAfter = 700 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

func newProgress(stderr io.Writer, now func() time.Time) *progress {
	p := &progress{now: now, began: now()}
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.out = stderr
	}
	return p
}

func (p *progress) show(users int) { p.say("reading: " + text.Count(users, "user")) }

// say shows what is being done, and for how long.
func (p *progress) say(what string) {
	now := p.now()
	if p.out == nil || now.Sub(p.began) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	fmt.Fprintf(p.out, "\r%s, %d s ", what, int(now.Sub(p.began).Seconds()))
}

func (p *progress) clear() {
	if !p.last.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
