package run_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// populate makes a user for every state, a group and a tag that is unreadable.
func populate(w *world) {
	inactive := w.key("AKIAINACTIVE", 400, -1)
	inactive.Active = false
	w.user("active", []string{"Name", "A", "Slack", "U1"}, w.key("AKIAGOOD", 10, 1))
	w.user("bot", []string{"Name", "B", "Slack", "subteam-S1"}, w.key("AKIAEXPIRE", 95, 1))
	w.user("doubtful", []string{"Name", "D", "Slack", "U2", "KeyAutoExpire", "no"}, w.key("AKIADOUBT", 95, 1))
	w.user("exempt", []string{"KeyAutoExpire", " FALSE"}, w.key("AKIAEXEMPT", 400, -1))
	w.user("gone", nil, inactive)
	w.user("idle", []string{"Name", "I", "Slack", "U3"}, w.key("AKIAIDLE", 40, 35))
	w.user("nobody", nil)
	w.user("sleepy", []string{"Name", "S", "Slack", "U4"}, w.key("AKIASTAGNANT", 40, 25))
	w.user("two", nil, w.key("AKIATWO1", 60, 1), w.key("AKIATWO2", 70, 25))
}

func TestACompleteRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	s := w.mustRun(func(r *run.Runner) {
		r.Log = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})

	for id, want := range map[string]bool{
		"AKIAGOOD": true, "AKIAEXPIRE": false, "AKIADOUBT": true, "AKIAEXEMPT": true, "AKIAINACTIVE": false,
		"AKIAIDLE": false, "AKIASTAGNANT": true, "AKIATWO1": true, "AKIATWO2": true,
	} {
		if got := w.active(id); got != want {
			t.Errorf("key %s is Active: %t, want %t", id, got, want)
		}
	}
	if n := w.aws.Count("UpdateAccessKey"); n != 2 {
		t.Errorf("%d keys were written to, want 2", n)
	}
	sent := []string{
		"bot's key is disabled due to creation age.",
		"doubtful's key is past its limit due to creation age. It was not disabled: its KeyAutoExpire tag is unreadable.",
		"idle's key is disabled due to inactivity.",
		"sleepy's key expires in 5 days due to inactivity.",
		"two's key expires in 20 days due to creation age. It is key AKIATWO2. It expires sooner, in 5 days, due to inactivity.",
		"two's key expires in 30 days due to creation age. It is key AKIATWO1. It expires sooner, in 29 days, due to inactivity.",
	}
	wantLines(t, w.slack, sent...)
	wantLines(t, w.sns, sent...)
	if got := w.slack.bulletins[0].Account.String(); got != "AWS account 123456789012 (acme)" {
		t.Errorf("the message is about %q", got)
	}

	wantStates := map[audit.State]int{
		audit.Good: 2, audit.Idle: 1, audit.Aging: 2, audit.IdleExpired: 1, audit.Expired: 2, audit.Disabled: 1,
	}
	if s.Users != 9 || s.Keys != 9 || !maps.Equal(s.States, wantStates) || s.Exempt != 1 {
		t.Errorf("%d users, %d keys, %v, %d exempt; want 9, 9, %v, 1", s.Users, s.Keys, s.States, s.Exempt, wantStates)
	}
	if s.Warned != 4 || s.Disabled != 2 || s.Held != 1 || s.Failed != 0 || s.NoticesSent != 12 || s.MessagesSent != 2 {
		t.Errorf("warned %d, disabled %d, held %d, failed %d, notices %d in %d messages; want 4, 2, 1, 0, 12 in 2",
			s.Warned, s.Disabled, s.Held, s.Failed, s.NoticesSent, s.MessagesSent)
	}
	if want := []account.KeyRef{{User: "bot", KeyID: "AKIAEXPIRE"}, {User: "idle", KeyID: "AKIAIDLE"}}; !slices.Equal(s.DisabledKeys, want) {
		t.Errorf("disabled %v, want %v", s.DisabledKeys, want)
	}
	if !slices.Equal(s.UnreadableTags, []string{"doubtful"}) {
		t.Errorf("unreadable tags of %v", s.UnreadableTags)
	}
	r, _ := w.record("AKIAEXPIRE")
	if r.Disabled() == nil || r.Disabled().Run != s.Run || r.Disabled().Reason != audit.CreationAge || r.Intent() != nil ||
		len(r.Final().Acknowledged) != 2 || r.Final().Pending() || r.Pending() {
		t.Errorf("remembered of the disabled key: %+v", r)
	}
	for _, missing := range []string{"user=two", "user=doubtful"} {
		if !strings.Contains(w.log.String(), missing) {
			t.Errorf("the log does not say that a tag of %s is missing or unreadable", missing)
		}
	}
	if n := strings.Count(w.log.String(), "the Name tag is missing"); n != strings.Count(w.log.String(), " tag=Name")-1 || strings.Count(w.log.String(), "user=two tag=Name") != 1 {
		t.Errorf("user two, who has two keys, is not named once as lacking a Name tag in\n%s", w.log.String())
	}

	if n := strings.Count(w.log.String(), "level=INFO msg=\"some users have no valid tag"); n != 1 || !strings.Contains(w.log.String(), "users=1 tag=Name") {
		t.Errorf("missing tags are counted in %d lines:\n%s", n, w.log.String())
	}
	if strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("nothing failed, and there is an error in the log:\n%s", w.log.String())
	}

	// The final notice is the last that they hear; the warned hear every time.
	w.sleep(day)
	s = w.mustRun()
	wantLines(t, w.slack,
		"doubtful's key is past its limit due to creation age. It was not disabled: its KeyAutoExpire tag is unreadable.",
		"sleepy's key expires in 4 days due to inactivity.",
		"two's key expires in 19 days due to creation age. It is key AKIATWO2. It expires sooner, in 4 days, due to inactivity.",
		"two's key expires in 29 days due to creation age. It is key AKIATWO1. It expires sooner, in 28 days, due to inactivity.",
	)
	if s.Disabled != 0 || s.States[audit.Disabled] != 3 {
		t.Errorf("the second run disabled %d; %d keys are Inactive, want 3", s.Disabled, s.States[audit.Disabled])
	}
}

func TestNothingToSayIsNotSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("active", nil, w.key("AKIAGOOD", 10, 1))
	if s := w.mustRun(); s.MessagesSent != 0 || len(w.slack.bulletins) != 0 || len(w.sns.bulletins) != 0 {
		t.Errorf("%d messages sent, %d and %d composed", s.MessagesSent, len(w.slack.bulletins), len(w.sns.bulletins))
	}
}

// TestNothingIsDisabledUnlessAllowed, and no message may say that it is.
func TestNothingIsDisabledUnlessAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.user("idle", nil, w.key("AKIAIDLE", 40, 35))
	s := w.mustRun(func(r *run.Runner) { r.Config.Policy.AutoExpire = false })
	wantLines(t, w.slack, "bot's key is past its limit due to creation age.", "idle's key is past its limit due to inactivity.")
	if w.aws.Count("UpdateAccessKey") != 0 || s.Disabled != 0 || s.Held != 0 || s.Warned != 2 {
		t.Errorf("%d writes, summary %+v", w.aws.Count("UpdateAccessKey"), s)
	}
}

func TestOwnKeyIsNeverDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("sleuth", nil, w.key("AKIAOWN", 95, 1))
	s := w.mustRun(func(r *run.Runner) { r.Config.Policy.OwnKeys = []string{"AKIAOWN"} })
	wantLines(t, w.sns, "sleuth's key is past its limit due to creation age. It was not disabled: Sleuth itself runs with it.")
	if !w.active("AKIAOWN") || s.Held != 1 {
		t.Errorf("active %t, held %d", w.active("AKIAOWN"), s.Held)
	}
}

// TestWithoutChannels: audits and disables all the same, and has nothing pending for
// a channel that is set up later.
func TestWithoutChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	s := w.mustRun(func(r *run.Runner) { r.Channels = nil })
	if w.active("AKIAEXPIRE") || s.Disabled != 1 || s.NoticesSent != 0 {
		t.Errorf("active %t, summary %+v", w.active("AKIAEXPIRE"), s)
	}
	if !strings.Contains(w.log.String(), "nobody is notified") {
		t.Error("the log does not say that nobody is notified")
	}
	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack)
}

