package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

func unchanged(text string) string { return text }

func parsed(t *testing.T, templates notify.TemplateTexts) notify.Templates {
	t.Helper()
	words, problems := notify.ParseTemplates(templates)
	if len(problems) > 0 {
		t.Fatalf("the templates have problems: %+v", problems)
	}
	return words
}

func TestLineTemplate(t *testing.T) {
	t.Parallel()
	words := parsed(t, notify.TemplateTexts{
		Line: "{{.Mention}} ({{.User}}, {{.Account}}): {{.Key}}\n{{.Kind}} {{.Days}} {{.Reason}} {{.Date}}{{with .EarlierLimit}} {{.Days}} {{.Reason}}{{end}} {{.Note}}",
	})
	n := notify.Notice{
		KeyID: "AKIA1", User: "<tfunke>", Account: account.Account{ID: "123456789012"}, Kind: notify.Expiring, Reason: audit.CreationAge,
		DaysLeft: 8, EarlierLimit: &notify.EarlierLimit{Reason: audit.Inactivity, DaysLeft: 2}, Note: "Hm.",
		At: time.Date(2026, 11, 30, 15, 0, 0, 0, time.FixedZone("", 3600)),
	}
	clean := func(text string) string { return strings.Trim(text, "<>") }
	want := "<@U1> (tfunke, AWS account 123456789012): AKIA1 expiring 8 creation age Monday 30 November 2026, 14:00 UTC 2 inactivity Hm."
	if got := words.Line(n, "<@U1>", clean); got != want {
		t.Errorf("line is %q, want %q", got, want)
	}
}

// Every kind is told by the default texts, and none of them in the same words.
func TestDefaultTexts(t *testing.T) {
	t.Parallel()
	lines, titles, directs, subjects := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	kinds := []notify.Kind{notify.Expiring, notify.PastLimit, notify.Disabled, notify.LeakedDisabled, notify.LeakedActive}
	for _, kind := range kinds {
		reason := audit.CreationAge
		if kind == notify.LeakedDisabled || kind == notify.LeakedActive {
			reason = audit.Exposure
		}
		b := notify.Batch{Account: account.Account{ID: "123456789012"}, Notices: []notify.Notice{
			{KeyID: "AKIA1", User: "tfunke", Kind: kind, Reason: reason, DaysLeft: 8},
		}}
		dm := b.DirectMessages(func(notify.Notice) string { return "x" })[0]
		lines[notify.Templates{}.Line(b.Notices[0], "tfunke", unchanged)] = true
		titles[notify.Templates{}.ListTitle(reason, kind, 1)] = true
		directs[notify.Templates{}.Personal(b, dm, unchanged)] = true
		subjects[notify.Templates{}.Subject(b, dm, unchanged)] = true
	}
	for name, texts := range map[string]map[string]bool{"line": lines, "title of a list": titles, "direct message": directs, "subject": subjects} {
		if len(texts) != len(kinds) {
			t.Errorf("the kinds share a %s: %v", name, texts)
		}
	}
}

// The defaults are templates like any other.
func TestDefaultTemplatesCanBeGiven(t *testing.T) {
	t.Parallel()
	words := parsed(t, notify.DefaultTemplates())
	n := notify.Notice{KeyID: "AKIA1", User: "tfunke", Kind: notify.Disabled, Reason: audit.Inactivity}
	if got, want := words.Line(n, "tfunke", unchanged), n.Line("tfunke"); got != want {
		t.Errorf("line is %q, want %q", got, want)
	}
}

func TestTemplatesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		templates notify.TemplateTexts
		template  string
		reason    string
	}{
		"no template":     {notify.TemplateTexts{Line: "{{.User"}, notify.LineTemplate, "unclosed action"},
		"no such field":   {notify.TemplateTexts{List: "{{.User}}"}, notify.ListTemplate, "User"},
		"says nothing":    {notify.TemplateTexts{Personal: "{{/* later */}} "}, notify.PersonalTemplate, "says nothing"},
		"fails at one":    {notify.TemplateTexts{Subject: "{{index .Keys 1}}"}, notify.SubjectTemplate, "index"},
		"unseen":          {notify.TemplateTexts{Subject: "{{\"\\x00\\u202e\"}}"}, notify.SubjectTemplate, "says nothing"},
		"too long":        {notify.TemplateTexts{List: strings.Repeat("x", 100_000)}, notify.ListTemplate, "more than 65536 bytes"},
		"without an end":  {notify.TemplateTexts{Line: "{{range 1000000000}}{{$.User}}{{end}}"}, notify.LineTemplate, "more than 65536 bytes"},
		"of itself":       {notify.TemplateTexts{Line: `{{define "x"}}x{{template "x"}}{{end}}{{template "x"}}`}, notify.LineTemplate, "more than 65536 bytes"},
		"nothing for one": {notify.TemplateTexts{Line: `{{if eq .Kind "expiring"}}{{.User}}{{end}}`}, notify.LineTemplate, "says nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := notify.ParseTemplates(test.templates)
			if len(problems) != 1 || problems[0].Template != test.template || !strings.Contains(problems[0].Err.Error(), test.reason) {
				t.Errorf("problems are %+v, want one with %q: %s", problems, test.template, test.reason)
			}
		})
	}
}

