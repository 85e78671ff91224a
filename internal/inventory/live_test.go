package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// newLiveAccount is an account with a reader that asks for every user, and
// takes the first answer to each call.
func newLiveAccount(t *testing.T, options ...awsfake.Option) *account {
	t.Helper()
	a := newAccount(t, options...)
	id, secret := a.Home().Credentials()
	config := awsclient.ConnectTo(a.URL(), id, secret, 4)
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	a.reader.IAM, a.reader.Report = iam.NewFromConfig(config), nil
	return a
}

func TestWhatIsReadOfAUser(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.reader.Everything = true
	a.Home().AddUser(awsfake.User{
		Name: "tfunke", Created: daysAgo(400), Tags: map[string]string{"Name": "Tobias Funke", "Slack": "UPML12345"},
		Keys: []awsfake.Key{
			{ID: "AKIA1", Active: true, Created: daysAgo(60), LastUsed: daysAgo(3)},
			{ID: "AKIA2", Active: false, Created: daysAgo(300)},
		},
	})
	got := a.read(t)["tfunke"]
	wantUser := audit.User{
		Name: "tfunke", ARN: "arn:aws:iam::123456789012:user/tfunke", Created: daysAgo(400),
		Tags: audit.Tags{{Key: "Name", Value: "Tobias Funke"}, {Key: "Slack", Value: "UPML12345"}},
	}
	if u := got.User; u.Name != wantUser.Name || u.ARN != wantUser.ARN || !u.Created.Equal(wantUser.Created) || !slices.Equal(u.Tags, wantUser.Tags) {
		t.Errorf("user %+v, want %+v", u, wantUser)
	}
	wantKeys := []inventory.Key{
		{Key: audit.Key{ID: "AKIA1", Status: audit.Active, Created: daysAgo(60), LastUsed: daysAgo(3), UseRead: true, Service: "s3", Region: "us-east-1"}},
		{Key: audit.Key{ID: "AKIA2", Status: audit.Inactive, Created: daysAgo(300), UseRead: true}},
	}
	if !slices.Equal(got.Keys, wantKeys) || got.Err != nil {
		t.Errorf("keys %+v, error %v; want %+v", got.Keys, got.Err, wantKeys)
	}
}

// TestPages: whatever the pages hold, everything is read once.
func TestPages(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t, awsfake.WithPageLimit(1))
	a.reader.Everything = true
	for i := range 7 {
		a.Home().AddUser(awsfake.User{
			Name: fmt.Sprintf("user-%d", i),
			Tags: map[string]string{"A": "1", "B": "2", "C": "3"},
			Keys: []awsfake.Key{{Active: true, Created: daysAgo(1)}, {Active: true, Created: daysAgo(2)}},
		})
	}
	subjects := a.read(t)
	if len(subjects) != 7 {
		t.Errorf("%d users, want 7", len(subjects))
	}
	for name, s := range subjects {
		if len(s.Keys) != 2 || len(s.User.Tags) != 3 || s.Err != nil {
			t.Errorf("user %s came with %d keys and %d tags, error %v", name, len(s.Keys), len(s.User.Tags), s.Err)
		}
	}
	if got := a.Count("ListUsers"); got != 7 {
		t.Errorf("%d pages of users, want 7", got)
	}
}

func TestTheLargestPagesAreAskedFor(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.add("user", 1)
	a.read(t)
	if got := a.Calls()[0].Params.Get("MaxItems"); got != "1000" {
		t.Errorf("ListUsers asked for %q users, want 1000", got)
	}
}

// TestConcurrency: so many users are read side by side, and no more. Each call
// waits until the others are there.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	const concurrency = 3
	a := newLiveAccount(t)
	a.reader.Concurrency = concurrency
	for i := range 4 * concurrency {
		a.add(fmt.Sprintf("user-%02d", i), 1)
	}
	var mu sync.Mutex
	arrived, together := 0, make(chan struct{})
	a.Inject(awsfake.Fault{Action: "ListAccessKeys", Do: func() {
		mu.Lock()
		if arrived++; arrived == concurrency {
			close(together)
		}
		mu.Unlock()
		select {
		case <-together:
		case <-t.Context().Done():
		}
	}})
	if got := len(a.read(t)); got != 4*concurrency {
		t.Errorf("%d users, want %d", got, 4*concurrency)
	}
	if got := a.MaxInFlight(); got < concurrency || got > concurrency+1 { // and a page of users beside them
		t.Errorf("%d calls at once, want %d", got, concurrency)
	}
}

