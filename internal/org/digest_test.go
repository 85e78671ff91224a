package org_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// populate gives the accounts a key to disable, keys to warn of and one to
// leave alone; ann has a key in two accounts.
func populate(w *world) {
	w.user(0, "ann", "U1", "AKIAONE", 85)
	w.user(0, "bot", "subteam-S1", "AKIABOT", 95)
	w.user(1, "ann.b", "U1", "AKIATWO", 84)
	w.user(2, "quiet", "U3", "AKIAQUIET", 3)
}

var allOfIt = []string{
	"1: ann's key expires in 5 days due to creation age.",
	"1: bot's key is disabled due to creation age.",
	"2: ann.b's key expires in 6 days due to creation age.",
}

func TestDigestHasAllAccountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	if runs[0].Warned != 1 || runs[0].Disabled != 1 || runs[0].NoticesPending != 1 || runs[1].Warned != 1 {
		t.Fatalf("the runs warned %d and %d and disabled %d", runs[0].Warned, runs[1].Warned, runs[0].Disabled)
	}
	d := w.digest().Send(t.Context(), runs)
	if len(d.Problems) > 0 || d.NoticesSent != 6 || d.MessagesSent != 2 || d.Settled[w.accounts[0]] != 1 {
		t.Errorf("delivered %+v", d)
	}
	if b := w.slack.bulletins[0]; !strings.Contains(b.Title(), "o-example, 3 accounts") || len(b.Sections()) != 2 {
		t.Errorf("the batch is titled %q and has %d sections", b.Title(), len(b.Sections()))
	}
	w.wantLines(w.slack, allOfIt...)
	w.wantLines(w.sns, allOfIt...)
	if r := w.record(0, "AKIABOT"); r.Pending() || len(r.Final().Acknowledged) != 2 {
		t.Errorf("remembered: %+v", r)
	}
	if r := w.record(0, "AKIAONE"); r.QueuedWarning() != nil || r.Warnings().Creation.Last.IsZero() {
		t.Errorf("remembered: %+v", r)
	}
	// Nothing is sent twice: a second digest of the same runs has nothing to say.
	w.digest().Send(t.Context(), runs)
	w.wantLines(w.slack)
}

// TestADigestThatIsNotDelivered leaves every word pending.
func TestADigestThatIsNotDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	w.slack.err = errDown
	d := w.digest().Send(t.Context(), w.runAll())
	if len(d.Problems) != 1 || d.NoticesFailed != 3 || !strings.Contains(d.Problems[0].Text, "key AKIABOT of user bot in account 100000000001") {
		t.Errorf("delivered %+v", d)
	}
	w.wantLines(w.sns, allOfIt...)
	if r := w.record(0, "AKIABOT"); !r.Pending() {
		t.Errorf("remembered: %+v", r)
	}

	w.slack.err, w.now = nil, w.now.Add(day)
	if d := w.digest().Send(t.Context(), w.runAll()); len(d.Problems) > 0 {
		t.Errorf("delivered %+v", d)
	}
	w.wantLines(w.slack,
		"1: ann's key expires in 4 days due to creation age.",
		"1: bot's key is disabled due to creation age.",
		"2: ann.b's key expires in 5 days due to creation age.")
	// A channel that has the final notice does not get it again.
	w.wantLines(w.sns,
		"1: ann's key expires in 4 days due to creation age.",
		"2: ann.b's key expires in 5 days due to creation age.")
}

// TestARunThatDiedBeforeItsDigest: the next digest has the final notice, and
// no warning that is out of date.
// TestWhatBecamePendingAfterARun is delivered by its digest: another process, such
// as the answer to a leak, may have left it on the same account.
func TestWhatBecamePendingAfterARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	runs[0].Warned, runs[0].NoticesPending = 0, 0 // it knew of none
	w.digest().Send(t.Context(), runs)
	w.wantLines(w.slack, allOfIt...)
}

func TestARunThatDiedBeforeItsDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	w.runAll() // and nobody makes its digest
	w.aws.Account(w.accounts[1]).RemoveUser("ann.b")
	w.now = w.now.Add(day)
	w.digest().Send(t.Context(), w.runAll())
	w.wantLines(w.slack,
		"1: ann's key expires in 4 days due to creation age.",
		"1: bot's key is disabled due to creation age.")
	if r := w.record(1, "AKIATWO"); r.QueuedWarning() != nil {
		t.Errorf("a warning is left of a key that is gone: %+v", r)
	}
}

// TestADigestHasOnlyItsOwnRun: what another run has kept us off, its own
// digest sends.
func TestADigestHasOnlyItsOwnRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	w.runAll()
	if err := w.store.Acquire(t.Context(), w.accounts[0], "another", w.now, time.Minute); err != nil {
		t.Fatal(err)
	}
	runs := w.runAll()
	if runs[0].Started || runs[0].Failed != 1 || !runs[1].Started {
		t.Fatalf("begun: %t and %t", runs[0].Started, runs[1].Started)
	}
	w.digest().Send(t.Context(), runs)
	w.wantLines(w.slack, "2: ann.b's key expires in 6 days due to creation age.")

	// One that another takes while the digest is made is left alone as well.
	if err := w.store.Release(t.Context(), w.accounts[0], "another"); err != nil {
		t.Fatal(err)
	}
	runs = w.runAll()
	if err := w.store.Acquire(t.Context(), w.accounts[0], "another", w.now, time.Minute); err != nil {
		t.Fatal(err)
	}
	if d := w.digest().Send(t.Context(), runs); len(d.Problems) != 1 || !strings.Contains(d.Problems[0].Text, "another") {
		t.Errorf("delivered %+v", d)
	}
	w.wantLines(w.slack, "2: ann.b's key expires in 6 days due to creation age.")
}

// TestADigestThatCannotRemember says so, and is sent again.
func TestADigestThatCannotRemember(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	d := w.digest()
	d.Store = forgetful{w.store}
	if got := d.Send(t.Context(), runs); len(got.Problems) != 2 {
		t.Errorf("delivered %+v", got)
	}
	w.wantLines(w.slack, allOfIt...)
	w.digest().Send(t.Context(), runs)
	w.wantLines(w.slack, allOfIt...)
}

// forgetful is a store that nothing can be written to but leases.
type forgetful struct{ ledger.Store }

func (forgetful) Put(context.Context, ...*ledger.Record) error { return errDown }

func TestADigestOfADryRunWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	overlay := ledger.NewOverlay(w.store)
	runs := w.runAll(func(r *run.Runner) { r.Store = overlay })
	d := w.digest()
	d.Store = overlay
	d.Send(t.Context(), runs)
	w.wantLines(w.slack, allOfIt...)
	if records, _ := w.store.List(t.Context()); len(records) > 0 {
		t.Errorf("remembered: %+v", records)
	}
	if said := (org.Summary{DryRun: true}).String(); !strings.Contains(said, "Would Warn  Would Disable") || strings.Contains(said, "Warned") {
		t.Errorf("the summary of a dry run claims what was not done:\n%s", said)
	}
}

// TestDigestAsItIsSent: one message, headed by the organization, grouped by
// account, with the instructions once, and each person mentioned once.
func TestDigestAsItIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	var printed strings.Builder
	webhook, err := slack.NewWebhook(secret.New(slack.PrintOnly), slack.Options{Echo: &printed, Retry: retry.Policy{}})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := sns.NewTopic("arn:aws:sns:us-east-1:123456789012:keys", nil, sns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := w.digest()
	var plain strings.Builder
	d.Channels = []notify.Channel{webhook, notify.Preview{Channel: topic, Out: &plain}}
	d.Send(t.Context(), w.runAll(func(r *run.Runner) { r.Channels = d.Channels }))

	for _, message := range []struct{ name, text string }{{"slack", printed.String()}, {"sns", plain.String()}} {
		last := 0
		for _, next := range []string{"o-example, 3 accounts", "Please rotate.", "AWS account 100000000001 (alias-1)", "expires in 5 days", "is disabled", "AWS account 100000000002 (alias-2)", "expires in 6 days"} {
			i := strings.Index(message.text[last:], next)
			if i < 0 {
				t.Errorf("the %s message has no %q after %q:\n%s", message.name, next, message.text[:last], message.text)
				break
			}
			last += i
		}
		for once, want := range map[string]int{"Please rotate.": 1, " message: ": 1, "100000000003": 0} {
			if got := strings.Count(message.text, once); got != want {
				t.Errorf("the %s message says %q %d times, want %d", message.name, once, got, want)
			}
		}
	}
	if got := strings.Count(printed.String(), "@U1"); got != 1 {
		t.Errorf("ann is mentioned %d times, want once:\n%s", got, printed.String())
	}
	if !strings.Contains(printed.String(), "ann.b's key") || !strings.Contains(printed.String(), "!subteam^S1") {
		t.Errorf("sent\n%s", printed.String())
	}
}

func TestDigestAnnouncesForAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll(func(r *run.Runner) { r.Config.MaxDisable.Set = true })
	w.digest().Send(t.Context(), runs)
	if got := w.slack.bulletins[0].Announcement; !strings.HasPrefix(got, "AWS account 100000000001 (alias-1): No key was disabled") {
		t.Errorf("announced %q", got)
	}
}

func TestNoChannelsNoDigest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll(func(r *run.Runner) { r.Channels = nil })
	d := w.digest()
	d.Channels = nil
	if got := d.Send(t.Context(), runs); got.MessagesSent != 0 || len(got.Problems) > 0 {
		t.Errorf("delivered %+v", got)
	}
	if r := w.record(0, "AKIABOT"); r.Pending() {
		t.Error("a notice is pending that nobody will ever get")
	}
}

// personal is a channel that writes to those who have a Slack tag.
type personal struct{ *channel }

func (personal) Accepts(n notify.Notice) bool { return n.SlackTag != "" }

// TestDigestReachesAPersonAboutEveryAccount: a list mentions each person once,
// and they are still written to about all of their keys.
func TestDigestReachesAPersonAboutEveryAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(0, "ann", "U1", "AKIAFIRST", 95)
	w.user(1, "ann", "U1", "AKIASECOND", 95)
	direct := personal{&channel{name: "direct"}}
	to := func(r *run.Runner) { r.Channels = []notify.Channel{w.slack, direct} }
	d := w.digest()
	d.Channels = []notify.Channel{w.slack, direct}

	direct.err = errDown
	d.Send(t.Context(), w.runAll(to))
	w.wantLines(w.slack, "1: ann's key is disabled due to creation age.", "2: ann's key is disabled due to creation age.")
	direct.err = nil
	d.Send(t.Context(), w.runAll(to))
	w.wantLines(w.slack)
	w.wantLines(direct.channel, "1: ann's key is disabled due to creation age.", "2: ann's key is disabled due to creation age.")
	for account, key := range []string{"AKIAFIRST", "AKIASECOND"} {
		if r := w.record(account, key); r.FinalPending() {
			t.Errorf("the notice of %s is still pending: %+v", key, r)
		}
	}
}

// TestDigestNamesWhomNoChannelReaches: what nobody can be notified of is a problem,
// and stays pending.
func TestDigestNamesWhomNoChannelReaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(0, "ann", "U1", "AKIAANN", 95)
	// No run disables a key whose owner no channel reaches; a leak may.
	w.user(1, "bot", "", "AKIABOT", 5)
	leaked := ledger.New(w.accounts[1], "AKIABOT", "bot")
	leaked.MarkLeaked(w.now, "run-0", "", notify.Notice{KeyID: "AKIABOT", User: "bot", Kind: notify.LeakedActive, Reason: audit.Exposure}, ledger.Due{})
	if err := w.store.Put(t.Context(), &leaked); err != nil {
		t.Fatal(err)
	}
	direct := personal{&channel{name: "direct"}}
	d := w.digest()
	d.Channels = []notify.Channel{direct}
	delivered := d.Send(t.Context(), w.runAll(func(r *run.Runner) { r.Channels = d.Channels }))
	w.wantLines(direct.channel, "1: ann's key is disabled due to creation age.")
	if delivered.NoticesFailed != 1 || len(delivered.Problems) != 1 ||
		!strings.HasPrefix(delivered.Problems[0].Text, "user bot could not be notified about key AKIABOT in account 100000000002: no channel can reach its owner; ") {
		t.Errorf("%d notices failed: %+v", delivered.NoticesFailed, delivered.Problems)
	}
	if r := w.record(1, "AKIABOT"); !r.Pending() {
		t.Errorf("the notice that nobody was notified of is settled: %+v", r)
	}
}

