package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

var seedRules = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 30, InactivityWarningAge: 20}

// account is an AWS with a reader in report mode, whose clocks stand still but
// for what is slept.
type account struct {
	*awsfake.Server
	reader inventory.Reader
	slept  []time.Duration
	log    bytes.Buffer
}

func newAccount(t *testing.T, options ...awsfake.Option) *account {
	t.Helper()
	a := &account{}
	server, err := awsfake.Start(append(options, awsfake.WithClock(func() time.Time { return now }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a.Server = server
	id, secret := server.Home().Credentials()
	client := iam.NewFromConfig(awsclient.ConnectTo(server.URL(), id, secret, 4))
	a.reader = inventory.Reader{
		IAM: client, Concurrency: 4, Rules: seedRules, Now: now,
		Report: &inventory.CredentialReport{
			IAM:   client,
			Sleep: func(_ context.Context, d time.Duration) error { a.slept = append(a.slept, d); return nil },
			Log:   slog.New(slog.NewTextHandler(&a.log, nil)),
		},
	}
	return a
}

// add gives the account a user, 400 days old, with keys of so many days, each
// used yesterday.
func (a *account) add(name string, ages ...int) []awsfake.Key {
	user := awsfake.User{Name: name, Created: daysAgo(400)}
	for _, age := range ages {
		user.Keys = append(user.Keys, awsfake.Key{Active: true, Created: daysAgo(age), LastUsed: daysAgo(min(1, age))})
	}
	return a.Home().AddUser(user).Keys
}

// read returns what was handed over, by user.
func (a *account) read(t *testing.T) map[string]inventory.UserKeys {
	t.Helper()
	subjects := map[string]inventory.UserKeys{}
	err := a.reader.Read(t.Context(), func(s inventory.UserKeys) {
		if _, twice := subjects[s.User.Name]; twice {
			t.Errorf("user %s was handed over twice", s.User.Name)
		}
		subjects[s.User.Name] = s
	})
	if err != nil {
		t.Fatal(err)
	}
	return subjects
}

// readLive lists the users whose keys were listed, in order.
func (a *account) readLive() []string {
	var users []string
	for _, call := range a.Calls() {
		if call.Action == "ListAccessKeys" {
			users = append(users, call.User)
		}
	}
	slices.Sort(users)
	return users
}

func TestReportNarrowsTheReading(t *testing.T) {
	t.Parallel()
	a := newAccount(t, awsfake.WithReportPolls(2))
	a.add("due", 95)
	a.add("keyless")
	a.add("young", 3, 10)
	a.add("warned", 1, 60)
	keys := a.add("two-fates", 5, 300)
	a.Home().SetKeyStatus(keys[1].ID, false)

	subjects := a.read(t)
	if got, want := a.readLive(), []string{"due", "warned"}; !slices.Equal(got, want) {
		t.Errorf("read live: %v, want %v", got, want)
	}
	for user, want := range map[string]inventory.Skipped{"keyless": {}, "young": {Active: 2}, "two-fates": {Active: 1, Inactive: 1}} {
		s := subjects[user]
		if s.Skipped == nil || *s.Skipped != want || s.Err != nil || len(s.Keys) != 0 {
			t.Errorf("user %s: %+v, want it ignored with %+v", user, s, want)
		}
	}
	if s := subjects["warned"]; s.Skipped != nil || len(s.Keys) != 2 || !s.User.Created.Equal(daysAgo(400)) || s.User.ARN == "" {
		t.Errorf("user warned: %+v, want both keys, creation and ARN", s)
	}
	if len(subjects) != 5 {
		t.Errorf("%d users, want 5", len(subjects))
	}
	if want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}; !slices.Equal(a.slept, want) {
		t.Errorf("waited %v, want %v", a.slept, want)
	}
}

// If the report cannot be relied on, everybody is read live and the log
// says why.
func TestReportFallsBackToLive(t *testing.T) {
	t.Parallel()
	respond := func(action, code string) func(*account) {
		return func(a *account) { a.Inject(awsfake.Fault{Action: action, Code: code, Status: 403}) }
	}
	report := func(text string, made time.Time) func(*account) {
		return func(a *account) { a.reader.Report.IAM = givenReport{text, made} }
	}
	for _, c := range []struct {
		name  string
		given func(*account)
		why   string
	}{
		{"a warning age of 0", func(a *account) { a.reader.Rules.WarningAge = 0 }, "warning age of 0"},
		{"an inactivity warning age of 0", func(a *account) { a.reader.Rules.InactivityWarningAge = 0 }, "warning age of 0"},
		{"every key to be shown", func(a *account) { a.reader.Everything = true }, "every key is to be shown"},
		{"generating is denied", respond("GenerateCredentialReport", "AccessDenied"), "AccessDenied"},
		{"fetching is denied", respond("GetCredentialReport", "AccessDenied"), "AccessDenied"},
		{"never ready", func(a *account) { a.SetReportPolls(1000) }, "was not there after 2m"},
		{"a torn report", report(header+tobias[:50], now), "wrong number of fields"},
		{"a user twice", report(header+tobias+tobias, now), "tfunke twice"},
		{"a report from yesterday, and a warning age of a day", func(a *account) {
			a.reader.Rules.InactivityWarningAge = 1
			a.reader.Report.IAM = givenReport{header + tobias, now.Add(-23 * time.Hour)}
		}, "too old to know every key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			a.add("due", 95)
			a.add("young", 3)
			c.given(a)
			subjects := a.read(t)
			if got, want := a.readLive(), []string{"due", "young"}; !slices.Equal(got, want) || len(subjects) != 2 {
				t.Errorf("read live: %v, want %v", got, want)
			}
			if log := a.log.String(); !strings.Contains(log, "read live") || !strings.Contains(log, c.why) {
				t.Errorf("the log does not say %q:\n%s", c.why, log)
			}
		})
	}
}

// givenReport is an IAM with a report of that text.
type givenReport struct {
	text string
	made time.Time
}

func (g givenReport) GenerateCredentialReport(context.Context, *iam.GenerateCredentialReportInput, ...func(*iam.Options)) (*iam.GenerateCredentialReportOutput, error) {
	return &iam.GenerateCredentialReportOutput{State: "COMPLETE"}, nil
}

func (g givenReport) GetCredentialReport(context.Context, *iam.GetCredentialReportInput, ...func(*iam.Options)) (*iam.GetCredentialReportOutput, error) {
	return &iam.GetCredentialReportOutput{Content: []byte(g.text), GeneratedTime: &g.made}, nil
}

// A report of four hours ago serves a warning age of one day: what it leaves
// out is younger than a day.
func TestReportServesAWarningAgeOfOneDay(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.reader.Rules.InactivityWarningAge = 1
	a.reader.Report.IAM = givenReport{header + tobias, now.Add(-4 * time.Hour)}
	a.add("tfunke", 95)
	a.add("newcomer", 0)
	a.read(t)
	if got, want := a.readLive(), []string{"tfunke"}; !slices.Equal(got, want) {
		t.Errorf("read live: %v, want %v", got, want)
	}
}

func TestReportDoubtIsReadLive(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.reader.Report.IAM = givenReport{header + strings.Replace(tobias, ",true,", ",maybe,", 1), now}
	a.add("tfunke", 3)
	if s := a.read(t)["tfunke"]; s.Skipped != nil || len(s.Keys) != 1 {
		t.Errorf("%+v, want the user read live", s)
	}
	if log := a.log.String(); !strings.Contains(log, "neither true nor false") || !strings.Contains(log, "user=tfunke") {
		t.Errorf("the log does not say which user is in doubt, and why:\n%s", log)
	}
}

// A user deleted since the report was made is no user any more; one that
// cannot be read is a problem as ever.
func TestReportedUsersWhoAreGone(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.add("deleted", 95)
	a.add("denied", 95)
	a.read(t)
	a.Home().RemoveUser("deleted")
	a.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "denied", Code: "AccessDenied", Status: 403})
	subjects := a.read(t)
	if _, there := subjects["deleted"]; there {
		t.Error("a deleted user was handed over")
	}
	if subjects["denied"].Err == nil {
		t.Error("a user who could not be read was handed over without the error")
	}
}

