package plain

import (
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// maxSubject is the length of the longest subject, in characters.
const maxSubject = 100

// Subject sums a batch up in at most 100 characters of printable ASCII on
// one line, as SNS demands:
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func Subject(b notify.Batch) string {
	about := "notice for"
	if totals := notify.Totals(b.Notices); totals != "" {
		about = totals + " in"
	}
	subject := "Sleuth: " + about + " " + b.Title()
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
