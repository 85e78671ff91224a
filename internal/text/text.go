// Package text has what texts for people share: names that others chose are made
// safe to show, numbers and dates are written alike everywhere, and long texts
// are cut between characters.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

// Date writes a moment as every message does: with the weekday, and in UTC.
// The zero time is "".
func Date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("Monday 2 January 2006, 15:04 UTC")
}

// Clock writes the time of day of a moment, in UTC.
func Clock(t time.Time) string { return t.UTC().Format("15:04 UTC") }

// Count writes a number of things: "1 key", "10,000 keys".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(n) + " " + noun + "s"
}

// Grouped writes a number for people: 10,000.
func Grouped(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// First joins the first of many texts, as many as a reader can take in, and
// says how many more there are.
func First(most int, texts []string, separator string) string {
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(texts[:most], separator), separator, len(texts)-most)
}
