package plain

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// maxSubject is the length of the longest subject, in characters.
const maxSubject = 100

// Subject sums a bulletin up in at most 100 characters of printable ASCII on
// one line, as SNS demands:
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func Subject(b notify.Bulletin) string {
	subject := "Sleuth: " + summaryOf(b.Notices) + " " + b.Title()
	subject = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text.OneLine(subject))
	if len(subject) > maxSubject {
		subject = subject[:maxSubject-3] + "..."
	}
	return subject
}

func summaryOf(notices []notify.Notice) string {
	counts := map[notify.Kind]int{}
	for _, n := range notices {
		counts[n.Kind]++
	}
	var said []string
	for _, kind := range []struct {
		kind      notify.Kind
		one, many string
	}{
		{notify.Exposed, "found in public", "found in public"},
		{notify.Leaked, "found in public and disabled", "found in public and disabled"},
		{notify.Expiring, "expires", "expire"},
		{notify.PastLimit, "past its limit", "past their limit"},
		{notify.Disabled, "disabled", "disabled"},
	} {
		n := counts[kind.kind]
		fate, key := kind.many, " keys"
		if n == 1 {
			fate, key = kind.one, " key"
		}
		if len(said) > 0 {
			key = "" // said once
		}
		if n > 0 {
			said = append(said, fmt.Sprintf("%d%s %s", n, key, fate))
		}
	}
	if len(said) == 0 {
		return "a word on"
	}
	return strings.Join(said, ", ") + " in"
}
