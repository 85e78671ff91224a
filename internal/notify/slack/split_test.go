package slack

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text  string
		limit int
		want  []string
	}{
		"empty":                                 {"", 10, []string{""}},
		"within":                                {"0123456789", 10, []string{"0123456789"}},
		"at a line break":                       {"ab\ncd\nefghijkl", 10, []string{"ab\ncd\n", "efghijkl"}},
		"at a space":                            {"one two three", 10, []string{"one two ", "three"}},
		"where it must":                         {"0123456789ab", 10, []string{"0123456789", "ab"}},
		"by characters":                         {"名前名前名前", 4, []string{"名前名前", "名前"}},
		"not in an entity":                      {"01234567&amp;9", 10, []string{"01234567", "&amp;9"}},
		"not in a reference":                    {"01234 <@U1234>", 10, []string{"01234 ", "<@U1234>"}},
		"not in a label":                        {"01 <https://x|a b c> d e", 20, []string{"01 <https://x|a b c>", " d e"}},
		"in a reference that no piece can hold": {"<@U0123456789>", 10, []string{"<@U0123456", "789>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, split(test.text, test.limit)); diff != "" {
				t.Errorf("split (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("one two three\nfour & <five>", 10)
	f.Add(strings.Repeat("&", 40), 7)
	f.Add("<https://example.com/a|a b c d e f g h> <@U1>", 12)
	f.Add("名前 👩‍💻 \n\n\n", 6)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 6 || limit > 10_000 {
			t.Skip("no limit of ours")
		}
		text = instructions(text)
		pieces := split(text, limit)
		if strings.Join(pieces, "") != text {
			t.Errorf("the pieces of %q are %q", text, pieces)
		}
		for i, piece := range pieces {
			if n := utf8.RuneCountInString(piece); n > limit || n == 0 && len(pieces) > 1 {
				t.Errorf("piece %d of %q has %d characters, limit %d", i, text, n, limit)
			}
			if !utf8.ValidString(piece) {
				t.Errorf("a character was cut in two: %q", piece)
			}
			if i > 0 && cutsEntity(pieces[i-1], piece) {
				t.Errorf("an entity was cut in two: %q %q", pieces[i-1], piece)
			}
		}
	})
}

// cutsEntity reports whether an entity begins in one piece and ends in the next.
func cutsEntity(before, after string) bool {
	open := strings.LastIndexByte(before, '&')
	return open >= 0 && !strings.Contains(before[open:], ";") && entity.MatchString(before[open:]+after)
}
