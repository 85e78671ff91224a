package slack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

var acct = account.Account{ID: "123456789012", Alias: "acme"}

// message is a Slack message as Slack reads it.
type message struct {
	Text        string
	Attachments []attachment
}

type attachment struct {
	Title, Text *string
	Color       string
	Fields      []struct{ Title, Value string }
}

func composed(t testing.TB, b notify.Batch) ([]notify.Message, []message) {
	t.Helper()
	sent := (&slack.Webhook{}).Compose(b)
	read := make([]message, len(sent))
	for i, m := range sent {
		if err := json.Unmarshal([]byte(m.Body), &read[i]); err != nil {
			t.Fatalf("message %d is not JSON: %v\n%s", i, err, m.Body)
		}
	}
	return sent, read
}

// unordered reads JSON for a comparison in which the order of keys is nothing.
func unordered(t testing.TB, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	return value
}

func expiring(user, tag string, days int, reason audit.Reason) notify.Notice {
	return notify.Notice{
		KeyID: "AKIA" + strings.ToUpper(user), User: user, SlackTag: tag,
		Kind: notify.Expiring, Reason: reason, DaysLeft: days,
	}
}

func TestTheOriginalsMessage(t *testing.T) {
	t.Parallel()
	sent, _ := composed(t, notify.Batch{
		Account:    acct,
		Templates:  original(t),
		Creation:   notify.Heading{Title: "AWS IAM Key Report"},
		Inactivity: notify.Heading{Title: "AWS IAM Key Inactivity Report"},
		Notices:    []notify.Notice{expiring("sleuth-test2", "sleuth-test2", 30, audit.Inactivity)},
	})
	if len(sent) != 1 {
		t.Fatalf("%d messages, want 1", len(sent))
	}
	want := unordered(t, `{
		"text": "AWS account 123456789012 (acme)",
		"attachments": [
			{"title": "AWS IAM Key Inactivity Report", "text": ""},
			{"title": "IAM users with access keys expiring due to inactivity. \n Please login to AWS to prevent key from being disabled",
			 "color": "#ffff00",
			 "fields": [{"title": "Users", "value": "sleuth-test2's key expires in 30 days due to inactivity."}]}
		]}`)
	if diff := cmp.Diff(want, unordered(t, sent[0].Body)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestEverySection(t *testing.T) {
	t.Parallel()
	b := notify.Batch{
		Account:      acct,
		Creation:     notify.Heading{Title: "Key <Rotation> & more", Text: "Run <https://wiki/?a=1&b=2|this> & <!channel>\n ```aws-vault rotate```"},
		Inactivity:   notify.Heading{Title: "Unused", Text: "Ask <@U1>"},
		Announcement: "first run < of many\nsecond line",
		Notices: []notify.Notice{
			expiring("b", "UB1", 3, audit.CreationAge),
			expiring("a", " subteam-SA1 ", 5, audit.CreationAge),
			{KeyID: "AKIA1", User: "c", ShowKeyID: true, Kind: notify.Disabled, Reason: audit.CreationAge},
			{KeyID: "AKIA2", User: "d", Kind: notify.PastLimit, Reason: audit.Inactivity, Note: "Tag <!here> & co.\n"},
		},
	}
	sent, _ := composed(t, b)
	if len(sent) != 1 {
		t.Fatalf("%d messages, want 1", len(sent))
	}
	want := unordered(t, `{"text": "AWS account 123456789012 (acme)", "attachments": [
		{"text": "first run &lt; of many\nsecond line"},
		{"title": "Key &lt;Rotation&gt; &amp; more",
		 "text": "Run <https://wiki/?a=1&amp;b=2|this> &amp; &lt;!channel&gt;\n `+"```aws-vault rotate```"+`"},
		{"title": "IAM users with access keys expiring due to creation age. \n Please rotate the key to prevent key from being disabled",
		 "color": "#ffff00",
		 "fields": [{"title": "Users", "value": "a (<!subteam^SA1>)'s key expires in 5 days due to creation age. Key AKIAA is in AWS account 123456789012 (acme).\n<@UB1>'s key expires in 3 days due to creation age. Key AKIAB is in AWS account 123456789012 (acme)."}]},
		{"title": "IAM users with access keys disabled due to creation age. \n This is the final notice",
		 "color": "#ff0000",
		 "fields": [{"title": "Users", "value": "c's key is disabled due to creation age. Key AKIA1 is in AWS account 123456789012 (acme)."}]},
		{"title": "Unused", "text": "Ask <@U1>"},
		{"title": "IAM users with access keys past their limit due to inactivity. \n Please login to AWS; the key is still active",
		 "color": "#ff0000",
		 "fields": [{"title": "Users", "value": "d's key is past its limit due to inactivity. Tag &lt;!here&gt; &amp; co.  Key AKIA2 is in AWS account 123456789012 (acme)."}]}
	]}`)
	if diff := cmp.Diff(want, unordered(t, sent[0].Body)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if len(sent[0].Notices) != len(b.Notices) {
		t.Errorf("%d notices told, want all %d", len(sent[0].Notices), len(b.Notices))
	}
	if strings.Contains(sent[0].Body, `\u0026`) || strings.Contains(sent[0].Body, `\u003c`) {
		t.Errorf("& and < are not readable: %s", sent[0].Body)
	}
}

// original are the texts of SLEUTH_LINE_TEMPLATE=original.
func original(t testing.TB) notify.Templates {
	t.Helper()
	words, problems := notify.ParseTemplates(notify.TemplateTexts{Line: notify.Original})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return words
}

// Without instructions of the administrator's, the list says what to do.
func TestDefaultInstructions(t *testing.T) {
	t.Parallel()
	_, read := composed(t, notify.Batch{
		Account: acct, Creation: notify.Heading{Title: "Keys"}, Notices: []notify.Notice{expiring("a", "", 1, audit.CreationAge)},
	})
	if len(read) != 1 || len(read[0].Attachments) != 2 || !strings.Contains(*read[0].Attachments[0].Text, "Create a new key, switch to it, then delete the old one.") {
		t.Errorf("the list says nothing of what to do: %+v", read)
	}
}

func TestNothingToSay(t *testing.T) {
	t.Parallel()
	if sent, _ := composed(t, notify.Batch{Account: acct, Creation: notify.Heading{Title: "x"}}); len(sent) != 0 {
		t.Errorf("an empty batch became %d messages", len(sent))
	}
	sent, read := composed(t, notify.Batch{Account: acct, Announcement: "hello"})
	if len(sent) != 1 || len(read[0].Attachments) != 1 || *read[0].Attachments[0].Text != "hello" {
		t.Errorf("an announcement alone became %+v", sent)
	}
}

func TestNoHeading(t *testing.T) {
	t.Parallel()
	_, read := composed(t, notify.Batch{
		Account: acct, Notices: []notify.Notice{expiring("a", "", 1, audit.CreationAge)}, Templates: original(t),
	})
	if len(read) != 1 || len(read[0].Attachments) != 1 || len(read[0].Attachments[0].Fields) != 1 {
		t.Errorf("without a heading there is more than the list: %+v", read)
	}
}

// lines are all the lines of all lists of messages.
func lines(read ...message) (all []string) {
	for _, m := range read {
		for _, a := range m.Attachments {
			for _, f := range a.Fields {
				all = append(all, strings.Split(f.Value, "\n")...)
			}
		}
	}
	return all
}

// within reports every limit that a message breaks.
func within(t testing.TB, m message) {
	t.Helper()
	if len(m.Attachments) > 20 {
		t.Errorf("%d attachments in a message, want at most 20", len(m.Attachments))
	}
	total := utf8.RuneCountInString(m.Text)
	for _, a := range m.Attachments {
		texts := []string{}
		for _, text := range []*string{a.Title, a.Text} {
			if text != nil {
				texts = append(texts, *text)
			}
		}
		for _, f := range a.Fields {
			texts = append(texts, f.Title, f.Value)
		}
		for _, text := range texts {
			size := utf8.RuneCountInString(text)
			if total += size; size > 3000 {
				t.Errorf("a text of %d characters, want at most 3,000", size)
			}
		}
	}
	if total > 12_000 {
		t.Errorf("a message of %d characters, want at most 12,000", total)
	}
}

func TestFiveThousandLines(t *testing.T) {
	t.Parallel()
	b := channeltest.Crowd(5000)
	sent, read := composed(t, b)
	told := map[string]int{}
	for i, m := range read {
		within(t, m)
		if m.Text != b.Account.String() {
			t.Errorf("message %d begins with %q, not with the account", i, m.Text)
		}
		if first := m.Attachments[0]; first.Title == nil || first.Text == nil {
			t.Errorf("message %d does not begin with its section's header", i)
		}
		shown := lines(m)
		if len(shown) != len(sent[i].Notices) {
			t.Errorf("message %d shows %d lines for %d notices", i, len(shown), len(sent[i].Notices))
		}
		for j, n := range sent[i].Notices {
			told[n.KeyID]++
			mention, _ := slack.Mention(n.User, n.SlackTag)
			n.Account = b.Account
			if want := n.Line(mention); shown[j] != want {
				t.Fatalf("message %d shows %q where it tells %q", i, shown[j], want)
			}
		}
	}
	for _, n := range b.Notices {
		if told[n.KeyID] != 1 {
			t.Errorf("%s is told %d times, want once", n.KeyID, told[n.KeyID])
		}
	}
	if len(sent) > 65 { // some 680 KB of lines at 12,000 a message
		t.Errorf("%d messages for 5,000 lines", len(sent))
	}
}

func TestLongHeadings(t *testing.T) {
	t.Parallel()
	for name, heading := range map[string]notify.Heading{
		"text of lines":        {Title: "Rotate", Text: strings.Repeat("Do this, then that.\n", 400)},
		"text without a break": {Title: "Rotate", Text: strings.Repeat("字", 9_000)},
		"text past a message":  {Title: "Rotate", Text: strings.Repeat("word ", 8_000)},
		"title":                {Title: strings.Repeat("title & ", 1_000), Text: "x"},
		"links":                {Title: "Rotate", Text: strings.Repeat("<https://example.com/a?b=1&c=2|a b c> ", 200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := channeltest.Crowd(600)
			b.Creation = heading
			sent, read := composed(t, b)
			notices := 0
			for i, m := range read {
				within(t, m)
				notices += len(sent[i].Notices)
			}
			title, text := firstHeader(t, read)
			unescape := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
			if got := unescape.Replace(text); got != heading.Text {
				t.Errorf("the text was changed: %d characters of %d", len(got), len(heading.Text))
			}
			if got := unescape.Replace(title); got != heading.Title {
				t.Errorf("the title was changed: %d characters of %d", len(got), len(heading.Title))
			}
			if notices != len(b.Notices) {
				t.Errorf("%d notices told, want %d", notices, len(b.Notices))
			}
		})
	}
}

// firstHeader is the title and the text that stand before the first list, put
// together from all their pieces.
func firstHeader(t *testing.T, read []message) (title, text string) {
	t.Helper()
	for _, m := range read {
		for _, a := range m.Attachments {
			if len(a.Fields) > 0 {
				return title, text
			}
			if a.Title != nil {
				title += *a.Title
			}
			if a.Text != nil {
				text += *a.Text
				if strings.Count(*a.Text, "<") != strings.Count(*a.Text, ">") {
					t.Errorf("a link was cut in two: %q", *a.Text)
				}
			}
		}
	}
	return title, text
}

func TestALineLongerThanAField(t *testing.T) {
	t.Parallel()
	b := notify.Batch{Account: acct, Notices: []notify.Notice{
		expiring(strings.Repeat("<", 5_000), "", 1, audit.CreationAge),
		expiring("next", "", 1, audit.CreationAge),
	}}
	b.Notices[0].KeyID = "AKIA1"
	sent, read := composed(t, b)
	notices := 0
	for i, m := range read {
		within(t, m)
		notices += len(sent[i].Notices)
	}
	all := strings.Join(lines(read...), "")
	if strings.Count(all, "&lt;") != 5_000 || notices != 2 {
		t.Errorf("%d of 5000 characters are shown, %d of 2 notices told", strings.Count(all, "&lt;"), notices)
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprintf("notices=%d", n), func(b *testing.B) {
			batch := channeltest.Crowd(n)
			b.ReportAllocs()
			for b.Loop() {
				if messages := (&slack.Webhook{}).Compose(batch); len(messages) == 0 {
					b.Fatal("no messages")
				}
			}
		})
	}
}

func TestAHeaderIsNotLeftAloneAtTheEndOfAMessage(t *testing.T) {
	t.Parallel()
	for size := 11_000; size < 12_000; size += 20 {
		sent, read := composed(t, notify.Batch{
			Account:      acct,
			Announcement: strings.Repeat("x", size),
			Creation:     notify.Heading{Title: "Rotate", Text: strings.Repeat("how ", 40)},
			Notices:      []notify.Notice{expiring("a", "", 1, audit.CreationAge)},
		})
		for i, m := range read {
			within(t, m)
			last := m.Attachments[len(m.Attachments)-1]
			if last.Title != nil && len(last.Fields) == 0 {
				t.Fatalf("announcement of %d: message %d of %d ends with a header", size, i+1, len(sent))
			}
		}
	}
}

// Titles and templates of any length become messages within the limits.
func TestTextsOfAnyLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string) string {
			shape := rapid.SampledFrom([]string{"x", "x y\n", "名", "\n", "&", "<!here>"}).Draw(rt, name)
			return strings.Repeat(shape, rapid.IntRange(0, 7_000).Draw(rt, name+" times"))
		}
		b := channeltest.Crowd(rapid.IntRange(1, 20).Draw(rt, "notices"))
		b.Account.Alias, b.Digest, b.Announcement = text("alias"), text("digest"), text("announcement")
		b.Creation = notify.Heading{Title: text("title"), Text: text("text")}
		b.Templates, _ = notify.ParseTemplates(notify.TemplateTexts{List: text("list"), Line: text("line")})
		sent, read := composed(t, b)
		told := map[string]int{}
		for i, m := range sent {
			size := utf8.RuneCountInString(read[i].Text)
			for _, a := range read[i].Attachments {
				for _, part := range append([]string{textOf(a.Title), textOf(a.Text)}, values(a)...) {
					size += utf8.RuneCountInString(part)
					if utf8.RuneCountInString(part) > 3_000 || strings.Contains(part, "<!here") {
						rt.Fatalf("a part of %d characters: %q", utf8.RuneCountInString(part), part)
					}
				}
			}
			if size > 12_000 || len(read[i].Attachments) > 20 {
				rt.Fatalf("message %d has %d characters in %d attachments", i, size, len(read[i].Attachments))
			}
			for _, n := range m.Notices {
				told[n.KeyID]++
			}
		}
		for _, n := range b.Notices {
			if told[n.KeyID] != 1 {
				rt.Fatalf("%s is in %d messages, want one", n.KeyID, told[n.KeyID])
			}
		}
	})
}

func values(a attachment) (texts []string) {
	for _, f := range a.Fields {
		texts = append(texts, f.Value)
	}
	return texts
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
