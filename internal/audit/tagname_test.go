package audit_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// What a tag with the value False makes of a user's key.
const (
	exempt   = "exempt"
	doubtful = "doubtful" // judged and warned about, never disabled
	nothing  = "nothing"
)

// made says what a user's tags make of a key that is past its limit.
func made(tags audit.Tags, keyID string) string {
	v := audit.Judge(audit.Key{ID: keyID, Status: audit.Active, Created: now.Add(-400 * day)},
		audit.ExemptionOf(audit.User{Name: "tfunke", Tags: tags}, keyID), seed, now)
	d := audit.Decide(audit.Key{ID: keyID}, v, seed, audit.History{}, audit.Policy{AutoExpire: true}, now)
	switch {
	case v.Exempt && d.Action == audit.Nothing:
		return exempt
	case v.Doubt && d.Action == audit.Warn && d.Hold == audit.HeldByDoubt:
		return doubtful
	case d.Action == audit.Disable:
		return nothing
	}
	return "neither"
}

// TestSpellingsOfATagsName: space and case do not count, and a name that may
// have been meant as KeyAutoExpire never lets the key be disabled.
func TestSpellingsOfATagsName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		own, others string // of the key AKIA1, and of the user's other one
	}{
		{"KeyAutoExpire", exempt, exempt},
		{"KEYAUTOEXPIRE", exempt, exempt},
		{"KeyAutoExpire ", exempt, exempt},
		{" KeyAutoExpire", exempt, exempt},
		{"\u00a0KeyAutoExpire\u00a0", exempt, exempt},
		{"KeyAutoExpire:AKIA1", exempt, nothing},
		{"KeyAutoExpire: AKIA1", exempt, nothing},
		{" keyautoexpire : akia1 ", exempt, nothing},

		{"Key-Auto-Expire", doubtful, doubtful},
		{"key_auto_expire ", doubtful, doubtful},
		{"Key Auto Expire", doubtful, doubtful},
		{"Key  Auto-Expire", doubtful, doubtful},
		{"KeyAuto Expire", doubtful, doubtful},
		{"Key.Auto.Expire", doubtful, doubtful},
		{"KeyAutoExpire.", doubtful, doubtful},
		{"KeyAutoExire", doubtful, doubtful},
		{"KeyAutoExpired", doubtful, doubtful},
		{"KeyAutoExpires", doubtful, doubtful},
		{"KeysAutoExpire", doubtful, doubtful},
		{"KeyAutExpire", doubtful, doubtful},
		{"KeyAuotExpire", doubtful, doubtful},
		{"Key-Auto-Exipre", doubtful, doubtful},
		{"KeyAutoExp\u00efre", doubtful, doubtful},
		{"KeyAutExpir", doubtful, doubtful},   // two letters missing
		{"KeyAuotExipre", doubtful, doubtful}, // two pairs swapped
		{"KeyAutuoExpir", doubtful, doubtful}, // one letter twice, one missing
		{"KeyAutoExpire\U00010400\U00010400", doubtful, doubtful},
		{"KeyAutoExpire\u200b", doubtful, doubtful},

		{"Key-Auto-Expire:AKIA1", doubtful, nothing},
		{"KeyAutoExpire:AKIA1 (ci)", doubtful, nothing},
		{"KeyAutoExpire:key AKIA1", doubtful, nothing},
		{"KeyAutoExpire:AK IA1", doubtful, doubtful},
		{"KeyAutoExpire AKIA1", doubtful, nothing},
		{"KeyAutoExpire-AKIA1", doubtful, nothing},
		{"KeyAutoExpire=AKIA1", doubtful, nothing},
		{"KeyAutoExpireAKIA1", doubtful, nothing},
		{"KeyAutoExpire:", doubtful, doubtful},
		{"KeyAutoExpire : ", doubtful, doubtful},
		{"KeyAutoExpire:all", doubtful, doubtful},
		{"KeyAutoExpire:False", doubtful, doubtful},

		{"", nothing, nothing},
		{":", nothing, nothing},
		{":AKIA1", nothing, nothing},
		{"AKIA1", nothing, nothing},
		{"Expire", nothing, nothing},
		{"AutoExpire", nothing, nothing},
		{"KeyExpire", nothing, nothing},
		{"TheKeyAutoExpire", nothing, nothing}, // three edits away
		{"KxyAutExpir", nothing, nothing},
		{"KxyAuotExpirx", nothing, nothing},
		{"KeyAutoExpireReason", nothing, nothing},
		{"KeyAutoExpireReason:AKIA1", nothing, nothing},
		{"Key-Auto-Expire-Reason", nothing, nothing},
		{"KeyAutoExpire:AKIA9", nothing, nothing}, // a key that is no more
		{"Key-Auto-Expire:AKIA9", nothing, nothing},
		{"KeyAutoExpire:AKIA10", nothing, nothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tags := audit.Tags{{Key: "Name", Value: "x"}, {Key: c.name, Value: "False"}}
			own, others := made(tags, "AKIA1"), made(tags, "AKIA2")
			if own != c.own || others != c.others {
				t.Errorf("the key is %s and the other %s, want %s and %s", own, others, c.own, c.others)
			}
			unreadable := audit.UnreadableTags(audit.User{Tags: tags}, []string{"AKIA1", "AKIA2"})
			if want := own == doubtful; slices.Contains(unreadable, tags[1]) != want || len(unreadable) > 1 {
				t.Errorf("reported are %q, in doubt: %t", unreadable, want)
			}
			stale := audit.StaleTags(audit.User{Tags: tags}, []string{"AKIA1", "AKIA2"})
			if own != nothing && len(stale) > 0 {
				t.Errorf("%q is reported as without effect, and has one", stale)
			}
		})
	}
}

