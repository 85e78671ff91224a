package notify_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

func TestDefaultLine(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 15, 0, 0, 0, time.FixedZone("", 3600))
	prod := account.Account{ID: "123456789012", Name: "Production", Alias: "acme"}
	for want, n := range map[string]notify.Notice{
		"<@U1>'s key expires in 8 days due to creation age. Key AKIA1 is in AWS account 123456789012 (Production).": {Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8},
		"<@U1>'s key expires in 30 days due to inactivity. Key AKIA1 is in AWS account 123456789012 (Production).":  {Kind: notify.Expiring, Reason: audit.Inactivity, DaysLeft: 30},
		"<@U1>'s key expires in 1 day due to inactivity. Key AKIA1 is in AWS account 123456789012 (Production).":    {Kind: notify.Expiring, Reason: audit.Inactivity, DaysLeft: 1},
		"<@U1>'s key is disabled due to creation age. Key AKIA1 is in AWS account 123456789012 (Production).":       {Kind: notify.Disabled, Reason: audit.CreationAge},
		"<@U1>'s key is disabled due to inactivity. Call us. Key AKIA1 is in AWS account 123456789012 (Production).": {
			Kind: notify.Disabled, Reason: audit.Inactivity, Note: "Call us.", ShowKeyID: true,
		},
		"<@U1>'s key expires in 8 days due to creation age. Key AKIA1 (\"laptop\") in AWS account 123456789012 (Production) will be disabled on Monday 30 November 2026, 14:00 UTC; " +
			"it was last used on Monday 30 November 2026, 14:00 UTC (s3, eu-west-1).": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8, At: at, Disables: true, LastUsed: at, Service: "s3", Region: "eu-west-1", Description: "laptop",
		},
		"<@U1>'s key expires in 8 days due to creation age. Key AKIA1 in AWS account 123456789012 (Production) will be disabled, but not before Monday 30 November 2026, 14:00 UTC; it was never used.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8, At: at, Disables: true, NotBefore: true, NeverUsed: true,
		},
		"<@U1>'s key expires in 0 days due to creation age. Key AKIA1 in AWS account 123456789012 (Production) reaches its limit on Monday 30 November 2026, 14:00 UTC; it was never used.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, At: at, NeverUsed: true,
		},
		"<@U1>'s key is disabled due to inactivity. Key AKIA1 in AWS account 123456789012 (Production) was disabled on Monday 30 November 2026, 14:00 UTC; it was last used on Monday 30 November 2026, 14:00 UTC.": {
			Kind: notify.Disabled, Reason: audit.Inactivity, At: at, LastUsed: at,
		},
		"<@U1>'s key is past its limit due to inactivity. Key AKIA1 in AWS account 123456789012 (Production) was never used.": {
			Kind: notify.PastLimit, Reason: audit.Inactivity, At: at, NeverUsed: true,
		},
		"<@U1>'s key expires in 8 days due to creation age. Key AKIA1 in AWS account 123456789012 (Production) was last used on Monday 30 November 2026, 14:00 UTC (s3), as of 14:00 UTC.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8, LastUsed: at, LastUsedAsOf: at, Service: "s3",
		},
		"<@U1>'s key expires in 9 days due to creation age. Key AKIA1 in AWS account 123456789012 (Production) was never used, as of 14:00 UTC.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 9, NeverUsed: true, LastUsedAsOf: at,
		},
		"<@U1>'s key expires in 9 days due to creation age. It expires sooner, in 1 day, due to inactivity. Hm. Key AKIA1 is in AWS account 123456789012 (Production).": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 9, Note: "Hm.",
			EarlierLimit: &notify.EarlierLimit{Reason: audit.Inactivity, DaysLeft: 1},
		},
	} {
		n.KeyID, n.Account = "AKIA1", prod
		if got := n.Line("<@U1>"); got != want {
			t.Errorf("line is %q, want %q", got, want)
		}
	}
}

