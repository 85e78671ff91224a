package run_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// under sets rules, on top of the settings creationOnly; "" is none.
func under(t *testing.T, rules string) func(*run.Runner) {
	t.Helper()
	return func(r *run.Runner) {
		r.Config.Rules = creationOnly
		if rules == "" {
			return
		}
		r.Config.RulesFrom = config.RulesSource{Kind: config.RulesInline}
		cfg, problems := r.Config.WithRules(rules)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		r.Config = cfg
	}
}

// ruleFor is a rule with limits by creation.
func ruleFor(name, match string, expiration int) string {
	return fmt.Sprintf("{name: %s, match: %s, expiration_age: %d, warning_age: %d}", name, match, expiration, expiration-10)
}

func rulesOf(rules ...string) string { return "rules: [" + strings.Join(rules, ", ") + "]" }

// TestStricterLimitsComeWithNotice: however the limits of a key become stricter,
// one that is past them is warned about first, and for 7 days.
func TestStricterLimitsComeWithNotice(t *testing.T) {
	t.Parallel()
	const all = `{user: "*"}`
	lenient, strict, machines := ruleFor("people", all, 365), ruleFor("contractors", all, 95), ruleFor("machines", "{group: machines}", 365)
	for name, c := range map[string]struct {
		age           int
		before, after string
		change        func(*world)
	}{
		"a rule became stricter":    {100, rulesOf(lenient), rulesOf(ruleFor("people", all, 95)), nil},
		"a rule was added before":   {100, rulesOf(lenient), rulesOf(strict, lenient), nil},
		"a rule was removed":        {100, rulesOf(lenient, strict), rulesOf(strict), nil},
		"the last rule was removed": {100, rulesOf(lenient), rulesOf(), nil},
		"SLEUTH_RULES was removed":  {100, rulesOf(lenient), "", nil},
		"SLEUTH_RULES was set":      {60, "", rulesOf(ruleFor("contractors", all, 55)), nil},
		"a user left a group":       {100, rulesOf(machines), rulesOf(machines), func(w *world) { w.home.SetGroup("machines") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.home.SetGroup("machines", "ci")
			w.user("ci", nil, w.key("AKIACI", c.age, 1))
			w.diary(2, under(t, c.before))
			if c.change != nil {
				c.change(w)
			}
			var want []string
			for i, left := range []string{"7 days", "6 days", "5 days", "4 days", "3 days", "2 days", "1 day"} {
				want = append(want, fmt.Sprintf("day %d: ci's key expires in %s due to creation age.", i, left))
			}
			wantDiary(t, w.diary(9, under(t, c.after)), append(want, "day 7: ci's key is disabled due to creation age.")...)
		})
	}
}

// TestTheNoticeAfterRules: once rules are removed, it counts from a delivered
// warning, however long that takes and whatever became of the runs in between; and
// it is for keys alone that were near their limits then.
func TestTheNoticeAfterRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ci", nil, w.key("AKIACI", 100, 1))
	w.user("ann", nil, w.key("AKIAANN", 48, 1)) // warned about from 50 days on
	rules := under(t, rulesOf(ruleFor("people", `{user: "*"}`, 365)))
	dies := func(r *run.Runner) { r.Store = diesLoading{w.store.(*ledger.MemoryStore)} }
	if _, err := w.run(rules, dies); err == nil {
		t.Fatal("the run ended")
	}
	w.slack.err, w.sns.err = errDown, errDown
	for range 50 {
		w.sleep(day)
		if _, err := w.run(under(t, "")); err == nil {
			t.Fatal("the warnings were delivered")
		}
	}
	if !w.active("AKIACI") {
		t.Error("it was disabled, and its owner never knew of a limit")
	}
	if w.active("AKIAANN") {
		t.Error("a key that reached its warning age after the rules were removed is held")
	}
	w.slack.err, w.sns.err = nil, nil
	w.mustRun(under(t, ""))
	w.sleep(7*day - 1)
	w.mustRun(under(t, ""))
	if !w.active("AKIACI") {
		t.Error("it was disabled a moment before 7 days had passed")
	}
	w.sleep(1)
	w.mustRun(under(t, ""))
	if w.active("AKIACI") {
		t.Error("it was not disabled after 7 days")
	}
}

// diesLoading is a store that ends a run as it begins its work.
type diesLoading struct{ *ledger.MemoryStore }

func (diesLoading) Load(context.Context, string) ([]ledger.Record, error) { return nil, errDown }

// TestWhatIsNoticeUnderRules: with SLEUTH_RULES set, even users whom no rule
// matches have it, and a longer one counts.
func TestWhatIsNoticeUnderRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ci", nil, w.key("AKIACI", 100, 1))
	w.user("ann", nil, w.key("AKIAANN", 100, 1))
	rules := under(t, `rules: [{name: machines, match: {user: ci}, min_notice_days: 14}]`)
	w.mustRun(rules)
	wantLines(t, w.slack, "ann's key expires in 7 days due to creation age.", "ci's key expires in 14 days due to creation age.")
}
