package run_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// TestMaxDisable: one key too many, and none is disabled.
func TestMaxDisable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		limit config.Cap
		due   int // of 20 active keys
		stops bool
	}{
		{"no limit", config.Cap{}, 20, false},
		{"as many as the limit", config.Cap{Set: true, Keys: 3, Text: "3"}, 3, false},
		{"one more than the limit", config.Cap{Set: true, Keys: 3, Text: "3"}, 4, true},
		{"none allowed", config.Cap{Set: true, Keys: 0, Text: "0"}, 1, true},
		{"none allowed, none due", config.Cap{Set: true, Keys: 0, Text: "0"}, 0, false},
		{"as many as the share", config.Cap{Set: true, Percent: 10, Text: "10%"}, 2, false},
		{"one more than the share", config.Cap{Set: true, Percent: 10, Text: "10%"}, 3, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 20 {
				age := 1
				if i < c.due {
					age = 95
				}
				inactive := w.key(fmt.Sprintf("AKIAOFF%02d", i), 400, -1)
				inactive.Active = false // no part of what the share is of
				w.user(fmt.Sprintf("user%02d", i), nil, w.key(fmt.Sprintf("AKIA%02d", i), age, 1), inactive)
			}
			s, err := w.run(func(r *run.Runner) { r.Config.MaxDisable = c.limit })
			if !c.stops {
				if err != nil || s.Disabled != c.due || s.Announcement != "" {
					t.Errorf("error %v, disabled %d, announced %q; want no error and %d disabled", err, s.Disabled, s.Announcement, c.due)
				}
				return
			}
			if w.aws.Count("UpdateAccessKey") != 0 || s.Disabled != 0 || s.Held != c.due || s.Warned != c.due {
				t.Errorf("%d writes, disabled %d, held %d, warned %d; want 0, 0, %d, %d",
					w.aws.Count("UpdateAccessKey"), s.Disabled, s.Held, s.Warned, c.due, c.due)
			}
			for _, word := range []string{fmt.Sprintf("%d of 20 active keys", c.due), "SLEUTH_MAX_DISABLE=" + c.limit.Text} {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("the error %v does not name %q", err, word)
				}
				for _, channel := range []*channel{w.slack, w.sns} {
					if len(channel.said) != 1 || !strings.Contains(channel.said[0], word) {
						t.Errorf("%s sent %q, want it to name %q", channel.name, channel.said, word)
					}
				}
			}
			for _, line := range w.slack.lines() {
				if strings.Contains(line, "is disabled") || !strings.Contains(line, "past its limit") {
					t.Errorf("a notice was sent: %s", line)
				}
			}
			// The brake lets go as soon as the setting does.
			w.sleep(day)
			if s := w.mustRun(); s.Disabled != c.due {
				t.Errorf("without the brake %d keys were disabled, want %d", s.Disabled, c.due)
			}
		})
	}
}

// diary makes a run a day and notes what one channel sent on each.
func (w *world) diary(days int, change func(*run.Runner)) []string {
	w.t.Helper()
	var diary []string
	for i := range days {
		w.mustRun(change)
		for _, line := range w.slack.lines() {
			diary = append(diary, fmt.Sprintf("day %d: %s", i, line))
		}
		w.sleep(day)
	}
	return diary
}

func wantDiary(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("sent\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// creationOnly are rules without inactivity limits of their own.
var creationOnly = audit.Rules{ExpirationAge: 90, WarningAge: 50, InactivityAge: 90, InactivityWarningAge: 50}

// TestMinNotice: an ancient key is warned first, with the real date.
func TestMinNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ancient", nil, w.key("AKIAANCIENT", 4000, 1))
	settings := func(r *run.Runner) { r.Config.Policy.MinNoticeDays, r.Config.Rules = 3, creationOnly }
	first := w.clock()
	wantDiary(t, w.diary(5, settings),
		"day 0: ancient's key expires in 3 days due to creation age.",
		"day 1: ancient's key expires in 2 days due to creation age.",
		"day 2: ancient's key expires in 1 day due to creation age.",
		"day 3: ancient's key is disabled due to creation age.",
	)
	if r, _ := w.record("AKIAANCIENT"); r.Disabled() == nil || !r.Disabled().At.Equal(first.Add(3*day)) {
		t.Errorf("disabled %+v, want three days after the first warning", r.Disabled())
	}
}

// listenedTo is a channel that programs listen to.
type listenedTo struct{ *channel }

func (listenedTo) ForPrograms() {}

// TestMinNoticeCountsFromADeliveredWarning: as long as nobody hears of it, the
// notice has not started.
func TestMinNoticeCountsFromADeliveredWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ancient", nil, w.key("AKIAANCIENT", 4000, 1))
	settings := func(r *run.Runner) { r.Config.Policy.MinNoticeDays, r.Config.Rules = 3, creationOnly }
	w.slack.err, w.sns.err = errDown, errDown
	bus := listenedTo{&channel{name: "bus"}} // takes all, and is no person
	withBus := func(r *run.Runner) { settings(r); r.Channels = append(r.Channels, bus) }
	for range 5 {
		if _, err := w.run(withBus); err == nil {
			t.Fatal("nobody could be notified, and the run had no error")
		}
		w.sleep(day)
	}
	if len(bus.lines()) != 5 {
		t.Fatalf("the bus got %v: this tests nothing", bus.lines())
	}
	w.sns.err = nil // one channel is enough to be notified
	if _, err := w.run(settings); err == nil {
		t.Fatal("slack could not be notified, and the run had no error")
	}
	wantLines(t, w.sns, "ancient's key expires in 3 days due to creation age.")
	w.slack.err = nil
	w.sleep(day)
	wantDiary(t, w.diary(4, settings),
		"day 0: ancient's key expires in 2 days due to creation age.",
		"day 1: ancient's key expires in 1 day due to creation age.",
		"day 2: ancient's key is disabled due to creation age.",
	)
}

