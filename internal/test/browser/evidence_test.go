package browser

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// evidence is what a run on the company's account might leave.
func evidence() report.Report {
	r := reportOf(company(), today)
	made := today.Add(-2 * time.Hour)
	r.Scope, r.CredentialsAsOf = report.AllCredentials, &made
	r.Credentials = report.CredentialsOf([]audit.Credential{
		{Kind: audit.RootAccessKey, User: audit.RootUser, Number: 1, Active: true, Changed: daysAgo(1203), LastUsed: daysAgo(411)},
		{Kind: audit.ConsolePassword, User: "chen.wei", Active: true, Changed: daysAgo(131), LastUsed: daysAgo(1)},
		{Kind: audit.ConsolePassword, User: "dolores.reyes", Active: true, Changed: daysAgo(84), LastUsed: daysAgo(6)},
		{Kind: audit.SigningCertificate, User: "sftp-bridge", Number: 1, Active: true, Changed: daysAgo(40)},
	}, rules, today)
	r.Run = &report.RunResult{
		ID: "20261005T070000Z-3fa91c", Finished: today.Add(14 * time.Second), Started: true, AutoExpire: true,
		Counts: account.Counts{Warned: 4, Disabled: 2, Held: 1, NoticesSent: 12, MessagesSent: 2}, UnreadableTags: []string{"tom.keller"},
		DisabledKeys: []account.KeyRef{{User: "chen.wei", KeyID: "AKIA00000005E3A91C7D"}, {User: "emeka.nwosu", KeyID: "AKIA00013C6EF372FEA5"}},
	}
	return r
}

func TestEvidenceShowsWhatTheRunDid(t *testing.T) {
	t.Parallel()
	v := open(t, evidence())
	headings := ask[[]string](v, `[...document.querySelectorAll("h2")].map(e => e.textContent)`)
	for _, wanted := range []string{"What this run did", "Other credentials", "Every key"} {
		if !slices.Contains(headings, wanted) {
			t.Errorf("no heading %q in %q", wanted, headings)
		}
	}
	if did := ask[string](v, `document.querySelector(".run").innerText`); !strings.Contains(did, "2 keys") || !strings.Contains(did, "emeka.nwosu") || !strings.Contains(did, "tom.keller") {
		t.Errorf("of the run it shows only:\n%s", did)
	}
	if first := ask[string](v, `document.querySelector("[aria-labelledby=others] tbody tr").innerText`); !strings.HasPrefix(first, "<root_account>") || !strings.Contains(first, "delete at once") {
		t.Errorf("the first of the other credentials is %q", first)
	}
	if notice := ask[string](v, `document.querySelector(".notice").innerText`); !strings.Contains(notice, "root user has an active access key") {
		t.Errorf("at the top it says %q", notice)
	}
}

func TestEvidenceFitsAndIsLegible(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			r := evidence()
			r.Run.Announcement = "No key was disabled"
			r.Notes = []string{"something to know"}
			r.Problems = []account.Problem{{Text: "slack was not notified"}}
			v := open(t, r, seen(390, 844, true, "screen", scheme))
			if wide := ask[int](v, "document.documentElement.scrollWidth"); wide > 390 {
				t.Errorf("the page is %d pixels wide on a screen of 390", wide)
			}
			for _, faint := range ask[[]string](v, faintTexts) {
				t.Errorf("too faint: %s", faint)
			}
		})
	}
}

func TestNamesInEvidenceStayText(t *testing.T) {
	t.Parallel()
	const name = `"><img src=x onerror=alert(1)>`
	r := evidence()
	r.Run.DisabledKeys[0].User, r.Run.UnreadableTags, r.Run.Announcement = name, []string{name}, name
	r.Notes = []string{name}
	r.Credentials[1].User = name
	v := open(t, r)
	if n := ask[int](v, `document.querySelectorAll("img").length`); n != 0 {
		t.Errorf("names became %d elements", n)
	}
	if n := ask[int](v, `document.body.innerText.split("onerror=alert(1)").length - 1`); n != 5 {
		t.Errorf("shown %d times as text, want 5", n)
	}
}
