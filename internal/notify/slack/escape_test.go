package slack_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/text"
)

func TestMention(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]struct {
		mention string
		ok      bool
	}{
		"UPML12345":           {"<@UPML12345>", true},
		"W012A3CDE":           {"<@W012A3CDE>", true},
		" U1 \t":              {"<@U1>", true},
		"subteam-SP12345":     {"t&amp;f (<!subteam^SP12345>)", true},
		" subteam-S1 ":        {"t&amp;f (<!subteam^S1>)", true},
		"":                    {"t&amp;f", false},
		" ":                   {"t&amp;f", false},
		"U":                   {"t&amp;f", false},
		"u1":                  {"t&amp;f", false},
		"U1x":                 {"t&amp;f", false},
		"U1\n":                {"<@U1>", true},
		"U1\nU2":              {"t&amp;f", false},
		"U1 U2":               {"t&amp;f", false},
		"xU1":                 {"t&amp;f", false},
		"<@U1>":               {"t&amp;f", false},
		"S1":                  {"t&amp;f", false},
		"B1":                  {"t&amp;f", false},
		"subteam^S1":          {"t&amp;f", false},
		"subteam-":            {"t&amp;f", false},
		"subteam-U1":          {"t&amp;f", false},
		"subteam-Shere":       {"t&amp;f", false},
		"Subteam-S1":          {"t&amp;f", false},
		"subteam-S1> <!here>": {"t&amp;f", false},
		"here":                {"t&amp;f", false},
		"!here":               {"t&amp;f", false},
		"<!channel>":          {"t&amp;f", false},
		"channel":             {"t&amp;f", false},
		"@everyone":           {"t&amp;f", false},
	} {
		mention, ok := slack.Mention("t&f", tag)
		if mention != want.mention || ok != want.ok {
			t.Errorf("Mention(%q) = %q, %t, want %q, %t", tag, mention, ok, want.mention, want.ok)
		}
	}
}

func TestInstructions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"Run.\n ```aws-vault rotate X```":    "Run.\n ```aws-vault rotate X```",
		"*bold* _it_ ~no~ `a && b`":          "*bold* _it_ ~no~ `a &amp;&amp; b`",
		"a < b > c & d":                      "a &lt; b &gt; c &amp; d",
		"already &amp; &lt;escaped&gt;":      "already &amp; &lt;escaped&gt;",
		"&nbsp; &":                           "&amp;nbsp; &amp;",
		"<https://wiki.example/a?b=1&c=2|x>": "<https://wiki.example/a?b=1&amp;c=2|x>",
		"<https://x/?a=1&amp;b>":             "<https://x/?a=1&amp;b>",
		"<mailto:a@b.example|ask>":           "<mailto:a@b.example|ask>",
		"<javascript:alert(1)|x>":            "&lt;javascript:alert(1)|x&gt;",
		"<@U1> <@W2|name> <#C3> <#C3|keys>":  "<@U1> <@W2|name> <#C3> <#C3|keys>",
		"<!subteam^S1> <!subteam^S1|@infra>": "<!subteam^S1> <!subteam^S1|@infra>",
		"<!here> <!channel> <!everyone>":     "&lt;!here&gt; &lt;!channel&gt; &lt;!everyone&gt;",
		"<!here|here> <!group>":              "&lt;!here|here&gt; &lt;!group&gt;",
		"<!subteam^here>":                    "&lt;!subteam^here&gt;",
		"<@U1|<!here>>":                      "&lt;@U1|&lt;!here&gt;&gt;",
		"<https://x|<!here>>":                "&lt;https://x|&lt;!here&gt;&gt;",
		"<\x00!here>":                        "&lt;!here&gt;",
		"<https://x\n|y>":                    "&lt;https://x\n|y&gt;",
		"crlf\r\nline":                       "crlf\nline",
	} {
		if got := shownText(t, text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// shownText is how a heading's text goes to Slack.
func shownText(t testing.TB, text string) string {
	t.Helper()
	_, read := composed(t, notify.Batch{
		Account:   acct,
		Templates: original(t),
		Creation:  notify.Heading{Title: "title", Text: text},
		Notices:   []notify.Notice{expiring("a", "", 1, audit.CreationAge)},
	})
	return *read[0].Attachments[0].Text
}

// harmless matches the references that may stand in a text of a name or a tag.
var harmless = regexp.MustCompile(`<(@[UW][A-Z0-9]+|!subteam\^S[A-Z0-9]+)>`)

func FuzzMention(f *testing.F) {
	for _, text := range channeltest.Hostile() {
		f.Add(text, text)
		f.Add("user", "subteam-"+text)
		f.Add(text, "subteam-S1")
	}
	f.Fuzz(func(t *testing.T, name, tag string) {
		mention, ok := slack.Mention(name, tag)
		rest := harmless.ReplaceAllString(mention, "")
		if strings.ContainsAny(rest, "<>") {
			t.Errorf("Mention(%q, %q) = %q: more than one harmless reference", name, tag, mention)
		}
		if found := len(harmless.FindAllString(mention, -1)); (found == 1) != ok {
			t.Errorf("Mention(%q, %q) = %q, %t: %d references", name, tag, mention, ok, found)
		}
		wantOneLine(t, mention)
	})
}

func FuzzEscape(f *testing.F) {
	for _, text := range channeltest.Hostile() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, content string) {
		escaped := slack.Escape(content)
		if strings.ContainsAny(escaped, "<>") {
			t.Errorf("Escape(%q) = %q", content, escaped)
		}
		wantOneLine(t, escaped)
		unescaped := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(escaped)
		if unescaped != text.OneLine(content) {
			t.Errorf("Escape(%q) = %q, which reads as %q", content, escaped, unescaped)
		}
		// An administrator's text has more freedom, but wakes no channel.
		shown := shownText(t, content)
		if at := strings.Index(shown, "<!"); at >= 0 && !strings.HasPrefix(shown[at:], "<!subteam^S") {
			t.Errorf("a text of %q became %q", content, shown)
		}
	})
}

func wantOneLine(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%q is not UTF-8", text)
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			t.Errorf("%+q holds %+q", text, r)
		}
	}
}