// TestOneBadUserNeverStopsTheOthers: each failure is named in the summary,
// the error and the log, and the rest is done.
func TestOneBadUserNeverStopsTheOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault awsfake.Fault
		named string
	}{
		{"listing keys is denied", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Code: "AccessDenied"}, "list the access keys of user bad"},
		{"reading tags is denied", awsfake.Fault{Action: "ListUserTags", User: "bad", Code: "AccessDenied"}, "read the tags of user bad"},
		{"reading last use fails", awsfake.Fault{Action: "GetAccessKeyLastUsed", KeyID: "AKIABAD", Status: 500}, "read the last use of key AKIABAD"},
		{"a key comes without a date", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Body: noDate}, "key AKIABAD came without its creation date"},
		{"an answer that is none", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Body: "<html>"}, "list the access keys of user bad"},
		{"disabling is denied", awsfake.Fault{Action: "UpdateAccessKey", User: "bad", Code: "AccessDenied"}, "disable key AKIABAD of user bad"},
		{"the second look fails", awsfake.Fault{Action: "ListAccessKeys", User: "bad", Nth: 2, Code: "AccessDenied"}, "once more before disabling it, so it is left active"},
		{"the connection breaks", awsfake.Fault{Action: "UpdateAccessKey", User: "bad", Drop: true}, "disable key AKIABAD of user bad"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("bad", nil, w.key("AKIABAD", 60, 40))
			w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
			w.user("old", nil, w.key("AKIAOLD", 60, 1))
			w.aws.Inject(c.fault)
			s, err := w.run()
			if err == nil || !strings.Contains(err.Error(), c.named) {
				t.Errorf("the error is %v, want it to name %q", err, c.named)
			}
			if s.Failed != 1 || !strings.Contains(s.Problems[0].Text, c.named) || !strings.Contains(s.String(), c.named) {
				t.Errorf("the summary has %d problems: %+v", s.Failed, s.Problems)
			}
			if !strings.Contains(w.log.String(), c.named) {
				t.Errorf("the log does not name it:\n%s", w.log)
			}
			if !w.active("AKIABAD") || w.active("AKIAEXPIRE") {
				t.Errorf("bad's key is Active: %t, bot's: %t; want true, false", w.active("AKIABAD"), w.active("AKIAEXPIRE"))
			}
			wantLines(t, w.slack, "bot's key is disabled due to creation age.",
				"old's key expires in 30 days due to creation age. It expires sooner, in 29 days, due to inactivity.")

			// Once the trouble is over, the next run makes up for it.
			w.aws.ClearFaults()
			w.sleep(day)
			w.mustRun()
			if w.active("AKIABAD") {
				t.Error("the next run did not disable the key")
			}
			if !slices.Contains(w.slack.lines(), "bad's key is disabled due to inactivity.") {
				t.Errorf("its owner was not notified: %q", w.slack.lines())
			}
		})
	}
}

const noDate = `<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccessKeysResult><AccessKeyMetadata>` +
	`<member><UserName>bad</UserName><AccessKeyId>AKIABAD</AccessKeyId><Status>Active</Status></member>` +
	`</AccessKeyMetadata><IsTruncated>false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>`

func TestAUserDeletedMidwayIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.user("leaver", nil, w.key("AKIALEAVER", 95, 1))
	w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "leaver", Nth: 1, Do: func() { w.home.RemoveUser("leaver") }})
	s, err := w.run()
	if err == nil || s.Failed != 1 || s.Problems[0].User != "leaver" {
		t.Errorf("error %v, problems %+v", err, s.Problems)
	}
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
}

func TestAListThatBreaksOffIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.aws.SetPageLimit(1)
	w.user("a", nil, w.key("AKIAEXPIRE", 95, 1))
	w.user("b", nil, w.key("AKIAUNSEEN", 95, 1))
	w.aws.Inject(awsfake.Fault{Action: "ListUsers", Nth: 2, Code: "AccessDenied"})
	s, err := w.run()
	if err == nil || s.Users != 1 || !strings.Contains(err.Error(), "users after the first 1 were not seen") {
		t.Errorf("%d users seen, error %v", s.Users, err)
	}
	if w.active("AKIAEXPIRE") || !w.active("AKIAUNSEEN") {
		t.Error("what was seen was not dealt with, or what was not seen was")
	}
}

