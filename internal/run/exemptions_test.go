package run_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
)

func atMost90Days(r *run.Runner) { r.Config.Exemptions = audit.ExemptionRules{MaxDays: 90} }

func sentBy(c *channel) string { return strings.Join(c.lines(), "\n") }

// TestAnExemptionThatIsIgnored: its owner is warned, with the day, and as
// long before it as the owner of any other key; only a warning that was
// delivered counts; then the key goes, and the final notice says why.
func TestAnExemptionThatIsIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", []string{"KeyAutoExpire", "False"}, w.key("AKIABOT", 400, 1))
	ladder := func(r *run.Runner) {
		atMost90Days(r)
		r.Config.Policy.RemindAt = []int{7, 1}
	}

	w.slack.err, w.sns.err = errDown, errDown
	if _, err := w.run(ladder); err == nil {
		t.Error("nobody was notified, and the run had no error")
	}
	w.sleep(50 * day)
	w.slack.err = nil
	s, _ := w.run(ladder)
	const why = "Its exemption is ignored: it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=90 asks for one at most so many days ahead. " +
		"To keep it, set the tag KeyAutoExpire to 'False until 2026-07-20' or an earlier day; " +
		"or replace the key before it is disabled on Sunday 31 May 2026, 12:00 UTC."
	wantLines(t, w.slack, "bot's key expires in 40 days due to creation age. "+why)
	if len(s.ExemptionsIgnored) != 1 || s.ExemptionsIgnored[0].KeyID != "AKIABOT" || s.Held != 1 {
		t.Errorf("summary: %+v", s)
	}

	heard := 0
	for range 39 {
		w.sleep(day)
		w.sns.err = nil
		if w.mustRun(ladder); len(w.slack.lines()) > 0 {
			heard++
		}
		if !w.active("AKIABOT") {
			t.Fatalf("disabled on %v, before the day that was named", w.clock())
		}
	}
	if heard != 2 {
		t.Errorf("heard of it %d times on the way, want one a rung", heard)
	}
	w.sleep(day)
	w.mustRun(ladder)
	if w.active("AKIABOT") {
		t.Error("the notice has passed, and the key is active")
	}
	wantLines(t, w.slack, "bot's key is disabled due to creation age. Its exemption was ignored: it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=90 asks for one at most so many days ahead.")
}

// TestAnOldWarningBeginsNoNotice: that the owner was warned of the key's age
// years ago, before it was exempt, says nothing of its exemption.
func TestAnOldWarningBeginsNoNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIABOT", 60, 1))
	w.mustRun()
	if sentBy(w.slack) == "" {
		t.Fatal("the owner was not warned")
	}
	w.home.SetTag("bot", "KeyAutoExpire", "False")
	w.sleep(300 * day)
	w.mustRun(atMost90Days)
	if !w.active("AKIABOT") || !strings.Contains(sentBy(w.slack), "expires in 40 days") {
		t.Errorf("active: %t; sent %q", w.active("AKIABOT"), sentBy(w.slack))
	}
}

// TestNoDayIsNamedWhereNothingIsDisabled: without ENABLE_AUTO_EXPIRE the owner
// hears of it, by the ladder; and should it be turned on, the notice has yet to
// begin.
func TestNoDayIsNamedWhereNothingIsDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", []string{"KeyAutoExpire", "False"}, w.key("AKIABOT", 400, 1))
	tellOnly := func(r *run.Runner) {
		atMost90Days(r)
		r.Config.Policy.AutoExpire, r.Config.Policy.RemindAt = false, []int{7, 1}
	}
	w.mustRun(tellOnly)
	wantLines(t, w.slack, "bot's key is past its limit due to creation age. Its exemption is ignored: it has no end, and SLEUTH_MAX_EXEMPTION_DAYS=90 asks for one at most so many days ahead. "+
		"To keep it, set the tag KeyAutoExpire to 'False until 2026-05-31' or an earlier day; or replace the key.")
	w.sleep(100 * day)
	w.mustRun(tellOnly)
	wantLines(t, w.slack)
	w.mustRun(atMost90Days)
	if !w.active("AKIABOT") || !strings.Contains(sentBy(w.slack), "expires in 40 days") {
		t.Errorf("active: %t; sent %q", w.active("AKIABOT"), sentBy(w.slack))
	}
}

