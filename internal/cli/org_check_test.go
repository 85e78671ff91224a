package cli

import (
	"strings"
	"testing"
)

// A check enters every account as a run does, and says of each what is well.
func TestCheckOverAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.accounts[5].Forbid("iam:UpdateAccessKey")
	m.accounts[8].RemoveTag("user8-85", "Slack")
	m.accounts[9].RemoveTag("user9-95", "Name")
	status, stdout, stderr := m.run("check")
	if status != exitIncomplete || !strings.Contains(stderr, "2 checks failed") {
		t.Errorf("exit status %d: %s, want two failures", status, stderr)
	}
	for _, want := range []string{
		"ok    accounts: 8 accounts to cover\n",
		"ok    300000000002: reading users and keys: 2 users, 2 keys\n",
		"FAIL  300000000003: entering: enter account 300000000003: assume ",
		"ok    300000000001: permissions: ",
		"FAIL  300000000005: permissions: iam:UpdateAccessKey on arn:aws:iam::300000000005:user/sleuth-check (implicitDeny) is not allowed",
		"ok    300000000007: reading users and keys: 2 users, 2 keys\n",
		"note  tags: not known of users who could not be read\n",
		"      AWS account 300000000008 (name-8):\n        aws iam tag-user --user-name user8-85 --tags Key=Slack,Value=U...\n",
		"      AWS account 300000000009 (name-9):\n        aws iam tag-user --user-name user9-95 --tags Key=Name,Value=...\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	for _, not := range []string{"300000000004", "300000000006"} { // suspended, excluded
		if strings.Contains(stdout, not) {
			t.Errorf("account %s was checked:\n%s", not, stdout)
		}
	}
	if got := m.disabled(); len(got) > 0 {
		t.Errorf("a check has disabled keys in %v", got)
	}
}
