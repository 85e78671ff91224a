package notify_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]notify.Notice{
		"<@U1>'s key expires in 8 days due to creation age.":  {Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 8},
		"<@U1>'s key expires in 30 days due to inactivity.":   {Kind: notify.Expiring, Reason: audit.Inactivity, DaysLeft: 30},
		"<@U1>'s key is disabled due to creation age.":        {Kind: notify.Disabled, Reason: audit.CreationAge},
		"<@U1>'s key is disabled due to inactivity.":          {Kind: notify.Disabled, Reason: audit.Inactivity},
		"<@U1>'s key is past its limit due to inactivity.":    {Kind: notify.PastLimit, Reason: audit.Inactivity},
		"<@U1>'s key AKIA1 is disabled due to creation age.":  {Kind: notify.Disabled, Reason: audit.CreationAge, KeyID: "AKIA1", NameKey: true},
		"<@U1>'s key expires in 0 days due to creation age.":  {Kind: notify.Expiring, Reason: audit.CreationAge, KeyID: "AKIA1"},
		"<@U1>'s key is disabled due to inactivity. Call us.": {Kind: notify.Disabled, Reason: audit.Inactivity, Aside: "Call us."},
		"<@U1>'s key expires in 9 days due to creation age. It expires sooner, in 2 days, due to inactivity. Hm.": {
			Kind: notify.Expiring, Reason: audit.CreationAge, DaysLeft: 9, Aside: "Hm.",
			Sooner: &notify.Sooner{Reason: audit.Inactivity, DaysLeft: 2},
		},
	} {
		if got := n.Line("<@U1>"); got != want {
			t.Errorf("line is %q, want %q", got, want)
		}
	}
}

// A notice waits in the state, as JSON, until every channel has taken it.
func TestNoticeAsJSON(t *testing.T) {
	t.Parallel()
	for _, n := range []notify.Notice{
		{KeyID: "AKIA1", User: "a", Kind: notify.Disabled, Reason: audit.CreationAge},
		{
			KeyID: "AKIA2", User: "b<&\n", SlackTag: "U1", NameKey: true, Kind: notify.Expiring, Reason: audit.Inactivity,
			DaysLeft: 3, Sooner: &notify.Sooner{Reason: audit.CreationAge, DaysLeft: 1},
			At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Aside: "x",
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
