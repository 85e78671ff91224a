package plain_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Whatever the limit and however long what stands above the lists, no message is
// longer, and nothing is cut.
func TestEveryMessageIsWithinTheLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{500, 1_000, 1_900, 4_000, 60_000} {
		for name, instructions := range map[string]string{"short": "How to.", "long": strings.Repeat("How to rotate, at length: 名前. ", 200)} {
			t.Run(strconv.Itoa(limit)+" "+name, func(t *testing.T) {
				t.Parallel()
				b := channeltest.Crowd(300)
				b.Account.Alias = strings.Repeat("a", 63)
				b.Creation.Text = instructions
				b.Announcement = strings.Repeat("Ä", 700)
				told, whole := 0, ""
				for _, m := range (plain.Layout{MaxBytes: limit}).Compose(b) {
					if len(m.Body) > limit {
						t.Errorf("a message of %d bytes, at most %d are allowed", len(m.Body), limit)
					}
					for _, n := range m.Notices {
						n.Account = b.Account
						if line := n.Line(n.User); !strings.Contains(m.Body, line+"\n") {
							t.Errorf("no line %q in the message that tells it", line)
						}
					}
					told += len(m.Notices)
					whole += m.Body
				}
				if told != len(b.Notices) || strings.Count(whole, "Ä") != 700 || strings.Contains(whole, "\uFFFD") {
					t.Errorf("%d of %d notices, %d of 700 letters", told, len(b.Notices), strings.Count(whole, "Ä"))
				}
				if got := strings.Count(whole, "名"); got < strings.Count(instructions, "名") {
					t.Errorf("the instructions are told up to %d", got)
				}
			})
		}
	}
}

// Titles and templates of any length become messages within any limit: none is
// longer, each notice is in one, and no part is only what continues another.
func TestTextsOfAnyLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			shape := rapid.SampledFrom([]string{"x", "x y\n", "名", "\n", "@"}).Draw(t, name)
			return strings.Repeat(shape, rapid.IntRange(0, 4_000).Draw(t, name+" times"))
		}
		b := channeltest.Crowd(rapid.IntRange(1, 20).Draw(t, "notices"))
		b.Account.Alias, b.Digest, b.Announcement = text("alias"), text("digest"), text("announcement")
		b.Creation = notify.Heading{Title: text("title"), Text: text("text")}
		words, problems := notify.ParseTemplates(notify.TemplateTexts{List: text("list"), Line: text("line")})
		for _, p := range problems {
			if !strings.Contains(p.Err.Error(), "says nothing") {
				t.Fatal(p.Err)
			}
		}
		b.Templates = words
		limit := rapid.IntRange(500, 3_000).Draw(t, "limit")
		told := map[string]int{}
		for _, m := range (plain.Layout{MaxBytes: limit}).Compose(b) {
			if len(m.Body) > limit || len(m.Subject) > 100 || !utf8.ValidString(m.Body) {
				t.Fatalf("%d bytes, subject %d, want at most %d:\n%s", len(m.Body), len(m.Subject), limit, m.Body)
			}
			for _, n := range m.Notices {
				told[n.KeyID]++
			}
		}
		for _, n := range b.Notices {
			if told[n.KeyID] != 1 {
				t.Fatalf("%s is in %d messages, want one", n.KeyID, told[n.KeyID])
			}
		}
	})
}

// What makes text safe is the channel's own.
func TestClean(t *testing.T) {
	t.Parallel()
	shout := func(content string) string { return strings.ToUpper(text.OneLine(content)) }
	body := plain.Layout{MaxBytes: 1_000, Escaper: shout}.Compose(notify.Batch{
		Account:      account.Account{ID: "1", Alias: "alias"},
		Announcement: "an announcement\nin two",
		Creation:     notify.Heading{Title: "a title", Text: "a text"},
		Notices:      []notify.Notice{{User: "a user", Note: "an aside", Kind: notify.Expiring, Reason: audit.CreationAge}},
	})[0].Body
	for _, want := range []string{"AWS ACCOUNT 1 (ALIAS)\n", "AN ANNOUNCEMENT\nIN TWO\n", "A TITLE\nA TEXT\n", "A USER's key", "AN ASIDE"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}
