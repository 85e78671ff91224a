package inventory_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// creationAges have no limits of their own for inactivity, so that no last use is read.
func creationAges(limit int) audit.Rules {
	return audit.Rules{ExpirationAge: limit, WarningAge: limit - 10, InactivityAge: limit, InactivityWarningAge: limit - 10}
}

// signIn are rules by which those who can sign in to the console have a shorter limit.
var signIn = audit.UserRules{Rules: []audit.UserRule{{
	Name: "people", Match: audit.Match{Users: []string{"person-*"}, Password: audit.Yes}, Limits: audit.Limits{Rule: "people", Ages: creationAges(60)},
}}}.In(awsfake.DefaultHome, nil)

// withPeople adds users whose rule depends on their console password, which every
// other one has, and as many others.
func (a *account) withPeople(people, others, age int) {
	a.reader.UserRules, a.reader.Rules = signIn, creationAges(90)
	a.reader.RuleIAM = a.reader.LastUses.IAM.(inventory.RuleIAM)
	for i := range people {
		a.add(fmt.Sprintf("person-%03d", i), age)
		a.Home().SetPassword(fmt.Sprintf("person-%03d", i), i%2 == 0)
	}
	for i := range others {
		a.add(fmt.Sprintf("robot-%03d", i), age)
	}
}

// TestConsolePasswordsTakeFewCalls: they are asked for only where they decide, one by
// one if that is few, else by the credential report of a large account.
func TestConsolePasswordsTakeFewCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		people, others, age int
		profiles, reports   int
	}{
		"few":                  {people: 10, others: 100, age: 55, profiles: 10},
		"many":                 {people: 60, others: 50, age: 55, profiles: 10, reports: 1},
		"a small account":      {people: 60, others: 39, age: 55, profiles: 60},
		"due by no rule":       {people: 60, others: 50, age: 45},
		"due by the other one": {people: 20, others: 0, age: 85, profiles: 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newBulkAccount(t)
			a.reader.Concurrency = 1
			a.withPeople(c.people, c.others, c.age)
			subjects := a.read(t)
			if got, reports := a.Count("GetLoginProfile"), a.Count("GetCredentialReport"); got != c.profiles || reports != c.reports {
				t.Errorf("%d calls of GetLoginProfile and %d reports, want %d and %d", got, reports, c.profiles, c.reports)
			}
			for user, s := range subjects {
				if s.Err != nil || s.RuleErr != nil {
					t.Errorf("user %s: %v, %v", user, s.Err, s.RuleErr)
				}
				if c.profiles == 0 || !strings.HasPrefix(user, "person-") {
					continue
				}
				want := ""
				if n := 0; true {
					_, _ = fmt.Sscanf(user, "person-%d", &n)
					want = []string{"people", ""}[n%2]
				}
				if got := signIn.Choose(s.User, s.TagsRead, audit.Limits{}).Rule; got != want {
					t.Errorf("user %s has rule %q, want %q", user, got, want)
				}
			}
		})
	}
}

// TestAPasswordThatCannotBeRead: the user has the most lenient limits, and the error
// says why. If nobody's can be read, that is asked once.
func TestAPasswordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.reader.Concurrency = 1
	a.withPeople(20, 0, 85)
	a.Inject(awsfake.Fault{Action: "GetLoginProfile", Code: "AccessDenied"})
	for user, s := range a.read(t) {
		if s.Err != nil || s.RuleErr == nil || !strings.Contains(s.RuleErr.Error(), "find out which users have a console password: ") {
			t.Errorf("user %s: %v, %v", user, s.Err, s.RuleErr)
		}
		if got := signIn.Choose(s.User, s.TagsRead, audit.Limits{Ages: creationAges(90)}); got.Ages.ExpirationAge != 90 || got.Strictest.ExpirationAge != 60 {
			t.Errorf("user %s has limits %+v", user, got)
		}
	}
	if got := a.Count("GetLoginProfile"); got != 1 {
		t.Errorf("asked %d times", got)
	}
}

// TestAKeyIsReadAgainWithThePassword: whatever the report said, the last word before a
// key is disabled is IAM's.
func TestAKeyIsReadAgainWithThePassword(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.withPeople(1, 0, 85)
	key, user := a.keyOf(t, "person-000"), audit.User{Name: "person-000", Password: audit.No}
	found, _, err := a.reader.ReadKey(t.Context(), user, key)
	if err != nil || found.Password != audit.Yes {
		t.Errorf("read %+v, %v", found, err)
	}
	a.Inject(awsfake.Fault{Action: "GetLoginProfile", Code: "ServiceFailure", Status: 500})
	if _, _, err := a.reader.ReadKey(t.Context(), user, key); err == nil || !strings.Contains(err.Error(), "find out whether user person-000 has a console password") {
		t.Errorf("error %v", err)
	}
	a.reader.UserRules = audit.UserRules{}
	if _, _, err := a.reader.ReadKey(t.Context(), user, key); err != nil {
		t.Errorf("without rules: %v", err)
	}
}