// TestTagsThatContradictEachOther: IAM takes names that differ in space for two
// tags.
func TestTagsThatContradictEachOther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"False", "False", exempt},
		{"True", "True", nothing},
		{"False", "True", doubtful},
		{"True", "False", doubtful},
		{"False", "False until 2999-12-31", doubtful},
		{"False until 2020-12-31", "False until 2999-12-31", doubtful},
		{"maybe", "False", doubtful},
		{"maybe", "True", doubtful},
		{"True", "maybe", doubtful},
		{"maybe", "maybe", doubtful},
	} {
		for _, id := range []string{"", ":AKIA1"} {
			tags := audit.Tags{{Key: "KeyAutoExpire" + id, Value: c.a}, {Key: " KeyAutoExpire" + id, Value: c.b}}
			if got := made(tags, "AKIA1"); got != c.want {
				t.Errorf("%q is %s, want %s", tags, got, c.want)
			}
			if got := len(audit.UnreadableTags(audit.User{Tags: tags}, []string{"AKIA1"})); (got == 2) != (c.want == doubtful) {
				t.Errorf("%q: %d are reported", tags, got)
			}
		}
	}
}

// TestAnExemptionsTagCanBeSetAgain: by the name that takes the place of the tag
// that is there.
func TestAnExemptionsTagCanBeSetAgain(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"KeyAutoExpire": "KeyAutoExpire", "keyautoexpire": "KeyAutoExpire", "KeyAutoExpire ": "KeyAutoExpire ",
		"keyautoexpire:akia1": "KeyAutoExpire:AKIA1", "KeyAutoExpire: AKIA1": "KeyAutoExpire: AKIA1",
	} {
		if got := audit.ExemptionOf(audit.User{Tags: audit.Tags{{Key: name, Value: "False"}}}, "AKIA1").Tag; got != want {
			t.Errorf("%q is set by %q, want %q", name, got, want)
		}
	}
}

// TestOtherTagsAreReadWithSpaceAroundTheirName as well, and without comes first.
func TestOtherTagsAreReadWithSpaceAroundTheirName(t *testing.T) {
	t.Parallel()
	user := audit.User{Name: "tfunke", Tags: audit.Tags{
		{Key: " slack ", Value: "U1"}, {Key: "Name ", Value: "Tobias"}, {Key: "Name", Value: "Tobias Funke"}, {Key: "Email ", Value: "t@example.com"},
		{Key: "KeyAutoExpireReason : AKIA1", Value: "the printer"},
	}}
	if user.Slack() != "U1" || user.NameTag() != "Tobias Funke" || user.Email() != "t@example.com" || audit.ExemptionOf(user, "AKIA1").Reason != "the printer" {
		t.Errorf("slack %q, name %q, mail %q, reason %q", user.Slack(), user.NameTag(), user.Email(), audit.ExemptionOf(user, "AKIA1").Reason)
	}
}

