package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// TestProgressIsWrittenOverAndCleared: short work shows nothing, long work one
// line that other output takes off the screen first.
func TestProgressIsWrittenOverAndCleared(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	p := &progress{now: func() time.Time { return now }, began: now, out: &screen}
	p.show(app.Progress{Users: 1, Accounts: 1})
	if screen.Len() > 0 {
		t.Errorf("shown at once: %q", screen.String())
	}
	now = now.Add(2 * time.Second)
	p.show(app.Progress{Users: 812, Accounts: 1})
	p.show(app.Progress{Users: 813, Accounts: 1}) // too soon after the last
	if _, err := p.above(&screen).Write([]byte("a line\n")); err != nil {
		t.Fatal(err)
	}
	if want := "\r\x1b[Kreading: 812 users read, 2 s\r\x1b[Ka line\n"; screen.String() != want {
		t.Errorf("got %q, want %q", screen.String(), want)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]app.Progress{
		"reading: 1 user read, 3 s":                             {Users: 1, Accounts: 1},
		"sending messages: 12 users read, 3 s":                  {Users: 12, Accounts: 1, Stage: "sending messages"},
		"reading: 2 of 40 accounts done, 1,200 users read, 3 s": {Users: 1200, Accounts: 40, Done: 2, Stage: "sending messages"},
	} {
		if got := progressLine(at, 3*time.Second); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestInterruptionSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	summary := func(users int, c account.Counts, dryRun bool, undecided int) *org.Summary {
		s := &org.Summary{DryRun: dryRun, Accounts: []sleuth.Summary{{Undecided: undecided}}}
		s.Totals.Users, s.Totals.Counts = users, c
		return s
	}
	for _, c := range []struct {
		summary *org.Summary
		want    string
	}{
		{nil, "interrupted: nothing read, nothing disabled, nothing sent; run again"},
		{summary(812, account.Counts{}, false, 0), "interrupted: 812 users read, nothing disabled, nothing sent; run again"},
		{summary(9, account.Counts{Disabled: 1, NoticesSent: 2}, false, 0), "interrupted: 9 users read, 1 key disabled, 2 notices sent; run again"},
		{summary(9, account.Counts{Disabled: 3, NoticesPending: 3}, false, 1), "interrupted: 9 users read, 3 keys disabled, 1 perhaps (the next run finds out), nothing sent, final notices pending; run again"},
		{summary(9, account.Counts{Disabled: 3}, true, 0), "interrupted: 9 users read, nothing disabled, nothing sent; run again"},
	} {
		if got := interruption(c.summary); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestWrappingBreaksBetweenWords: a word is never broken, and what is to be copied
// stays in one line.
func TestWrappingBreaksBetweenWords(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := &wrapping{out: &out, width: 20}
	text := "one two three four five six\n  seven eight nine ten\naVeryLongWordThatIsLongerThanALine x\n        aws iam tag-user --user-name ann\nanswer? [y/N] "
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("and more on the same line\nshort\n")); err != nil {
		t.Fatal(err)
	}
	want := "one two three four\n  five six\n  seven eight nine\n    ten\naVeryLongWordThatIsLongerThanALine\n  x\n        aws iam tag-user --user-name ann\nanswer? [y/N] and more on the same line\nshort\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
