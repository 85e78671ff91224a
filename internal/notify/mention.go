package notify

import (
	"strings"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// inert shows nothing, and keeps an @ before it from mentioning anybody.
const inert = "\u200b"

// WithoutMentions is OneLine for services that take "@here" in a text for a
// mention: the text looks the same and notifies nobody. They look for an @ at
// the start of a word, and differ in what ends the word before it: Mattermost
// takes + . - and _ for the end of one, and letters that are not ASCII too. So
// only an @ behind an ASCII letter or digit stays as it is, as in a mail
// address.
//
// https://docs.mattermost.com/end-user-guide/collaborate/mention-people.html
func WithoutMentions(words string) string {
	var out strings.Builder
	afterWord := false
	for _, r := range text.OneLine(words) {
		out.WriteRune(r)
		if r == '@' && !afterWord {
			out.WriteString(inert)
		}
		afterWord = r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	return out.String()
}
