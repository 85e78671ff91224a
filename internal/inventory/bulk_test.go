package inventory_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// newBulkAccount is an account with a reader that reads in bulk if that is
// fewer calls.
func newBulkAccount(t *testing.T, options ...awsfake.Option) *account {
	t.Helper()
	a := newAccount(t, options...)
	client := a.reader.Report.IAM.(inventory.BulkIAM)
	a.reader.Bulk, a.reader.LastUses, a.reader.Report = client, a.reader.Report, nil
	a.reader.Log = a.reader.LastUses.Log
	return a
}

// crowd adds users with two keys each, of 25 and 40 days, who used both
// yesterday.
func (a *account) crowd(users int) {
	for i := range users {
		a.Home().AddUser(awsfake.User{
			Name: fmt.Sprintf("user-%03d", i), Created: daysAgo(400), Tags: map[string]string{"Name": fmt.Sprintf("User %d", i), "Slack": fmt.Sprintf("U%d", i)},
			Keys: []awsfake.Key{
				{ID: fmt.Sprintf("AKIA%03dA", i), Active: true, Created: daysAgo(25), LastUsed: daysAgo(1)},
				{ID: fmt.Sprintf("AKIA%03dB", i), Active: true, Created: daysAgo(40), LastUsed: daysAgo(1)},
			},
		})
	}
}

// wantCrowd checks that everything was read of the users that crowd added.
func wantCrowd(t *testing.T, subjects map[string]inventory.UserKeys, users int) {
	t.Helper()
	if len(subjects) != users {
		t.Errorf("%d users, want %d", len(subjects), users)
	}
	for i := range users {
		s := subjects[fmt.Sprintf("user-%03d", i)]
		want := audit.Tags{{Key: "Name", Value: fmt.Sprintf("User %d", i)}, {Key: "Slack", Value: fmt.Sprintf("U%d", i)}}
		if !slices.Equal(s.User.Tags, want) || s.Err != nil || len(s.Keys) != 2 {
			t.Errorf("user %d came as %+v", i, s)
			continue
		}
		for _, key := range s.Keys {
			if !key.LastUsed.Equal(daysAgo(1)) || key.Err != nil {
				t.Errorf("a key of user %d came as %+v", i, key)
			}
		}
	}
}

func (a *account) wantCalls(t *testing.T, want map[string]int) {
	t.Helper()
	total := 0
	for action, calls := range want {
		total += calls
		if got := a.Count(action); got != calls {
			t.Errorf("%s: %d calls, want %d", action, got, calls)
		}
	}
	if got := a.Count(""); got != total {
		t.Errorf("%d calls in all, want %d", got, total)
	}
}

// TestEverythingInBulk: only the list of keys is asked for user by user.
func TestEverythingInBulk(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.reader.Everything = true
	a.crowd(150)
	subjects := a.read(t)
	wantCrowd(t, subjects, 150)
	for name, s := range subjects {
		for _, key := range s.Keys {
			if !key.UseAsOf.Equal(now) {
				t.Errorf("the last use of a key of %s is as of %s, want %s", name, key.UseAsOf, now)
			}
		}
	}
	a.wantCalls(t, map[string]int{
		"ListUsers": 1, "ListAccessKeys": 150, "ListUserTags": 10, "GetAccountAuthorizationDetails": 1,
		"GenerateCredentialReport": 2, "GetCredentialReport": 1,
	})
}

// TestASmallAccountIsReadOneByOne, as nothing is saved otherwise.
func TestASmallAccountIsReadOneByOne(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.reader.Everything = true
	a.crowd(10)
	wantCrowd(t, a.read(t), 10)
	a.wantCalls(t, map[string]int{"ListUsers": 1, "ListAccessKeys": 10, "ListUserTags": 10, "GetAccessKeyLastUsed": 20})
}

