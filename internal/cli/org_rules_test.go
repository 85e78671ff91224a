package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// underRules sets rules for one account, for the units of all but the fifth account, and
// for a group that only the first has.
func (m *manyAccounts) underRules() {
	rules := fmt.Sprintf(`rules:
  - {name: first, match: {account: "%s", group: ops}, expiration_age: 365, warning_age: 335}
  - {name: people, match: {ou: %s}, expiration_age: 120, warning_age: 100}
ceiling: {expiration_age: 400}
`, m.accounts[1].ID(), m.unit)
	file := filepath.Join(m.t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.accounts[1].SetGroup("ops", "user1-95")
	m.env = append(m.env, "SLEUTH_RULES="+file, "SLEUTH_STATE=file:"+filepath.Join(m.t.TempDir(), "state.db"))
}

// TestRulesOverAnOrganization: units are read once, groups in the accounts that a rule
// with them can match, and each account's keys have its rules.
func TestRulesOverAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.underRules()
	unlimited := m.aws.Count("ListAccountsForParent")
	status, stdout, stderr := m.run("audit", "--output=json")
	if status != exitIncomplete { // one account cannot be entered
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	var found struct {
		Accounts []struct {
			Account struct{ ID string }
			Rows    []struct{ User, Rule, State string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	for _, account := range found.Accounts {
		for _, row := range account.Rows {
			rules[row.User] = row.Rule + " " + row.State
		}
	}
	for user, want := range map[string]string{
		"user0-95": "settings expire", "user1-85": "people good", "user1-95": "first good", "user2-95": "people good", "user5-95": "settings expire", "user9-85": "people good",
	} {
		if rules[user] != want {
			t.Errorf("%s: %q, want %q", user, rules[user], want)
		}
	}
	if got := m.aws.Count("GetGroup"); got != 1 {
		t.Errorf("%d groups were read, want 1", got)
	}
	// SLEUTH_OUS is the root, with two units in it; the rules name one of these.
	if got := m.aws.Count("ListAccountsForParent") - unlimited; got != 4 {
		t.Errorf("%d units were read, want 4", got)
	}

	m.run("run")
	if got := m.disabled(); len(got) != 0 {
		t.Errorf("disabled in %v, without a notice", got)
	}
	var warned []string
	for _, p := range m.aws.Home().Published() {
		for line := range strings.Lines(p.Message) {
			if user, isLine := strings.CutSuffix(strings.Fields(line + " -")[0], "'s"); isLine {
				warned = append(warned, user)
			}
		}
	}
	slices.Sort(warned)
	if want := []string{"user0-85", "user0-95", "user5-85", "user5-95"}; !slices.Equal(warned, want) {
		t.Errorf("warned %q, want %q: those whom no rule is for", warned, want)
	}
}

// TestUnitsThatCannotBeRead: every key has the more lenient limits, each account says why,
// and nothing is disabled by the others.
func TestUnitsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	m.underRules()
	m.env = append(m.env, "SLEUTH_OUS=")
	m.aws.Inject(awsfake.Fault{Action: "ListAccountsForParent", Code: "AccessDeniedException"})
	status, stdout, _ := m.run("audit", "--output=csv")
	if status != exitIncomplete || strings.Contains(stdout, ",expire,") || !strings.Contains(stdout, ",people or the settings") {
		t.Errorf("exit status %d: %s", status, stdout)
	}
	status, stdout, stderr := m.run("run")
	if got := m.disabled(); status != exitIncomplete || len(got) != 0 {
		t.Errorf("exit status %d, disabled in %v: %s", status, got, stdout)
	}
	if want := "list the accounts of the organization: in the unit " + m.unit; !strings.Contains(stderr, want) {
		t.Errorf("it does not say %q: %s", want, stderr)
	}
}
