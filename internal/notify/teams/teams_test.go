package teams_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/teams"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const (
	workflowID = "feedc0defeedc0defeedc0defeedc0de"
	sig        = "Sig-with_signs%2Band%2Fmore0123456789"
	logicURL   = "https://prod-12.westeurope.logic.azure.com:443/workflows/" + workflowID +
		"/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + sig
	platformURL = "https://default0123.4a.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/" + workflowID +
		"/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + sig
)

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		logicURL:    "",
		platformURL: "",
		strings.Replace(logicURL, "azure.com", "Azure.COM", 1): "",
		"http://127.0.0.1:8080/x?sig=HIDDEN":                   "",
		"http://localhost/x?sig=HIDDEN":                        "",
		"":                                                     "https:// URL of a Teams workflow",
		"HIDDEN":                                               "https:// URL of a Teams workflow",
		"https://%zzHIDDEN":                                    "https:// URL of a Teams workflow",
		strings.Replace(logicURL, "https", "http", 1):                       "https:// URL of a Teams workflow",
		"https://HIDDEN:x@a.logic.azure.com/?sig=HIDDEN":                    "https:// URL of a Teams workflow",
		"https://logic.azure.com.HIDDEN.example/?sig=HIDDEN":                "*.logic.azure.com or *.api.powerplatform.com",
		"https://HIDDENlogic.azure.com/?sig=HIDDEN":                         "*.logic.azure.com or *.api.powerplatform.com",
		"https://hooks.slack.com/services/HIDDEN?sig=1":                     "*.logic.azure.com or *.api.powerplatform.com",
		"https://a.logic.azure.com/workflows/HIDDEN?api-version=2016-06-01": "with its sig=",
		"https://acme.webhook.office.com/webhookb2/HIDDEN":                  "SLEUTH_TEAMS_URL",
		"https://outlook.office.com/webhook/HIDDEN":                         "SLEUTH_TEAMS_URL",
		"teams://HIDDEN@x/y?host=acme.webhook.office.com":                   "SLEUTH_TEAMS_URL",
	} {
		err := teams.CheckURL(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: error is %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%q is quoted by %v", text, err)
		}
	}
}

