package changes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
)

var (
	monday  = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)
)

// keyOf reads a key from words: user, id, then any of inactive, exempt,
// old (created long ago), name=, slack=, rule=.
func keyOf(words string) Key {
	fields := strings.Fields(words)
	key := Key{User: fields[0], DisplayName: fields[0], SlackID: fields[0], KeyID: fields[1], AutoExpire: "TRUE", Created: monday.Add(time.Hour)}
	for _, word := range fields[2:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "inactive":
			key.State = audit.Disabled
		case "exempt":
			key.AutoExpire = "FALSE"
		case "old":
			key.Created = monday.AddDate(0, 0, -100)
		case "name":
			key.DisplayName = value
		case "slack":
			key.SlackID = value
		case "rule":
			key.Rule = value
		default:
			panic(word)
		}
	}
	return key
}

func snapshot(at time.Time, keys ...string) Snapshot {
	s := Snapshot{Account: account.Account{ID: "123456789012"}, At: at, Limits: Limits{90, 80, 90, 80}}
	for _, key := range keys {
		s.Keys = append(s.Keys, keyOf(key))
	}
	return s
}

// inWords writes changes as the table has them.
func inWords(c Changes) (said []string) {
	for _, change := range c.Changes {
		words := []string{string(change.Kind), change.User, change.KeyID, change.Replaces, string(change.Replaced), change.Run, change.Field, change.Old, change.New}
		words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
		said = append(said, strings.Join(words, " "))
	}
	for _, unclear := range c.Unclear {
		said = append(said, "unclear "+unclear.User+" "+unclear.KeyID)
	}
	return said
}

