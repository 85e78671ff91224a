package channeltest

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

var account = notify.Account{ID: "123456789012", Alias: "acme"}

// Crowd is a bulletin of n notices of every kind and reason, for users with and
// without Slack tags and with names of every length.
func Crowd(n int) notify.Bulletin {
	b := notify.Bulletin{
		Account:    account,
		Creation:   notify.Heading{Title: "Rotate", Text: "How to rotate."},
		Inactivity: notify.Heading{Title: "Log in", Text: "How to log in."},
	}
	kinds := []notify.Kind{notify.Expiring, notify.PastLimit, notify.Disabled}
	for i := range n {
		notice := notify.Notice{
			KeyID:    fmt.Sprintf("AKIA%016d", i),
			User:     fmt.Sprintf("user-%05d-%s", i, strings.Repeat("x", i%53)),
			NameKey:  i%3 == 0,
			Kind:     kinds[i%3],
			Reason:   audit.CreationAge,
			DaysLeft: i % 30,
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
		strings.Repeat("n", 64), strings.Repeat("&", 64), " ", "-",
	}
}
