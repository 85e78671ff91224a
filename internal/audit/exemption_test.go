package audit_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

func TestParseExemption(t *testing.T) {
	t.Parallel()
	endOf2026 := time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
	var (
		none       = audit.Exemption{}
		forever    = audit.Exemption{Claimed: true}
		through26  = audit.Exemption{Claimed: true, End: endOf2026}
		unreadable = audit.Exemption{Unreadable: true}
	)
	for value, want := range map[string]audit.Exemption{
		"true": none, "True": none, "TRUE": none, "tRuE": none, "  true\t": none,

		"false": forever, "False": forever, "FALSE": forever, "fAlSe": forever,
		" false": forever, "false ": forever, "\tFalse \n": forever, "\u00a0false\u00a0": forever,

		"False until 2026-12-31":       through26,
		"false until 2026-12-31":       through26,
		"FALSE UNTIL 2026-12-31":       through26,
		"  False  until\t2026-12-31  ": through26,

		// The last day there is, which people write for never. The moment after
		// it could not be written down.
		"False until 9999-12-30": {Claimed: true, End: time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)},
		"False until 9999-12-31": {Claimed: true, End: time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)},
		"False until 0000-01-01": {Claimed: true, End: time.Date(0, time.January, 2, 0, 0, 0, 0, time.UTC)},

		// Everything else is doubt: what was meant cannot be known.
		"":                                  unreadable,
		"   ":                               unreadable,
		"no":                                unreadable,
		"yes":                               unreadable,
		"0":                                 unreadable,
		"1":                                 unreadable,
		"f":                                 unreadable,
		"off":                               unreadable,
		"never":                             unreadable,
		"flase":                             unreadable,
		"falsefalse":                        unreadable,
		"false.":                            unreadable,
		"fal se":                            unreadable,
		"not true":                          unreadable,
		"true until 2026-12-31":             unreadable,
		"until 2026-12-31":                  unreadable,
		"2026-12-31":                        unreadable,
		"false until":                       unreadable,
		"false until tomorrow":              unreadable,
		"false until 2026":                  unreadable,
		"false until 2026-12":               unreadable,
		"false until 2026-2-3":              unreadable,
		"false until 2026-13-01":            unreadable,
		"false until 2026-02-30":            unreadable,
		"false until 31-12-2026":            unreadable,
		"false until 2026/12/31":            unreadable,
		"false until 12/31/2026":            unreadable,
		"false until 2026-12-31T00:00":      unreadable,
		"false until 2026-12-31 12:00":      unreadable,
		"false until2026-12-31":             unreadable,
		"false till 2026-12-31":             unreadable,
		"false false until 2026-12-31":      unreadable,
		"false until 2026-12-31 2027-12-31": unreadable,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			if got := audit.ParseExemption(value); got != want {
				t.Errorf("%q is read as %+v, want %+v", value, got, want)
			}
		})
	}
}

func TestADatedExemptionHoldsThroughItsLastDayInUTC(t *testing.T) {
	t.Parallel()
	e := audit.ParseExemption("False until 2026-12-31")
	newYear := time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
	west := time.FixedZone("west", -11*60*60) // where it is still the 31st
	for _, c := range []struct {
		name string
		at   time.Time
		want bool
	}{
		{"long before", newYear.AddDate(-2, 0, 0), true},
		{"as the last day begins", newYear.AddDate(0, 0, -1), true},
		{"a nanosecond before the day is over", newYear.Add(-1), true},
		{"as the day is over", newYear, false},
		{"as the day is over, seen from where it is not", newYear.In(west), false},
		{"long after", newYear.AddDate(2, 0, 0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := e.ActiveAt(c.at); got != c.want {
				t.Errorf("holds: %t, want %t", got, c.want)
			}
		})
	}
	if !audit.ParseExemption("false").ActiveAt(newYear.AddDate(500, 0, 0)) {
		t.Error("an exemption without an end has ended")
	}
	for _, value := range []string{"true", "no"} {
		if audit.ParseExemption(value).ActiveAt(now) {
			t.Errorf("%q exempts", value)
		}
	}
}

