package audit

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spelling is how the name of a tag reads as KeyAutoExpire.
type spelling uint8

const (
	otherName    spelling = iota // it is about something else, or about another key
	exactName                    // KeyAutoExpire, ignoring case and surrounding space
	misspeltName                 // it may have been meant as KeyAutoExpire
)

// autoExpireName reads the name of a tag as one that speaks for a key:
// KeyAutoExpire, or KeyAutoExpire:AKIA... with the key's id. ofKey reports
// whether it names the key. Without a key id it reads only the names that speak
// for all keys of a user.
func autoExpireName(name, keyID string) (s spelling, ofKey bool) {
	word, rest, colon := cutName(name)
	if !colon {
		return withoutColon(word, keyID)
	}
	s = spellingOf(word)
	switch {
	case s == otherName:
		return otherName, false
	case keyID != "" && strings.EqualFold(rest, keyID):
		return s, true
	case keyID != "" && mentions(rest, keyID):
		return misspeltName, true
	case namesAnyKey(rest):
		return otherName, false
	}
	return misspeltName, false // such as "KeyAutoExpire:" and "KeyAutoExpire:all"
}

// withoutColon also finds a key's id that was put behind another separator, as
// in "KeyAutoExpire-AKIA...".
func withoutColon(word, keyID string) (s spelling, ofKey bool) {
	if s = spellingOf(word); s != otherName {
		return s, false
	}
	if before, found := strings.CutSuffix(letters(word), letters(keyID)); found && keyID != "" && looksLikeAutoExpire(before) {
		return misspeltName, true
	}
	return otherName, false
}

// cutName takes a tag's name apart at its colon, without surrounding space.
func cutName(name string) (word, rest string, colon bool) {
	word, rest, colon = strings.Cut(name, ":")
	return strings.TrimSpace(word), strings.TrimSpace(rest), colon
}

func spellingOf(word string) spelling {
	switch {
	case strings.EqualFold(word, TagAutoExpire):
		return exactName
	case looksLikeAutoExpire(letters(word)):
		return misspeltName
	}
	return otherName
}

// maxEdits is how many edits a misspelt KeyAutoExpire is away from it at most,
// separators aside: enough for a letter that is missing, doubled, wrong or
// swapped with its neighbour, twice. KeyAutoExpireReason is six away.
const maxEdits = 2

func looksLikeAutoExpire(plain string) bool {
	want := letters(TagAutoExpire)
	if n := len(plain) - len(want); n < -maxEdits || n > maxEdits*utf8.UTFMax {
		return false
	}
	return edits([]rune(plain), []rune(want)) <= maxEdits
}

// letters are the letters and digits of a text, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// mentions reports whether a key's id stands in a text as a word, or is the
// text except for its separators.
func mentions(text, keyID string) bool {
	return letters(text) == letters(keyID) || slices.ContainsFunc(wordsOf(text), func(word string) bool { return strings.EqualFold(word, keyID) })
}

// namesAnyKey reports whether a text has the form of an access key's id. Those
// of users begin with AKIA.
func namesAnyKey(text string) bool {
	return slices.ContainsFunc(wordsOf(text), func(word string) bool { return strings.HasPrefix(strings.ToUpper(word), "AKIA") })
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// edits counts the letters to insert, to leave out, to replace or to swap with
// their neighbour to turn a into b (optimal string alignment).
func edits(a, b []rune) int {
	var before []int // the row before last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