// TestTagsInBulkWhateverThePages: tags are right however short the pages are
// and however long the policies, and the calls never twice as many.
func TestTagsInBulkWhateverThePages(t *testing.T) {
	t.Parallel()
	const users = 60
	for _, limit := range []int{1, 2, 7, 59, 60, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			a := newBulkAccount(t, awsfake.WithPageLimit(limit))
			a.reader.Everything = true
			for i := range users {
				a.Home().AddUser(awsfake.User{
					Name: fmt.Sprintf("user-%03d", i), Tags: map[string]string{"Slack": fmt.Sprintf("U%d", i)},
					Policies: map[string]string{"inline": strings.Repeat(`{"Statement":[]}`, 2000)},
				})
			}
			subjects := a.read(t)
			for i := range users {
				s, want := subjects[fmt.Sprintf("user-%03d", i)], audit.Tags{{Key: "Slack", Value: fmt.Sprintf("U%d", i)}}
				if !slices.Equal(s.User.Tags, want) {
					t.Errorf("user %d has tags %v, want %v", i, s.User.Tags, want)
				}
			}
			if pages, alone := a.Count("GetAccountAuthorizationDetails"), a.Count("ListUserTags"); limit > 1 && (pages+alone >= 2*users || pages == 0) || limit >= 59 && pages+alone > 20 {
				t.Errorf("%d pages and %d users on their own", pages, alone)
			}
		})
	}
}

// TestABulkThatCannotBeReliedOn costs calls, and never a tag: an exempt user
// must not look like one without tags.
func TestABulkThatCannotBeReliedOn(t *testing.T) {
	t.Parallel()
	const details = "GetAccountAuthorizationDetails"
	replacing := func(old, with string) func(string) string {
		return func(body string) string { return strings.ReplaceAll(body, old, with) }
	}
	for _, c := range []struct {
		name  string
		fault awsfake.Fault
	}{
		{"denied", awsfake.Fault{Action: details, Code: "AccessDenied"}},
		{"without a list", awsfake.Fault{Action: details, Body: answer(details, "<IsTruncated>false</IsTruncated>")}},
		{"without users", awsfake.Fault{Action: details, Body: answer(details, "<UserDetailList/><IsTruncated>false</IsTruncated>")}},
		{"without tags", awsfake.Fault{Action: details, Rewrite: func(body string) string {
			return strings.ReplaceAll(strings.ReplaceAll(body, "<Tags>", "<Other>"), "</Tags>", "</Other>")
		}}},
		{"tags without values", awsfake.Fault{Action: details, Rewrite: awsfake.Without("Value")}},
		{"tags without names", awsfake.Fault{Action: details, Rewrite: awsfake.Without("Key")}},
		{"users without names", awsfake.Fault{Action: details, Rewrite: awsfake.Without("UserName")}},
		{"users without ARNs", awsfake.Fault{Action: details, Rewrite: awsfake.Without("Arn")}},
		{"users without dates", awsfake.Fault{Action: details, Rewrite: awsfake.Without("CreateDate")}},
		{"other users", awsfake.Fault{Action: details, Rewrite: func(body string) string {
			return replacing("<Value>U", "<Value>X")(replacing(":user/user-", ":user/other/user-")(body))
		}}},
		{"users made at another time", awsfake.Fault{Action: details, Rewrite: func(body string) string {
			return replacing("<Value>U", "<Value>X")(replacing("<CreateDate>2025-", "<CreateDate>2024-")(body))
		}}},
		{"users who come twice, and not the same", awsfake.Fault{Action: details, Rewrite: func(body string) string {
			from, to := strings.Index(body, "<UserDetailList>")+len("<UserDetailList>"), strings.Index(body, "</UserDetailList>")
			return body[:to] + replacing("<Value>U", "<Value>X")(body[from:to]) + body[to:]
		}}},
		{"a truncated list without a marker", awsfake.Fault{Action: details, Body: answer(details, "<UserDetailList/><IsTruncated>true</IsTruncated>")}},
		{"a marker that comes again", awsfake.Fault{Action: details, Body: answer(details, "<UserDetailList/><IsTruncated>true</IsTruncated><Marker>x</Marker>")}},
		{"no answer", awsfake.Fault{Action: details, Drop: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newLiveAccount(t)
			a.reader.Bulk = a.reader.IAM.(inventory.BulkIAM)
			a.reader.Everything = true
			a.crowd(30)
			a.Inject(c.fault)
			wantCrowd(t, a.read(t), 30)
			if got := a.Count("ListUserTags"); got != 30 {
				t.Errorf("the tags of %d users were read on their own, want all 30", got)
			}
			if got := a.Count(details); got == 0 || got > 2 {
				t.Errorf("%d pages were asked for", got)
			}
		})
	}
}

