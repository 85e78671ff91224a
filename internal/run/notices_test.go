package run_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// TestAFailedChannelGetsTheNoticeInTheNextRun, once, and the other is not notified
// again.
func TestAFailedChannelGetsTheNoticeInTheNextRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	final := "bot's key is disabled due to creation age."

	w.slack.err = errDown
	s, err := w.run()
	if err == nil || !strings.Contains(err.Error(), "notify on slack about key AKIAEXPIRE of user bot") {
		t.Errorf("the error %v does not name what was not delivered", err)
	}
	if s.Disabled != 1 || s.NoticesSent != 1 || s.NoticesFailed != 1 {
		t.Errorf("disabled %d, sent %d, failed %d; want 1 of each", s.Disabled, s.NoticesSent, s.NoticesFailed)
	}
	wantLines(t, w.slack)
	wantLines(t, w.sns, final)
	if r, _ := w.record("AKIAEXPIRE"); !r.Pending() || len(r.Final().Acknowledged) != 1 {
		t.Errorf("remembered: %+v", r)
	}

	w.sleep(day) // still down: still pending
	if _, err := w.run(); err == nil {
		t.Error("slack was still not notified, and the run had no error")
	}
	wantLines(t, w.sns)

	w.slack.err = nil
	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack, final)
	wantLines(t, w.sns)
	if r, _ := w.record("AKIAEXPIRE"); r.Pending() || len(r.Final().Acknowledged) != 2 {
		t.Errorf("remembered: %+v", r)
	}

	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack)
	wantLines(t, w.sns)
}

// TestAChannelTakenAwayStaysDue: a notice that is due on a channel which a later
// run does not have stays pending there, that run fails and names the channel,
// and the notice is delivered once the channel is back.
func TestAChannelTakenAwayStaysDue(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]func(*world) []notify.Channel{
		"the other channel alone": func(w *world) []notify.Channel { return []notify.Channel{w.sns} },
		"no channel":              func(*world) []notify.Channel { return nil },
		"another destination of its kind": func(w *world) []notify.Channel {
			return []notify.Channel{w.sns, &channel{name: "slack", id: "slack:other"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
			w.slack.err = errDown
			if _, err := w.run(); err == nil {
				t.Fatal("slack was down, and the run succeeded")
			}
			for range 2 {
				w.sleep(day)
				s, err := w.run(func(r *run.Runner) { r.Channels = left(w) })
				if err == nil || !strings.Contains(err.Error(), "due on the channel slack, which this run does not have") || !strings.Contains(err.Error(), "sleuth state close") {
					t.Errorf("error %v, want one that names the channel and what to do", err)
				}
				if r, _ := w.record("AKIAEXPIRE"); !r.Pending() || s.NoticesFailed != 1 || s.NoticesPending != 1 {
					t.Errorf("failed %d, pending %d, record: %+v", s.NoticesFailed, s.NoticesPending, r)
				}
			}
			w.sleep(day)
			w.slack.err = nil
			w.mustRun()
			wantLines(t, w.slack, "bot's key is disabled due to creation age.")
			if r, _ := w.record("AKIAEXPIRE"); r.Pending() {
				t.Errorf("still pending: %+v", r)
			}
		})
	}
}

// TestANewChannelGetsNoOldNotice: a channel that is set up later is not handed what
// is due elsewhere.
func TestANewChannelGetsNoOldNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.slack.err = errDown
	_, _ = w.run(func(r *run.Runner) { r.Channels = []notify.Channel{w.slack} })
	w.sleep(day)
	w.slack.err = nil
	w.mustRun()
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
	wantLines(t, w.sns)
}

// TestWarningsAndPendingNoticesAreSeparate: a channel that stays down keeps the
// notice of the first disabling pending, and does not keep the minimum notice of
// a key that was enabled again from passing.
func TestWarningsAndPendingNoticesAreSeparate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	_, _ = w.run(func(r *run.Runner) { r.Channels = []notify.Channel{w.slack, &channel{name: "dead", err: errDown}} })
	w.home.SetKeyStatus("AKIAEXPIRE", true)
	for d := range 4 {
		w.sleep(day)
		_, err := w.run(func(r *run.Runner) {
			r.Channels = []notify.Channel{w.slack, &channel{name: "dead", err: errDown}}
			r.Config.Policy.MinNoticeDays = 3
		})
		if err == nil {
			t.Errorf("day %d: the notice is still pending on the dead channel, and the run succeeded", d)
		}
		if active := w.active("AKIAEXPIRE"); active != (d < 3) {
			t.Errorf("day %d: active %t", d, active)
		}
	}
	if r, _ := w.record("AKIAEXPIRE"); len(r.Final().PendingOn()) != 1 {
		t.Errorf("pending on %v, want the dead channel", r.Final().PendingOn())
	}
}

