package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine makes a text that others wrote, such as a user name or a tag, safe
// to stand within a line: whatever a display takes for a line break or a tab
// becomes a space, and control characters and those that change the direction
// of the text around them are left out.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("\t\n\v\f\r\u0085\u2028\u2029", r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// Lines is OneLine for each line of a text of several, which stays one of
// several.
func Lines(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = OneLine(line)
	}
	return strings.Join(lines, "\n")
}

// CutAt is the length of the longest beginning of a text, of at most limit
// bytes, that ends with a complete character.
func CutAt(text string, limit int) int {
	if len(text) <= limit {
		return len(text)
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return max(0, limit)
}

const ellipsis = "..."

// Shorten returns a text of at most limit bytes: the text itself, or its
// beginning and an ellipsis.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:CutAt(text, limit-len(ellipsis))] + ellipsis
}

// Pieces cuts a text into pieces of at most limit bytes, which joined are the
// text again: after a line break if there is one, else after a space, else
// between two characters. The limit is at least 4, the length of the longest
// character. An empty text is one empty piece.
func Pieces(text string, limit int) []string {
	var pieces []string
	for len(text) > limit {
		head := text[:CutAt(text, limit)]
		if end := strings.LastIndexByte(head, '\n') + 1; end > 0 {
			head = head[:end]
		} else if end := strings.LastIndexByte(head, ' ') + 1; end > len(head)/2 {
			head = head[:end]
		}
		pieces = append(pieces, head)
		text = text[len(head):]
	}
	if text != "" || len(pieces) == 0 {
		pieces = append(pieces, text)
	}
	return pieces
}
