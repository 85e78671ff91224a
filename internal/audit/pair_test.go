package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// paired is a key of a pair, whose last use was read.
func paired(id string, status audit.Status, createdDaysAgo, usedDaysAgo int) audit.Key {
	key := keyOf(createdDaysAgo, usedDaysAgo)
	key.ID, key.Status, key.UseRead = id, status, true
	if usedDaysAgo != never {
		key.Service, key.Region = "s3", "eu-west-1"
	}
	return key
}

func TestPairs(t *testing.T) {
	t.Parallel()
	const older, newer = "AKIAOLD", "AKIANEW"
	unread := func(key audit.Key) audit.Key {
		key.UseRead, key.LastUsed, key.Service, key.Region = false, time.Time{}, "", ""
		return key
	}
	reported := func(key audit.Key) audit.Key {
		key.UseAsOf = now.Add(-time.Hour)
		return key
	}
	for name, c := range map[string]struct {
		key, other audit.Key
		disabled   time.Time
		want       audit.Rotation
		says       string
	}{
		"the new key is not used yet": {
			key: paired(older, audit.Active, 85, 0), other: paired(newer, audit.Active, 3, never), want: audit.NotSwitched,
			says: "AKIANEW was created 3 days ago and shows no use in IAM; AKIAOLD was last used in the last 24 hours (s3, eu-west-1).",
		},
		"the new key had no use when the report was made": {
			key: paired(older, audit.Active, 85, 1), other: reported(paired(newer, audit.Active, 3, never)), want: audit.NotSwitched,
			says: "AKIANEW was created 3 days ago and shows no use in IAM as of 11:00 UTC; AKIAOLD was last used 1 day ago (s3, eu-west-1).",
		},
		"the new key was not read": {
			key: paired(older, audit.Active, 85, 1), other: unread(paired(newer, audit.Active, 3, never)), want: audit.Switching,
			says: "AKIANEW was created 3 days ago and may be in use: its last use was not read; AKIAOLD was last used 1 day ago (s3, eu-west-1).",
		},
		"replaced": {
			key: paired(older, audit.Active, 85, 14), other: paired(newer, audit.Active, 20, 0), want: audit.Replaced,
			says: "AKIANEW was created 20 days ago and was last used in the last 24 hours (s3, eu-west-1); AKIAOLD was last used 14 days ago (s3, eu-west-1). If nothing needs AKIAOLD, it can be deleted.",
		},
		"replaced, as of a report": {
			key: reported(paired(older, audit.Active, 85, 15)), other: paired(newer, audit.Active, 20, 0), want: audit.Replaced,
			says: "AKIANEW was created 20 days ago and was last used in the last 24 hours (s3, eu-west-1); AKIAOLD was last used 15 days ago (s3, eu-west-1) as of 11:00 UTC. If nothing needs AKIAOLD, it can be deleted.",
		},
		"the report is older than the fourteen days": {
			key: reported(paired(older, audit.Active, 85, 14)), other: paired(newer, audit.Active, 20, 0), want: audit.Switching,
			says: "AKIANEW was created 20 days ago and was last used in the last 24 hours (s3, eu-west-1); AKIAOLD was last used 14 days ago (s3, eu-west-1) as of 11:00 UTC.",
		},
		"the old key was never used": {
			key: paired(older, audit.Active, 85, never), other: paired(newer, audit.Active, 20, 1), want: audit.Replaced,
			says: "AKIANEW was created 20 days ago and was last used 1 day ago (s3, eu-west-1); AKIAOLD shows no use in IAM. If nothing needs AKIAOLD, it can be deleted.",
		},
		"the old key was not read": {
			key: unread(paired(older, audit.Active, 85, 20)), other: paired(newer, audit.Active, 20, 1), want: audit.Switching,
			says: "AKIANEW was created 20 days ago and was last used 1 day ago (s3, eu-west-1); AKIAOLD may be in use: its last use was not read.",
		},
		"neither was used for long": {
			key: paired(older, audit.Active, 85, 40), other: paired(newer, audit.Active, 50, 30), want: audit.Switching,
			says: "AKIANEW was created 50 days ago and was last used 30 days ago (s3, eu-west-1); AKIAOLD was last used 40 days ago (s3, eu-west-1).",
		},
		"both are used, from the newer": {
			key: paired(newer, audit.Active, 50, 0), other: paired(older, audit.Active, 85, 2), want: audit.OlderInUse,
			says: "AKIANEW was created 50 days ago and was last used in the last 24 hours (s3, eu-west-1); AKIAOLD was last used 2 days ago (s3, eu-west-1).",
		},
		"replaced, from the newer": {
			key: paired(newer, audit.Active, 50, 0), other: paired(older, audit.Active, 85, 20), want: audit.OlderReplaced,
			says: "AKIANEW was created 50 days ago and was last used in the last 24 hours (s3, eu-west-1); AKIAOLD was last used 20 days ago (s3, eu-west-1). If nothing needs AKIAOLD, it can be deleted.",
		},
		"no room for a new key": {
			key: paired(newer, audit.Active, 85, 0), other: unread(paired(older, audit.Inactive, 200, never)), want: audit.OtherInactive,
			says: "IAM allows two keys and an Inactive one counts: delete AKIAOLD (Inactive) before you create a new one.",
		},
		"no room, and Sleuth disabled it": {
			key: paired(newer, audit.Active, 85, 0), other: unread(paired(older, audit.Inactive, 200, never)), disabled: now.AddDate(0, 0, -7), want: audit.OtherInactive,
			says: "IAM allows two keys and an Inactive one counts: delete AKIAOLD (Inactive; Sleuth disabled it on Monday 23 February 2026) before you create a new one.",
		},
		"the key is Inactive": {
			key: paired(older, audit.Inactive, 200, 1), other: paired(newer, audit.Active, 20, 1), want: audit.SelfInactive,
			says: "AKIANEW is Active and was last used on Sunday 1 March 2026 (s3, eu-west-1). IAM allows two keys and an Inactive one counts: delete AKIAOLD once nothing needs it.",
		},
		"the key is Inactive, the other was not read": {
			key: paired(older, audit.Inactive, 200, 1), other: unread(paired(newer, audit.Active, 20, 1)), want: audit.SelfInactive,
			says: "AKIANEW is Active. IAM allows two keys and an Inactive one counts: delete AKIAOLD once nothing needs it.",
		},
		"both are Inactive": {
			key: paired(older, audit.Inactive, 200, 1), other: paired(newer, audit.Inactive, 20, 1), want: audit.BothInactive,
			says: "AKIAOLD and AKIANEW are both Inactive, and IAM allows two keys: delete one before you create a new one.",
		},
		"a status that IAM does not know": {key: paired(older, audit.Active, 85, 0), other: paired(newer, "Expired", 3, never)},
		"made at the same moment":         {key: paired(older, audit.Active, 85, 0), other: paired(newer, audit.Active, 85, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair := audit.Pair{Key: c.key, Other: c.other, OtherDisabled: c.disabled}
			if got := pair.Rotation(now); got != c.want {
				t.Errorf("rotation %q, want %q", got, c.want)
			}
			if diff := cmp.Diff(c.says, pair.Sentence(now)); diff != "" {
				t.Errorf("sentence (-want +got):\n%s", diff)
			}
		})
	}
}