// TestACorrectedExemptionApplies, and should it be spoilt again the notice
// begins again.
func TestACorrectedExemptionApplies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", []string{"KeyAutoExpire", "False"}, w.key("AKIABOT", 400, 1))
	w.mustRun(atMost90Days)
	w.sleep(39 * day)
	w.home.SetTag("bot", "KeyAutoExpire", "False until 2026-06-01")
	w.mustRun(atMost90Days)
	if sentBy(w.slack) != "" {
		t.Errorf("sent %q", sentBy(w.slack))
	}
	w.sleep(10 * day)
	w.home.SetTag("bot", "KeyAutoExpire", "False")
	w.mustRun(atMost90Days)
	if !w.active("AKIABOT") || !strings.Contains(sentBy(w.slack), "expires in 40 days") {
		t.Errorf("active: %t; sent %q", w.active("AKIABOT"), sentBy(w.slack))
	}
}

// TestTheTagIsReadOnceMoreBeforeDisabling: fixed between the judgement and the
// deed, it is accepted; spoilt in that moment, its owner is warned first.
func TestTheTagIsReadOnceMoreBeforeDisabling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ before, meanwhile string }{
		"fixed":             {"False", "False until 2026-05-01"},
		"fixed for the key": {"False", ""},
		"exempt, ignored":   {"True", "False"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("bot", []string{"KeyAutoExpire", c.before}, w.key("AKIABOT", 400, 1))
			if c.before == "False" {
				w.mustRun(atMost90Days)
				w.sleep(40 * day)
			}
			w.aws.Inject(awsfake.Fault{Action: "ListUserTags", Nth: 2, Do: func() {
				if c.meanwhile == "" {
					w.home.SetTag("bot", "KeyAutoExpire:AKIABOT", "False until 2026-05-01")
				} else {
					w.home.SetTag("bot", "KeyAutoExpire", c.meanwhile)
				}
			}})
			if s := w.mustRun(atMost90Days); s.Changed != 1 || !w.active("AKIABOT") {
				t.Errorf("changed %d, active %t", s.Changed, w.active("AKIABOT"))
			}
		})
	}
}

// TestOpenExemptionsAreAnnouncedOnceAMonth: not by the first run, nor before some
// channel took the message.
func TestOpenExemptionsAreAnnouncedOnceAMonth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", []string{"KeyAutoExpire", "False", "KeyAutoExpireReason", "one\nline"}, w.key("AKIABOT", 400, 1))
	const said = "1 exemption has no end or no reason. Set the tags KeyAutoExpire = False until DATE and KeyAutoExpireReason, or replace the keys:\n" +
		"key AKIABOT of user bot: without an end; reason: one line; without it the key is past its limit due to creation age (created 401 days ago)"
	wantSaid := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(w.slack.said, want) {
			t.Errorf("%s: said %q, want %q", what, w.slack.said, want)
		}
	}
	w.mustRun()
	wantSaid("the first run")
	w.sleep(day)
	w.slack.err, w.sns.err = errDown, errDown
	_, _ = w.run()
	w.slack.err = nil
	w.mustDryRun()
	if _, err := w.run(); err == nil {
		t.Error("sns is down, and the run had no error")
	}
	wantSaid("once slack can be notified", said)
	w.sns.err = nil
	for range 28 {
		w.sleep(day)
		w.mustRun()
		wantSaid("the same month")
	}
	w.sleep(day)
	if w.clock().Month() != time.April {
		t.Fatalf("it is %v", w.clock())
	}
	w.mustRun()
	wantSaid("the next month", strings.ReplaceAll(said, "401", "430"))
	w.sleep(day)
	w.mustRun()
	wantSaid("the day after")
}

// mustDryRun makes a dry run, which shows what it would say and remembers
// nothing of it.
func (w *world) mustDryRun() {
	w.t.Helper()
	var out bytes.Buffer
	w.mustRun(func(r *run.Runner) {
		dryRun(r)
		r.Channels = []notify.Channel{notify.Preview{Channel: w.slack, Out: &out}}
	})
	if !strings.Contains(out.String(), "1 exemption has no end or no reason") {
		w.t.Errorf("a dry run shows %q", out.String())
	}
}

