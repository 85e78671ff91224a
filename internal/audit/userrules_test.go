package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

const inAccount = "111122223333"

// userAt is a user in a path, with tags given as key=value.
func userAt(path, name string, tags ...string) audit.User {
	u := audit.User{Name: name, ARN: "arn:aws:iam::" + inAccount + ":user" + path + name}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		u.Tags = append(u.Tags, audit.Tag{Key: key, Value: value})
	}
	return u
}

func TestWhichUsersARuleMatches(t *testing.T) {
	t.Parallel()
	groups := map[string]audit.Members{"admins": {}, "contractors": {"ann": true}}
	user := userAt("/service/ci/", "ann", "Kind=machine", "Team= Infra ")
	user.Password = audit.Yes
	for _, c := range []struct {
		name  string
		match audit.Match
		want  bool
	}{
		{"a user's name", audit.Match{Users: []string{"ann"}}, true},
		{"in any case", audit.Match{Users: []string{"ANN"}}, true},
		{"another's name", audit.Match{Users: []string{"anna"}}, false},
		{"a glob", audit.Match{Users: []string{"bob", "a*n"}}, true},
		{"a glob of one character", audit.Match{Users: []string{"an?"}}, true},
		{"a path above", audit.Match{Paths: []string{"/service/"}}, true},
		{"the path", audit.Match{Paths: []string{"/service/ci/"}}, true},
		{"a path beside", audit.Match{Paths: []string{"/serv/", "/service/cd/"}}, false},
		{"a path with a glob", audit.Match{Paths: []string{"/*/ci/"}}, true},
		{"a group", audit.Match{Groups: []string{"admins", "contractors"}}, true},
		{"an account", audit.Match{Accounts: []string{inAccount}}, true},
		{"another account", audit.Match{Accounts: []string{"999999999999"}}, false},
		{"a unit", audit.Match{OUs: []string{"ou-empty", "ou-ours"}}, true},
		{"another unit", audit.Match{OUs: []string{"ou-empty"}}, false},
		{"a console password", audit.Match{Password: audit.Yes}, true},
		{"no console password", audit.Match{Password: audit.No}, false},
		{"a tag, its name in any case", audit.Match{Tags: []audit.Tag{{Key: "kind", Value: "mach*"}}}, true},
		{"a tag's value in another case", audit.Match{Tags: []audit.Tag{{Key: "Kind", Value: "Machine"}}}, false},
		{"a tag's value without its space", audit.Match{Tags: []audit.Tag{{Key: "Team", Value: "Infra"}}}, true},
		{"a tag that is not there", audit.Match{Tags: []audit.Tag{{Key: "Env", Value: "*"}}}, false},
		{"every criterion", audit.Match{Users: []string{"*"}, Paths: []string{"/service/"}, Groups: []string{"contractors"}, Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}}, true},
		{"all but one", audit.Match{Users: []string{"*"}, Paths: []string{"/service/"}, Groups: []string{"contractors"}, Tags: []audit.Tag{{Key: "Kind", Value: "human"}}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := ruleFor(c.match, groups, user); (got == "it") != c.want {
				t.Errorf("chose %q; want a match: %t", got, c.want)
			}
		})
	}
}

func ruleFor(match audit.Match, groups map[string]audit.Members, user audit.User) string {
	rules := audit.UserRules{Rules: []audit.UserRule{{Name: "it", Match: match, Limits: audit.Limits{Rule: "it", Ages: seed}}}}
	rules.OUs = map[string]audit.Members{"ou-ours": {inAccount: true}, "ou-empty": {}}
	return rules.In(inAccount, groups).Choose(user, true, audit.Limits{Ages: seed}).Rule
}

// A user of whom too little is known gets the most lenient limits of the rules
// that may match.
func TestWhatIsNotKnownIsLenient(t *testing.T) {
	t.Parallel()
	machines := audit.UserRule{Name: "machines", Match: audit.Match{Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}},
		Limits: audit.Limits{Rule: "machines", Ages: audit.Rules{ExpirationAge: 365, WarningAge: 335, InactivityAge: 30, InactivityWarningAge: 20}, RemindAt: []int{7}}}
	contractors := audit.UserRule{Name: "contractors", Match: audit.Match{Groups: []string{"contractors"}},
		Limits: audit.Limits{Rule: "contractors", Ages: audit.Rules{ExpirationAge: 30, WarningAge: 20, InactivityAge: 30, InactivityWarningAge: 20}, MinNoticeDays: 14}}
	settings := audit.Limits{Ages: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 60, InactivityWarningAge: 50}, MinNoticeDays: 7}
	rules := audit.UserRules{Rules: []audit.UserRule{machines, contractors}}
	user := userAt("/", "ann")

	got := rules.Choose(user, false, settings)
	if want := (audit.Rules{ExpirationAge: 365, WarningAge: 335, InactivityAge: 60, InactivityWarningAge: 50}); got.Ages != want {
		t.Errorf("ages %+v, want %+v", got.Ages, want)
	}
	if want := (audit.Rules{ExpirationAge: 30, WarningAge: 20, InactivityAge: 30, InactivityWarningAge: 20}); got.Strictest != want {
		t.Errorf("strictest %+v, want %+v", got.Strictest, want)
	}
	if got.MinNoticeDays != 14 || len(got.RemindAt) != 0 || !got.NeedsTags || got.Rule != "machines or contractors or the settings" {
		t.Errorf("got %+v, tags needed %t", got.Limits, got.NeedsTags)
	}
	if got := rules.Choose(user, true, settings); got.NeedsTags || got.Rule != "contractors or the settings" || got.Ages.ExpirationAge != 90 {
		t.Errorf("with its tags read: %+v", got)
	}
	if got := rules.In(inAccount, map[string]audit.Members{"contractors": {}}).Choose(user, true, settings); got.Rule != "" || got.Ages != settings.Ages {
		t.Errorf("with all known: %+v", got)
	}
}