// TestRemindAt: warnings as a key passes a rung, and not between.
func TestRemindAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("owner", nil, w.key("AKIAOWNER", 75, 1))
	settings := func(r *run.Runner) { r.Config.Policy.RemindAt, r.Config.Rules = []int{14, 7, 3, 1}, creationOnly }
	wantDiary(t, w.diary(20, settings),
		"day 1: owner's key expires in 14 days due to creation age.",
		"day 8: owner's key expires in 7 days due to creation age.",
		"day 12: owner's key expires in 3 days due to creation age.",
		"day 14: owner's key expires in 1 day due to creation age.",
		"day 15: owner's key is disabled due to creation age.",
	)
}

// TestRemindAtOverAMissedWeekend: the rung that fell due while nothing ran is
// notified on the next run, with the days as they are.
func TestRemindAtOverAMissedWeekend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("owner", nil, w.key("AKIAOWNER", 82, 1))
	settings := func(r *run.Runner) { r.Config.Policy.RemindAt, r.Config.Rules = []int{7, 3, 1}, creationOnly }
	wantDiary(t, w.diary(2, settings), "day 1: owner's key expires in 7 days due to creation age.")
	w.sleep(3 * day) // 3 fell due on the way
	wantDiary(t, w.diary(2, settings),
		"day 0: owner's key expires in 3 days due to creation age.")
	w.sleep(1 * day)
	wantDiary(t, w.diary(1, settings), "day 0: owner's key is disabled due to creation age.")
}

// TestRemindAtPastTheLimit: if nothing is disabled, the owner hears once
// that the key is past its limit.
func TestRemindAtPastTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("owner", nil, w.key("AKIAOWNER", 88, 1))
	settings := func(r *run.Runner) {
		r.Config.Policy = audit.Policy{RemindAt: []int{7, 1}}
		r.Config.Rules = creationOnly
	}
	wantDiary(t, w.diary(6, settings),
		"day 0: owner's key expires in 2 days due to creation age.",
		"day 1: owner's key expires in 1 day due to creation age.",
		"day 2: owner's key is past its limit due to creation age.",
	)
}

// TestRemindAtAfterUse: a key that was used begins a new story.
func TestRemindAtAfterUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("owner", nil, w.key("AKIAOWNER", 27, -1))
	settings := func(r *run.Runner) {
		r.Config.Policy.RemindAt = []int{3}
		r.Config.Rules = audit.Rules{ExpirationAge: 900, WarningAge: 800, InactivityAge: 30, InactivityWarningAge: 20}
	}
	wantDiary(t, w.diary(2, settings), "day 0: owner's key expires in 3 days due to inactivity.")
	w.home.UseKey("AKIAOWNER", w.clock(), "s3", "us-east-1")
	wantDiary(t, w.diary(32, settings),
		"day 27: owner's key expires in 3 days due to inactivity.",
		"day 30: owner's key is disabled due to inactivity.",
	)
}

// dryRun gives a run what a dry run has.
func dryRun(r *run.Runner) {
	r.Store = ledger.NewOverlay(r.Store)
	r.IAM = struct {
		inventory.IAM
		inventory.BulkIAM
		inventory.RuleIAM
		enforce.DisablesNothing
	}{r.IAM, r.IAM, r.IAM, enforce.DisablesNothing{}}
	for i, c := range r.Channels {
		r.Channels[i] = notify.Preview{Channel: c, Out: io.Discard}
	}
}

