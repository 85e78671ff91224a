package browser

import (
	"bytes"
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// newsOfTheDay is the notices of a run in the company.
func newsOfTheDay() notify.Batch {
	at := func(days int) time.Time { return today.AddDate(0, 0, days) }
	return notify.Batch{
		Account:  account.Account{ID: "123456789012", Alias: "acme-production"},
		Creation: notify.Heading{Title: "Key Rotation Instructions", Text: "Please run `aws-vault rotate PROFILE`."},
		Inactivity: notify.Heading{
			Title: "Key Usage Instructions to prevent key auto-disable", Text: "Please run `aws-vault login PROFILE`.",
		},
		Leak: notify.Heading{Title: "AWS IAM Key Leak", Text: notify.LeakInstructions},
		Notices: []notify.Notice{
			{KeyID: "AKIAMPAZEZBVY5CRPWHQ", User: "bjorn.lindqvist", Name: "Björn Lindqvist", Email: "bjorn@example.com", SlackTag: "U02BJORN", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 7, At: at(7), Created: at(-83), LastUsed: at(-1)},
			{KeyID: "AKIA2SWFOW4EMV6WHJ6A", User: "ci-deploy", Name: "Deployment", SlackTag: "subteam-S09PLATFORM", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 4, At: at(4), Created: at(-86)},
			{KeyID: "AKIAKXI5H2RB74SHFVLU", User: "chen.wei", Name: "Chen Wei", Email: "chen@example.com", SlackTag: "U03CHENWEI", Kind: notify.Disabled, Reason: audit.CreationAge, At: at(0), Created: at(-97), LastUsed: at(-2)},
			{KeyID: "AKIA4ZKNRELHTABLM6MV", User: "dolores.reyes", Name: "Dolores Reyes", SlackTag: "U04DOLORES", Kind: notify.Expiring, Disables: true, Reason: audit.Inactivity, DaysLeft: 7, At: at(7), Created: at(-60), LastUsed: at(-38)},
			{KeyID: "AKIAGFMZI3QRICOHPTCW", User: "emeka.nwosu", Name: "Emeka Nwosu", SlackTag: "U05EMEKA", Kind: notify.Disabled, Reason: audit.Inactivity, At: at(0), Created: at(-70), LastUsed: at(-52)},
		},
	}
}

// rotating is a message about a key that is used, while the one in its place is not.
func rotating() notify.Batch {
	at := func(days int) time.Time { return today.AddDate(0, 0, days) }
	key := audit.Key{
		ID: "AKIAWXXXVCA4GZUFM333", Status: audit.Active, Created: at(-88), LastUsed: at(-1), UseRead: true, Service: "s3", Region: "eu-west-1",
	}
	user := audit.User{Name: "fatima.zahra", Tags: audit.Tags{
		{Key: audit.TagName, Value: "Fatima Zahra"}, {Key: audit.TagSlack, Value: "W06FATIMA"}, {Key: key.ID, Value: "build server"},
	}}
	n := notify.About(user, key, audit.Owner{Slack: "W06FATIMA"})
	n.Kind, n.Disables, n.Reason, n.DaysLeft, n.At = notify.Expiring, true, audit.CreationAge, 2, at(2)
	n.Pair = notify.PairIn(audit.Pair{Key: key, Other: audit.Key{ID: "AKIA33WXLQ7HANIMY5N3", Status: audit.Active, Created: at(-4), UseRead: true}}, today)
	n.Uses = &callers.Uses{
		At: today, Since: at(-90), Calls: 412, Regions: 17,
		Callers: []callers.Caller{{
			Client: "GitHub Actions", Place: callers.GitHub, Source: "198.51.100.23", Calls: 412, First: at(-80), Last: at(-1),
			Actions: []callers.Action{{Name: "s3:ListBuckets", Calls: 370}, {Name: "sts:GetCallerIdentity", Calls: 42}},
		}},
	}
	return notify.Batch{Account: account.Account{ID: "123456789012", Alias: "acme-production"}, Notices: []notify.Notice{n}}
}

// slackMessage is the part of Slack's messages that ours use, the webhook's and
// the app's.
type slackMessage struct {
	Text        string
	Attachments []struct {
		Title, Text, Color string
		Fields             []struct{ Title, Value string }
	}
	Blocks []struct {
		Type string
		Text struct{ Text string }
	}
}

// inSlack shows messages much as Slack does.
func inSlack(t *testing.T, channel string, messages []notify.Message) []byte {
	t.Helper()
	var shown []slackMessage
	for _, m := range messages {
		var message slackMessage
		if err := json.Unmarshal([]byte(m.Body), &message); err != nil {
			t.Fatal(err)
		}
		shown = append(shown, message)
	}
	var out bytes.Buffer
	if err := slackPage.Execute(&out, map[string]any{"Channel": channel, "Messages": shown}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var slackPage = template.Must(template.New("").Funcs(template.FuncMap{"mrkdwn": mrkdwn}).Parse(`<!doctype html><meta charset=utf-8><style>
body { margin: 0; padding: 0 26px 26px; background: #fff; color: #1d1c1d; font: 15px/1.46 Inter, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { margin: 0 -26px 14px; padding: 14px 26px; border-bottom: 1px solid #ddd; font-size: 17px; }
article { display: grid; grid-template-columns: 36px 1fr; gap: 0 10px; margin-bottom: 18px; }
.face { width: 36px; height: 36px; border-radius: 6px; background: #20494e; color: #fff; font-weight: 700; text-align: center; line-height: 36px; }
.name { font-weight: 700; } .app { background: #eee; color: #616061; font-size: 11px; padding: 1px 4px; border-radius: 3px; } time { color: #616061; font-size: 12px; }
aside { margin: 6px 0; padding: 2px 0 2px 12px; border-left: 4px solid var(--color, #ddd); border-radius: 3px; max-width: 760px; }
aside b { display: block; white-space: pre-line; } aside b, h2 { font-weight: 700; } h2 { font-size: 18px; margin: 6px 0; } p { margin: 4px 0; white-space: pre-line; max-width: 760px; }
code { color: #b8122f; background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px; font: 12px "DejaVu Sans Mono", Menlo, monospace; }
.at { color: #1264a3; background: #e8f5fa; border-radius: 3px; padding: 0 2px; }
</style><h1>{{.Channel}}</h1>
{{range .Messages}}<article><div class=face>S</div><div>
<span class=name>Sleuth</span> <span class=app>APP</span> <time>12:00</time>
{{if .Blocks}}{{range .Blocks}}{{if eq .Type "header"}}<h2>{{.Text.Text}}</h2>{{else}}<p>{{mrkdwn .Text.Text}}</p>{{end}}{{end}}
{{else}}<p>{{mrkdwn .Text}}</p>{{range .Attachments}}<aside{{with .Color}} style="--color: {{.}}"{{end}}>
{{with .Title}}<b>{{mrkdwn .}}</b>{{end}}{{with .Text}}<p>{{mrkdwn .}}</p>{{end}}
{{range .Fields}}<b>{{.Title}}</b><p>{{mrkdwn .Value}}</p>{{end}}</aside>{{end}}{{end}}
</div></article>{{end}}`))

var (
	slackMention = regexp.MustCompile(`&lt;@(\w+)&gt;`)
	slackGroup   = regexp.MustCompile(`&lt;!subteam\^(\w+)&gt;`)
	slackCode    = regexp.MustCompile("`{1,3}([^`]+)`{1,3}")
	slackBold    = regexp.MustCompile(`(?m)^\*([^*\n]+)\*$`)
)

// people are whom Slack shows for the ids in the news.
var people = map[string]string{
	"U02BJORN": "Björn Lindqvist", "U03CHENWEI": "Chen Wei", "U04DOLORES": "Dolores Reyes", "U05EMEKA": "Emeka Nwosu", "S09PLATFORM": "platform",
}

// mrkdwn turns Slack's markup into HTML.
func mrkdwn(text string) template.HTML {
	// Slack's own escapes first, so that they are not escaped twice.
	escaped := html.EscapeString(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text))
	name := func(pattern *regexp.Regexp) func(string) string {
		return func(found string) string {
			return `<span class=at>@` + html.EscapeString(people[pattern.FindStringSubmatch(found)[1]]) + `</span>`
		}
	}
	escaped = slackMention.ReplaceAllStringFunc(escaped, name(slackMention))
	escaped = slackGroup.ReplaceAllStringFunc(escaped, name(slackGroup))
	escaped = slackCode.ReplaceAllString(escaped, "<code>$1</code>")
	return template.HTML(slackBold.ReplaceAllString(escaped, "<b>$1</b>")) //nolint:gosec // escaped above
}