// TestAKeyEnabledAgainIsEvaluatedAgain: judged again, and noticed again.
func TestAKeyEnabledAgainIsEvaluatedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	final := "bot's key is disabled due to creation age."
	w.mustRun()
	wantLines(t, w.slack, final)

	w.sleep(day)
	w.home.SetKeyStatus("AKIAEXPIRE", true)
	s := w.mustRun()
	if w.active("AKIAEXPIRE") || s.Disabled != 1 {
		t.Error("the key was left enabled")
	}
	wantLines(t, w.slack, final)
	wantLines(t, w.sns, final)
	if r, _ := w.record("AKIAEXPIRE"); r.Disabled() == nil || r.Disabled().Run != s.Run || len(r.Final().Acknowledged) != 2 {
		t.Errorf("remembered: %+v", r)
	}
}

// TestAKeyEnabledAgainGetsItsNoticeAgain: what its owner was notified of before is of
// the old story.
func TestAKeyEnabledAgainGetsItsNoticeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 4000, 1))
	settings := func(r *run.Runner) { r.Config.Policy.MinNoticeDays, r.Config.Rules = 1, creationOnly }
	want := []string{"day 0: bot's key expires in 1 day due to creation age.", "day 1: bot's key is disabled due to creation age."}
	wantDiary(t, w.diary(3, settings), want...)
	w.home.SetKeyStatus("AKIAEXPIRE", true)
	wantDiary(t, w.diary(3, settings), want...)
}

// TestIAMThatLagsIsNotTakenForAPerson: a key that reads Active moments after
// it was disabled was not enabled again.
func TestIAMThatLagsIsNotTakenForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.aws.SetLag(5 * time.Minute)
	w.mustRun()
	w.sleep(time.Minute)
	s := w.mustRun()
	if w.aws.Count("UpdateAccessKey") != 0 || s.Disabled != 0 {
		t.Errorf("disabled again: %d writes", w.aws.Count("UpdateAccessKey"))
	}
	wantLines(t, w.slack)
}

// TestADamagedRecord: the key is left alone, and the run reports an error.
func TestADamagedRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bad", nil, w.key("AKIABAD", 95, 1))
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	s, err := w.run(func(r *run.Runner) { r.Store = damaged{r.Store, "AKIABAD"} })
	if err == nil || !strings.Contains(err.Error(), "AKIABAD") || s.Failed != 1 || s.Problems[0].KeyID != "AKIABAD" {
		t.Errorf("error %v, problems %+v; want one that names the key", err, s.Problems)
	}
	if !w.active("AKIABAD") || w.active("AKIAEXPIRE") {
		t.Errorf("the damaged key is Active: %t, the other: %t; want true, false", w.active("AKIABAD"), w.active("AKIAEXPIRE"))
	}
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
	if _, found := w.record("AKIABAD"); found {
		t.Error("something was written over the damaged record")
	}
}

// TestAStoreThatCannotBeRead: without knowing what is pending, nothing is done.
func TestAStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	_, err := w.run(func(r *run.Runner) { r.Store = unreadable{r.Store} })
	if !strings.Contains(errorText(err), errNoStore.Error()) || w.aws.Count("") != 0 || !w.active("AKIAEXPIRE") {
		t.Errorf("error %v, %d calls", err, w.aws.Count(""))
	}
}

// TestAStoreThatCannotBeWritten: what cannot be written down is not done.
func TestAStoreThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.user("sleepy", nil, w.key("AKIASTAGNANT", 40, 25))
	s, err := w.run(func(r *run.Runner) { r.Store = unwritable{r.Store} })
	if !w.active("AKIAEXPIRE") || w.aws.Count("UpdateAccessKey") != 0 {
		t.Error("a key was disabled that nobody would have remembered")
	}
	if err == nil || s.Disabled != 0 || !strings.Contains(err.Error(), "write down the intent") {
		t.Errorf("error %v, disabled %d", err, s.Disabled)
	}
	wantLines(t, w.slack, "sleepy's key expires in 5 days due to inactivity.")
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestALeaseHeldByAnother: the run says so and does nothing; once the lease of
// a run that died has expired, the account is free.
func TestALeaseHeldByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	if err := w.store.Acquire(t.Context(), awsfake.DefaultHome, "dead-run", w.clock(), time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err := w.run()
	if !strings.Contains(errorText(err), "dead-run") || w.aws.Count("") != 0 || len(w.slack.bulletins) != 0 {
		t.Errorf("error %v, %d calls, %d bulletins", err, w.aws.Count(""), len(w.slack.bulletins))
	}
	w.sleep(time.Minute)
	if s := w.mustRun(); s.Disabled != 1 {
		t.Errorf("disabled %d keys, want 1", s.Disabled)
	}
}