func anyMatch() *rapid.Generator[audit.Match] {
	some := func(from ...string) *rapid.Generator[[]string] {
		return rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(rapid.SampledFrom(from), 1, 2))
	}
	return rapid.Custom(func(t *rapid.T) audit.Match {
		m := audit.Match{
			Users:    some("ann", "a*", "*", "?nn", "b*", "*n*").Draw(t, "users"),
			Paths:    some("/", "/service/", "/service/ci/", "/s*/").Draw(t, "paths"),
			Groups:   some("one", "two").Draw(t, "groups"),
			Accounts: some(inAccount, "999999999999").Draw(t, "accounts"),
			OUs:      some("ou-ours", "ou-theirs").Draw(t, "units"),
			Password: rapid.SampledFrom([]audit.Known{audit.NotKnown, audit.NotKnown, audit.Yes, audit.No}).Draw(t, "password"),
		}
		for _, value := range some("machine", "m*", "*", "?achine").Draw(t, "tags") {
			m.Tags = append(m.Tags, audit.Tag{Key: rapid.SampledFrom([]string{"Kind", "Team"}).Draw(t, "tag"), Value: value})
		}
		return m
	})
}

func anyLimits(name string) *rapid.Generator[audit.Limits] {
	return rapid.Custom(func(t *rapid.T) audit.Limits {
		return audit.Limits{Rule: name, Ages: anyRules().Draw(t, "ages"), MinNoticeDays: rapid.IntRange(7, 30).Draw(t, "min_notice_days")}
	})
}

// anyUserRules are rules in an account whose groups are all known.
func anyUserRules() *rapid.Generator[audit.UserRules] {
	return rapid.Custom(func(t *rapid.T) audit.UserRules {
		var rules []audit.UserRule
		for i := range rapid.IntRange(0, 4).Draw(t, "rules") {
			name := fmt.Sprint("rule", i)
			rules = append(rules, audit.UserRule{Name: name, Match: anyMatch().Draw(t, "match"), Limits: anyLimits(name).Draw(t, "limits")})
		}
		groups := map[string]audit.Members{"one": {}, "two": {}}
		for _, members := range groups {
			for _, user := range []string{"ann", "bob"} {
				members[user] = rapid.Bool().Draw(t, "member")
			}
		}
		units := map[string]audit.Members{"ou-ours": {inAccount: true}, "ou-theirs": {"999999999999": true}}
		return audit.UserRules{Rules: rules, OUs: units}.In(inAccount, groups)
	})
}

func anyUser() *rapid.Generator[audit.User] {
	return rapid.Custom(func(t *rapid.T) audit.User {
		user := userAt(rapid.SampledFrom([]string{"/", "/service/", "/service/ci/", "/people/"}).Draw(t, "path"),
			rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user"),
			rapid.SampledFrom([][]string{nil, {"Kind=machine"}, {"Kind=mixer", "Team=machine"}}).Draw(t, "tags")...)
		user.Password = audit.KnownToBe(rapid.Bool().Draw(t, "password"))
		return user
	})
}

// lessKnown is what a reading that failed, or that did not read the tags, knows.
func lessKnown(t *rapid.T, rules audit.UserRules, user audit.User) (audit.UserRules, audit.User, bool) {
	known := map[string]audit.Members{}
	for name, members := range rules.Groups {
		if rapid.Bool().Draw(t, "group read") {
			known[name] = members
		}
	}
	rules.Groups = known
	if rapid.Bool().Draw(t, "a unit not read") {
		rules.OUs = map[string]audit.Members{"ou-theirs": rules.OUs["ou-theirs"]}
	}
	if rapid.Bool().Draw(t, "password not read") {
		user.Password = audit.NotKnown
	}
	if rapid.Bool().Draw(t, "no ARN") {
		user.ARN = ""
	}
	tagsRead := rapid.Bool().Draw(t, "tags read")
	if !tagsRead {
		user.Tags = nil
	}
	return rules, user, tagsRead
}