// TestOneUserWhoCannotBeRead is handed over with the error, and the others as
// they are.
func TestOneUserWhoCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault awsfake.Fault
		part  string // of the error
		ofKey bool   // the error is of the key
	}{
		{"denied its keys", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Code: "AccessDenied"}, "list the access keys of user bad", false},
		{"denied its tags", awsfake.Fault{Action: "ListUserTags", User: "bad", Code: "AccessDenied"}, "read the tags of user bad", false},
		{"denied its key's last use", awsfake.Fault{Action: "GetAccessKeyLastUsed", KeyID: "AKIABAD", Code: "AccessDenied"}, "read the last use of key AKIABAD", true},
		{"deleted meanwhile", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Code: "NoSuchEntity"}, "NoSuchEntity", false},
		{"a server error", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Status: 503}, "list the access keys of user bad", false},
		{"no answer at all", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Drop: true}, "list the access keys of user bad", false},
		{"not XML", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Body: "<html><body>sorry"}, "list the access keys of user bad", false},
		{"a last use without any", awsfake.Fault{Action: "GetAccessKeyLastUsed", KeyID: "AKIABAD", Body: answer("GetAccessKeyLastUsed", "")}, "the answer has none", true},
		{"a key without a date", keysOfBad(`<AccessKeyId>AKIABAD</AccessKeyId><Status>Active</Status>`), "key AKIABAD came without its creation date", false},
		{"a key from the beginning of time", keysOfBad(`<AccessKeyId>AKIABAD</AccessKeyId><Status>Active</Status><CreateDate>1970-01-01T00:00:00Z</CreateDate>`), "key AKIABAD came without its creation date", false},
		{"a key without an id", keysOfBad(`<Status>Active</Status><CreateDate>2020-01-01T00:00:00Z</CreateDate>`), "a key came without its id", false},
		{"a key without a status", keysOfBad(`<AccessKeyId>AKIABAD</AccessKeyId><CreateDate>2020-01-01T00:00:00Z</CreateDate>`), "key AKIABAD came without its status", false},
		{"a key of somebody else", keysOfBad(`<UserName>good</UserName><AccessKeyId>AKIABAD</AccessKeyId><Status>Active</Status><CreateDate>2020-01-01T00:00:00Z</CreateDate>`), "came with the name of user good", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.Home().AddUser(awsfake.User{Name: "bad", Keys: []awsfake.Key{{ID: "AKIABAD", Active: true, Created: daysAgo(60)}}})
			a.add("good", 60)
			a.Inject(c.fault)
			subjects := a.read(t)
			good, bad := subjects["good"], subjects["bad"]
			if len(subjects) != 2 || good.Err != nil || len(good.Keys) != 1 || good.Keys[0].Err != nil {
				t.Errorf("the good user came as %+v", good)
			}
			err := bad.Err
			if c.ofKey {
				if bad.Err != nil || len(bad.Keys) != 1 {
					t.Fatalf("the bad user came as %+v, want the error with the key", bad)
				}
				err = bad.Keys[0].Err
			} else if len(bad.Keys) != 0 {
				t.Errorf("keys came with the error: %+v", bad.Keys)
			}
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("error %v, want one with %q", err, c.part)
			}
		})
	}
}