// TestWhateverHasChangedWins: what is read just before disabling decides.
func TestWhateverHasChangedWins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		at     string // the last call at which the change is still seen
		change func(w *world)
		active bool
		sent   []string
	}{
		{"exempted", "ListUserTags", func(w *world) { w.home.SetTag("idle", "KeyAutoExpire", "False") }, true, nil},
		{"the tag made unreadable", "ListUserTags", func(w *world) { w.home.SetTag("idle", "KeyAutoExpire", "nope") }, true, nil},
		{"used", "GetAccessKeyLastUsed", func(w *world) { w.home.UseKey("AKIAIDLE", w.clock(), "s3", "us-east-1") }, true, nil},
		{"disabled by a person", "ListAccessKeys", func(w *world) { w.home.SetKeyStatus("AKIAIDLE", false) }, false, nil},
		{"given another Slack tag", "ListUserTags", func(w *world) { w.home.SetTag("idle", "Slack", "UNEW") }, false, []string{"idle's key is disabled due to inactivity."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("idle", []string{"Name", "I", "Slack", "UOLD"}, w.key("AKIAIDLE", 40, 35))
			w.aws.Inject(awsfake.Fault{Action: c.at, Nth: 2, Do: func() { c.change(w) }})
			s := w.mustRun()
			if got := w.active("AKIAIDLE"); got != c.active {
				t.Errorf("Active: %t, want %t", got, c.active)
			}
			wantLines(t, w.slack, c.sent...)
			if len(c.sent) > 0 {
				if got := w.slack.sent[0].SlackTag; got != "UNEW" {
					t.Errorf("the notice mentions %s, want UNEW", got)
				}
				return
			}
			if w.aws.Count("UpdateAccessKey") != 0 || s.Changed != 1 || s.Disabled != 0 {
				t.Errorf("%d writes, changed %d, disabled %d; want 0, 1, 0", w.aws.Count("UpdateAccessKey"), s.Changed, s.Disabled)
			}
			if r, found := w.record("AKIAIDLE"); found && r.Pending() {
				t.Errorf("something is still pending: %+v", r)
			}
		})
	}
}

// TestAuditOnlyReads: with the same eyes as a run, and no hands.
func TestAuditOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	seen := 0
	auditor := run.Auditor{
		Reader:   inventory.Reader{IAM: w.iam(), Concurrency: 4, Rules: seed, Now: w.clock()},
		Account:  account.Account{ID: awsfake.DefaultHome},
		Progress: func(users int) { seen = users },
	}
	found, err := auditor.Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range w.aws.Calls() {
		if !strings.HasPrefix(call.Action, "List") && !strings.HasPrefix(call.Action, "Get") {
			t.Errorf("called %s", call.Action)
		}
	}
	if found.Users != 9 || found.Keys != 9 || len(found.Rows) != 9 || seen != 9 {
		t.Errorf("%d users, %d keys, %d rows, progress to %d; want 9 of each", found.Users, found.Keys, len(found.Rows), seen)
	}
	if !slices.IsSortedFunc(found.Rows, func(a, b report.Row) int { return strings.Compare(a.User+a.KeyID, b.User+b.KeyID) }) {
		t.Error("the rows are not in order")
	}
	if !found.HasState([]audit.State{audit.Expired}) || found.HasState(nil) {
		t.Error("HasState does not say what was found")
	}

	w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "bot", Code: "AccessDenied"})
	found, err = auditor.Audit(t.Context())
	if err == nil || len(found.Problems) != 1 || found.Problems[0].User != "bot" || len(found.Rows) != 8 {
		t.Errorf("error %v, problems %+v, %d rows", err, found.Problems, len(found.Rows))
	}
}

func TestARunThatIsCancelledDoesNothingMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	ctx, cancel := context.WithCancel(t.Context())
	w.aws.Inject(awsfake.Fault{Action: "ListUsers", Do: cancel})
	s, err := w.runner().Run(ctx)
	if err == nil || s.Failed == 0 || !w.active("AKIAEXPIRE") {
		t.Errorf("error %v, %d problems, key active %t", err, s.Failed, w.active("AKIAEXPIRE"))
	}
	// The lease was given back all the same.
	w.aws.ClearFaults()
	w.mustRun()
	if w.active("AKIAEXPIRE") {
		t.Error("the next run did not disable the key")
	}
}
