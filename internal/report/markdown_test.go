package report_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/report"
)

func markdownOf(t *testing.T, r report.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteMarkdown(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	r := reportOf(audited,
		one{user: "chen", age: 97, used: 2, slack: "U03CHEN"},
		one{user: "bjorn", age: 83, used: 1},
		one{user: "dolores", age: 60, used: 38},
		one{user: "backup", age: 412, used: 0, exempt: "False until 2026-10-20", because: "cannot take a role"},
		one{user: "grace", age: 210, used: 150, inactive: true},
	)
	r.Problems = []account.Problem{{User: "zoe", Text: "read zoe: AccessDenied"}}
	want := "# Access keys of AWS account `123456789012 acme`\n" + `
As of Monday 5 October 2026, 14:03 UTC.

1 of 4 active keys is past a limit. 3 more reach a limit within 30 days; the first, that of §bjorn§, on Monday 12 October 2026.

| Active keys | Past a limit | Warned | Exempt | Disabled |
| ---: | ---: | ---: | ---: | ---: |
| 4 | 1 | 2 | 1 | 1 |

## Could not be read

The audit completed with 1 error:

- §read zoe: AccessDenied§

## Due in the next 90 days

By the day on which a key that is not rotated reaches its limit. Its limit by last use counts once its owner is warned of it.

| When (UTC) | Keys | Whose |
| --- | ---: | --- |
| Past a limit | 1 | §chen§ |
| Mon 12 Oct 2026 to Sun 18 Oct 2026 | 2 | §bjorn§, §dolores§ |
| Mon 19 Oct 2026 to Sun 25 Oct 2026 | 1 | §backup§ |

## Exempt

| User | Key | Would be | Age | Unused for | Through | Reason |
| --- | --- | --- | ---: | ---: | --- | --- |
| §backup§ | §KEY-backup§ | expire | 412 | 0 | Tue 20 Oct 2026 | §cannot take a role§ |

## Keys

| User | Slack | Key | State | Age | Unused for | Days left | Limit on | Last used | Description | Rotation |
| --- | --- | --- | --- | ---: | ---: | ---: | --- | --- | --- | --- |
| §chen§ | §U03CHEN§ | [§KEY-chen§](https://console.aws.amazon.com/iam/home#/users/details/chen?section=security_credentials) | **expire** | 97 | 2 | -7 | 2026-09-28 |  |  |  |
| §bjorn§ | §bjorn§ | [§KEY-bjorn§](https://console.aws.amazon.com/iam/home#/users/details/bjorn?section=security_credentials) | old | 83 | 1 | 7 | 2026-10-12 |  |  |  |
| §dolores§ | §dolores§ | [§KEY-dolores§](https://console.aws.amazon.com/iam/home#/users/details/dolores?section=security_credentials) | stagnant | 60 | 38 | 7 | 2026-10-12 |  |  |  |
| §backup§ | §backup§ | [§KEY-backup§](https://console.aws.amazon.com/iam/home#/users/details/backup?section=security_credentials) | good (exempt) | 412 | 0 | – | 2026-10-21 |  |  |  |
| §grace§ | §grace§ | [§KEY-grace§](https://console.aws.amazon.com/iam/home#/users/details/grace?section=security_credentials) | disabled | 210 | 150 | – | – |  |  |  |

`
	want = strings.ReplaceAll(want, "§", "`")
	for _, row := range r.Rows {
		want = strings.ReplaceAll(want, "KEY-"+row.User, row.KeyID)
	}
	if got := markdownOf(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMarkdownOfAForecastAndAFilter(t *testing.T) {
	t.Parallel()
	r := everyState(audited.AddDate(0, 0, 30)).Only(report.Filter{Users: []string{"nobody"}})
	r.Forecast = report.NewForecast(audited)
	got := markdownOf(t, r)
	for _, said := range []string{
		"> **FORECAST for Wednesday 4 November 2026, 14:03 UTC**, from keys read on Monday 5 October 2026, 14:03 UTC. It assumes that no key is used, rotated",
		"Only some keys are shown: `user nobody`.",
		"There are no active access keys.",
		"## Keys\n\nNone.\n",
	} {
		if !strings.Contains(got, said) {
			t.Errorf("does not say %q:\n%s", said, got)
		}
	}
}

func TestMarkdownInjection(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a|b", "``` x", "`", "``", "a`b``c", "@everyone", "[x](https://evil.example)", "<script>alert(1)</script>",
		"two\nlines\n# heading", "![x](https://evil.example/x.png)", "**bold**", "\u202eolleh", " ", `\|`, `\`, "&lt;b&gt;",
	} {
		r := reportOf(audited, one{user: name, age: 97, used: 2, slack: name, name: name, exempt: "False", because: name})
		r.Problems = []account.Problem{{Text: name}}
		plain := reportOf(audited, one{user: "plain", age: 97, used: 2, slack: "plain", name: "plain", exempt: "False", because: "plain"})
		plain.Problems = []account.Problem{{Text: "plain"}}
		got, want := outsideCode(withoutLinks(markdownOf(t, r))), outsideCode(withoutLinks(markdownOf(t, plain)))
		if name == " " { // nothing is left to set as code
			want = strings.ReplaceAll(want, "CODE", "")
			got = strings.ReplaceAll(got, "CODE", "")
		}
		if got != want {
			t.Errorf("%q changes the page around it:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// withoutLinks takes out links to the IAM console that hold nothing else.
func withoutLinks(markdown string) string {
	link := regexp.MustCompile(`\]\(https://console\.aws\.amazon\.com/iam/home#/users/details/[A-Za-z0-9%._~+-]*\?section=security_credentials\)`)
	return link.ReplaceAllString(markdown, "](CONSOLE)")
}

// outsideCode takes code spans out as CommonMark finds them: from a run of
// backticks to the next run that is as long.
func outsideCode(markdown string) string {
	var out strings.Builder
	for markdown != "" {
		start := strings.IndexByte(markdown, '`')
		if start < 0 {
			return out.String() + markdown
		}
		out.WriteString(markdown[:start])
		markdown = markdown[start:]
		fence := markdown[:len(markdown)-len(strings.TrimLeft(markdown, "`"))]
		markdown = markdown[len(fence):]
		end := endOfSpan(markdown, len(fence))
		if end < 0 {
			return out.String() + "UNCLOSED" + markdown
		}
		if strings.ContainsAny(markdown[:end], "|\n") {
			out.WriteString("BROKEN")
		}
		out.WriteString("CODE")
		markdown = markdown[end+len(fence):]
	}
	return out.String()
}

func endOfSpan(text string, length int) int {
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		run := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if run == length {
			return i
		}
		i += run
	}
	return -1
}

func TestReportsSayWhereTheyCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(brokenPipe, report.Report) error{
		"markdown": func(w brokenPipe, r report.Report) error { return report.WriteMarkdown(w, r) },
		"html":     func(w brokenPipe, r report.Report) error { return report.WriteHTML(w, r) },
		"text":     func(w brokenPipe, r report.Report) error { return report.WriteText(w, r, report.Screen{}) },
		"csv":      func(w brokenPipe, r report.Report) error { return report.WriteReportCSV(w, r) },
	} {
		if err := write(brokenPipe{}, everyState(audited)); !errors.Is(err, errPipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errPipe = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }
