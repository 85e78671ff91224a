package slack

import (
	"strings"
	"unicode/utf8"
)

// split cuts an escaped text into pieces of at most limit characters, which
// joined are the text again: after a line break if there is one, else after
// a space, else wherever it must, but never within an entity (&amp;) or a
// reference (<@U123>) that is itself within the limit. An empty text is one
// empty piece.
func split(text string, limit int) []string {
	var pieces []string
	for utf8.RuneCountInString(text) > limit {
		end := cut(text, limit)
		pieces = append(pieces, text[:end])
		text = text[end:]
	}
	if text != "" || len(pieces) == 0 {
		pieces = append(pieces, text)
	}
	return pieces
}

// cut is where, in bytes, to end the first piece of a text that is longer than
// limit characters.
func cut(text string, limit int) int {
	head := text[:byteOffset(text, limit)]
	if end := strings.LastIndexByte(head, '\n') + 1; end > 0 {
		return end
	}
	whole := wholeTokens(head)
	if end := lastSpace(head[:whole]) + 1; end > len(head)/2 {
		return end
	}
	if whole > 0 {
		return whole
	}
	if open := strings.LastIndexByte(head, '&'); open > 0 && !strings.Contains(head[open:], ";") {
		return open
	}
	return len(head)
}

// wholeTokens is the length of head without the beginning of an entity or a
// reference at its end. In an escaped text every < begins a reference, and
// every & an entity.
func wholeTokens(head string) int {
	if open := strings.LastIndexByte(head, '<'); open > strings.LastIndexByte(head, '>') {
		return open
	}
	if open := strings.LastIndexByte(head, '&'); open > strings.LastIndexByte(head, ';') {
		return open
	}
	return len(head)
}

// lastSpace is the index of the last space outside of a reference, or -1.
func lastSpace(head string) int {
	for {
		space := strings.LastIndexByte(head, ' ')
		if space < 0 {
			return -1
		}
		if whole := wholeTokens(head[:space]); whole < space {
			head = head[:whole]
			continue
		}
		return space
	}
}

// byteOffset is where the character number n of text begins, or its end.
func byteOffset(text string, n int) int {
	for offset := range text {
		if n == 0 {
			return offset
		}
		n--
	}
	return len(text)
}
