package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// creationOnly are limits under which no last use can change a verdict.
var creationOnly = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 90, InactivityWarningAge: 50}

// newShownAccount is an account under these limits, with 120 users whom nobody
// writes to, and some more with a key to warn of each.
func newShownAccount(t *testing.T, warned int, options ...awsfake.Option) *account {
	t.Helper()
	a := newBulkAccount(t, options...)
	a.reader.Rules = creationOnly
	a.crowd(120)
	for i := range warned {
		a.Home().AddUser(awsfake.User{
			Name: fmt.Sprintf("warned-%02d", i), Created: daysAgo(400),
			Keys: []awsfake.Key{{Active: true, Created: daysAgo(60), LastUsed: daysAgo(1), Service: "s3", Region: "eu-west-1"}},
		})
	}
	return a
}

// TestMessagesShowReportedLastUses: the report is asked for once its calls are
// fewer than those for each key.
func TestMessagesShowReportedLastUses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		warned int
		want   map[string]int
	}{
		{10, map[string]int{"ListUsers": 1, "ListAccessKeys": 130, "ListUserTags": 10, "GetAccessKeyLastUsed": 10}},
		{11, map[string]int{
			"ListUsers": 1, "ListAccessKeys": 131, "ListUserTags": 10, "GetAccountAuthorizationDetails": 1,
			"GenerateCredentialReport": 2, "GetCredentialReport": 1,
		}},
	} {
		t.Run(fmt.Sprint(c.warned), func(t *testing.T) {
			t.Parallel()
			a := newShownAccount(t, c.warned)
			subjects := a.read(t)
			for i := range c.warned {
				key := subjects[fmt.Sprintf("warned-%02d", i)].Keys[0]
				if !key.UseRead || !key.LastUsed.Equal(daysAgo(1)) || key.Service != "s3" || key.Region != "eu-west-1" || key.UseAsOf.IsZero() != (c.warned == 10) {
					t.Errorf("a key to warn of came as %+v", key)
				}
			}
			a.wantCalls(t, c.want)
		})
	}
}

// TestAnUnclearLastUseIsReadLive: the report does not show which of two keys a
// column is of, or is of another user.
func TestAnUnclearLastUseIsReadLive(t *testing.T) {
	t.Parallel()
	a := newShownAccount(t, 20)
	again := a.Home().AddUser(awsfake.User{Name: "again", Created: daysAgo(400), Keys: []awsfake.Key{
		{Active: true, Created: daysAgo(60), LastUsed: daysAgo(1), LastRotated: daysAgo(2)},
	}}).Keys[0]
	a.reader.LastUses.IAM = rewriting{a.reader.LastUses.IAM, func(csv []byte) []byte {
		return []byte(strings.ReplaceAll(string(csv), ":user/warned-07", ":user/other/warned-07"))
	}, time.Time{}}
	subjects := a.read(t)
	if key := subjects["again"].Keys[0]; key.ID != again.ID || !key.UseRead || !key.UseAsOf.IsZero() {
		t.Errorf("a key that was activated again came as %+v, want it read live", key)
	}
	if key := subjects["warned-07"].Keys[0]; !key.UseRead || !key.UseAsOf.IsZero() {
		t.Errorf("a key of a user with another ARN came as %+v, want it read live", key)
	}
	if got := a.Count("GetAccessKeyLastUsed"); got != 2 {
		t.Errorf("%d last uses were read live, want 2", got)
	}
}

// TestNoReportToShow costs the calls that it would have saved.
func TestNoReportToShow(t *testing.T) {
	t.Parallel()
	a := newShownAccount(t, 20)
	a.Inject(awsfake.Fault{Action: "GenerateCredentialReport", Code: "AccessDenied"})
	subjects := a.read(t)
	for i := range 20 {
		if key := subjects[fmt.Sprintf("warned-%02d", i)].Keys[0]; !key.LastUsed.Equal(daysAgo(1)) || key.Err != nil || !key.UseAsOf.IsZero() {
			t.Errorf("a key to warn of came as %+v, want it read live", key)
		}
	}
	if got := a.Count("GetAccessKeyLastUsed"); got != 20 {
		t.Errorf("%d last uses were read live, want 20", got)
	}
}

// TestAnOldReportIsNotShown, even if it narrows the reading.
func TestAnOldReportIsNotShown(t *testing.T) {
	t.Parallel()
	a := newShownAccount(t, 20)
	a.reader.Report = a.reader.LastUses
	a.reader.Report.IAM = rewriting{a.reader.Report.IAM, nil, daysAgo(2)}
	if key := a.read(t)["warned-07"].Keys[0]; !key.UseRead || !key.UseAsOf.IsZero() {
		t.Errorf("a key to warn of came as %+v, want it read live", key)
	}
}

// TestTimeIsUpBeforeLastUsesAreShown: every user who was read is handed over,
// and no time is spent on what only messages show.
func TestTimeIsUpBeforeLastUsesAreShown(t *testing.T) {
	t.Parallel()
	a := newShownAccount(t, 5)
	begun := 0
	a.reader.MayStart = func() bool {
		begun++ // users are begun one at a time
		return begun <= 125
	}
	a.reader.Concurrency = 1
	users := 0
	err := a.reader.Read(context.Background(), func(s inventory.UserKeys) {
		users++
		for _, key := range s.Keys {
			if strings.HasPrefix(s.User.Name, "warned") && (key.UseRead || key.Err != nil) {
				t.Errorf("a key to warn of came as %+v, want nothing of its last use", key)
			}
		}
	})
	if err != nil || users != 125 || a.Count("GetAccessKeyLastUsed") != 0 {
		t.Errorf("%d users, error %v, %d last uses read", users, err, a.Count("GetAccessKeyLastUsed"))
	}
}

// TestAKeyThatGoesBeforeItsLastUseIsShown is no failure: a run finds out itself
// before it does anything about the key.
func TestAKeyThatGoesBeforeItsLastUseIsShown(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*account){
		"deleted": func(a *account) { a.Home().RemoveUser("warned-00") },
		"renamed": func(a *account) { a.Home().RenameUser("warned-00", "other") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newShownAccount(t, 1)
			a.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Nth: 1, Do: func() { change(a) }})
			s := a.read(t)["warned-00"]
			if len(s.Keys) != 1 || s.Keys[0].UseRead || s.Keys[0].Err != nil {
				t.Errorf("the user came as %+v", s)
			}
		})
	}
}