// answer is what IAM answers, with something in it.
func answer(action, content string) string {
	return fmt.Sprintf(`<%[1]sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, content)
}

// keysOfBad answers for the keys of user bad with one of these elements.
func keysOfBad(elements string) awsfake.Fault {
	return awsfake.Fault{
		Action: "ListAccessKeys", User: "bad",
		Body: answer("ListAccessKeys", "<AccessKeyMetadata><member>"+elements+"</member></AccessKeyMetadata><IsTruncated>false</IsTruncated>"),
	}
}

// TestAListOfUsersThatBreaksOff: those it has are handed over all the same.
func TestAListOfUsersThatBreaksOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault awsfake.Fault
		part  string
	}{
		{"denied", awsfake.Fault{Action: "ListUsers", Nth: 3, Code: "AccessDenied"}, "list users: "},
		{"a user without a name", awsfake.Fault{Action: "ListUsers", Nth: 3, Body: answer("ListUsers", "<Users><member><Path>/</Path></member></Users>")}, "a user came without a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t, awsfake.WithPageLimit(1))
			for _, name := range []string{"a", "b", "c", "d"} {
				a.add(name, 60)
			}
			a.Inject(c.fault)
			var seen []string
			err := a.reader.Read(t.Context(), func(s inventory.UserKeys) { seen = append(seen, s.User.Name) })
			slices.Sort(seen)
			if err == nil || !strings.Contains(err.Error(), c.part) {
				t.Errorf("error %v, want one with %q", err, c.part)
			}
			if !slices.Equal(seen, []string{"a", "b"}) {
				t.Errorf("saw %v, want a and b", seen)
			}
		})
	}
}

// TestReadingEndsWithTheContext, and hands over nothing after it has returned.
func TestReadingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	for i := range 50 {
		a.add(fmt.Sprintf("user-%02d", i), 1)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("time to go home")
	a.Inject(awsfake.Fault{Action: "ListAccessKeys", Nth: 5, Do: func() { cancel(reason) }, Hang: true})
	visits := 0
	err := a.reader.Read(ctx, func(inventory.UserKeys) { visits++ })
	if !errors.Is(err, reason) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want one that says that it was ended", err)
	}
	if visits == 0 || visits == 50 {
		t.Errorf("%d of 50 users were handed over", visits)
	}
}

// TestVisitsNeverOverlap: visit need not lock.
func TestVisitsNeverOverlap(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	for i := range 30 {
		a.add(fmt.Sprintf("user-%02d", i), 1)
	}
	seen := map[string]int{} // the race detector watches
	if err := a.reader.Read(t.Context(), func(s inventory.UserKeys) { seen[s.User.Name]++ }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 30 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
		t.Errorf("users were seen %v times", seen)
	}
}

// TestAnUnfinishedReading goes on from where it ended.
func TestAnUnfinishedReading(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.reader.Concurrency = 1
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		a.add(name, 1)
	}
	left := 2
	a.reader.MayStart = func() bool { left--; return left >= 0 }
	var seen []string
	visit := func(s inventory.UserKeys) { seen = append(seen, s.User.Name) }
	var unfinished *inventory.UnfinishedError
	if err := a.reader.Read(t.Context(), visit); !errors.As(err, &unfinished) || unfinished.Last != "b" {
		t.Fatalf("error %v, want one that says that b was the last", err)
	}
	a.reader.MayStart, a.reader.After = nil, unfinished.Last
	if err := a.reader.Read(t.Context(), visit); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "d", "e", "a", "b"}; !slices.Equal(seen, want) {
		t.Errorf("read %v, want %v", seen, want)
	}

	// The user it came to is gone: everybody is read, from the beginning.
	a.reader.After, seen = "b-and-gone", nil
	if err := a.reader.Read(t.Context(), visit); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(seen, want) {
		t.Errorf("read %v, want %v", seen, want)
	}
}

// TestFresh reads everything of one key again, whatever was known.
func TestFresh(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.Home().AddUser(awsfake.User{
		Name: "tfunke", Tags: map[string]string{"Slack": "UNEW"},
		Keys: []awsfake.Key{
			{ID: "AKIA1", Active: true, Created: daysAgo(60), LastUsed: daysAgo(3)},
			{ID: "AKIA2", Active: false, Created: daysAgo(200)},
		},
	})
	before := audit.User{Name: "tfunke", ARN: "arn", Tags: audit.Tags{{Key: "Slack", Value: "UOLD"}, {Key: "KeyAutoExpire", Value: "False"}}}
	user, key, err := a.reader.ReadKey(t.Context(), before, "AKIA1")
	if err != nil {
		t.Fatal(err)
	}
	if want := (audit.Key{ID: "AKIA1", Status: audit.Active, Created: daysAgo(60), LastUsed: daysAgo(3), UseRead: true, Service: "s3", Region: "us-east-1"}); key != want {
		t.Errorf("key %+v, want %+v", key, want)
	}
	if !slices.Equal(user.Tags, audit.Tags{{Key: "Slack", Value: "UNEW"}}) || user.Name != "tfunke" || user.ARN != "arn" {
		t.Errorf("user %+v", user)
	}
	if _, key, err := a.reader.ReadKey(t.Context(), before, "AKIA2"); err != nil || key.Status != audit.Inactive || !key.LastUsed.IsZero() {
		t.Errorf("the other key is %+v, error %v", key, err)
	}
}

func TestFreshFailures(t *testing.T) {
	t.Parallel()
	remove := func(home *awsfake.Account) { home.RemoveUser("tfunke") }
	rename := func(home *awsfake.Account) { home.RenameUser("tfunke", "after") }
	for _, c := range []struct {
		name  string
		user  string
		key   string
		fault awsfake.Fault
		gone  bool
		part  string
		do    func(*awsfake.Account) // with the fault
	}{
		{"another key", "tfunke", "AKIA9", awsfake.Fault{Action: "none"}, true, "no longer exists", nil},
		{"another user", "nobody", "AKIA9", awsfake.Fault{Action: "none"}, true, "read the tags of user nobody", nil},
		{"deleted before its keys are read", "tfunke", "AKIA1", awsfake.Fault{Action: "ListAccessKeys"}, true, "list the access keys of user tfunke", remove},
		{"deleted before its last use is read", "tfunke", "AKIA1", awsfake.Fault{Action: "GetAccessKeyLastUsed"}, true, "read the last use of key AKIA1", remove},
		{"deleted, if it were not for its key", "tfunke", "AKIA1", awsfake.Fault{Action: "ListUserTags", Code: "NoSuchEntity"}, false, "read the tags of user tfunke", nil},
		{"renamed, and deleted", "before", "AKIA1", awsfake.Fault{Action: "ListAccessKeys"}, false, "user before was renamed to tfunke", remove},
		{"renamed, and renamed again", "before", "AKIA1", awsfake.Fault{Action: "ListAccessKeys"}, false, "user before was renamed to tfunke", rename},
		{"perhaps renamed", "before", "AKIA1", awsfake.Fault{Action: "GetAccessKeyLastUsed", Code: "AccessDenied"}, false, "find out whether user before was renamed", nil},
		{"a key of nobody", "before", "AKIA1", awsfake.Fault{Action: "GetAccessKeyLastUsed", Rewrite: awsfake.Without("UserName")}, false, `key AKIA1 is that of user ""`, nil},
		{"denied its keys", "tfunke", "AKIA1", awsfake.Fault{Action: "ListAccessKeys", Code: "AccessDenied"}, false, "list the access keys of user tfunke", nil},
		{"denied its last use", "tfunke", "AKIA1", awsfake.Fault{Action: "GetAccessKeyLastUsed", Code: "AccessDenied"}, false, "read the last use of key AKIA1", nil},
		{"denied its tags", "tfunke", "AKIA1", awsfake.Fault{Action: "ListUserTags", Code: "AccessDenied"}, false, "read the tags of user tfunke", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.Home().AddUser(awsfake.User{Name: "tfunke", Keys: []awsfake.Key{{ID: "AKIA1", Active: true, Created: daysAgo(60)}}})
			if c.do != nil {
				c.fault.Do = func() { c.do(a.Home()) }
			}
			a.Inject(c.fault)
			_, key, err := a.reader.ReadKey(t.Context(), audit.User{Name: c.user}, c.key)
			if err == nil || !strings.Contains(err.Error(), c.part) || inventory.IsGone(err) != c.gone {
				t.Errorf("error %v (gone: %t), want one with %q (gone: %t)", err, inventory.IsGone(err), c.part, c.gone)
			}
			if key != (audit.Key{}) {
				t.Errorf("a key came with the error: %+v", key)
			}
		})
	}
}

func TestIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("NoSuchEntity"), false},
		{inventory.ErrKeyGone, true},
		{fmt.Errorf("read: %w", inventory.ErrKeyGone), true},
		{fmt.Errorf("read: %w", &types.NoSuchEntityException{}), true},
		{&types.LimitExceededException{}, false},
		{context.DeadlineExceeded, false},
	} {
		if got := inventory.IsGone(c.err); got != c.want {
			t.Errorf("%v: gone %t, want %t", c.err, got, c.want)
		}
	}
}

// A last use that only a message would show leaves the key to be evaluated if it
// cannot be read, and the failure is not lost.
func TestALastUseForAMessageThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.add("due", 95)
	a.reader.Report = nil
	a.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Code: "AccessDenied"})
	got := a.read(t)["due"]
	if got.Err != nil || len(got.Keys) != 1 {
		t.Fatalf("subject: %+v", got)
	}
	if key := got.Keys[0]; key.Err == nil || key.UseRead || audit.NeedsLastUse(key.Key, time.Time{}, a.reader.Rules, a.reader.Now) {
		t.Errorf("key %+v: want one without a last use, the error, and no need of it", key)
	}
}