// What a trial did not show must not cost anybody their word.
func TestATemplateThatFailsGivesWayToTheDefault(t *testing.T) {
	t.Parallel()
	words := parsed(t, notify.TemplateTexts{Line: `{{if eq .User "odd"}}{{slice .Key 0 100}}{{else}}mine{{end}}`})
	if got := words.Line(notify.Notice{User: "tfunke", Kind: notify.Disabled}, "tfunke", unchanged); got != "mine" {
		t.Errorf("line is %q, want the template's", got)
	}
	odd := notify.Notice{User: "odd", KeyID: "AKIA1", Kind: notify.Disabled, Reason: audit.CreationAge}
	if got, want := words.Line(odd, "odd", unchanged), odd.Line("odd"); got != want {
		t.Errorf("line is %q, want the default's %q", got, want)
	}
}

// A message about many keys may be longer than one about one.
func TestLongDirectMessageKeepsItsTemplate(t *testing.T) {
	t.Parallel()
	words := parsed(t, notify.TemplateTexts{Personal: "{{range .Keys}}{{printf \"%60000s\" .Key}}{{end}}"})
	b := notify.Batch{Templates: words}
	for range 10 {
		b.Notices = append(b.Notices, notify.Notice{KeyID: "AKIA1", User: "tfunke", Kind: notify.Disabled, Reason: audit.CreationAge})
	}
	dm := b.DirectMessages(func(notify.Notice) string { return "x" })[0]
	if text := words.Personal(b, dm, unchanged); strings.Contains(text, "Hello") || len(text) < 9*60_000 {
		t.Errorf("the message has %d bytes, want the template's", len(text))
	}
}