// TestARunInTheMiddleOfAnother is refused, and disturbs nothing.
func TestARunInTheMiddleOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	other := w.runner()
	var refused error
	w.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", Nth: 1, Do: func() { _, refused = other.Run(context.WithoutCancel(t.Context())) }})
	s := w.mustRun()
	if !strings.Contains(errorText(refused), s.Run) {
		t.Errorf("the other run ended with %v, want it to name %s", refused, s.Run)
	}
	if got := len(w.slack.lines()); got != 6 {
		t.Errorf("%d notices were sent, want each of 6 once", got)
	}
}

// TestTwoRunsAtTheSameMoment send each notice once, whichever of them is
// first and however they meet.
func TestTwoRunsAtTheSameMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	populate(w)
	settings := func(r run.Runner) run.Runner {
		r.Config.Policy.RemindAt = []int{30, 7, 1}
		r.Log = quiet()
		return r
	}
	runs := []run.Runner{settings(w.runner()), settings(w.runner())}
	errs := make([]error, len(runs))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, r := range runs {
		wg.Go(func() {
			<-start
			_, errs[i] = r.Run(t.Context())
		})
	}
	close(start)
	wg.Wait()
	if errs[0] != nil && errs[1] != nil {
		t.Errorf("both runs failed: %v; %v", errs[0], errs[1])
	}
	for _, channel := range []*channel{w.slack, w.sns} {
		lines := channel.lines()
		seen := map[string]bool{}
		for _, line := range lines {
			if seen[line] {
				t.Errorf("%s was notified twice: %s", channel.name, line)
			}
			seen[line] = true
		}
		if len(lines) != 6 {
			t.Errorf("%s sent %q, want 6 notices", channel.name, lines)
		}
	}
	if w.aws.Count("UpdateAccessKey") != 2 {
		t.Errorf("%d writes, want 2", w.aws.Count("UpdateAccessKey"))
	}
}

// TestAnAttemptWithItsAnswerLost: the key is Inactive and nobody knows; the
// next run finds out and notifies.
func TestAnAttemptWithItsAnswerLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", AfterEffect: true, Drop: true})
	s, err := w.run()
	if err == nil || s.Disabled != 0 || w.active("AKIAEXPIRE") {
		t.Fatalf("error %v, disabled %d, Active %t", err, s.Disabled, w.active("AKIAEXPIRE"))
	}
	wantLines(t, w.slack)
	w.aws.ClearFaults()
	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
	wantLines(t, w.sns, "bot's key is disabled due to creation age.")
	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack)
}

// TestPrintingNotifiesNobody: what is only printed gives no receipt, so that it
// is still pending to people.
func TestPrintingNotifiesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	w.mustRun(func(r *run.Runner) {
		r.Channels = []notify.Channel{notify.Preview{Channel: w.slack, Out: io.Discard}}
	})
	if r, _ := w.record("AKIAEXPIRE"); !r.Pending() || len(r.Final().Acknowledged) != 0 {
		t.Errorf("remembered: %+v", r)
	}
	w.sleep(day)
	w.mustRun()
	wantLines(t, w.slack, "bot's key is disabled due to creation age.")
}

// TestTheDaysAnnouncedAreTheDaysLeft, both limits and a minimum notice taken
// together: no owner is warned of more days than they have.
func TestTheDaysAnnouncedAreTheDaysLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		created, used int
		notice        int
	}{
		{"old, and sooner stagnant", 65, 23, 0},
		{"old, and sooner stagnant, within the notice", 80, 27, 7},
		{"old, and sooner stagnant, the notice in between", 80, 25, 7},
		{"old and past its inactivity limit", 85, 40, 7},
		{"stagnant", 40, 25, 7},
		{"ancient", 4000, 1, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("owner", nil, w.key("AKIAOWNER", c.created, c.used))
			warned := map[int]int{}
			gone := -1
			for i := 0; gone < 0 && i < 100; i++ {
				w.mustRun(func(r *run.Runner) { r.Config.Policy.MinNoticeDays = c.notice })
				for _, n := range w.slack.sent {
					switch {
					case n.Kind == notify.Disabled:
						gone = i
					case n.EarlierLimit != nil:
						warned[i] = min(n.DaysLeft, n.EarlierLimit.DaysLeft)
					default:
						warned[i] = n.DaysLeft
					}
				}
				w.sleep(day)
			}
			if len(warned) == 0 || gone < 0 {
				t.Fatalf("warned %v, gone on day %d", warned, gone)
			}
			for i, left := range warned {
				if i+left != gone {
					t.Errorf("on day %d the owner was warned of %d days; the key went on day %d", i, left, gone)
				}
			}
		})
	}
}
