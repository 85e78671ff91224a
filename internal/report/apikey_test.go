package report_test

import (
	"bytes"
	"encoding/json"
	"html"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// withAPIKeys is a report with a key, and API keys of each sort.
func withAPIKeys() report.Report {
	r := reportOf(audited, one{user: "amara", age: 12, used: 0})
	ago := func(days int) time.Time { return audited.AddDate(0, 0, -days).Add(-time.Hour) }
	r.Scope = report.AllCredentials
	r.AddCredentials([]audit.Credential{
		{Kind: audit.APIKey, User: "amara", ID: "ACCANOEND", Service: "bedrock.amazonaws.com", Active: true, Changed: ago(5)},
		{Kind: audit.APIKey, User: "chen", ID: "ACCAPAST", Service: "codecommit.amazonaws.com", Active: true, Changed: ago(95), Expires: ago(-20)},
		{Kind: audit.APIKey, User: "emeka", ID: "ACCAENDED", Service: "logs.amazonaws.com", Active: true, Changed: ago(95), Expires: ago(1)},
	})
	return r
}

func TestAPIKeysInEveryFormat(t *testing.T) {
	t.Parallel()
	r := withAPIKeys()
	if err := publishedSchema(t).Validate(asRead(t, r)); err != nil {
		t.Error(err)
	}
	var order []string
	for _, c := range r.Credentials {
		order = append(order, c.ID+" "+c.State.String())
		if c.IdleAge != nil {
			t.Errorf("%s has a last use, which IAM does not know", c.ID)
		}
	}
	if got := strings.Join(order, ", "); got != "ACCAPAST expire, ACCANOEND good, ACCAENDED disabled" {
		t.Errorf("order %s", got)
	}
	var text, narrow, markdown bytes.Buffer
	for _, err := range []error{
		report.WriteText(&text, r, report.Screen{}), report.WriteText(&narrow, r, report.Screen{Width: 50}), report.WriteMarkdown(&markdown, r),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	page := html.UnescapeString(between(t, htmlOf(t, r), `<h2 id="others">`, "</section>"))
	r.CredentialsAsOf = new(audited.Add(-time.Hour))
	var dated bytes.Buffer
	if err := report.WriteText(&dated, r, report.Screen{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ said, want string }{
		"text, dated":      {dated.String(), "when AWS made the credential report; API keys were read with the access keys."},
		"text":             {text.String(), "amara     bedrock key, no end  good"},
		"text, past":       {text.String(), "codecommit key"},
		"markdown":         {markdown.String(), "`bedrock` API key `ACCANOEND`, never expires | good"},
		"markdown, an end": {markdown.String(), "`codecommit` API key `ACCAPAST`, expires 2026-10-25 | **expire**"},
		"html":             {page, `bedrock API key <small class="key">ACCANOEND</small> <small class="doubt">never expires</small>`},
		"html, an end":     {page, `codecommit API key <small class="key">ACCAPAST</small> <small>expires 2026-10-25</small>`},
	} {
		if !strings.Contains(c.said, c.want) {
			t.Errorf("%s: no %q in\n%s", name, c.want, c.said)
		}
	}
	for line := range strings.SplitSeq(narrow.String(), "\n") {
		if len([]rune(line)) > 50 {
			t.Errorf("wider than the screen: %q", line)
		}
	}
}

func TestAnAPIKeyThatNeverExpiresIsAFindingOfItsOwn(t *testing.T) {
	t.Parallel()
	var ocsf, sarif bytes.Buffer
	if err := report.WriteOCSF(&ocsf, report.Tool{}, withAPIKeys()); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteSARIF(&sarif, report.Tool{}, withAPIKeys()); err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Message  string
		Severity string
		Info     struct {
			UID   string
			Types []string
		} `json:"finding_info"`
	}
	if err := json.Unmarshal(ocsf.Bytes(), &events); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, e := range events {
		said[e.Info.UID] = e.Info.Types[0] + ": " + e.Message
	}
	for uid, want := range map[string]string{
		"sleuth/123456789012/ACCAPAST":                "expire: Codecommit API key ACCAPAST of user chen in AWS account 123456789012 (acme) is 95 days old; the limit is 90 days.",
		"sleuth/123456789012/ACCANOEND/never-expires": "api_key_never_expires: Bedrock API key ACCANOEND of user amara in AWS account 123456789012 (acme) never expires.",
	} {
		if said[uid] != want {
			t.Errorf("%s: %q, want %q", uid, said[uid], want)
		}
	}
	if len(events) != 2 || !strings.Contains(sarif.String(), `"ruleId": "api_key_never_expires"`) {
		t.Errorf("findings %v\n%s", said, sarif.String())
	}
}