// TestKnowingLessNeverMakesAKeyDue: whatever is not known of a user, their keys
// are in no worse a state than if all were known, and a key that is good by the
// strictest limits is good.
func TestKnowingLessNeverMakesAKeyDue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, user, key := anyUserRules().Draw(t, "rules"), anyUser().Draw(t, "user"), anyKey().Draw(t, "key")
		settings := anyLimits("").Draw(t, "settings")
		all := rules.Choose(user, true, settings)
		if all.NeedsTags || all.NeedsPassword || all.Strictest != all.Ages {
			t.Fatalf("all is known, and in doubt: %+v", all)
		}
		less := func() audit.Choice {
			rules, user, tagsRead := lessKnown(t, rules, user)
			return rules.Choose(user, tagsRead, settings)
		}()
		state := func(ages audit.Rules) audit.State { return audit.Judge(key, audit.Exemption{}, ages, now).State }
		if with, without := state(all.Ages), state(less.Ages); without.PastLimit() && !with.PastLimit() || audit.NeedsTags(audit.Verdict{State: without}) && !audit.NeedsTags(audit.Verdict{State: with}) {
			t.Errorf("%s if all is known, and %s if not: %+v, %+v", with, without, all, less)
		}
		if least, with := state(less.Strictest), state(all.Ages); !audit.NeedsTags(audit.Verdict{State: least}) && with != least {
			t.Errorf("%s by the strictest limits, and %s: %+v, %+v", least, with, less, all)
		}
		if less.MinNoticeDays < all.MinNoticeDays {
			t.Errorf("%d days of notice, and %d if all is known", less.MinNoticeDays, all.MinNoticeDays)
		}
		if lowest := rules.Strictest(settings.Ages); lowest.ExpirationAge > all.Ages.ExpirationAge || lowest.WarningAge > all.Ages.WarningAge ||
			lowest.InactivityAge > all.Ages.InactivityAge || lowest.InactivityWarningAge > all.Ages.InactivityWarningAge {
			t.Errorf("the lowest ages %+v are above %+v", lowest, all.Ages)
		}
	})
}

// TestOrderMattersOnlyWhereTwoMatch: swapping two neighbours changes the limits of
// none but the users whom both match.
func TestOrderMattersOnlyWhereTwoMatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, user := anyUserRules().Draw(t, "rules"), anyUser().Draw(t, "user")
		if len(rules.Rules) < 2 {
			return
		}
		i := rapid.IntRange(0, len(rules.Rules)-2).Draw(t, "swapped")
		swapped := rules
		swapped.Rules = slices.Clone(rules.Rules)
		swapped.Rules[i], swapped.Rules[i+1] = rules.Rules[i+1], rules.Rules[i]
		alone := func(rule audit.UserRule) bool {
			only := rules
			only.Rules = []audit.UserRule{rule}
			return only.Choose(user, true, audit.Limits{}).Rule != ""
		}
		before, after := rules.Choose(user, true, audit.Limits{}), swapped.Choose(user, true, audit.Limits{})
		if before.Rule != after.Rule && (!alone(rules.Rules[i]) || !alone(rules.Rules[i+1])) {
			t.Errorf("%q became %q", before.Rule, after.Rule)
		}
	})
}

// TestUnreachableRulesAreNeverChosen: what is said to be unreachable is.
func TestUnreachableRulesAreNeverChosen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, user := anyUserRules().Draw(t, "rules"), anyUser().Draw(t, "user")
		chosen := rules.Choose(user, true, audit.Limits{}).Rule
		if earlier, unreachable := rules.Unreachable()[chosen]; unreachable {
			t.Errorf("%s was chosen, and %s was said to cover it", chosen, earlier)
		}
	})
	covered := audit.UserRules{Rules: []audit.UserRule{
		{Name: "wide", Match: audit.Match{Users: []string{"ci-*"}, Paths: []string{"/service/"}}},
		{Name: "narrow", Match: audit.Match{Users: []string{"ci-a*"}, Paths: []string{"/service/ci/"}, Accounts: []string{inAccount}}},
		{Name: "other", Match: audit.Match{Users: []string{"ci-a*"}}},
	}}.Unreachable()
	if len(covered) != 1 || covered["narrow"] != "wide" {
		t.Errorf("got %v", covered)
	}
	for _, everybody := range []audit.Match{{Users: []string{"*"}}, {Paths: []string{"/"}}} {
		hidden := audit.UserRules{Rules: []audit.UserRule{
			{Name: "everybody", Match: everybody},
			{Name: "machines", Match: audit.Match{Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}}},
		}}.Unreachable()
		if hidden["machines"] != "everybody" {
			t.Errorf("%+v hides %v", everybody, hidden)
		}
	}
}

