package inventory_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// TestPairOf: only two different keys, one of them the given one, are a pair.
func TestPairOf(t *testing.T) {
	t.Parallel()
	one := func(id string) inventory.Key { return inventory.Key{Key: audit.Key{ID: id}} }
	user := inventory.UserKeys{Keys: []inventory.Key{one("A"), one("B")}}
	for _, of := range user.Keys {
		if pair, ok := user.PairOf(of.Key); !ok || pair.Key.ID != of.ID || pair.Other.ID == of.ID {
			t.Errorf("the pair of %s is %v, %v", of.ID, pair, ok)
		}
	}
	for _, keys := range [][]inventory.Key{nil, {one("A")}, {one("A"), one("A")}, {one("B"), one("C")}, {one("A"), one("B"), one("C")}} {
		if pair, ok := (inventory.UserKeys{Keys: keys}).PairOf(audit.Key{ID: "A"}); ok {
			t.Errorf("%v of %v is a pair", pair, keys)
		}
	}
}

// TestTheOtherKeyOfAUserWithAMessageIsRead: once, only if it is Active, and of
// nobody else.
func TestTheOtherKeyOfAUserWithAMessageIsRead(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.reader.Report, a.reader.Rules = nil, creationOnly
	a.add("warned", 60, 3)
	a.add("quiet", 20, 3)
	a.Home().AddUser(awsfake.User{Name: "half-inactive", Created: daysAgo(400), Keys: []awsfake.Key{
		{Active: true, Created: daysAgo(60), LastUsed: daysAgo(1)}, {Created: daysAgo(200), LastUsed: daysAgo(100)},
	}})
	users := a.read(t)
	for name, want := range map[string]int{"warned": 2, "half-inactive": 1, "quiet": 0} {
		read := 0
		for _, key := range users[name].Keys {
			if key.UseRead {
				read++
			}
		}
		if read != want {
			t.Errorf("of user %s, %d last uses were read, want %d", name, read, want)
		}
	}
	if got := a.Count("GetAccessKeyLastUsed"); got != 3 {
		t.Errorf("%d last uses were read, want 3", got)
	}
}