func TestExemptionOfReadsTheUsersTag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		tags audit.Tags
		want audit.Exemption
	}{
		{"no tags", nil, audit.Exemption{}},
		{"other tags", audit.Tags{{Key: "Name", Value: "false"}, {Key: "KeyAutoExpireReason", Value: " "}, {Key: "AutoExpire", Value: "false"}}, audit.Exemption{}},
		{"a tag of another name, which may have been meant", audit.Tags{{Key: "KeyAutoExpired", Value: "false"}}, audit.Exemption{Unreadable: true, Misspelt: "KeyAutoExpired"}},
		{"the tag", audit.Tags{{Key: "Name", Value: "x"}, {Key: "KeyAutoExpire", Value: "False"}}, audit.Exemption{Claimed: true, Tag: "KeyAutoExpire"}},
		{"the tag in other case, as IAM sees it", audit.Tags{{Key: "keyautoexpire", Value: "False"}}, audit.Exemption{Claimed: true, Tag: "KeyAutoExpire"}},
		{"the tag with nothing in it", audit.Tags{{Key: "KeyAutoExpire"}}, audit.Exemption{Unreadable: true, Tag: "KeyAutoExpire"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := audit.ExemptionOf(audit.User{Tags: c.tags}, "AKIA1"); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestATagOfTheKeysOwn: it speaks for its key in place of the user's, and doubt
// about either never lets a key be disabled.
func TestATagOfTheKeysOwn(t *testing.T) {
	t.Parallel()
	const past, ahead = "False until 2026-01-31", "False until 2026-12-31"
	for _, c := range []struct {
		users, keys  string // the tags; "-" for none
		holds, doubt bool
		other        string // what the user's other key is: exempt, doubt or neither
	}{
		{"-", "False", true, false, "neither"},
		{"-", ahead, true, false, "neither"},
		{"-", past, false, false, "neither"},
		{"-", "True", false, false, "neither"},
		{"-", "maybe", false, true, "neither"},
		{"True", "False", true, false, "neither"},
		{"False", "True", false, false, "exempt"},
		{"False", past, false, false, "exempt"},
		{"False", "maybe", false, true, "exempt"},
		{past, ahead, true, false, "neither"},
		{"maybe", "False", true, false, "doubt"},
		{"maybe", past, false, true, "doubt"},
		{"maybe", "True", false, true, "doubt"},
		{"maybe", "-", false, true, "doubt"},
	} {
		t.Run(c.users+"/"+c.keys, func(t *testing.T) {
			t.Parallel()
			user := audit.User{Name: "tfunke"}
			if c.users != "-" {
				user.Tags = append(user.Tags, audit.Tag{Key: "KeyAutoExpire", Value: c.users})
			}
			if c.keys != "-" {
				user.Tags = append(user.Tags, audit.Tag{Key: "keyautoexpire:akia1", Value: c.keys})
			}
			judged := func(id string) audit.Verdict {
				return audit.Judge(audit.Key{ID: id, Status: audit.Active, Created: now.AddDate(0, 0, -100)}, audit.ExemptionOf(user, id), seed, now)
			}
			if v := judged("AKIA1"); v.Exempt != c.holds || v.Doubt != c.doubt {
				t.Errorf("exempt %t, in doubt %t; want %t, %t", v.Exempt, v.Doubt, c.holds, c.doubt)
			}
			other := "neither"
			if v := judged("AKIA2"); v.Exempt {
				other = "exempt"
			} else if v.Doubt {
				other = "doubt"
			}
			if other != c.other {
				t.Errorf("the other key: %s, want %s", other, c.other)
			}
		})
	}
}

func TestTheReasonOfAnExemption(t *testing.T) {
	t.Parallel()
	user := audit.User{Tags: audit.Tags{
		{Key: "KeyAutoExpireReason", Value: " moving to roles "}, {Key: "KeyAutoExpireReason:AKIA1", Value: "the printer"}, {Key: "KeyAutoExpireReason:AKIA2", Value: "  "},
	}}
	for id, want := range map[string]string{"AKIA1": "the printer", "AKIA2": "moving to roles", "AKIA3": "moving to roles"} {
		if got := audit.ExemptionOf(user, id).Reason; got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

func TestWhichExemptionsAreAccepted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.March, 1, 23, 59, 0, 0, time.UTC)
	for _, c := range []struct {
		tag, reason string
		rules       audit.ExemptionRules
		why, remedy string // empty if it is accepted
	}{
		{tag: "False"},
		{tag: "False until 2999-12-31"},
		{tag: "False until 2026-03-31", rules: audit.ExemptionRules{MaxDays: 30}},
		{tag: "False until 2026-03-01", rules: audit.ExemptionRules{MaxDays: 1}},
		{tag: "False until 2026-02-01", rules: audit.ExemptionRules{MaxDays: 1, NeedReason: true}}, // over
		{tag: "True", rules: audit.ExemptionRules{MaxDays: 1, NeedReason: true}},
		{tag: "maybe", rules: audit.ExemptionRules{MaxDays: 1, NeedReason: true}},
		{tag: "False", reason: "why", rules: audit.ExemptionRules{NeedReason: true}},
		{
			tag: "False until 2026-04-01", rules: audit.ExemptionRules{MaxDays: 30},
			why: "its end is further ahead than SLEUTH_MAX_EXEMPTION_DAYS=30 allows", remedy: "set the tag KeyAutoExpire to 'False until 2026-03-31' or an earlier day",
		},
		{
			tag: "False", rules: audit.ExemptionRules{MaxDays: 30},
			why:    "it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=30 asks for one at most so many days ahead",
			remedy: "set the tag KeyAutoExpire to 'False until 2026-03-31' or an earlier day",
		},
		{
			tag: "False", reason: " \t", rules: audit.ExemptionRules{NeedReason: true},
			why: "it has no reason, and SLEUTH_REQUIRE_EXEMPTION_REASON asks for one", remedy: "set the tag KeyAutoExpireReason to why it is exempt",
		},
		{
			tag: "False", rules: audit.ExemptionRules{MaxDays: 1, NeedReason: true},
			why:    "it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=1 asks for one at most so many days ahead; it has no reason, and SLEUTH_REQUIRE_EXEMPTION_REASON asks for one",
			remedy: "set the tag KeyAutoExpire to 'False until 2026-03-02' or an earlier day and the tag KeyAutoExpireReason to why it is exempt",
		},
	} {
		t.Run(c.tag+"/"+c.why, func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{"", ":AKIA1"} {
				user := audit.User{Tags: audit.Tags{{Key: "KeyAutoExpire" + name, Value: c.tag}, {Key: "KeyAutoExpireReason" + name, Value: c.reason}}}
				e := audit.ExemptionOf(user, "AKIA1")
				held := e.ActiveAt(at)
				e = e.Apply(c.rules, at)
				if got := e.Refusal.String(); got != c.why || e.Refusal.Refused() != (c.why != "") {
					t.Errorf("not honoured as %q, want %q", got, c.why)
				}
				if e.ActiveAt(at) != (held && c.why == "") {
					t.Errorf("holds: %t", e.ActiveAt(at))
				}
				remedy := strings.ReplaceAll(strings.ReplaceAll(c.remedy, "KeyAutoExpire ", "KeyAutoExpire"+name+" "), "Reason ", "Reason"+name+" ")
				if got := e.Remedy(); c.why != "" && got != remedy {
					t.Errorf("remedy %q, want %q", got, remedy)
				}
			}
		})
	}
}

func TestTagsThatSayNothing(t *testing.T) {
	t.Parallel()
	user := audit.User{Tags: audit.Tags{
		{Key: "Name", Value: "x"}, {Key: "KeyAutoExpire", Value: "no"}, {Key: "keyautoexpire:akia1", Value: "maybe"},
		{Key: "KeyAutoExpire:AKIA2", Value: "False"}, {Key: "KeyAutoExpire:AKIA9", Value: "maybe"},
		{Key: "KeyAutoExpireReason:AKIA1", Value: "x"}, {Key: "KeyAutoExpireReason:AKIA9", Value: "x"}, {Key: "KeyAutoExpire:", Value: "True"},
	}}
	names := func(tags []audit.Tag) (names []string) {
		for _, tag := range tags {
			names = append(names, tag.Key)
		}
		return names
	}
	keys := []string{"AKIA1", "AKIA2"}
	if got, want := names(audit.UnreadableTags(user, keys)), []string{"KeyAutoExpire", "keyautoexpire:akia1", "KeyAutoExpire:"}; !slices.Equal(got, want) {
		t.Errorf("unreadable: %q, want %q", got, want)
	}
	if got, want := names(audit.StaleTags(user, keys)), []string{"KeyAutoExpire:AKIA9", "KeyAutoExpireReason:AKIA9"}; !slices.Equal(got, want) {
		t.Errorf("stale: %q, want %q", got, want)
	}
}

func TestWhatATagSaysOfItsUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		tags           audit.Tags
		display, slack string
	}{
		{"no tags", nil, "tfunke", ""},
		{"both", audit.Tags{{Key: "Name", Value: "Tobias Funke"}, {Key: "Slack", Value: " UPML12345 "}}, "Tobias Funke", "UPML12345"},
		{"a blank name", audit.Tags{{Key: "Name", Value: "  "}}, "tfunke", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := audit.User{Name: "tfunke", Tags: c.tags}
			if u.DisplayName() != c.display || u.Slack() != c.slack {
				t.Errorf("name %q, slack %q; want %q, %q", u.DisplayName(), u.Slack(), c.display, c.slack)
			}
		})
	}
}