// anyPair is two keys of which the last use is known, known as of a report, or not.
func anyPair() *rapid.Generator[audit.Pair] {
	return rapid.Custom(func(t *rapid.T) audit.Pair {
		one := func(id string) audit.Key {
			key := anyKey().Draw(t, id)
			key.ID = id
			switch rapid.IntRange(0, 2).Draw(t, "last use") {
			case 0:
				key.LastUsed = time.Time{}
			case 1:
				key.UseRead, key.UseAsOf = true, now.Add(-anySpan(day).Draw(t, "report's age"))
			case 2:
				key.UseRead = true
			}
			return key
		}
		return audit.Pair{Key: one("AKIAONE"), Other: one("AKIATWO")}
	})
}

// TestPairsNeverCallAnUnreadKeyUnused: what was not read is neither unused nor
// replaced, and a sentence says so.
func TestPairsNeverCallAnUnreadKeyUnused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pair := anyPair().Draw(t, "pair")
		rotation, said := pair.Rotation(now), pair.Sentence(now)
		if (rotation == audit.NoRotation) != (said == "") {
			t.Fatalf("rotation %q says %q", rotation, said)
		}
		if strings.Contains(strings.ToLower(said), "unused") || strings.Contains(said, "never") {
			t.Fatalf("IAM shows uses late, and the sentence says %q", said)
		}
		for _, key := range []audit.Key{pair.Key, pair.Other} {
			if !key.UseRead && strings.Contains(said, key.ID+" shows no use") {
				t.Fatalf("the last use of %s was not read, and the sentence says %q", key.ID, said)
			}
			if deletes := strings.Contains(said, "nothing needs "+key.ID+", it can be deleted"); deletes &&
				(!key.UseRead || now.Sub(key.LastUsed) < 14*day || now.Sub(key.Created) < 14*day) {
				t.Fatalf("%+v is not known to have been idle, and the sentence says %q", key, said)
			}
		}
	})
}