// No exemption goes beyond the ceiling: it is refused so early that the notice of
// it ends there.
func TestCeiling(t *testing.T) {
	t.Parallel()
	limits := audit.Limits{Rule: "people", Ages: audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}, MinNoticeDays: 14, Ceiling: 200}
	user := userAt("/", "ann", "KeyAutoExpire=False")
	for age, want := range map[int]bool{100: true, 185: true, 186: false, 250: false} {
		key := keyOf(age, 1)
		v := limits.Judge(user, key, audit.ExemptionRules{}, now)
		if v.Exempt != want || v.Rule != "people" || v.Limits != limits.Ages {
			t.Errorf("at %d days: exempt %t, want %t: %+v", age, v.Exempt, want, v)
		}
		if want {
			continue
		}
		d := audit.Decide(key, v, v.Limits, audit.History{}, limits.Apply(audit.Policy{AutoExpire: true}), now)
		if at := now.Add(14 * day); !v.Refused() || d.Hold != audit.HeldForNotice || !d.At.Equal(at) {
			t.Errorf("at %d days: %+v, want it held until %s", age, d, at.Format(time.DateOnly))
		}
		if why := v.Exemption.Refusal.String(); why != "the rules let no exempt key grow older than 200 days" {
			t.Errorf("said %q", why)
		}
	}
}

// TestNoExemptionGoesBeyondTheCeiling, whichever rule is a user's and however much of
// it is known; unless a tag cannot be read, which never disables a key.
func TestNoExemptionGoesBeyondTheCeiling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, user, key := anyUserRules().Draw(t, "rules"), anyUser().Draw(t, "user"), anyKey().Draw(t, "key")
		ceiling := rapid.IntRange(1, 500).Draw(t, "ceiling")
		settings := anyLimits("").Draw(t, "settings")
		settings.Ceiling = ceiling
		for i := range rules.Rules {
			rules.Rules[i].Limits.Ceiling = ceiling
		}
		user.Tags = append(user.Tags, audit.Tag{Key: "KeyAutoExpire", Value: rapid.SampledFrom([]string{"False", "False until 2999-12-31"}).Draw(t, "exemption")})
		rules, user, _ = lessKnown(t, rules, user)
		limits := rules.Choose(user, true, settings).Limits
		v := limits.Judge(user, key, audit.ExemptionRules{}, now)
		if v.Exempt && v.Age >= ceiling {
			t.Errorf("exempt at %d days, beyond %d", v.Age, ceiling)
		}
		if v.Refused() && v.Age < ceiling && limits.MinNoticeDays+v.Age < ceiling && limits.Ages.ExpirationAge-limits.Ages.WarningAge+v.Age < ceiling {
			t.Errorf("refused at %d days, long before %d", v.Age, ceiling)
		}
	})
}

// TestPasswordDecidesLast: it is asked for only if tags and names leave it open.
func TestPasswordDecidesLast(t *testing.T) {
	t.Parallel()
	rules := audit.UserRules{Rules: []audit.UserRule{{Name: "people", Match: audit.Match{
		Paths: []string{"/people/"}, Password: audit.Yes, Tags: []audit.Tag{{Key: "Kind", Value: "human"}},
	}}}}
	ann := userAt("/people/", "ann", "Kind=human")
	for _, c := range []struct {
		user                 audit.User
		tagsRead             bool
		needsTags, needsPass bool
	}{
		{userAt("/service/", "ci"), false, false, false},
		{ann, false, true, true},
		{ann, true, false, true},
		{userAt("/people/", "bob", "Kind=machine"), true, false, false},
	} {
		if got := rules.Choose(c.user, c.tagsRead, audit.Limits{}); got.NeedsTags != c.needsTags || got.NeedsPassword != c.needsPass {
			t.Errorf("%s, tags read %t: needs tags %t, password %t", c.user.Name, c.tagsRead, got.NeedsTags, got.NeedsPassword)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	rules := audit.UserRules{Rules: []audit.UserRule{
		{Name: "machines", Match: audit.Match{Paths: []string{"/service/"}, Tags: []audit.Tag{{Key: "Kind", Value: "machine"}}}},
		{Name: "contractors", Match: audit.Match{Groups: []string{"contractors"}}},
		{Name: "all", Match: audit.Match{Users: []string{"*"}}},
		{Name: "never", Match: audit.Match{Users: []string{"*"}}},
	}}
	want := []string{
		"rule machines: does not match (path /service/: matches; tag Kind machine: does not match)",
		"rule contractors: unknown (group contractors: unknown)",
		"rule all: matches (user *: matches)",
	}
	if got := rules.Explain(userAt("/service/", "ann")); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