// TestOpenExemptionsWithoutState are notified about on the first day of a month (UTC).
func TestOpenExemptionsWithoutState(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]int{"2026-03-31": 0, "2026-04-01": 1, "2026-04-02": 0} {
		w := newWorld(t)
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		w.sleep(at.Add(23 * time.Hour).Sub(w.clock()))
		w.user("bot", []string{"KeyAutoExpire", "False"}, w.key("AKIABOT", 400, 1))
		w.mustRun(func(r *run.Runner) { r.Config.State.Kind = config.StateNone })
		if len(w.slack.said) != want {
			t.Errorf("on %s: said %q", date, w.slack.said)
		}
	}
}

// TestTheEndOfAnExemptionIsAnnounced from 14 days ahead on, below what SLEUTH_MAX_DISABLE
// has to say.
func TestTheEndOfAnExemptionIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", []string{"KeyAutoExpire", "False until 2026-03-17", "KeyAutoExpireReason", "why"}, w.key("AKIABOT", 400, 1))
	w.mustRun()
	if len(w.slack.said) > 0 {
		t.Errorf("16 days ahead: said %q", w.slack.said)
	}
	w.sleep(2 * day)
	w.user("one", nil, w.key("AKIAONE", 91, 1))
	w.user("two", nil, w.key("AKIATWO", 91, 1))
	s, _ := w.run(func(r *run.Runner) { r.Config.MaxDisable = config.Cap{Set: true, Keys: 1, Text: "1"} })
	want := s.Announcement + "\n\n1 exemption ends within 14 days; after that the keys are evaluated like any other:\n" +
		"key AKIABOT of user bot: through Tuesday 17 March 2026 (UTC); reason: why; without it the key is past its limit due to creation age (created 402 days ago)"
	if s.Announcement == "" || !slices.Equal(w.slack.said, []string{want}) {
		t.Errorf("said %q, want %q", w.slack.said, want)
	}
}

// TestTheMonthlyAnnouncementSurvivesRuns that write the last run again.
func TestTheMonthlyAnnouncementSurvivesRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	when := w.clock().AddDate(0, 0, -1)
	runs := w.store.(ledger.Runs)
	if err := runs.SetLastRun(t.Context(), awsfake.DefaultHome, ledger.LastRun{Ended: when, ExemptionsNotified: when}); err != nil {
		t.Fatal(err)
	}
	w.mustRun()
	if last, err := runs.LastRun(t.Context(), awsfake.DefaultHome); err != nil || !last.ExemptionsNotified.Equal(when) || !last.Ended.Equal(w.clock()) {
		t.Errorf("remembered %+v, %v", last, err)
	}
}

// TestALastUseThatWasNotReadIsNotClaimed: a run does not ask when an exempt key
// was last used, and must not say that it was never. It asks for a key whose owner
// is notified.
func TestALastUseThatWasNotReadIsNotClaimed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		table bool
		want  string
	}{
		"not read": {false, "null"},
		"read":     {true, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("bot", []string{"KeyAutoExpire", "False until " + w.clock().AddDate(0, 0, 9).Format(time.DateOnly)}, w.key("AKIABOT", 400, 1))
			w.user("old", nil, w.key("AKIAOLD", 95, 1))
			s := w.mustRun(func(r *run.Runner) {
				r.Table = test.table
				r.Log = slog.New(slog.NewJSONHandler(w.log, nil))
			})
			if len(s.ExemptionsEnding) != 1 || s.Disabled != 1 {
				t.Fatalf("summary: %+v", s)
			}
			if got, err := json.Marshal(s.ExemptionsEnding[0].IdleAge); err != nil || string(got) != test.want {
				t.Errorf("last_access_age_days of the exemption is %s (%v), want %s", got, err, test.want)
			}
			if !strings.Contains(w.log.String(), `"age_days":95,"last_access_age_days":1}`) {
				t.Errorf("the log has no last_access_age_days of 1 for the key that was disabled:\n%s", w.log)
			}
		})
	}
}