func (a *account) keyOf(t *testing.T, user string) string {
	t.Helper()
	for _, u := range a.Home().Users() {
		if u.Name == user {
			return u.Keys[0].ID
		}
	}
	t.Fatalf("no user %s", user)
	return ""
}

// TestNoVerdictDependsOnLaziness: what a reading leaves out, because it cannot matter,
// changes no verdict; nor does narrowing by the credential report.
func TestNoVerdictDependsOnLaziness(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.reader.RuleIAM = a.reader.LastUses.IAM.(inventory.RuleIAM)
	groups := map[string]audit.Members{"one": {}}
	for i := range 21 {
		name := fmt.Sprintf("user-%02d", i)
		groups["one"][name] = i%3 == 0
		a.Home().AddUser(awsfake.User{
			Name: name, Path: []string{"/", "/service/"}[i%2], Created: daysAgo(400), Password: i%5 < 2,
			Tags: map[string]string{"Kind": []string{"machine", "human", "mixer"}[i%3]},
			Keys: []awsfake.Key{{Active: i%7 > 0, Created: daysAgo(10 + i*9), LastUsed: daysAgo(i * 3)}},
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		r := a.reader
		r.Rules = drawnAges(t)
		var rules []audit.UserRule
		for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
			rules = append(rules, audit.UserRule{
				Name:   fmt.Sprint("rule", i),
				Limits: audit.Limits{Rule: fmt.Sprint("rule", i), Ages: drawnAges(t)},
				Match: audit.Match{
					Paths:    rapid.SampledFrom([][]string{nil, {"/service/"}}).Draw(t, "paths"),
					Groups:   rapid.SampledFrom([][]string{nil, {"one"}}).Draw(t, "groups"),
					Tags:     rapid.SampledFrom([][]audit.Tag{nil, {{Key: "Kind", Value: "m*"}}, {{Key: "Kind", Value: "human"}}}).Draw(t, "tags"),
					Password: rapid.SampledFrom([]audit.Known{audit.NotKnown, audit.Yes, audit.No}).Draw(t, "password"),
				},
			})
		}
		r.UserRules = audit.UserRules{Rules: rules}.In(awsfake.DefaultHome, groups)
		everything := r
		everything.Everything = true
		narrowed := r
		narrowed.Report = r.LastUses
		want := verdicts(t, everything)
		for how, reader := range map[string]inventory.Reader{"lazy": r, "by credential report": narrowed} {
			for key, v := range verdicts(t, reader) {
				if v != want[key] {
					t.Errorf("%s, key %s is %q, and %q if everything is read", how, key, v, want[key])
				}
				delete(want, key)
			}
			for key, v := range want {
				if reader.Report == nil || v != "good" && v != "disabled" {
					t.Errorf("%s, key %s is left out, and is %q", how, key, v)
				}
			}
			want = verdicts(t, everything)
		}
	})
}

func drawnAges(t *rapid.T) audit.Rules {
	limit, idle := rapid.IntRange(20, 200).Draw(t, "expiration"), rapid.IntRange(20, 60).Draw(t, "inactivity")
	ages := audit.Rules{ExpirationAge: limit, WarningAge: limit - 10, InactivityAge: min(idle, limit), InactivityWarningAge: min(idle, limit) - 10}
	return ages
}

// verdicts are the states of the keys that a reading hands over, by id, with the rule
// of those that are due.
func verdicts(t *rapid.T, r inventory.Reader) map[string]string {
	found := map[string]string{}
	err := r.Read(t.Context(), func(s inventory.UserKeys) {
		limits := r.UserRules.Choose(s.User, s.TagsRead, audit.Limits{Ages: r.Rules}).Limits
		if s.Err != nil || s.RuleErr != nil {
			t.Fatalf("user %s: %v, %v", s.User.Name, s.Err, s.RuleErr)
		}
		for _, key := range s.Keys {
			v := audit.Judge(key.Key, audit.Exemption{}, limits.Ages, r.Now)
			found[key.ID] = v.State.String()
			if audit.NeedsTags(v) {
				found[key.ID] += " by " + limits.String()
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestGroups: pages are read to their end, a group that does not exist has no members,
// and one that cannot be read is left out.
func TestGroups(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.crowd(1100)
	var members []string
	for i := range 1100 {
		members = append(members, fmt.Sprintf("user-%03d", i))
	}
	a.Home().SetGroup("large", members...)
	a.Home().SetGroup("shut", "user-000")
	a.Inject(awsfake.Fault{Action: "GetGroup", Code: "AccessDenied", Nth: 4})
	client := a.reader.LastUses.IAM.(*iam.Client)
	groups, errs := inventory.Groups(t.Context(), client, []string{"large", "missing", "shut"})
	if got := slices.Sorted(maps.Keys(groups)); !slices.Equal(got, []string{"large", "missing"}) || len(groups["large"]) != 1100 || len(groups["missing"]) != 0 {
		t.Errorf("read %q, %d members", got, len(groups["large"]))
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "read the members of group shut: ") {
		t.Errorf("errors %v", errs)
	}
	if got := a.Count("GetGroup"); got != 4 {
		t.Errorf("%d calls, want 4", got)
	}
}
