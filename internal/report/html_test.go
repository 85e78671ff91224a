package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

func htmlOf(t *testing.T, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteHTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// between is the text from one mark to the next.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, from)
	inner, _, closed := strings.Cut(rest, to)
	if !found || !closed {
		t.Fatalf("no %s...%s in the page", from, to)
	}
	return inner
}

func TestPagePolicyIsForItsOwnStyleAndScripts(t *testing.T) {
	t.Parallel()
	page := htmlOf(t, everyState(audited))
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'",
		hash(between(t, page, "<style>", "</style>")),
		hash(between(t, page, "<script>", "</script>"))+" "+hash(between(t, page[strings.Index(page, "<body"):], "<script>", "</script>")))
	got := html.UnescapeString(between(t, page, `http-equiv="Content-Security-Policy" content="`, `"`))
	if got != want {
		t.Errorf("policy is\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(page[:strings.Index(page, "<style>")], "Content-Security-Policy") {
		t.Error("the policy stands below what it is for")
	}
}

// consoleLink is a link to the IAM console with nothing in it that could be
// anything else, whatever the user is called.
var consoleLink = regexp.MustCompile(`href="https://console\.aws\.amazon\.com/iam/home#/users/details/[A-Za-z0-9%._~&#;-]*\?section=security_credentials"`)

func TestPageNeedsNothingElse(t *testing.T) {
	t.Parallel()
	page := htmlOf(t, everyState(audited))
	// Links to the IAM console are followed by people, and load nothing.
	page = consoleLink.ReplaceAllString(page, "")
	for _, loads := range []string{`\ssrc=`, `url\(`, `@import`, `https?://`, `\sstyle=`, `\son[a-z]+=`, `<(iframe|img|object|embed|base)\b`} {
		if found := regexp.MustCompile(loads).FindString(page); found != "" {
			t.Errorf("the page holds %q", found)
		}
	}
	for _, href := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if href[1] != "data:," && !strings.HasPrefix(href[1], "#") {
			t.Errorf("the page refers to %s", href[1])
		}
	}
}

func TestPageSaysAll(t *testing.T) {
	t.Parallel()
	r := everyState(audited)
	r.Problems = []account.Problem{{User: "zoe", Text: "read zoe: AccessDenied"}}
	page := html.UnescapeString(htmlOf(t, r))
	for _, said := range []string{
		"acme", "123456789012", "As of Monday 5 October 2026, 14:03 UTC",
		"2 of 9 active keys are past a limit. 3 more reach a limit within 30 days; the first, that of bjorn, on Monday 12 October 2026.",
		`<dt>active keys</dt><dd class="value">9</dd>`, `<dd class="value">77 %</dd>`, `<dt>exempt</dt><dd class="value">2</dd><dd class="note">1 without an end</dd>`,
		"Not everything could be read", "read zoe: AccessDenied",
		">warned from 80</text>", ">limit 90</text>", ">warned from 30</text>", ">limit 45</text>",
		"70 to 79 days: 1 key, past a limit",
		"cannot take a role", "Tue 20 Oct 2026", "no end",
		`<bdi>amara</bdi> <small><bdi>Amara Okafor</bdi></small>`, "tag unreadable", "<small>never</small> 20",
	} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
	for _, row := range r.Rows {
		if !strings.Contains(page, `<td class="key"><a href="`+row.Console+`">`+row.KeyID+`</a>`) {
			t.Errorf("the page lacks the key %s of %s", row.KeyID, row.User)
		}
	}
	if strings.Contains(page[strings.Index(page, "<body>"):], "orecast") {
		t.Error("an audit calls itself a forecast")
	}
}

func TestPageOfAForecast(t *testing.T) {
	t.Parallel()
	r := everyState(audited.AddDate(0, 0, 30))
	r.Forecast = report.NewForecast(audited)
	page := htmlOf(t, r.Only(report.Filter{DaysLeft: daysLeft(20)}))
	for _, said := range []string{
		"<title>Forecast: access keys of AWS account 123456789012 (acme)</title>",
		"For Wednesday 4 November 2026, 14:03 UTC", "<strong>This is a forecast.</strong>", "if no key is used, rotated",
		"The keys were read on Monday 5 October 2026, 14:03 UTC", "will be past a limit", "Forecast made by Sleuth",
		"<strong>Some keys are left out.</strong> Shown: at most 20 days left.",
	} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	t.Parallel()
	page := htmlOf(t, reportOf(audited))
	for _, said := range []string{"There are no active access keys.", "There are no keys."} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
	if strings.Contains(page, "<figure>") {
		t.Error("a chart of nothing")
	}
}

func TestNamesStayTextInThePage(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</title><script>", "</style></script>", "{{.Policy}}",
		"&lt;b&gt;", "javascript:alert(1)", "' onmouseover='alert(1)", "<!--", "]]>", "<svg/onload=alert(1)>",
	} {
		r := reportOf(audited, one{user: name, age: 97, used: 2, slack: name, name: name + "!", exempt: "False", because: name})
		r.Account.Alias = name
		r.Problems = []account.Problem{{Text: name}}
		page := htmlOf(t, r)
		plain := reportOf(audited, one{user: "plain", age: 97, used: 2, slack: "plain", name: "plain!", exempt: "False", because: "plain"})
		plain.Account.Alias = "plain"
		plain.Problems = []account.Problem{{Text: "plain"}}
		tags := regexp.MustCompile(`<[^>]*>`)
		got := strings.Join(tags.FindAllString(consoleLink.ReplaceAllString(page, ""), -1), "")
		want := strings.Join(tags.FindAllString(consoleLink.ReplaceAllString(htmlOf(t, plain), ""), -1), "")
		if got != want {
			t.Errorf("%q changes the page's elements", name)
		}
		if n := strings.Count(html.UnescapeString(page), name); n < 6 {
			t.Errorf("%q is shown only %d times", name, n)
		}
	}
}

func TestThePageOfAFullAccount(t *testing.T) {
	t.Parallel()
	keys := make([]one, 10_000)
	for i := range keys {
		keys[i] = one{user: fmt.Sprintf("member-%05d", i/2), name: fmt.Sprintf("Member %d", i/2), age: i % 130, used: i % 50, slack: fmt.Sprintf("U%08d", i)}
	}
	page := htmlOf(t, reportOf(audited, keys...))
	if n := strings.Count(page, "<tr data-f="); n != 10_000 {
		t.Errorf("%d rows", n)
	}
	if len(page) > 6<<20 {
		t.Errorf("takes %d bytes: too much for a mail", len(page))
	}
}
