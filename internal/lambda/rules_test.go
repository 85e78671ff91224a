package lambda

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// put keeps an object.
func (b *bucket) put(path, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[path] = text
}

// TestRulesAreReadByEachInvocation: an object that is changed counts from the next one
// on, and one that is wrong or gone fails it with every place named.
func TestRulesAreReadByEachInvocation(t *testing.T) {
	t.Parallel()
	bucket, url := startBucket(t)
	d := deploy(t, "SNS_TOPIC={topic}", "SLEUTH_RULES=s3://settings/sleuth/rules.yaml", "AWS_ENDPOINT_URL_S3="+url)
	d.aws.Home().AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIAANN", Active: true, Created: daysAgo(40)}}})

	refused := func(want ...string) {
		t.Helper()
		before := len(d.aws.Home().Published())
		_, failure := d.invoke(t)
		for _, text := range want {
			if failure == nil || !strings.Contains(failure.Message, text) {
				t.Errorf("failed with %v, want %q", failure, text)
			}
		}
		if got := len(d.aws.Home().Published()); got != before {
			t.Errorf("%d messages", got-before)
		}
	}
	refused("read the rules in s3://settings/sleuth/rules.yaml: ", "NoSuchKey")
	bucket.put("/settings/sleuth/rules.yaml", "rules:\n  - {name: people, match: {users: ann}}\n  - {name: people, match: {user: ann}, warning_age: 3}\n")
	refused(`SLEUTH_RULES="s3://settings/sleuth/rules.yaml": line 2, column 28: unknown field "users"`, "line 3, column 5: there are two rules", "line 3, column 53: warning_age and expiration_age")
	bucket.put("/settings/sleuth/rules.yaml", "rules:\n  - {name: people, match: {user: ann}, expiration_age: 60, warning_age: 30}\n")
	if result, failure := d.invoke(t); failure != nil {
		t.Fatalf("failed: %v, %v", result, failure)
	}
	if said := d.aws.Home().Published(); len(said) != 1 || !strings.Contains(said[0].Message, "ann's key expires in 20 days due to creation age.") {
		t.Errorf("said %+v", said)
	}
}

// TestUnitsOfRulesInSteps: the units that rules name are read once, as the run begins;
// an account whose unit is not in the list has the most lenient limits, and says so.
func TestUnitsOfRulesInSteps(t *testing.T) {
	t.Parallel()
	bucket, url := startBucket(t)
	d := deploy(t, "SNS_TOPIC={topic}", "SLEUTH_ACCOUNTS=organization", "SLEUTH_EXCLUDE_ACCOUNTS=123456789012", "SLEUTH_MEMBER_ROLE=sleuth-member",
		"SLEUTH_RESULTS_BUCKET=results", "SLEUTH_RULES=s3://settings/rules.yaml", "AWS_ENDPOINT_URL_S3="+url)
	organization := d.aws.Organize()
	sandbox := organization.AddUnit(organization.Root(), "sandbox")
	nested := organization.AddUnit(sandbox, "nested")
	for id, unit := range map[string]string{steppedOne: nested, steppedTwo: organization.Root()} {
		account := d.aws.Account(id)
		organization.Join(account, unit, "account")
		account.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIAANN" + id, Active: true, Created: daysAgo(40)}}})
	}
	bucket.put("/settings/rules.yaml", fmt.Sprintf("rules:\n  - {name: sandbox, match: {ou: %s}, expiration_age: 60, warning_age: 30}\n", sandbox))
	s := stepped{d, bucket}
	run, began := s.list(t, `{"action":"list"}`)
	// Two calls for each of the two units, and the pages of the list of accounts.
	if got := d.aws.Count("ListAccountsForParent") + d.aws.Count("ListOrganizationalUnitsForParent"); got != 4 {
		t.Errorf("%d calls for the units, want 4", got)
	}
	warned := func(account string) any {
		t.Helper()
		result, failure := s.send(t, step("account", account, run, began))
		if failure != nil {
			t.Fatalf("account %s: %v", account, failure)
		}
		return result
	}
	one, two := fmt.Sprint(warned(steppedOne)), fmt.Sprint(warned(steppedTwo))
	said := d.aws.Home().Published()
	if len(said) != 1 || !strings.Contains(said[0].Message, "ann's key expires in 20 days") || !strings.Contains(said[0].Message, steppedOne) {
		t.Errorf("said %+v of %s, %s", said, one, two)
	}
	if got := d.aws.Count("ListAccountsForParent"); got != 2 {
		t.Errorf("the units were read %d times in all, want 2", got)
	}

	s.change(t, run, run, func(list map[string]any) { delete(list, "rule_ous") })
	result, _ := s.send(t, step("account", steppedOne, run, began))
	if got := d.aws.Home().Published(); len(got) != 1 {
		t.Errorf("warned of a limit that may not be the key's: %+v", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := ""
	for path, text := range s.objects {
		if strings.Contains(path, steppedOne) {
			kept = text
		}
	}
	if want := "does not have the accounts of the unit " + sandbox + "; until it can be read, users get the most lenient limits"; !strings.Contains(kept, want) {
		t.Errorf("the result %v, %s does not say %q", result, kept, want)
	}
}
