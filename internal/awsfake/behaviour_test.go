package awsfake_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

func TestAddUserFillsIn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := start(t, awsfake.WithClock(func() time.Time { return now }))
	a := s.Home()
	u := a.AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{
		{Created: lately}, {ID: "chosen", Active: true, Created: longAgo, LastUsed: lately},
	}})
	if !u.Created.Equal(longAgo) {
		t.Errorf("made %s, want as old as the oldest key", u.Created)
	}
	if u.Path != "/" || len(u.Keys[0].ID) != 20 || u.Keys[1].ID != "chosen" {
		t.Errorf("path %q, keys %s and %s", u.Path, u.Keys[0].ID, u.Keys[1].ID)
	}
	if k := u.Keys[1]; k.Service != "s3" || k.Region != "us-east-1" || !k.LastRotated.Equal(longAgo) {
		t.Errorf("last used by %s in %s, rotated %s", k.Service, k.Region, k.LastRotated)
	}
	if got := a.AddUser(awsfake.User{Name: "abe"}).Created; !got.Equal(now) {
		t.Errorf("made %s, want now", got)
	}

	a.AddUser(awsfake.User{Name: "ada", Tags: map[string]string{"Slack": "U1"}})
	if got, _ := a.User("ada"); got.Tags["Slack"] != "U1" || len(got.Keys) != 0 {
		t.Errorf("replaced by %+v", got)
	}
	if _, ok := a.Key(u.Keys[1].ID); ok {
		t.Error("the replaced user's key is still there")
	}
	names := func() (names []string) {
		for _, u := range a.Users() {
			names = append(names, u.Name)
		}
		return names
	}
	if got := names(); !slices.Equal(got, []string{"abe", "ada"}) {
		t.Errorf("users %q", got)
	}
	a.RemoveUser("abe")
	if got := names(); !slices.Equal(got, []string{"ada"}) {
		t.Errorf("users %q", got)
	}
}

func TestChangesUnderWay(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.Home()
	id := a.AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true, Created: longAgo}}}).Keys[0].ID
	a.SetKeyStatus(id, false)
	a.UseKey(id, lately, "sts", "eu-west-1")
	a.SetTag("ada", "Slack", "U1")
	a.SetTag("ada", "slack", "U2") // tag keys that differ in case are one
	a.SetTag("ada", "Name", "Ada")
	a.RemoveTag("ada", "name")
	k, ok := a.Key(id)
	if !ok || k.Active || !k.LastUsed.Equal(lately) || k.Service != "sts" || k.Region != "eu-west-1" {
		t.Errorf("key is %+v", k)
	}
	if u, _ := a.User("ada"); len(u.Tags) != 1 || u.Tags["slack"] != "U2" {
		t.Errorf("tags are %v", u.Tags)
	}
	// What is not there is left alone, and an account has its own keys only.
	s.Account("222222222222").SetKeyStatus(id, true)
	a.SetTag("bob", "Slack", "U1")
	if k, _ := a.Key(id); k.Active {
		t.Error("another account activated the key")
	}
}

func TestPartition(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithPartition("aws-us-gov"), awsfake.WithHome("111111111111"))
	s.Home().AddUser(awsfake.User{Name: "ada"})
	page := check[*iam.ListUsersOutput](t)(iamOf(s, s.Home()).ListUsers(t.Context(), &iam.ListUsersInput{}))
	if want := "arn:aws-us-gov:iam::111111111111:user/ada"; *page.Users[0].Arn != want {
		t.Errorf("arn %s, want %s", *page.Users[0].Arn, want)
	}
	if got, want := s.Home().AddTopic("keys"), "arn:aws-us-gov:sns:us-gov-west-1:111111111111:keys"; got != want {
		t.Errorf("topic %s, want %s", got, want)
	}
}

func TestUnknownCredentialsReachHome(t *testing.T) {
	t.Parallel()
	s := start(t)
	who := identity(t, configFor(s.URL(), "AKIAANYBODYATALL2222", "secret", ""))
	if *who.Account != awsfake.DefaultHome {
		t.Errorf("account %s", *who.Account)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := sts.NewFromConfig(configFor(s.URL(), "any", "secret", ""))
	assume := func(role, externalID string) error {
		in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("sleuth")}
		if externalID != "" {
			in.ExternalId = &externalID
		}
		_, err := client.AssumeRole(t.Context(), in)
		return err
	}
	s.Account("222222222222").DenyAssume(true)
	s.Account("333333333333").RequireExternalID("right")
	wantCode(t, "denied", assume("arn:aws:iam::222222222222:role/r", ""), "AccessDenied")
	wantCode(t, "no external id", assume("arn:aws:iam::333333333333:role/r", ""), "AccessDenied")
	wantCode(t, "wrong external id", assume("arn:aws:iam::333333333333:role/r", "wrong"), "AccessDenied")
	wantCode(t, "right external id", assume("arn:aws:iam::333333333333:role/path/r", "right"), "")
	wantCode(t, "other partition", assume("arn:aws-cn:iam::444444444444:role/r", ""), "AccessDenied")
	wantCode(t, "no role", assume("arn:aws:iam::444444444444:user/u", ""), "ValidationError")
	s.Account("222222222222").DenyAssume(false)
	wantCode(t, "no longer denied", assume("arn:aws:iam::222222222222:role/r", ""), "")
}

func TestPublishedIsKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := start(t, awsfake.WithClock(func() time.Time { return now }))
	other := s.Account("222222222222")
	topic := other.AddTopic("keys")
	client := sns.NewFromConfig(configFor(s.URL(), "any", "secret", ""))
	check[*sns.PublishOutput](t)(client.Publish(t.Context(), &sns.PublishInput{
		TopicArn: &topic, Subject: aws.String("Keys"), Message: aws.String("one\n<two> & three"),
	}))
	got := other.Published()
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	got[0].MessageID = ""
	if want := (awsfake.Published{TopicARN: topic, Subject: "Keys", Message: "one\n<two> & three", At: now}); got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	other.ResetPublished()
	if n := len(other.Published()); n != 0 {
		t.Errorf("%d messages after ResetPublished", n)
	}
}

func TestCredentialReportLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := start(t, awsfake.WithClock(func() time.Time { return now }), awsfake.WithReportPolls(2))
	a := s.Home()
	a.AddUser(awsfake.User{Name: "ada", Created: longAgo})
	client := iamOf(s, a)
	generate := func(want string) {
		t.Helper()
		out := check[*iam.GenerateCredentialReportOutput](t)(
			client.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}))
		if string(out.State) != want {
			t.Errorf("state %s, want %s", out.State, want)
		}
	}
	get := func(code string) (rows int) {
		t.Helper()
		out, err := client.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
		wantCode(t, "GetCredentialReport", err, code)
		if err != nil {
			return 0
		}
		return len(check[[][]string](t)(csv.NewReader(strings.NewReader(string(out.Content))).ReadAll())) - 1
	}

	get("ReportNotPresent")
	generate("STARTED")
	generate("INPROGRESS")
	get("ReportInProgress")
	generate("COMPLETE")
	a.AddUser(awsfake.User{Name: "bob"})
	now = now.Add(4*time.Hour - time.Second)
	generate("COMPLETE")
	if rows := get(""); rows != 2 {
		t.Errorf("%d rows, want the root user and ada", rows)
	}
	now = now.Add(time.Second)
	get("ReportExpired")
	s.SetReportPolls(0)
	generate("STARTED")
	if rows := get(""); rows != 3 {
		t.Errorf("%d rows, want bob as well", rows)
	}
}

func TestCredentialReportRows(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.Home()
	a.SetRoot(awsfake.Root{Created: longAgo, MFA: true, PasswordLastUsed: lately, Keys: []awsfake.Key{{Active: true, Created: longAgo, LastUsed: lately, Service: "iam", Region: "us-east-1"}}})
	rotated := lately.Add(time.Hour)
	a.AddUser(awsfake.User{
		Name: "ada", Created: longAgo, Password: true, MFA: true,
		Keys: []awsfake.Key{{Active: true, Created: longAgo, LastRotated: rotated}},
	})
	a.AddUser(awsfake.User{Name: "bob", Created: longAgo, PasswordLastUsed: lately})
	client := iamOf(s, a)
	check[*iam.GenerateCredentialReportOutput](t)(client.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}))
	out := check[*iam.GetCredentialReportOutput](t)(client.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{}))
	got := strings.Split(strings.TrimSpace(string(out.Content)), "\n")[1:]
	want := []string{
		"<root_account>,arn:aws:iam::123456789012:root,2025-01-02T03:04:05+00:00,not_supported,2025-06-07T08:09:10+00:00,not_supported,not_supported,true," +
			"true,2025-01-02T03:04:05+00:00,2025-06-07T08:09:10+00:00,us-east-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
		"ada,arn:aws:iam::123456789012:user/ada,2025-01-02T03:04:05+00:00,true,no_information,2025-01-02T03:04:05+00:00,N/A,true," +
			"true,2025-06-07T09:09:10+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
		"bob,arn:aws:iam::123456789012:user/bob,2025-01-02T03:04:05+00:00,true,2025-06-07T08:09:10+00:00,2025-01-02T03:04:05+00:00,N/A,false," +
			"false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStatusChangeRotates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := start(t, awsfake.WithClock(func() time.Time { return now }))
	id := s.Home().AddUser(awsfake.User{Name: "ada", Keys: []awsfake.Key{{Active: true, Created: longAgo}}}).Keys[0].ID
	check[*iam.UpdateAccessKeyOutput](t)(iamOf(s, s.Home()).UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
		UserName: aws.String("ada"), AccessKeyId: &id, Status: "Inactive",
	}))
	if k, _ := s.Home().Key(id); !k.LastRotated.Equal(now) || !k.Created.Equal(longAgo) {
		t.Errorf("created %s, last rotated %s", k.Created, k.LastRotated)
	}
}

func TestLatencyEndsWithTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithLatency(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := iamOf(s, s.Home()).ListUsers(ctx, &iam.ListUsersInput{})
		done <- err
	}()
	eventually(t, func() bool { return s.Count("ListUsers") == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	eventually(t, func() bool { // the server has let go as well
		s.ResetCalls()
		return s.MaxInFlight() == 0
	})
	s.SetLatency(0)
	check[*iam.ListUsersOutput](t)(iamOf(s, s.Home()).ListUsers(t.Context(), &iam.ListUsersInput{}))
	if got := s.MaxInFlight(); got != 1 {
		t.Errorf("%d calls in flight at once, want 1", got)
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 30_000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatal("it did not happen")
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, awsfake.WithLag(time.Millisecond))
	a := s.Home()
	client := iamOf(s, a)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			name := fmt.Sprint("user-", worker)
			for range 10 {
				id := a.AddUser(awsfake.User{Name: name, Keys: []awsfake.Key{{Active: true}}}).Keys[0].ID
				_, err := client.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: &name, AccessKeyId: &id, Status: "Inactive"})
				wantCode(t, "UpdateAccessKey", err, "")
				_, err = client.ListUsers(t.Context(), &iam.ListUsersInput{})
				wantCode(t, "ListUsers", err, "")
				a.RemoveUser(name)
			}
		})
	}
	group.Wait()
	if n := len(a.Users()); n != 0 {
		t.Errorf("%d users left", n)
	}
	calls := s.Calls()
	if len(calls) != 160 || s.Count("") != 160 {
		t.Errorf("%d calls recorded and %d counted, want 160", len(calls), s.Count(""))
	}
	for i, call := range calls {
		if call.Seq != i+1 || call.Status != 200 {
			t.Fatalf("call %d is number %d, answered %d", i+1, call.Seq, call.Status)
		}
	}
}

func TestCloseCutsOffCalls(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Inject(awsfake.Fault{Hang: true, Do: func() { go s.Close() }})
	if _, err := iamOf(s, s.Home()).ListUsers(t.Context(), &iam.ListUsersInput{}); err == nil {
		t.Error("a call that hangs was answered")
	}
	s.Close() // again, to no harm
}

func TestUnknownAction(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, err := iamOf(s, s.Home()).ListRoles(t.Context(), &iam.ListRolesInput{})
	wantCode(t, "ListRoles", err, "InvalidAction")
}

// TestRewrittenAnswers: what is asked for is done, and only the answer is
// another.
func TestRewrittenAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := iamOf(s, s.Home())
	s.Home().AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIA1", Active: true, LastUsed: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}})
	s.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Rewrite: awsfake.Without("LastUsedDate")})
	s.Inject(awsfake.Fault{Action: "GetAccessKeyLastUsed", Nth: 2, Rewrite: awsfake.Holding("UserName", "b&b")})
	for _, want := range []string{"ann", "b&b"} {
		out, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIA1")})
		if err != nil {
			t.Fatal(err)
		}
		if *out.UserName != want || out.AccessKeyLastUsed.LastUsedDate != nil || *out.AccessKeyLastUsed.ServiceName != "s3" {
			t.Errorf("answered %+v of user %s, want %s", out.AccessKeyLastUsed, *out.UserName, want)
		}
	}
}

// TestARenamedUser keeps its keys, and the old name is free.
func TestARenamedUser(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := iamOf(s, s.Home())
	s.Home().AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"Slack": "U1"}, Keys: []awsfake.Key{{ID: "AKIA1", Active: true}}})
	s.Home().AddUser(awsfake.User{Name: "bob"})
	s.Home().RenameUser("ann", "zoe")
	s.Home().RenameUser("nobody", "somebody")
	if _, found := s.Home().User("ann"); found || len(s.Home().Users()) != 2 {
		t.Errorf("the users are %+v", s.Home().Users())
	}
	out, err := client.GetAccessKeyLastUsed(t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIA1")})
	if err != nil || *out.UserName != "zoe" {
		t.Errorf("the key is that of %v, error %v", out, err)
	}
	if zoe, _ := s.Home().User("zoe"); zoe.Tags["Slack"] != "U1" || len(zoe.Keys) != 1 {
		t.Errorf("the user is %+v", zoe)
	}
	if users, err := client.ListUsers(t.Context(), &iam.ListUsersInput{}); err != nil || len(users.Users) != 2 || *users.Users[1].UserName != "zoe" {
		t.Errorf("listed are %+v, error %v", users, err)
	}
}