// TestAPageThatIsNeverAnswered is not waited for as long as there is time.
func TestAPageThatIsNeverAnswered(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	a.reader.Bulk = a.reader.IAM.(inventory.BulkIAM)
	a.reader.Everything = true
	a.crowd(30)
	a.Inject(awsfake.Fault{Action: "GetAccountAuthorizationDetails", Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	subjects := map[string]inventory.UserKeys{}
	if err := a.reader.Read(ctx, func(s inventory.UserKeys) { subjects[s.User.Name] = s }); err != nil {
		t.Fatal(err)
	}
	wantCrowd(t, subjects, 30)
}

// TestReportSparesLastUses: of the keys old enough to be idle, those that the
// report shows in use are not asked for, and what is idle, or may be, is read
// live.
func TestReportSparesLastUses(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.crowd(150)
	idle := a.Home().AddUser(awsfake.User{Name: "idle", Created: daysAgo(400), Keys: []awsfake.Key{{Active: true, Created: daysAgo(40), LastUsed: daysAgo(20)}}}).Keys[0]
	again := a.Home().AddUser(awsfake.User{Name: "again", Created: daysAgo(400), Keys: []awsfake.Key{{Active: true, Created: daysAgo(40), LastUsed: daysAgo(1), LastRotated: daysAgo(2)}}}).Keys[0]
	warned := a.Home().AddUser(awsfake.User{Name: "warned", Created: daysAgo(400), Keys: []awsfake.Key{{Active: true, Created: daysAgo(60), LastUsed: daysAgo(1)}}}).Keys[0]
	a.Inject(awsfake.Fault{Action: "GetCredentialReport", Do: func() { a.Home().UseKey(idle.ID, daysAgo(19), "s3", "us-east-1") }})
	subjects := a.read(t)
	for user, key := range map[string]string{"idle": idle.ID, "again": again.ID, "warned": warned.ID} {
		if got := subjects[user].Keys[0]; got.ID != key || !got.UseAsOf.IsZero() || got.LastUsed.IsZero() {
			t.Errorf("the key of %s came as %+v, want it read live", user, got)
		}
	}
	if got := subjects["idle"].Keys[0].LastUsed; !got.Equal(daysAgo(19)) {
		t.Errorf("the idle key was last used %s, want the live answer", got)
	}
	a.wantCalls(t, map[string]int{
		"ListUsers": 1, "ListAccessKeys": 153, "GenerateCredentialReport": 2, "GetCredentialReport": 1, "GetAccessKeyLastUsed": 3, "ListUserTags": 1,
	})
}

// TestAReportThatIsOfNoUse costs the calls that it would have saved, and
// nothing else.
func TestAReportThatIsOfNoUse(t *testing.T) {
	t.Parallel()
	replacing := func(old, with string) func([]byte) []byte {
		return func(csv []byte) []byte { return []byte(strings.ReplaceAll(string(csv), old, with)) }
	}
	for _, c := range []struct {
		name    string
		options []awsfake.Option
		fault   *awsfake.Fault
		rewrite func([]byte) []byte
		made    time.Time
	}{
		{name: "not allowed", fault: &awsfake.Fault{Action: "GenerateCredentialReport", Code: "AccessDenied"}},
		{name: "not to be fetched", fault: &awsfake.Fault{Action: "GetCredentialReport", Code: "AccessDenied"}},
		{name: "never there", options: []awsfake.Option{awsfake.WithReportPolls(1000)}},
		{name: "not CSV", rewrite: func([]byte) []byte { return []byte("<html>") }},
		{name: "empty", rewrite: func(csv []byte) []byte { return csv[:strings.IndexByte(string(csv), '\n')+1] }},
		{name: "a column is missing", rewrite: replacing("access_key_1_last_used_date", "something_else")},
		{name: "every user twice", rewrite: func(csv []byte) []byte {
			return append(csv, csv[strings.IndexByte(string(csv), '\n')+1:]...)
		}},
		{name: "of other users", rewrite: replacing(":user/user-", ":user/other/user-")},
		{name: "times that are none", rewrite: replacing("T12:00:00+00:00,us-east-1", "T99:00:00+00:00,us-east-1")},
		{name: "uses that lie ahead", rewrite: replacing("2026-02-28T12:00:00+00:00,us-east-1", "2026-04-28T12:00:00+00:00,us-east-1")},
		{name: "old", made: daysAgo(2)},
		{name: "from days to come", made: now.AddDate(0, 0, 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newBulkAccount(t, c.options...)
			a.crowd(120)
			a.reader.LastUses.IAM = rewriting{a.reader.LastUses.IAM, c.rewrite, c.made}
			if c.fault != nil {
				a.Inject(*c.fault)
			}
			for name, s := range a.read(t) {
				for _, key := range s.Keys {
					if !key.UseAsOf.IsZero() || !key.LastUsed.Equal(daysAgo(1)) {
						t.Errorf("a key of %s came as %+v, want it read live", name, key)
					}
				}
			}
			if got := a.Count("GetAccessKeyLastUsed"); got != 240 {
				t.Errorf("%d last uses were read, want 240", got)
			}
			if !strings.Contains(a.log.String(), "read on its own") && c.name != "of other users" && c.name != "times that are none" && c.name != "uses that lie ahead" {
				t.Errorf("the log does not say why: %s", a.log.String())
			}
			var waited time.Duration
			for _, d := range a.slept {
				waited += d
			}
			if waited > 20*time.Second {
				t.Errorf("waited %s for the report", waited)
			}
		})
	}
}

// rewriting hands out another report than IAM made.
type rewriting struct {
	inventory.ReportIAM
	content func([]byte) []byte
	made    time.Time
}

func (r rewriting) GetCredentialReport(ctx context.Context, in *iam.GetCredentialReportInput, options ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	out, err := r.ReportIAM.GetCredentialReport(ctx, in, options...)
	if err == nil && r.content != nil {
		out.Content = r.content(out.Content)
	}
	if err == nil && !r.made.IsZero() {
		out.GeneratedTime = &r.made
	}
	return out, err
}

// TestTheReportIsNotWaitedForLong: it never takes more than a part of the time
// that is left for reading.
func TestTheReportIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t, awsfake.WithReportPolls(1000))
	a.crowd(120)
	var waits []time.Duration
	a.reader.LastUses.Sleep = func(ctx context.Context, _ time.Duration) error {
		deadline, _ := ctx.Deadline()
		waits = append(waits, time.Until(deadline))
		return context.DeadlineExceeded
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	users := 0
	if err := a.reader.Read(ctx, func(inventory.UserKeys) { users++ }); err != nil || users != 120 {
		t.Errorf("%d users, error %v", users, err)
	}
	if len(waits) != 1 || waits[0] > 5*time.Second {
		t.Errorf("waited at most %v, want a tenth of 50 s", waits)
	}
}

// TestReportModeReadsInBulk: the report that narrows the reading also spares
// last uses, and tags come in bulk.
func TestReportModeReadsInBulk(t *testing.T) {
	t.Parallel()
	a := newBulkAccount(t)
	a.reader.Report = a.reader.LastUses
	a.crowd(120)
	for i := range 20 {
		a.add(fmt.Sprintf("warned-%02d", i), 40, 60)
	}
	subjects := a.read(t)
	if s := subjects["warned-07"]; len(s.Keys) != 2 || s.Keys[0].UseAsOf.IsZero() == s.Keys[1].UseAsOf.IsZero() {
		t.Errorf("user warned-07 came as %+v, want one key read live and one by the report", s)
	}
	a.wantCalls(t, map[string]int{
		"GenerateCredentialReport": 2, "GetCredentialReport": 1, "ListAccessKeys": 20, "GetAccessKeyLastUsed": 20,
		"ListUserTags": 10, "GetAccountAuthorizationDetails": 1,
	})
}
