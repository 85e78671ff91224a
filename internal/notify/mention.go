package notify

import (
	"strings"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// inert is invisible, and keeps an @ before it from mentioning anybody.
const inert = "\u200b"

// WithoutMentions is OneLine for services that treat "@here" in a text as a
// mention: the text looks the same and notifies nobody. They look for an @ at the
// start of a word. For Mattermost also + . - _ and non-ASCII letters end the word
// before it. So only an @ after an ASCII letter or digit, as in a mail address, is
// left as it is.
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
