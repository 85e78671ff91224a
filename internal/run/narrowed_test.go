package run_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// Whether the credential report narrows the reading or not, a run says and
// does the same; only the calls are fewer.
func TestNarrowedRunSaysTheSame(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	of := func(byReport bool) (run.Summary, int) {
		aws, err := awsfake.Start(awsfake.WithClock(func() time.Time { return noon }))
		if err != nil {
			t.Fatal(err)
		}
		defer aws.Close()
		for i, ages := range [][]int{{95, 10}, {85}, {5, 20}, {}, {300}, {40}} {
			user := awsfake.User{Name: fmt.Sprintf("user-%d", i), Created: noon.AddDate(-1, 0, 0)}
			for _, age := range ages {
				user.Keys = append(user.Keys, awsfake.Key{
					ID: fmt.Sprintf("AKIA%012d%04d", i, age), Active: age != 300,
					Created: noon.AddDate(0, 0, -age), LastUsed: noon.Add(-time.Hour),
				})
			}
			aws.Home().AddUser(user)
		}
		id, secret := aws.Home().Credentials()
		client := iam.NewFromConfig(awsclient.ConnectTo(aws.URL(), id, secret, 4))
		runner := run.Runner{
			ID: "one", Account: account.Account{ID: aws.Home().ID()}, IAM: client, Store: ledger.NewMemory(),
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon },
			Channels: []notify.Channel{&channel{name: "slack"}},
			Config: config.Config{
				Rules:  audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80},
				Policy: audit.Policy{AutoExpire: true}, Concurrency: 4, Lease: time.Minute,
			},
		}
		if byReport {
			runner.Report = &inventory.CredentialReport{IAM: client, Sleep: func(context.Context, time.Duration) error { return nil }, Log: runner.Log}
		}
		summary, err := runner.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return summary, aws.Count("ListAccessKeys")
	}
	live, liveCalls := of(false)
	narrowed, narrowedCalls := of(true)
	// Only where a row's last use is from may differ.
	if diff := cmp.Diff(live, narrowed, cmpopts.IgnoreFields(report.Row{}, "LastUsedAsOf")); diff != "" {
		t.Errorf("summaries (-live +by the report):\n%s", diff)
	}
	if live.Users != 6 || live.Keys != 7 || live.States[audit.Disabled] != 1 || live.Disabled != 1 || live.Warned != 1 {
		t.Errorf("%d users, %d keys (%v), disabled %d, warned %d: not the account that was made", live.Users, live.Keys, live.States, live.Disabled, live.Warned)
	}
	// Six users and one read again before disabling; two users and that one.
	if liveCalls != 7 || narrowedCalls != 3 {
		t.Errorf("keys were listed %d and %d times, want 7 and 3", liveCalls, narrowedCalls)
	}
}

// TestLastUsesOfTheReportInMessages: a warning says as of when its last use is.
// A key is disabled, and its owner notified, by its last use at that moment.
func TestLastUsesOfTheReportInMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("warned", nil, w.key("AKIAWARNED", 60, 3))
	w.user("disabled", nil, w.key("AKIADISABLED", 95, 3))
	before := w.clock().Add(-3 * day)
	byReport := func(r *run.Runner) {
		r.Config.Rules = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 90, InactivityWarningAge: 50}
		r.Report = &inventory.CredentialReport{IAM: w.iam(), Sleep: func(context.Context, time.Duration) error { return nil }, Log: quiet()}
	}
	if _, err := w.iam().GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}); err != nil {
		t.Fatal(err)
	}
	made := w.clock()
	w.sleep(time.Hour)
	for _, id := range []string{"AKIAWARNED", "AKIADISABLED"} {
		w.home.UseKey(id, w.clock(), "s3", "us-east-1")
	}
	w.mustRun(byReport)
	shown := map[string][2]time.Time{}
	for _, n := range w.slack.sent {
		shown[n.User] = [2]time.Time{n.LastUsed, n.LastUsedAsOf}
	}
	want := map[string][2]time.Time{"warned": {before, made}, "disabled": {w.clock(), {}}}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("last uses and as of when (-want +got):\n%s", diff)
	}
	if got := w.aws.Count("GetAccessKeyLastUsed"); got != 1 {
		t.Errorf("%d last uses were read live, want that of the disabled key", got)
	}
}