func TestIsRetired(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"teams://a@b/c/d/e?host=acme.webhook.office.com": true,
		"TEAMS://%zz": true,
		"teams+https://acme.webhook.office.com/webhookb2/x":        true,
		"generic+https://acme.webhook.office.com/webhookb2/x":      true,
		"generic://outlook.office.com/webhook/x":                   true,
		"https://WEBHOOK.office.com/x":                             true,
		logicURL:                                                   false,
		"generic://hooks.example.com/webhook.office.com":           false,
		"generic://notwebhook.office.com.example/x":                false,
		"mattermost://chat.example.com/teams":                      false,
		"smtp://u:p@smtp.office365.com:587/?from=a&to=b@teams.com": false,
	} {
		if got := teams.IsRetired(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

// A card as Teams gets it.
func TestCard(t *testing.T) {
	t.Parallel()
	server := start(t, nil)
	workflow := open(t, server, teams.Options{})
	b := notify.Batch{
		Account:      account.Account{ID: "123456789012", Alias: "acme"},
		Announcement: "First of two.\nSecond *of* two.",
		Creation:     notify.Heading{Title: "Rotate *your* key", Text: "Please run.\n ```aws-vault rotate AWS_PROFILE```\n\nSee [the page](https://example.com/?a=1&b=2)."},
		Notices: []notify.Notice{
			{KeyID: "AKIA1", User: "_ann_", Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge, DaysLeft: 5},
			{KeyID: "AKIA2", User: "[x](https://evil.example)", Kind: notify.Disabled, Reason: audit.CreationAge, Note: "<at>all</at>"},
		},
	}
	messages := workflow.Compose(b)
	if len(messages) != 1 || messages[0].Subject != "Sleuth: 1 key expires, 1 disabled in AWS account 123456789012 (acme)" {
		t.Fatalf("%d messages, the first with the subject %q", len(messages), messages[0].Subject)
	}
	if err := workflow.Send(t.Context(), messages[0]); err != nil {
		t.Fatal(err)
	}
	card := server.Cards()[0]
	want := []string{
		"AWS account 123456789012 (acme)",
		"First of two.", "Second *of* two.",
		"Rotate *your* key", "Please run.", "aws-vault rotate AWS_PROFILE", "See [the page](https://example.com/?a=1&b=2).",
		"IAM users with access keys expiring due to creation age. Please rotate the key to prevent key from being disabled",
		"_ann_'s key expires in 5 days due to creation age. Key AKIA1 is in AWS account 123456789012 (acme).",
		"IAM users with access keys disabled due to creation age. This is the final notice",
		"[x](https://evil.example)'s key is disabled due to creation age. <at>all</at> Key AKIA2 is in AWS account 123456789012 (acme).",
	}
	if diff := cmp.Diff(want, card.Elements); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	// Only the administrator's own text is read as Markdown, and nothing mentions.
	if len(card.Exact) != len(want)-2 || strings.Contains(card.Body, "entities") {
		t.Errorf("%d of %d elements are shown as they are: %s", len(card.Exact), len(want), card.Body)
	}
	for _, part := range []string{`"color":"Warning"`, `"color":"Attention"`, `"fontType":"Monospace"`, `a=1&b=2`} {
		if !strings.Contains(card.Body, part) {
			t.Errorf("no %s in %s", part, card.Body)
		}
	}
}

// A further card says which part it is, and what its list is about.
func TestPartsContinue(t *testing.T) {
	t.Parallel()
	server := start(t, nil)
	workflow := open(t, server, teams.Options{Retry: retry.Policy{Sleep: channeltest.NewClock().Sleep}})
	messages := workflow.Compose(channeltest.Crowd(1_000))
	if len(messages) < 3 {
		t.Fatalf("%d messages: this tests nothing", len(messages))
	}
	for i, m := range messages {
		if err := workflow.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		card := server.Cards()[i]
		title := fmt.Sprintf("AWS account 123456789012 (acme), part %d of %d", i+1, len(messages))
		if card.Elements[0] != title || card.Elements[1] != "Rotate" && card.Elements[1] != "Log in" ||
			!strings.HasPrefix(card.Elements[3], "IAM users with access keys") {
			t.Errorf("card %d begins with %q", i, card.Elements[:4])
		}
	}
}

// Titles and templates of any length become cards within the limits.
func TestTextsOfAnyLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := func(name string) string {
			shape := rapid.SampledFrom([]string{"x", "x y\n", "名", "\n", `"`, "\u2028", "```x```\n"}).Draw(rt, name)
			return strings.Repeat(shape, rapid.IntRange(0, 3_000).Draw(rt, name+" times"))
		}
		b := channeltest.Crowd(rapid.IntRange(1, 20).Draw(rt, "notices"))
		b.Account.Alias, b.Digest, b.Announcement = text("alias"), text("digest"), text("announcement")
		b.Creation = notify.Heading{Title: text("title"), Text: text("text")}
		b.Templates, _ = notify.ParseTemplates(notify.TemplateTexts{List: text("list"), Line: text("line")})
		told := map[string]int{}
		for i, m := range (&teams.Workflow{}).Compose(b) {
			if len(m.Body) >= 28_000 {
				rt.Fatalf("message %d has %d bytes", i, len(m.Body))
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

// At most four requests a second leave, those of several messages together.
func TestPace(t *testing.T) {
	t.Parallel()
	clock := channeltest.NewClock()
	server := start(t, clock.Now)
	workflow := open(t, server, teams.Options{Now: clock.Now, Retry: retry.Policy{Sleep: clock.Sleep}})
	message := workflow.Compose(channeltest.Crowd(1))[0]
	for range 13 {
		if err := workflow.Send(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	if clock.Elapsed() != 3*time.Second {
		t.Errorf("13 messages took %s, want 3 s", clock.Elapsed())
	}
}

// fixed answers every request in the same way.
type fixed struct {
	status int
	body   string
}

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.status == 0 {
		return nil, errors.New("dial " + r.URL.String())
	}
	return &http.Response{
		StatusCode: f.status, Header: http.Header{"Location": {"https://" + workflowID + ".example"}},
		Body: io.NopCloser(strings.NewReader(f.body)), Request: r,
	}, nil
}

// Anything but 202 is a failure that says what to do, and shows no part of the
// URL that is secret.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer fixed
		want   string
	}{
		"200, as a page to sign in at": {fixed{200, "<html>"}, "teams answered 200 instead of 202"},
		"204":                          {fixed{204, ""}, "instead of 202"},
		"a redirect":                   {fixed{302, ""}, "a redirect, which is not followed"},
		"turned off":                   {fixed{400, `{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"not for ` + workflowID + `"}}`}, `400 "WorkflowTriggerIsNotEnabled: not for <secret>"; the workflow is turned off`},
		"a wrong sig":                  {fixed{401, "sig=" + sig}, "copy the workflow's URL into SLEUTH_TEAMS_URL again"},
		"unescaped":                    {fixed{403, "sig is Sig-with_signs+and/more0123456789"}, `403 "sig is <secret>"`},
		"deleted":                      {fixed{404, ""}, "deleted or turned off"},
		"gone":                         {fixed{410, ""}, "was deleted"},
		"too long":                     {fixed{413, strings.Repeat("x", 10_000)}, "no message as long as this"},
		"failing":                      {fixed{502, "at " + logicURL}, `after 2 attempts: teams answered 502 "at <secret>"`},
		"busy":                         {fixed{429, ""}, "after 2 attempts: teams answered 429"},
		"unreachable":                  {fixed{}, "after 2 attempts: dial <secret>"},
	} {
		for _, webhook := range []string{logicURL, platformURL} {
			answer := test.answer
			answer.body = strings.ReplaceAll(answer.body, logicURL, webhook)
			workflow, err := teams.New(secret.New(webhook), teams.Options{
				HTTP: &http.Client{Transport: answer}, Retry: retry.Policy{Attempts: 2, Sleep: channeltest.NewClock().Sleep},
			})
			if err != nil {
				t.Fatal(err)
			}
			err = workflow.Send(t.Context(), workflow.Compose(channeltest.Crowd(1))[0])
			if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 500 {
				t.Errorf("%s: error is %v, want %q", name, err, test.want)
				continue
			}
			for _, hidden := range []string{workflowID, sig, "Sig-with_signs+and"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("%s: a secret is in %v", name, err)
				}
			}
		}
	}
}

// Another workflow is another destination, a new sig is not.
func TestID(t *testing.T) {
	t.Parallel()
	ids := map[string]string{}
	for name, webhook := range map[string]string{
		"first": logicURL, "new sig": strings.Replace(logicURL, sig, "another", 1),
		"second": strings.Replace(logicURL, workflowID, "other", 1), "elsewhere": platformURL,
	} {
		workflow, err := teams.New(secret.New(webhook), teams.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = workflow.ID()
	}
	if ids["first"] != ids["new sig"] || ids["first"] == ids["second"] || ids["first"] == ids["elsewhere"] {
		t.Errorf("the identities are %v", ids)
	}
}

func TestNewRefusesOtherURLs(t *testing.T) {
	t.Parallel()
	if _, err := teams.New(secret.New("https://HIDDEN.example/?sig=HIDDEN"), teams.Options{}); err == nil || strings.Contains(err.Error(), "HIDDEN") {
		t.Errorf("error is %v, want one without the URL", err)
	}
}