func TestReportStopsWithTheContext(t *testing.T) {
	t.Parallel()
	a := newAccount(t, awsfake.WithReportPolls(1000))
	a.add("due", 95)
	ctx, stop := context.WithCancelCause(t.Context())
	over := errors.New("the day is over")
	a.reader.Report.Sleep = func(ctx context.Context, _ time.Duration) error { stop(over); return context.Cause(ctx) }
	err := a.reader.Read(ctx, func(s inventory.UserKeys) { t.Errorf("user %s was handed over", s.User.Name) })
	if err == nil {
		t.Error("no error")
	}
}

// Calls are counted one by one, as each is what an account is bound by.
func TestExactCalls(t *testing.T) {
	t.Parallel()
	const users = 60
	// Of 60 users with two keys: two users with one to warn of and one past
	// its limit each, one with both keys past it, the others in use and of a
	// month at most; ten have none.
	fill := func(a *account) {
		a.add("action-1", 40, 60)
		a.add("action-2", 10, 200)
		a.add("action-3", 90, 91)
		for i := range 10 {
			a.add(fmt.Sprintf("keyless-%02d", i))
		}
		for i := range users - 13 {
			a.add(fmt.Sprintf("quiet-%02d", i), 19, 0)
		}
	}
	for _, c := range []struct {
		name       string
		rules      audit.Rules
		byReport   bool
		everything bool
		want       map[string]int
	}{
		// Last use: of the four keys that a message is about, and of the two other keys of
		// their users.
		{"live", creationOnly, false, false, map[string]int{"ListUsers": 1, "ListAccessKeys": 60, "ListUserTags": 3, "GetAccessKeyLastUsed": 6}},
		// The one that the verdict on the key of 40 days depends on is one of them.
		{"live, inactivity as well", seedRules, false, false, map[string]int{"ListUsers": 1, "ListAccessKeys": 60, "ListUserTags": 3, "GetAccessKeyLastUsed": 6}},
		// The report has the last uses that the messages show.
		{"by report", creationOnly, true, false, map[string]int{"GenerateCredentialReport": 2, "GetCredentialReport": 1, "ListAccessKeys": 3, "ListUserTags": 3}},
		// Of the key of 40 days the report shows that it is in use. That of 60 days
		// may become idle before it is 90 days old.
		{"by report, inactivity as well", seedRules, true, false, map[string]int{
			"GenerateCredentialReport": 2, "GetCredentialReport": 1, "ListAccessKeys": 3, "ListUserTags": 3, "GetAccessKeyLastUsed": 1,
		}},
		{"everything", creationOnly, false, true, map[string]int{"ListUsers": 1, "ListAccessKeys": 60, "ListUserTags": 60, "GetAccessKeyLastUsed": 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			fill(a)
			a.reader.Rules, a.reader.Everything = c.rules, c.everything
			if !c.byReport {
				a.reader.Report = nil
			}
			if got := len(a.read(t)); got != users {
				t.Errorf("%d users, want %d", got, users)
			}
			total := 0
			for action, want := range c.want {
				total += want
				if got := a.Count(action); got != want {
					t.Errorf("%s: %d calls, want %d", action, got, want)
				}
			}
			if got := a.Count(""); got != total {
				t.Errorf("%d calls in all, want %d", got, total)
			}
		})
	}
}
