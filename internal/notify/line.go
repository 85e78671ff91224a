package notify

import (
	"strings"
	"unicode"
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