// TestDryRun writes nothing and sends nothing: not to IAM, not to state, not
// even a lease; and shows all the same what would be.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	var onSlack, onSNS strings.Builder
	dry := func(r *run.Runner) {
		r.Store = writesNothing{r.Store, t}
		dryRun(r)
		r.Channels = []notify.Channel{notify.Preview{Channel: w.slack, Out: &onSlack}, notify.Preview{Channel: w.sns, Out: &onSNS}}
		r.Config.Policy.MinNoticeDays = 0
	}
	s := w.mustRun(dry)
	for _, call := range w.aws.Calls() {
		if !strings.HasPrefix(call.Action, "List") && !strings.HasPrefix(call.Action, "Get") {
			t.Errorf("called %s", call.Action)
		}
	}
	if len(w.slack.sent) != 0 || len(w.sns.sent) != 0 {
		t.Errorf("sent %v and %v", w.slack.sent, w.sns.sent)
	}
	s.DryRun = true
	if s.Disabled != 2 || s.Warned != 4 || !strings.Contains(s.String(), "disable 2") {
		t.Errorf("the summary is %s", s)
	}
	if !strings.HasPrefix(onSlack.String(), "slack message") || !strings.HasPrefix(onSNS.String(), "sns message") {
		t.Errorf("shown was\n%s\nand\n%s", onSlack.String(), onSNS.String())
	}
	var would []string
	for _, n := range w.slack.bulletins[0].Notices {
		would = append(would, channeltest.Sentence(n))
	}
	for _, line := range []string{"bot's key is disabled due to creation age.", "sleepy's key expires in 5 days due to inactivity."} {
		if !slices.Contains(would, line) {
			t.Errorf("it would say %q, without %q", would, line)
		}
	}
	// What would have been is what then is.
	if done := w.mustRun(); done.Disabled != s.Disabled || done.Warned != s.Warned {
		t.Errorf("dry: disabled %d, warned %d; done: %d, %d", s.Disabled, s.Warned, done.Disabled, done.Warned)
	}
}

// TestADryRunLeavesPendingNotices to the run that really sends it.
func TestADryRunLeavesPendingNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.slack.err = errDown
	if _, err := w.run(); err == nil {
		t.Fatal("slack was down, and the run had no error")
	}
	w.slack.err = nil
	w.sleep(day)
	w.mustRun(func(r *run.Runner) {
		r.Store = writesNothing{r.Store, t}
		dryRun(r)
		r.Channels = []notify.Channel{notify.Preview{Channel: w.slack, Out: io.Discard}}
	})
	wantLines(t, w.slack)
	w.mustRun()
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
}

// TestTimeIsUp: in Lambda a run stops in time, says so, and the next goes on
// from there.
func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 {
		w.user(fmt.Sprintf("user%d", i), nil, w.key(fmt.Sprintf("AKIA%d", i), 95, 1))
	}
	// Time passes as users are read: too little is left after the second.
	w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", Times: 2, Do: func() { w.sleep(19*time.Minute + 15*time.Second) }})
	s, err := w.run(func(r *run.Runner) {
		r.Config.Concurrency = 1
		r.Budget = budget.Account(w.clock(), w.clock().Add(40*time.Minute), budget.Notify)
	})
	if err == nil || !s.TimedOut || s.Users == 0 || s.Users == 6 || s.Disabled != s.Users || s.NoticesSent != 2*s.Users {
		t.Errorf("error %v, incomplete %t, %d users, %d disabled, %d notices; want an error, and some users, all done with",
			err, s.TimedOut, s.Users, s.Disabled, s.NoticesSent)
	}
	w.mustRun()
	for i := range 6 {
		if w.active(fmt.Sprintf("AKIA%d", i)) {
			t.Errorf("key %d was reached by neither run", i)
		}
	}
}

// TestACappedKeyIsNotRemindedOfDaily: with SLEUTH_REMIND_AT the owner of a key
// that the cap holds is warned once, not on each run.
func TestACappedKeyIsNotRemindedOfDaily(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.user("bob", nil, w.key("AKIABOB", 95, 1))
	capped := func(r *run.Runner) {
		r.Config.MaxDisable.Set = true // nothing
		r.Config.Policy.RemindAt = []int{7}
	}
	for d, want := range []int{2, 0, 0} {
		if s, err := w.run(capped); err == nil || s.Warned != want || s.Held != 2 {
			t.Errorf("day %d: warned %d, held %d, %v; want %d warned", d, s.Warned, s.Held, err, want)
		}
		w.sleep(day)
	}
}
