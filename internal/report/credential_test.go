package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// others are other credentials, of every kind and state.
func others(at time.Time) []report.Credential {
	ago := func(days int) time.Time { return audited.AddDate(0, 0, -days) }
	return report.CredentialsOf([]audit.Credential{
		{Kind: audit.SigningCertificate, User: "saml", Number: 2, Active: true, Changed: ago(10)},
		{Kind: audit.ConsolePassword, User: "amara", Active: true, Changed: ago(20), LastUsed: ago(1)},
		{Kind: audit.ConsolePassword, User: "chen", Active: true, Changed: ago(95), LastUsed: ago(3)},
		{Kind: audit.ConsolePassword, User: "emeka", Active: true, Changed: ago(35)},
		{Kind: audit.RootAccessKey, User: audit.RootUser, Number: 2, Changed: ago(500)},
		{Kind: audit.RootAccessKey, User: audit.RootUser, Number: 1, Active: true},
	}, limits, at)
}

// evidence is the report of a run that did something of everything.
func evidence(at time.Time) report.Report {
	r := everyState(at)
	r.Scope, r.Credentials, r.CredentialsAsOf = report.AllCredentials, others(at), &at
	r.Notes = append(r.Notes, "something to know")
	r.Problems = append(r.Problems, account.Problem{User: "emeka", KeyID: keyIDOf("emeka"), Text: "slack was not told of the key of emeka"})
	r.Run = &report.RunResult{
		ID: "20261005T140300Z-abcdef", Finished: at.Add(time.Minute), Started: true, AutoExpire: true,
		Counts:       account.Counts{Warned: 2, Disabled: 1, Held: 1, Failed: 1, NoticesSent: 3, NoticesFailed: 1, MessagesSent: 2, NoticesPending: 1},
		DisabledKeys: []account.KeyRef{{User: "chen", KeyID: keyIDOf("chen")}}, UnreadableTags: []string{"tom"}, Announcement: "be careful",
	}
	return r
}

func TestCredentialsAreJudgedAndOrdered(t *testing.T) {
	t.Parallel()
	var got []string
	for _, c := range others(audited) {
		got = append(got, strings.Join([]string{c.Title(), c.User, c.State.String(), c.AgeText(), c.IdleText(), c.LeftText()}, " / "))
	}
	want := []string{
		"root access key 1 / <root_account> / expire / – / – / 0",
		"console password / chen / expire / 95 / 3 / -5",
		"console password / emeka / stagnant / 35 / 35 / 10",
		"signing certificate 2 / saml / good / 10 / – / 80",
		"root access key 2 / <root_account> / disabled / 500 / 500 / –",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// A forecast shows what a password will be by then.
	for _, c := range others(audited.AddDate(0, 0, 60)) {
		if c.User == "amara" && c.State == audit.IdleExpired {
			return
		}
	}
	t.Error("in 60 days, the password of amara is not past its limit")
}

func TestCredentialsAreFilteredAsKeysAre(t *testing.T) {
	t.Parallel()
	whole, none := evidence(audited), 0
	for name, c := range map[string]struct {
		filter report.Filter
		want   string
	}{
		"by user":      {report.Filter{Users: []string{"CHEN"}}, "chen"},
		"by root":      {report.Filter{Users: []string{"<root*"}}, "<root_account> <root_account>"},
		"by state":     {report.Filter{States: []audit.State{audit.Idle}}, "emeka"},
		"by days left": {report.Filter{DaysLeft: &none}, "<root_account> chen"},
	} {
		var got []string
		for _, shown := range whole.Only(c.filter).Credentials {
			got = append(got, shown.User)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if len(whole.Credentials) != 5 {
		t.Error("filtering took credentials from the report itself")
	}
	empty := reportOf(audited)
	empty.Credentials = whole.Credentials[:1]
	if !empty.HasState([]audit.State{audit.Expired}) || empty.HasState([]audit.State{audit.Aging}) {
		t.Error("a root key is not looked at for --fail-on")
	}
}

func TestCredentialsInEveryOutput(t *testing.T) {
	t.Parallel()
	r := evidence(audited)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"table":    func(b *bytes.Buffer) error { return report.WriteText(b, r, report.Screen{}) },
		"narrow":   func(b *bytes.Buffer) error { return report.WriteText(b, r, report.Screen{Width: 48}) },
		"markdown": func(b *bytes.Buffer) error { return report.WriteMarkdown(b, r) },
		"html":     func(b *bytes.Buffer) error { return report.WriteHTML(b, r) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(out.String()), " ")
			for _, part := range []string{"The root user has an active access key", "Other credentials", "saml", "something to know"} {
				if !strings.Contains(text, part) {
					t.Errorf("says nothing of %q:\n%s", part, &out)
				}
			}
			for line := range strings.Lines(out.String()) {
				if name == "narrow" && len([]rune(strings.TrimSpace(line))) > 48 {
					t.Errorf("too wide: %q", line)
				}
			}
		})
	}
	var plain bytes.Buffer
	if err := report.WriteText(&plain, everyState(audited), report.Screen{}); err != nil || strings.Contains(plain.String(), "credential") {
		t.Errorf("says something of credentials where there are none: %v\n%s", err, &plain)
	}
}

func TestRanSaysHowItEnded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ran      report.RunResult
		complete bool
		said     string
	}{
		{report.RunResult{Started: true}, true, "The run completed."},
		{report.RunResult{Started: true, Counts: account.Counts{Failed: 2}}, false, "The run completed with 2 errors."},
		{report.RunResult{Started: true, Counts: account.Counts{Failed: 1}, TimedOut: true}, false, "ran out of time"},
		{report.RunResult{Counts: account.Counts{Failed: 1}}, false, "did not begin"},
	} {
		if c.ran.Complete() != c.complete || !strings.Contains(c.ran.Outcome(), c.said) {
			t.Errorf("%+v: %s", c.ran, c.ran.Outcome())
		}
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page, evidence(audited)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"What this run did", keyIDOf("chen"), "slack was not told", "be careful", "20261005T140300Z-abcdef", "final notice pending"} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the page says nothing of %q", part)
		}
	}
}