func TestDirectMessages(t *testing.T) {
	t.Parallel()
	other := account.Account{ID: "210987654321"}
	b := notify.Batch{
		Account: account.Account{ID: "123456789012"},
		Notices: []notify.Notice{
			{KeyID: "K1", User: "b", Email: "b@example.com", Kind: notify.Expiring, Reason: audit.CreationAge},
			{KeyID: "K2", User: "a", Email: "a@example.com", Name: "Ann", Kind: notify.Expiring, Reason: audit.Inactivity},
			{KeyID: "K3", User: "a", Email: "a@example.com", Name: "Ann", Kind: notify.Disabled, Reason: audit.CreationAge, Account: other},
			{KeyID: "K4", User: "c", Kind: notify.Disabled, Reason: audit.CreationAge},
		},
	}
	type direct struct {
		To, Name string
		Keys     []string
	}
	var got []direct
	for _, l := range b.DirectMessages(func(n notify.Notice) string { return n.Email }) {
		shown := direct{To: l.To, Name: l.Name}
		for _, n := range l.Notices {
			shown.Keys = append(shown.Keys, n.KeyID+" in "+n.Account.ID)
		}
		got = append(got, shown)
	}
	want := []direct{
		{"a@example.com", "Ann", []string{"K3 in 210987654321", "K2 in 123456789012"}},
		{"b@example.com", "b", []string{"K1 in 123456789012"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("direct messages (-want +got):\n%s", diff)
	}
}

func TestPersonal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)
	warned := notify.Notice{
		KeyID: "AKIA1", User: "tfunke", Name: "Tobias Funke", Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 1, At: at,
		Created: at.AddDate(0, 0, -89),
	}
	gone := notify.Notice{KeyID: "AKIA2", User: "tfunke", Name: "Tobias Funke", Kind: notify.Disabled, Reason: audit.Inactivity, At: at}
	sooner := warned
	sooner.DaysLeft, sooner.EarlierLimit = 9, &notify.EarlierLimit{Reason: audit.Inactivity, DaysLeft: 2}
	const rotate = "Please run.\n ```aws-vault rotate AWS-PROFILE```"
	atTheEarliest := warned
	atTheEarliest.NotBefore = true
	for name, test := range map[string]struct {
		notices       []notify.Notice
		disables      bool
		subject       string
		says, saysNot []string
	}{
		"a warning": {
			[]notify.Notice{warned}, true, "Your AWS access key AKIA1 expires in 1 day",
			[]string{
				"Hello Tobias Funke,", "key AKIA1 expires in 1 day, on Monday 30 November 2026, 14:00 UTC, due to creation age.",
				"user tfunke in AWS account 123456789012 (acme)", "created on Wednesday 2 September 2026", rotate, "is disabled at that time",
			},
			[]string{"an administrator can enable it again", "1 days"},
		},
		"a warning where nothing is disabled": {[]notify.Notice{warned}, false, "Your AWS access key AKIA1 reaches its limit in 1 day", []string{rotate, "stays active, and you are reminded"}, []string{"disabled", "expires"}},
		"a final notice": {
			[]notify.Notice{gone}, true, "Your AWS access key AKIA2 was disabled",
			[]string{"AKIA2 was disabled on Monday 30 November 2026, 14:00 UTC, due to inactivity", "final notice", "an administrator can enable it again", "log in"},
			[]string{rotate, "expires"},
		},
		"both limits": {
			[]notify.Notice{sooner}, true, "Your AWS access key AKIA1 expires in 2 days",
			[]string{"expires in 2 days, on Monday 30 November 2026, 14:00 UTC, due to inactivity; and in 9 days due to creation age."}, nil,
		},
		"a calendar": {
			[]notify.Notice{atTheEarliest}, true, "Your AWS access key AKIA1 expires in 1 day",
			[]string{"expires in 1 day, not before Monday 30 November 2026, 14:00 UTC, due to", "is disabled at that time or later, and you get a final notice"}, []string{", on Monday"},
		},
		"two keys": {[]notify.Notice{warned, gone}, true, "2 of your AWS access keys need your attention", []string{"AKIA1", "AKIA2", rotate, "log in"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := notify.Batch{
				Account: account.Account{ID: "123456789012", Alias: "acme"}, Notices: slices.Clone(test.notices),
				Creation: notify.Heading{Title: "Key Rotation", Text: rotate}, Inactivity: notify.Heading{Text: "log in"},
			}
			for i := range b.Notices {
				b.Notices[i].Disables = test.disables
			}
			dm := b.DirectMessages(func(n notify.Notice) string { return n.User })[0]
			if got := (notify.Templates{}).Subject(b, dm, unchanged); got != test.subject {
				t.Errorf("subject is %q, want %q", got, test.subject)
			}
			text := notify.Templates{}.Personal(b, dm, unchanged)
			for _, want := range test.says {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
			for _, not := range test.saysNot {
				if strings.Contains(text, not) {
					t.Errorf("%q in:\n%s", not, text)
				}
			}
		})
	}
}

// Whoever reads of a leaked key learns that disabling it does not end its
// sessions, and that the owner may be unable to act.
func TestLeaksSayWhoCanActAndThatSessionsGoOn(t *testing.T) {
	t.Parallel()
	for _, kind := range []notify.Kind{notify.LeakedDisabled, notify.LeakedActive} {
		b := notify.Batch{Leak: notify.Heading{Text: "The administrator's own words."}, Notices: []notify.Notice{
			{KeyID: "AKIA1", User: "tfunke", Kind: kind, Reason: audit.Exposure},
		}}
		dm := notify.Templates{}.Personal(b, b.DirectMessages(func(notify.Notice) string { return "x" })[0], unchanged)
		for _, want := range []string{
			"AWS may have put your user in quarantine, which lets you neither disable a key nor create one.",
			"live for up to 36 hours, even after it is disabled. Ask an administrator to end them.",
		} {
			if !strings.Contains(dm, want) {
				t.Errorf("%s: no %q in\n%s", kind, want, dm)
			}
		}
	}
	for _, want := range []string{"up to 36 hours", "aws:TokenIssueTime", "AWSCompromisedKeyQuarantine", "neither disable a key nor create one: an administrator"} {
		if !strings.Contains(notify.LeakInstructions, want) {
			t.Errorf("no %q in the instructions %q", want, notify.LeakInstructions)
		}
	}
	b := notify.Batch{Notices: []notify.Notice{{KeyID: "AKIA1", User: "tfunke", Kind: notify.Disabled, Reason: audit.CreationAge}}}
	dm := notify.Templates{}.Personal(b, b.DirectMessages(func(notify.Notice) string { return "x" })[0], unchanged)
	if strings.Contains(dm, "quarantine") || strings.Contains(dm, "36 hours") {
		t.Errorf("a key that was not leaked is spoken of as one:\n%s", dm)
	}
}