// TestNoticesOfAccountsThatRunsLeaveOut: what is pending for an account that
// later runs do not cover, or cannot enter, is delivered all the same, with a
// digest and without.
func TestNoticesOfAccountsThatRunsLeaveOut(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(org.Digest, []run.Summary) org.Delivered{
		"in the digest":      func(d org.Digest, runs []run.Summary) org.Delivered { return d.Send(t.Context(), runs) },
		"account by account": func(d org.Digest, runs []run.Summary) org.Delivered { return d.SendLeftOut(t.Context(), runs) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user(1, "bot", "", "AKIABOT", 95)
			w.user(2, "bob", "", "AKIABOB", 95)
			w.slack.err = errDown
			w.digest().Send(t.Context(), w.runAll())
			w.slack.err = nil

			w.wantLines(w.sns, "2: bot's key is disabled due to creation age.", "3: bob's key is disabled due to creation age.")
			runs := []run.Summary{{Account: account.Account{ID: w.accounts[0]}, Started: true}, org.NotEntered(account.Account{ID: w.accounts[1]}, "run-2", w.now, errDown)}
			d := send(w.digest(), runs)
			w.wantLines(w.slack, "2: bot's key is disabled due to creation age.", "3: bob's key is disabled due to creation age.")
			if len(d.Problems) > 0 || d.NoticesSent != 2 {
				t.Errorf("delivered %+v", d)
			}
			for account, key := range map[int]string{1: "AKIABOT", 2: "AKIABOB"} {
				if r := w.record(account, key); r.Pending() {
					t.Errorf("still pending: %+v", r)
				}
			}
		})
	}
}

// TestARunWithoutAResultLosesNothing: its account's warnings and notices are in
// the ledger, and the digest takes them from there.
func TestARunWithoutAResultLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	runs := w.runAll()
	for i, r := range runs {
		runs[i] = org.NotEntered(r.Account, "run-1", w.now, errDown)
	}
	w.digest().Send(t.Context(), runs)
	w.wantLines(w.slack, allOfIt...)
}

// TestADigestWithFewerChannels closes nothing that is due on the others.
func TestADigestWithFewerChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1, "bot", "", "AKIABOT", 95)
	w.slack.err = errDown
	w.digest().Send(t.Context(), w.runAll())
	w.slack.err = nil
	for _, left := range [][]notify.Channel{{w.sns}, {}} {
		d := w.digest()
		d.Channels = left
		d.Send(t.Context(), w.runAll(func(r *run.Runner) { r.Channels = left }))
		if got := w.record(1, "AKIABOT").Final().PendingOn(); len(got) != 1 || got[0] != "slack" {
			t.Errorf("with %d channels: pending on %v", len(left), got)
		}
	}
	w.digest().Send(t.Context(), w.runAll())
	w.wantLines(w.slack, "2: bot's key is disabled due to creation age.")
}

// TestARunOnOneAccountLeavesOthersTheirChannels: several deployments may share a
// table, each with an account and a channel of its own.
func TestARunOnOneAccountLeavesOthersTheirChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user(1, "bot", "", "AKIABOT", 95)
	w.slack.err = errDown
	w.digest().Send(t.Context(), w.runAll(func(r *run.Runner) { r.Channels = []notify.Channel{w.slack} }))
	w.slack.err = nil
	alone := []run.Summary{{Account: account.Account{ID: w.accounts[0]}, Started: true}}
	d := w.digest()
	d.Channels = []notify.Channel{w.sns}
	if got := d.SendLeftOut(t.Context(), alone); len(got.Problems) != 0 || got.NoticesFailed != 0 {
		t.Errorf("another deployment's notice fails this one's run: %+v", got)
	}
	d.Channels = []notify.Channel{w.slack}
	if got := d.SendLeftOut(t.Context(), alone); got.NoticesSent != 1 {
		t.Errorf("a notice that is due here was not delivered: %+v", got)
	}
}
