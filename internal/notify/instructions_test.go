package notify_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Without instructions of the administrator's, a personal message says what to do
// about each key, with a link to the partition's console.
func TestDefaultInstructionsToOnePerson(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		notice notify.Notice
		says   []string
	}{
		"rotate": {notify.Notice{Kind: notify.Expiring, Reason: audit.CreationAge}, []string{
			"- Create a new key, switch to it wherever AKIA1 is used, then delete AKIA1.",
			"https://console.aws.amazon.com/iam/home#/users/details/a%2Bb%40c?section=security_credentials",
			"stays active, and you are reminded",
		}},
		"never used": {notify.Notice{Kind: notify.Expiring, Reason: audit.Inactivity, NeverUsed: true, Partition: "aws-us-gov"}, []string{
			"- Delete AKIA1: it was never used.", "https://console.amazonaws-us-gov.com/iam/home#/users/details/",
		}},
		"idle": {notify.Notice{Kind: notify.Expiring, Reason: audit.Inactivity, Disables: true, Partition: "aws-cn"}, []string{
			"- Use AKIA1 if you still need it. If you do not, delete it.", "https://console.amazonaws.cn/iam/home#/users/details/",
			"A key that expires is disabled at that time",
		}},
		"disabled": {notify.Notice{Kind: notify.Disabled, Reason: audit.CreationAge}, []string{
			"- If you still need the access of AKIA1, create a new key", "ask them to run: sleuth reactivate AKIA1 --grace 7d",
		}},
	} {
		n := test.notice
		n.KeyID, n.User = "AKIA1", "a+b@c"
		b := notify.Batch{Notices: []notify.Notice{n}}
		dm := notify.Templates{}.Personal(b, b.DirectMessages(func(notify.Notice) string { return "x" })[0], unchanged)
		for _, want := range test.says {
			if !strings.Contains(dm, want) {
				t.Errorf("%s: no %q in\n%s", name, want, dm)
			}
		}
		if !n.Disables && n.Kind == notify.Expiring && strings.Contains(dm, "disabled") {
			t.Errorf("%s: a key that is not disabled is spoken of so:\n%s", name, dm)
		}
	}
}

// A digest begins with its totals.
func TestADigestBeginsWithTotals(t *testing.T) {
	t.Parallel()
	one, two := account.Account{ID: "1"}, account.Account{ID: "2"}
	b := notify.Batch{Digest: "2 AWS accounts", Creation: notify.Heading{Title: "Keys", Text: "Rotate."}, Notices: []notify.Notice{
		{KeyID: "AKIA1", Account: one, Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge},
		{KeyID: "AKIA2", Account: two, Kind: notify.Expiring, Disables: true, Reason: audit.CreationAge},
		{KeyID: "AKIA3", Account: two, Kind: notify.Disabled, Reason: audit.CreationAge},
	}}
	if got := b.SharedInstructions(); len(got) != 2 || got[0].Title != "2 keys expire, 1 disabled in 2 accounts" || got[1].Text != "Rotate." {
		t.Errorf("the digest begins with %+v", got)
	}
}