func TestBetween(t *testing.T) {
	t.Parallel()
	list := func(items ...string) []string { return items }
	for name, c := range map[string]struct {
		before, after []string
		want          []string
	}{
		"nothing":                           {list("ann K1"), list("ann K1"), nil},
		"a new key":                         {nil, list("ann K1"), list("new ann K1")},
		"a deleted key":                     {list("ann K1"), nil, list("deleted ann K1")},
		"a deleted key that was Inactive":   {list("ann K1 inactive"), nil, list("deleted ann K1")},
		"disabled":                          {list("ann K1"), list("ann K1 inactive"), list("disabled ann K1")},
		"enabled again":                     {list("ann K1 inactive"), list("ann K1"), list("enabled ann K1")},
		"a second key, the first in use":    {list("ann K1 old"), list("ann K1 old", "ann K2"), list("new ann K2")},
		"rotated, the old one deleted":      {list("ann K1 old"), list("ann K2"), list("rotated ann K2 K1 deleted")},
		"rotated, the old one disabled":     {list("ann K1 old"), list("ann K1 old inactive", "ann K2"), list("rotated ann K2 K1 disabled")},
		"the rest of a rotation":            {list("ann K1 old", "ann K2"), list("ann K2"), list("deleted ann K1")},
		"a new key for an Inactive one":     {list("ann K1 inactive"), list("ann K2"), list("new ann K2", "deleted ann K1")},
		"a new key that is Inactive":        {list("ann K1"), list("ann K2 inactive"), list("new ann K2", "deleted ann K1")},
		"another user's key":                {list("ann K1"), list("bob K2"), list("new bob K2", "deleted ann K1")},
		"two rotated, oldest first":         {list("ann K2 old", "ann K1"), list("ann K4", "ann K3 old"), list("rotated ann K3 K2 deleted", "rotated ann K4 K1 deleted")},
		"an exemption given":                {list("ann K1"), list("ann K1 exempt"), list("exemption_given ann K1")},
		"an exemption ended":                {list("ann K1 exempt"), list("ann K1"), list("exemption_ended ann K1")},
		"a new key that is exempt":          {nil, list("ann K1 exempt"), list("new ann K1", "exemption_given ann K1")},
		"an exempt key deleted":             {list("ann K1 exempt"), nil, list("deleted ann K1", "exemption_ended ann K1")},
		"rotated, and exempt as before":     {list("ann K1 exempt"), list("ann K2 exempt"), list("rotated ann K2 K1 deleted")},
		"rotated, and exempt from then on":  {list("ann K1"), list("ann K2 exempt"), list("rotated ann K2 K1 deleted", "exemption_given ann K2")},
		"another Slack tag":                 {list("ann K1 slack=U1"), list("ann K1 slack=U2"), list("owner_changed ann K1 slack_id U1 U2")},
		"a Name tag given":                  {list("ann K1"), list("ann K1 name=Ann"), list("owner_changed ann K1 display_name Ann")},
		"a user renamed":                    {list("ann K1"), list("anna K1"), list("owner_changed anna K1 user ann anna")},
		"another rule":                      {list("ann K1 rule=people"), list("ann K1 rule=settings"), list("rule_changed ann K1 people settings")},
		"a report from before rules":        {list("ann K1"), list("ann K1 rule=settings"), nil},
		"several, by kind, user and key id": {list("bob K1", "ann K2"), list("bob K1 inactive", "ann K2 inactive", "cid K3"), list("new cid K3", "disabled ann K2", "disabled bob K1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Between(snapshot(monday, c.before...), snapshot(tuesday, c.after...))
			if diff := cmp.Diff(c.want, inWords(found)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			total := 0
			for _, n := range found.Counts {
				total += n
			}
			if total != len(c.want) || len(found.Counts) != len(Kinds()) {
				t.Errorf("counts %v", found.Counts)
			}
		})
	}
}

func TestKeysThatMayOnlyBeUnreadAreUnclear(t *testing.T) {
	t.Parallel()
	problem := func(user, key string) []account.Problem {
		return []account.Problem{{User: user, KeyID: key, Text: "no"}}
	}
	keys := []string{"ann K1 old", "bob K2 old"}
	for name, c := range map[string]struct {
		before, after   []string
		unread, earlier []account.Problem // of the newer and the older report
		missing         bool
		want            []string
	}{
		"the user":                    {keys, keys[:1], problem("bob", ""), nil, false, []string{"unclear bob K2"}},
		"the key":                     {keys, keys[:1], problem("bob", "K2"), nil, false, []string{"unclear bob K2"}},
		"another user":                {keys, keys[:1], problem("cid", ""), nil, false, []string{"deleted bob K2"}},
		"the list of users":           {keys, keys[:1], problem("", ""), nil, false, []string{"unclear bob K2"}},
		"the list, but not this user": {append(keys, "bob K3 old"), keys, problem("", ""), nil, false, []string{"deleted bob K3"}},
		"rows are missing":            {keys, keys[:1], nil, nil, true, []string{"unclear bob K2"}},
		"then":                        {keys[:1], keys, nil, problem("bob", ""), false, []string{"unclear bob K2"}},
		"then, but created since":     {keys[:1], []string{keys[0], "bob K3"}, nil, problem("bob", ""), false, []string{"new bob K3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := snapshot(monday, c.before...), snapshot(tuesday, c.after...)
			before.Problems, after.Problems, after.Missing = c.earlier, c.unread, c.missing
			if diff := cmp.Diff(c.want, inWords(Between(before, after))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsAndTheRunThatDisabled(t *testing.T) {
	t.Parallel()
	before, after := snapshot(monday, "ann K1", "bob K2"), snapshot(tuesday, "ann K1 inactive", "bob K2 inactive")
	before.Run, before.DisabledKeys = "20261102T090000Z-abcdef", []account.KeyRef{{User: "ann", KeyID: "K1"}}
	after.Limits.ExpirationAge = 60
	want := []string{"disabled ann K1 20261102T090000Z-abcdef", "disabled bob K2", "limits_changed expiration_age 90 60"}
	if diff := cmp.Diff(want, inWords(Between(before, after))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// anySnapshot is one of a few users and keys in any state.
func anySnapshot(r *rand.Rand, at time.Time) Snapshot {
	s := snapshot(at)
	s.Limits.WarningAge = 70 + r.IntN(2)
	for user := range 4 {
		for id := range 4 {
			if r.IntN(2) == 0 {
				continue
			}
			key := keyOf(fmt.Sprintf("user%d K%d%d", user, user, id))
			key.Created = monday.AddDate(0, 0, -id)
			if r.IntN(2) == 0 {
				key.State = audit.Disabled
			}
			if r.IntN(3) == 0 {
				key.AutoExpire = "FALSE"
			}
			if r.IntN(3) == 0 {
				key.SlackID = fmt.Sprintf("U%d", r.IntN(2))
			}
			key.Rule = fmt.Sprintf("rule%d", r.IntN(2))
			s.Keys = append(s.Keys, key)
		}
	}
	return s
}

// facts are the changes with each rotation taken apart, and without exemptions,
// which a rotation may hand over.
func facts(c Changes) (all []string) {
	for _, change := range c.Changes {
		switch change.Kind {
		case Rotated:
			all = append(all, "new "+change.KeyID, string(change.Replaced)+" "+change.Replaces)
		case Exempted, ExemptionEnded:
		default:
			all = append(all, fmt.Sprintf("%s %s %s %q %q", change.Kind, change.KeyID, change.Field, change.Old, change.New))
		}
	}
	for i, fact := range all {
		all[i] = strings.TrimSuffix(fact, ` "" ""`)
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return all
}

// mirrored are the facts of the way back.
func mirrored(c Changes) Changes {
	back := map[Kind]Kind{New: Deleted, Deleted: New, Disabled: Enabled, Enabled: Disabled}
	turned := Changes{}
	for _, change := range c.Changes {
		if change.Kind == Rotated {
			turned.Changes = append(turned.Changes, Change{Kind: Deleted, KeyID: change.KeyID}, Change{Kind: back[change.Replaced], KeyID: change.Replaces})
			continue
		}
		if kind, found := back[change.Kind]; found {
			change.Kind = kind
		}
		change.Old, change.New = change.New, change.Old
		turned.Changes = append(turned.Changes, change)
	}
	return turned
}

func TestDifferencesOfAnyReports(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, b := anySnapshot(r, monday), anySnapshot(r, tuesday)
		if same := Between(a, a); len(same.Changes)+len(same.Unclear) != 0 {
			t.Fatalf("a report differs from itself: %v", inWords(same))
		}
		there, back := Between(a, b), Between(b, a)
		if diff := cmp.Diff(facts(mirrored(there)), facts(back)); diff != "" {
			t.Fatalf("there and back differ (-there +back):\n%s", diff)
		}
		// No key is said to be in two places at once.
		seen := map[string]bool{}
		for _, change := range there.Changes {
			for _, id := range []string{change.KeyID, change.Replaces} {
				if id != "" && slices.Contains([]Kind{New, Rotated, Disabled, Enabled, Deleted}, change.Kind) {
					if seen[id] {
						t.Fatalf("key %s changes twice: %v", id, inWords(there))
					}
					seen[id] = true
				}
			}
		}
		// The order of rows does not matter.
		slices.Reverse(b.Keys)
		if diff := cmp.Diff(there, Between(a, b)); diff != "" {
			t.Fatalf("the order of rows matters:\n%s", diff)
		}
	}
}

func TestTrend(t *testing.T) {
	t.Parallel()
	aged := func(at time.Time, ages ...int) Snapshot {
		s := snapshot(at)
		for i, age := range ages {
			key := Key{User: "u", KeyID: fmt.Sprint("K", i), Age: age}
			if age >= 90 {
				key.State = audit.Expired
			}
			s.Keys = append(s.Keys, key)
		}
		return s
	}
	inactive := aged(monday, 1, 2, 400)
	inactive.Keys[2].State = audit.Disabled
	for name, c := range map[string]struct {
		of         Snapshot
		keys, past int
		median     string
	}{
		"none":     {aged(monday), 0, 0, "<nil>"},
		"one":      {aged(monday, 95), 1, 1, "95"},
		"odd":      {aged(monday, 100, 5, 50), 3, 1, "50"},
		"even":     {aged(monday, 100, 5, 50, 60), 4, 1, "50"},
		"inactive": {inactive, 2, 0, "1"},
	} {
		p := PointOf(c.of)
		median := "<nil>"
		if p.MedianAge != nil {
			median = fmt.Sprint(*p.MedianAge)
		}
		if p.Month != "2026-11" || p.Keys != c.keys || p.PastLimit != c.past || median != c.median {
			t.Errorf("%s: %+v, median %s", name, p, median)
		}
	}
	october := monday.AddDate(0, -1, 0)
	merged := MergeTrends([][]Point{
		{PointOf(aged(october, 10)), PointOf(aged(monday, 10, 20, 30))},
		{PointOf(aged(tuesday, 100, 110))},
	})
	if len(merged) != 2 || merged[0].Month != "2026-10" || merged[0].Accounts != 1 ||
		merged[1].Keys != 5 || merged[1].PastLimit != 2 || *merged[1].MedianAge != 30 || merged[1].Accounts != 2 || !merged[1].At.Equal(tuesday) {
		t.Errorf("merged %+v", merged)
	}
}
