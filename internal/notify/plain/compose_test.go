package plain_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
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

// What makes text safe is the channel's own.
func TestClean(t *testing.T) {
	t.Parallel()
	shout := func(text string) string { return strings.ToUpper(notify.OneLine(text)) }
	body := plain.Layout{MaxBytes: 1_000, Clean: shout}.Compose(notify.Bulletin{
		Account:      notify.Account{ID: "1", Alias: "alias"},
		Announcement: "an announcement\nin two",
		Creation:     notify.Heading{Title: "a title", Text: "a text"},
		Notices:      []notify.Notice{{User: "a user", Aside: "an aside", Kind: notify.Expiring, Reason: audit.CreationAge}},
	})[0].Body
	for _, want := range []string{"AWS ACCOUNT 1 (ALIAS)\n", "AN ANNOUNCEMENT\nIN TWO\n", "A TITLE\nA TEXT\n", "A USER's key", "AN ASIDE\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}