// FuzzParseExemption: whatever stands in the tag, it is read as one thing and
// one thing only, and as the same with other case and space around it.
func FuzzParseExemption(f *testing.F) {
	for _, seed := range []string{
		"", "true", "False", " false ", "no", "0", "False until 2026-12-31", "false until 0000-00-00",
		"false until 9999-12-31", "FALSE UNTIL 2026-02-29", "false until \xff", "until", "false\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		e := audit.ParseExemption(value)
		if e.Claimed && e.Unreadable {
			t.Errorf("%q is read and unreadable: %+v", value, e)
		}
		if !e.End.IsZero() && !e.Claimed {
			t.Errorf("%q ends what it does not claim: %+v", value, e)
		}
		if e.Unreadable && e.ActiveAt(now) {
			t.Errorf("%q is unreadable and exempts", value)
		}
		if padded := audit.ParseExemption(" \t" + value + " \n"); padded != e {
			t.Errorf("%q is %+v, with space around it %+v", value, e, padded)
		}
		if upper := audit.ParseExemption(strings.ToUpper(value)); !e.Unreadable && upper != e {
			t.Errorf("%q is %+v, in capitals %+v", value, e, upper)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Errorf("%q cannot be written as JSON: %v", value, err)
		}
		if day := e.LastDay(); !e.End.IsZero() && !strings.Contains(value, day.Format(time.DateOnly)) {
			t.Errorf("%q exempts through %v", value, day)
		}
		if !e.End.IsZero() && (!e.ActiveAt(e.End.Add(-1)) || e.ActiveAt(e.End)) {
			t.Errorf("%q ends at %v, and does not", value, e.End)
		}
		// Only these two words decide; a text with neither is doubt.
		lower := strings.ToLower(value)
		if !e.Unreadable && !strings.Contains(lower, "true") && !strings.Contains(lower, "fal") {
			t.Errorf("%q is readable: %+v", value, e)
		}
	})
}

