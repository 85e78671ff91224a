package channeltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

var acct = account.Account{ID: "123456789012", Alias: "acme"}

// Crowd is a batch of n notices of every kind and reason, for users with and
// without Slack tags and with names of every length.
func Crowd(n int) notify.Batch {
	b := notify.Batch{
		Account:    acct,
		Creation:   notify.Heading{Title: "Rotate", Text: "How to rotate."},
		Inactivity: notify.Heading{Title: "Log in", Text: "How to log in."},
	}
	kinds := []notify.Kind{notify.Expiring, notify.PastLimit, notify.Disabled}
	for i := range n {
		notice := notify.Notice{
			KeyID:     fmt.Sprintf("AKIA%016d", i),
			User:      fmt.Sprintf("user-%05d-%s", i, strings.Repeat("x", i%53)),
			ShowKeyID: i%3 == 0,
			Kind:      kinds[i%3],
			Reason:    audit.CreationAge,
			DaysLeft:  i % 30,
			Disables:  kinds[i%3] == notify.Expiring,
		}
		if i%2 == 0 {
			notice.Reason = audit.Inactivity
		}
		if i%5 == 0 {
			notice.SlackTag = fmt.Sprintf("U%09d", i)
		}
		if i%7 == 0 {
			notice.SlackTag = fmt.Sprintf("subteam-S%09d", i)
		}
		b.Notices = append(b.Notices, notice)
	}
	return b
}

// Long are batches with texts of many lengths in every place that an
// administrator, a tag or a name fills, by what is long in them. The lengths
// are those at which a channel's parts become full, and far more.
func Long(t testing.TB) map[string]notify.Batch {
	t.Helper()
	bulletins := map[string]notify.Batch{}
	for _, length := range []int{700, 30_000} {
		for shape, text := range map[string]string{
			"characters": strings.Repeat("名", length/3),
			"quotes":     strings.Repeat(`"`, length),
			"lines":      strings.Repeat("&\n", length/2),
		} {
			for place, put := range map[string]func(*notify.Batch, *notify.TemplateTexts){
				"title":        func(b *notify.Batch, _ *notify.TemplateTexts) { b.Creation.Title = text },
				"text":         func(b *notify.Batch, _ *notify.TemplateTexts) { b.Creation = notify.Heading{Text: text} },
				"announcement": func(b *notify.Batch, _ *notify.TemplateTexts) { b.Announcement = strings.Repeat(text, 10) },
				"digest":       func(b *notify.Batch, _ *notify.TemplateTexts) { b.Digest = text },
				"list":         func(_ *notify.Batch, t *notify.TemplateTexts) { t.List = text + "{{.Kind}}" },
				"line":         func(_ *notify.Batch, t *notify.TemplateTexts) { t.Line = "{{.Mention}} " + text + "{{.Kind}}" },
				"personal":     func(_ *notify.Batch, t *notify.TemplateTexts) { t.Personal = "{{(index .Keys 0).Key}} " + text },
				"subject":      func(_ *notify.Batch, t *notify.TemplateTexts) { t.Subject = "{{(index .Keys 0).Key}} " + text },
				"note":         func(b *notify.Batch, _ *notify.TemplateTexts) { b.Notices[2].Note = text },
				"all": func(b *notify.Batch, t *notify.TemplateTexts) {
					b.Creation, b.Inactivity = notify.Heading{Title: text, Text: text}, notify.Heading{Title: text, Text: text}
					t.List, t.Line = text+"{{.Keys}}", text+"{{.User}}"
				},
			} {
				b, templates := Crowd(6), notify.TemplateTexts{}
				put(&b, &templates)
				words, problems := notify.ParseTemplates(templates)
				if len(problems) > 0 {
					t.Fatalf("%s of %d bytes: %v", place, length, problems[0].Err)
				}
				b.Templates = words
				bulletins[fmt.Sprintf("%s of %d bytes, %s", place, length, shape)] = b
			}
		}
	}
	return bulletins
}

// Hostile are texts that names, tags and titles may hold, by mischief or by
// accident.
func Hostile() []string {
	return []string{
		"<!here>", "<!channel>", "<!everyone>", "<!here|x>", "<<!here>>", "&lt;!here&gt;",
		"subteam-S1> <!here>", "subteam-Shere|x", "U1> <!channel", "U1\n<!here>", "subteam^S1",
		"<@U0OTHER>", "<!subteam^S0OTHER>", "<https://evil.example|click>",
		`quote " backslash \ brace }`, "a & b < c > d", "*bold* _it_ ~no~ `code` ```",
		"two\nlines", "carriage\rreturn", "crlf\r\nline", "next\u0085line", "separator\u2028line\u2029", "\ttab\t",
		"nul\x00byte", "esc\x1b[31mred", "\u202egnirts\u202c", "\u2066isolate\u2069", "mark\u200f\u200e",
		"שלום עולם", "名前", "👩‍💻🔑", "bad\xff\xfeutf8", "=cmd|' /C calc'!A0", "@here", "%s%n%d",
		"x+@here", "x.@channel", "x-@all", "_@here", "x._@all", "(@everyone)", "é@here", ":@all:", "to:@here", "@@channel", "1,@All",
		strings.Repeat("n", 64), strings.Repeat("&", 64), " ", "-",
	}
}
