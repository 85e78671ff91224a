package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// keysOf is n keys of one person.
func keysOf(n int) (notices []notify.Notice) {
	for i := range n {
		notices = append(notices, notify.Notice{
			KeyID: fmt.Sprintf("AKIA%06d", i), User: "ann", SlackTag: "U1", Kind: notify.Disabled, Reason: audit.CreationAge,
		})
	}
	return notices
}

// TestDirectMessagesKeepSlacksLimits: whatever the length of what there is to say, all
// of it is said, in messages that Slack takes.
func TestDirectMessagesKeepSlacksLimits(t *testing.T) {
	t.Parallel()
	longText := strings.Repeat("Rotate it, and say <@U2> when & how.\n", 1_000) + "the end"
	code := "Run this:\n\n```\nfirst\n\n" + strings.Repeat("aws iam create-access-key\n", 400) + "last\n```\n\nthe end"
	longSubject, problems := notify.ParseTemplates(notify.TemplateTexts{Subject: strings.Repeat("long ", 200) + "subject"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, test := range map[string]struct {
		keys     int
		text     string
		words    notify.Templates
		messages bool // more than one
	}{
		"a key":              {keys: 1},
		"many keys":          {keys: 300, messages: true},
		"long instructions":  {keys: 1, text: longText, messages: true},
		"both":               {keys: 5, text: longText, messages: true},
		"one long line":      {keys: 1, text: strings.Repeat("x", 20_000) + "the end", messages: true},
		"a long code block":  {keys: 1, text: code},
		"a long subject":     {keys: 1, words: longSubject},
		"many empty lines":   {keys: 1, text: strings.Repeat("\n", 500) + "the end"},
		"many short ones":    {keys: 1, text: strings.Repeat("x\n\n", 100) + "the end", messages: true},
		"an open code block": {keys: 1, text: "```\nfor ever\n\nthe end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := notify.Batch{Creation: notify.Heading{Title: "Rotate", Text: test.text}, Templates: test.words, Notices: keysOf(test.keys)}
			messages := new(Direct).Compose(b)
			if (len(messages) > 1) != test.messages {
				t.Errorf("%d messages, want more than one: %t", len(messages), test.messages)
			}
			told := 0
			shown := ""
			for _, m := range messages {
				told += len(m.Notices)
				var p directPayload
				if err := json.Unmarshal([]byte(m.Body), &p); err != nil {
					t.Fatal(err)
				}
				shown += textOf(p.Blocks)
				if err := json.Unmarshal([]byte(p.inChannel("C1", "gone")), &p); err != nil {
					t.Fatal(err)
				}
				wantWithinLimits(t, p)
			}
			if told != test.keys {
				t.Errorf("%d notices told, want %d", told, test.keys)
			}
			for _, n := range b.Notices {
				if !strings.Contains(shown, n.KeyID) {
					t.Errorf("%s is in no message", n.KeyID)
				}
			}
			if test.text != "" && !strings.Contains(shown, "the end") {
				t.Error("the end of the instructions is missing")
			}
			if test.words != (notify.Templates{}) && !strings.Contains(shown, "subject") {
				t.Error("the end of the subject is missing")
			}
		})
	}
}

func wantWithinLimits(t *testing.T, p directPayload) {
	t.Helper()
	if len(p.Blocks) > 50 || p.Text == "" || utf8.RuneCountInString(p.Text) > 8_000 {
		t.Errorf("%d blocks, and a text of %d characters", len(p.Blocks), utf8.RuneCountInString(p.Text))
	}
	for _, b := range p.Blocks {
		most := map[string]int{"header": 150, "section": 3_000}[b.Type]
		if size := utf8.RuneCountInString(b.Text.Text); size == 0 || size > most {
			t.Errorf("a %s has %d characters", b.Type, size)
		}
		if strings.Count(b.Text.Text, fence)%2 != 0 && strings.Contains(b.Text.Text, "create-access-key") {
			t.Errorf("a code block ends in another section: %q", b.Text.Text)
		}
	}
}

func TestParagraphs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":                           "a",
		"a\nb\n\nc":                   "a\nb|c",
		"a\n\n```\nb\n\nc\n```\n\nd":  "a|```\nb\n\nc\n```|d",
		"```a``` b\n\nc":              "```a``` b|c",
		"a\n\n```\nb\n\nc":            "a|```\nb\n\nc",
		"```\na\n\n```\nb\n\n```c```": "```\na\n\n```\nb|```c```",
	} {
		if got := strings.Join(paragraphs(text), "|"); got != want {
			t.Errorf("paragraphs(%q) are %q, want %q", text, got, want)
		}
	}
}

func TestTemplatesMentionNobody(t *testing.T) {
	t.Parallel()
	words, problems := notify.ParseTemplates(notify.TemplateTexts{
		Personal: "<!here> {{.Name}} {{range .Keys}}<https://example.com/?a=1&b=2|{{.Key}}>{{end}}", Subject: "<!channel> & {{.Name}}",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b := notify.Batch{Templates: words, Notices: keysOf(1)}
	body := new(Direct).Compose(b)[0].Body
	if strings.Contains(body, "<!") || !strings.Contains(body, "<https://example.com/?a=1&amp;b=2|AKIA000000>") {
		t.Errorf("the message is %s", body)
	}
}