// TestTheHoldNamesAMisspeltTag.
func TestTheHoldNamesAMisspeltTag(t *testing.T) {
	t.Parallel()
	v := audit.Verdict{Exemption: audit.Exemption{Unreadable: true, Misspelt: "Key-Auto-Expire"}}
	if got, want := audit.HeldByDoubt.Because(v), `its tag "Key-Auto-Expire" may be a misspelt KeyAutoExpire`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := audit.HeldAsOwnKey.Because(v); got != audit.HeldAsOwnKey.String() {
		t.Errorf("another hold says %q", got)
	}
	if got := audit.HeldByDoubt.Because(audit.Verdict{}); got != audit.HeldByDoubt.String() {
		t.Errorf("an unreadable value is said as %q", got)
	}
}

// anySpellingOf spells a tag's name with other case, and separators and space
// between, before and behind its letters.
func anySpellingOf(name string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		separator := rapid.SampledFrom([]string{"", "", "", "", " ", "-", "_", ".", "  "})
		var b strings.Builder
		for i, letter := range strings.Split(name, "") {
			if rapid.Bool().Draw(t, "other case") {
				letter = strings.ToUpper(letter)
			}
			if i > 0 {
				b.WriteString(separator.Draw(t, "separator"))
			}
			b.WriteString(letter)
		}
		space := rapid.SampledFrom([]string{"", " ", "  ", "\t"})
		return space.Draw(t, "before") + b.String() + space.Draw(t, "behind")
	})
}

// TestNoSpellingOfFalseLetsAKeyBeDisabled, of the user's tag or the key's own,
// whatever day it ends on that lies ahead, and whatever other tags there are.
// And whatever it says can be written as JSON.
func TestNoSpellingOfFalseLetsAKeyBeDisabled(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := anySpellingOf("KeyAutoExpire").Draw(t, "name")
		if rapid.Bool().Draw(t, "of the key") {
			name += rapid.SampledFrom([]string{":", " :", ": ", " : "}).Draw(t, "colon") + rapid.SampledFrom([]string{"AKIA1", "akia1 ", "Akia1"}).Draw(t, "key")
		}
		value := "False"
		if rapid.Bool().Draw(t, "dated") {
			ahead := rapid.IntRange(0, int(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Sub(now)/day)).Draw(t, "days ahead")
			last := now.AddDate(0, 0, ahead)
			if rapid.IntRange(0, 9).Draw(t, "farthest") == 0 {
				last = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
			}
			value = "False until " + last.Format(time.DateOnly)
		}
		tags := audit.Tags{{Key: name, Value: value}}
		for range rapid.IntRange(0, 2).Draw(t, "other tags") {
			tags = append(tags, audit.Tag{Key: rapid.StringN(0, 20, 40).Draw(t, "other name"), Value: rapid.SampledFrom([]string{"True", "x"}).Draw(t, "other value")})
		}
		tags = rapid.Permutation(tags).Draw(t, "order")
		if got := made(tags, "AKIA1"); got != exempt && got != doubtful {
			t.Errorf("%q: the key is %s", tags, got)
		}
		if _, err := json.Marshal(audit.ExemptionOf(audit.User{Tags: tags}, "AKIA1").Apply(audit.ExemptionRules{MaxDays: 36500}, now)); err != nil {
			t.Errorf("%q: %v", tags, err)
		}
	})
}

// FuzzTagNames: whatever a tag is called, it is read as one thing, for the
// verdict and for what is reported.
func FuzzTagNames(f *testing.F) {
	for _, name := range []string{"KeyAutoExpire", "Key-Auto-Expire ", "KeyAutoExpire:AKIA1", "KeyAutoExpire: all", "", ":", "KeyAutoExire", "\xff", "K\u0130yAutoExpire"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		user := audit.User{Tags: audit.Tags{{Key: name, Value: "False"}}}
		got := made(user.Tags, "AKIA1")
		reported := len(audit.UnreadableTags(user, []string{"AKIA1"})) > 0
		switch {
		case got == "neither":
			t.Errorf("%q makes nothing that there is", name)
		case reported != (got == doubtful):
			t.Errorf("%q: the key is %s, reported: %t", name, got, reported)
		}
		if padded := made(audit.Tags{{Key: " " + name + "\t", Value: "False"}}, "AKIA1"); padded != got {
			t.Errorf("%q makes %s, with space around it %s", name, got, padded)
		}
		if e := audit.ExemptionOf(user, "AKIA1"); (e.Misspelt != "") != (got == doubtful) {
			t.Errorf("%q: the key is %s, misspelt %q", name, got, e.Misspelt)
		}
	})
}