// TestPairsAgreeFromBothKeys: two Active keys have one sentence, and one of them is
// the older.
func TestPairsAgreeFromBothKeys(t *testing.T) {
	t.Parallel()
	reverse := map[audit.Rotation][]audit.Rotation{
		audit.NoRotation: {audit.NoRotation}, audit.BothInactive: {audit.BothInactive}, audit.OtherInactive: {audit.SelfInactive},
		audit.NotSwitched: {audit.OlderInUse}, audit.Switching: {audit.OlderInUse}, audit.Replaced: {audit.OlderReplaced},
	}
	rapid.Check(t, func(t *rapid.T) {
		pair := anyPair().Draw(t, "pair")
		other := audit.Pair{Key: pair.Other, Other: pair.Key}
		from, back := pair.Rotation(now), other.Rotation(now)
		if !slices.Contains(reverse[from], back) && !slices.Contains(reverse[back], from) {
			t.Fatalf("%q from one key, %q from the other", from, back)
		}
		if pair.Key.Status == audit.Active && pair.Other.Status == audit.Active && pair.Sentence(now) != other.Sentence(now) {
			t.Fatalf("%q from one key, %q from the other", pair.Sentence(now), other.Sentence(now))
		}
	})
}

func TestRotateCommands(t *testing.T) {
	t.Parallel()
	const (
		create  = "aws iam create-access-key --user-name ann"
		off     = "aws iam update-access-key --user-name ann --access-key-id KEY --status Inactive"
		del     = "aws iam delete-access-key --user-name ann --access-key-id KEY"
		offBoth = "aws iam update-access-key --user-name ann --access-key-id OTHER --status Inactive"
		delBoth = "aws iam delete-access-key --user-name ann --access-key-id OTHER"
	)
	for rotation, want := range map[audit.Rotation][]string{
		audit.NoRotation:    {create, off, del},
		audit.OtherInactive: {delBoth, create, off, del},
		audit.SelfInactive:  {del},
		audit.BothInactive:  {delBoth, create, del},
		audit.NotSwitched:   {off, del},
		audit.Switching:     {off, del},
		audit.Replaced:      {off, del},
		audit.OlderInUse:    {offBoth, delBoth, create, off, del},
		audit.OlderReplaced: {offBoth, delBoth, create, off, del},
	} {
		inactive := rotation == audit.SelfInactive || rotation == audit.BothInactive
		if diff := cmp.Diff(want, audit.RotateCommands("ann", "KEY", inactive, "OTHER", rotation)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", rotation, diff)
		}
	}
}

// TestCommandsQuoteNames: whatever a name holds, a shell takes it as one word.
func TestCommandsQuoteNames(t *testing.T) {
	t.Parallel()
	for _, hidden := range []string{"a\nb", "a\u202eb", "a\x00b"} {
		if got := audit.RotateCommands(hidden, "KEY", false, "OTHER", audit.OtherInactive); got != nil {
			t.Errorf("%q has the commands %q", hidden, got)
		}
	}
	for name, want := range map[string]string{
		"ann":               " ann",
		"ann.b+c-d_e@f.io":  " ann.b+c-d_e@f.io",
		"=ls":               " '=ls'",
		"-rf":               "='-rf'",
		"@file":             " '@file'",
		"a,b":               " 'a,b'",
		"a b; rm -rf $HOME": " 'a b; rm -rf $HOME'",
		"it's":              ` 'it'\''s'`,
		"":                  " ''",
	} {
		if got := audit.RetireCommands(name, "KEY", true)[0]; got != "aws iam delete-access-key --user-name"+want+" --access-key-id KEY" {
			t.Errorf("%q: %s", name, got)
		}
	}
}