// TestWhereAUserGetsMail: at the Email tag, or at a user name that is an
// address, and only if the text is an address and nothing else.
func TestWhereAUserGetsMail(t *testing.T) {
	t.Parallel()
	for address, valid := range map[string]bool{
		"azAZ09+=._-@azAZ09.example": true,
		"a@my-site.example":          true,
		" a@b.example ":              true,
		"":                           false,
		"a":                          false,
		"@b.example":                 false,
		"a@b":                        false,
		"a@b..example":               false,
		"a@-b.example":               false,
		"a@b.c@d.example":            false,
		"a b@c.example":              false,
		"a@b_c.example":              false,
		"a@b.example, c@d.example":   false,
	} {
		want := ""
		if valid {
			want = strings.TrimSpace(address)
		}
		tagged := audit.User{Name: "x@y.example", Tags: audit.Tags{{Key: "Email", Value: address}}}
		if got := tagged.Email(); got != want {
			t.Errorf("the tag %q is the address %q, want %q", address, got, want)
		}
		if got := (audit.User{Name: address}).Email(); got != want {
			t.Errorf("the name %q is the address %q, want %q", address, got, want)
		}
	}
	// The neighbours of letters and digits in ASCII.
	for _, r := range "`{@[/:" {
		for _, address := range []string{"a" + string(r) + "@b.example", "a@b" + string(r) + ".example"} {
			if got := (audit.User{Name: address}).Email(); got != "" {
				t.Errorf("%q was taken for an address", address)
			}
		}
	}
}