// SLEUTH_LINE_TEMPLATE=original gives aws-iam-sleuth's sentence, and one more only if
// that would mislead.
func TestOriginalLine(t *testing.T) {
	t.Parallel()
	words := parsed(t, notify.TemplateTexts{Line: " original\n"})
	for want, n := range map[string]notify.Notice{
		"<@U1>'s key expires in 8 days due to creation age.":            {Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8, NeverUsed: true, Disables: true},
		"<@U1>'s key expires in 1 day due to inactivity.":               {Kind: notify.Expiring, Reason: audit.Inactivity, DaysLeft: 1},
		"<@U1>'s key is disabled due to creation age.":                  {Kind: notify.Disabled, Reason: audit.CreationAge},
		"<@U1>'s key is disabled due to inactivity.":                    {Kind: notify.Disabled, Reason: audit.Inactivity},
		"<@U1>'s key is past its limit due to inactivity.":              {Kind: notify.PastLimit, Reason: audit.Inactivity},
		"<@U1>'s key is disabled due to creation age. It is key AKIA1.": {Kind: notify.Disabled, Reason: audit.CreationAge, ShowKeyID: true},
		"<@U1>'s key AKIA1 was found in public and is still active.":    {Kind: notify.LeakedActive, Reason: audit.Exposure, ShowKeyID: true},
		"<@U1>'s key expires in 0 days due to creation age. Hm.":        {Kind: notify.Expiring, Reason: audit.CreationAge, Note: "Hm."},
		"<@U1>'s key expires in 9 days due to creation age. It expires sooner, in 2 days, due to inactivity.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 9, EarlierLimit: &notify.EarlierLimit{Reason: audit.Inactivity, DaysLeft: 2},
		},
	} {
		n.KeyID, n.LastUsed = "AKIA1", time.Date(2026, 11, 30, 15, 0, 0, 0, time.UTC)
		if got := words.Line(n, "<@U1>", unchanged); got != want {
			t.Errorf("line is %q, want %q", got, want)
		}
	}
	b := notify.Batch{Templates: words, Notices: []notify.Notice{{KeyID: "AKIA1", Kind: notify.Disabled, Reason: audit.CreationAge}}}
	if text := b.Sections()[0].Heading.Text; text != "" {
		t.Errorf("instructions %q above the original's list", text)
	}
}

// A notice waits in the state, as JSON, until every channel has taken it.
func TestNoticeAsJSON(t *testing.T) {
	t.Parallel()
	for _, n := range []notify.Notice{
		{KeyID: "AKIA1", User: "a", Kind: notify.Disabled, Reason: audit.CreationAge},
		{
			KeyID: "AKIA2", User: "b<&\n", SlackTag: "U1", ShowKeyID: true, Kind: notify.Expiring, Reason: audit.Inactivity,
			DaysLeft: 3, EarlierLimit: &notify.EarlierLimit{Reason: audit.CreationAge, DaysLeft: 1},
			At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Note: "x",
		},
	} {
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var back notify.Notice
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(n, back); diff != "" {
			t.Errorf("%s came back otherwise (-want +got):\n%s", text, diff)
		}
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                               "",
		"plain & <simple>":               "plain & <simple>",
		"a\nb\rc\td\ve\ff":               "a b c d e f",
		"a\u0085b\u2028c\u2029d":         "a b c d",
		"nul\x00 esc\x1b[0m del\x7f":     "nul esc[0m del",
		"\u202eevil\u202c \u2066x\u2069": "evil x",
		"\u200emark\u200f\u061c":         "mark",
		"שלום 名前 👩\u200d💻 e\u0301":       "שלום 名前 👩\u200d💻 e\u0301",
		"bad\xffbyte":                    "bad\uFFFDbyte",
	} {
		if got := text.OneLine(content); got != want {
			t.Errorf("OneLine(%+q) = %+q, want %+q", content, got, want)
		}
	}
	if got, want := text.Lines("a\r\nb\x00\n\n\tc\rd"), "a\nb\n\n c d"; got != want {
		t.Errorf("Lines() = %q, want %q", got, want)
	}
}
