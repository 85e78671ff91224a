package run_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the windows name zones

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// within has a run disable keys only in a window.
func within(t *testing.T, window string) func(*run.Runner) {
	t.Helper()
	windows, err := audit.ParseWindows(window, time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	return func(r *run.Runner) { r.Config.Policy.Calendar, r.Table = audit.Calendar{Windows: windows}, true }
}

// TestAKeyIsHeldUntilTheWindowOpens: it is Monday noon, and the window opens on
// Tuesday.
func TestAKeyIsHeldUntilTheWindowOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	tuesday := within(t, "Tue 09:00-15:00 Europe/Berlin")
	opens := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC)

	s := w.mustRun(tuesday)
	const reason = "keys are disabled only at the times of SLEUTH_DISABLE_WHEN"
	if !w.active("AKIAEXPIRE") || s.Disabled != 0 || s.Held != 1 || s.Warned != 1 || len(s.HeldKeys) != 1 {
		t.Fatalf("active %t, %+v", w.active("AKIAEXPIRE"), s)
	}
	held := s.HeldKeys[0]
	if held.User != "bot" || held.KeyID != "AKIAEXPIRE" || held.Because != reason || held.NotBefore == nil || !held.NotBefore.Equal(opens) {
		t.Errorf("held: %+v", held)
	}
	if row := s.Rows[0]; row.Held != reason || row.NotBefore == nil || !row.NotBefore.Equal(opens) {
		t.Errorf("the row: %+v", row)
	}
	if !strings.Contains(w.log.String(), "because=\""+reason+"\"") {
		t.Errorf("the log: %s", w.log)
	}
	if line := w.slack.sent[0].Line("bot"); !strings.HasPrefix(line, "bot's key expires in 1 day due to creation age.") ||
		!strings.Contains(line, " will be disabled, but not before Tuesday 3 March 2026, 08:00 UTC; it was last used on ") {
		t.Errorf("the owner heard: %s", line)
	}

	w.sleep(day)
	if s := w.mustRun(tuesday); s.Disabled != 1 || s.Held != 0 || len(s.HeldKeys) != 0 || w.active("AKIAEXPIRE") {
		t.Errorf("on Tuesday: %+v", s)
	}
}

// TestNoKeyIsDisabledAfterTheWindowHasClosed: a run begins at 14:58, and comes to
// the keys at 15:03. Their owners are warned of when they will be disabled.
func TestNoKeyIsDisabledAfterTheWindowHasClosed(t *testing.T) {
	t.Parallel()
	for _, late := range []time.Duration{0, 61 * time.Second, 5 * time.Minute} {
		w := newWorld(t)
		w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
		w.sleep(2*time.Hour + 58*time.Minute)
		s := w.mustRun(within(t, "Mon-Tue 09:00-15:00 UTC"), func(r *run.Runner) {
			r.Stage = func(what string) {
				if strings.HasPrefix(what, "disabling") {
					w.sleep(late)
				}
			}
		})
		if late == 0 {
			if s.Disabled != 1 || w.active("AKIAEXPIRE") {
				t.Errorf("in time: %+v", s)
			}
			continue
		}
		if s.Disabled != 0 || s.Changed != 0 || s.Held != 1 || !w.active("AKIAEXPIRE") || w.aws.Count("UpdateAccessKey") != 0 {
			t.Errorf("%s later: %+v", late, s)
		}
		wantLines(t, w.slack, "bot's key expires in 1 day due to creation age.")
		if r, _ := w.record("AKIAEXPIRE"); r.Intent() != nil {
			t.Errorf("the intent stands: %+v", r)
		}
		w.sleep(19 * time.Hour)
		if s := w.mustRun(within(t, "Mon-Tue 09:00-15:00 UTC")); s.Disabled != 1 {
			t.Errorf("the next day: %+v", s)
		}
	}
}

// TestMinimumNoticeHoldsWithAWindow: the notice ends on Monday at noon, and the key
// is disabled as the window opens after that.
func TestMinimumNoticeHoldsWithAWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 300, 1))
	notice := func(r *run.Runner) { r.Config.Policy.MinNoticeDays = 7 }
	got := w.diary(10, func(r *run.Runner) {
		within(t, "Tue-Thu 09:00-15:00 UTC")(r)
		notice(r)
		r.Config.Policy.RemindAt = []int{3}
	})
	wantDiary(t, got,
		"day 0: bot's key expires in 8 days due to creation age.",
		"day 1: bot's key expires in 7 days due to creation age.",
		"day 5: bot's key expires in 3 days due to creation age.",
		"day 8: bot's key is disabled due to creation age.")
}
