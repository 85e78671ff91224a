package run_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// personal is a channel that writes to those who have a Slack tag.
type personal struct{ *channel }

func (personal) Accepts(n notify.Notice) bool { return n.SlackTag != "" }

// only gives a run one channel.
func only(c notify.Channel) func(*run.Runner) {
	return func(r *run.Runner) { r.Channels = []notify.Channel{c} }
}

// TestNoKeyIsDisabledUnheard: a key whose owner no channel can reach is held
// and reported, in a dry run as in a real one; one whose owner hears of it is
// disabled.
func TestNoKeyIsDisabledUnheard(t *testing.T) {
	t.Parallel()
	direct := personal{&channel{name: "direct"}}
	for name, change := range map[string]func(*run.Runner){
		"real": only(direct),
		"dry": func(r *run.Runner) {
			r.Channels = []notify.Channel{direct}
			dryRun(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("ann", []string{"Slack", "U1"}, w.key("AKIAANN", 95, 1))
			w.user("bot", nil, w.key("AKIABOT", 95, 1))
			s, err := w.run(change)
			if s.Disabled != 1 || s.Held != 1 || w.aws.Count("UpdateAccessKey") > 1 || !w.active("AKIABOT") {
				t.Errorf("disabled %d, held %d, bot's key active %t; want 1, 1, true", s.Disabled, s.Held, w.active("AKIABOT"))
			}
			want := "key AKIABOT of user bot is past its limit and was not disabled: no channel can reach its owner; give the user a Slack or an Email tag"
			if err == nil || len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Text, want) {
				t.Errorf("error %v, problems %v; want one problem with %q", err, s.Problems, want)
			}
			if !strings.Contains(w.log.String(), "no configured channel can reach its owner") {
				t.Errorf("the log does not say why the key is held: %s", w.log)
			}
		})
	}
}

// TestAnOwnerWhoCannotBeReachedAnyMore: what is read just before disabling
// decides.
func TestAnOwnerWhoCannotBeReachedAnyMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", []string{"Slack", "U1"}, w.key("AKIAANN", 95, 1))
	reads := 0
	w.aws.Inject(awsfake.Fault{Action: "ListUserTags", Times: 2, Do: func() {
		if reads++; reads == 2 {
			w.home.RemoveTag("ann", "Slack")
		}
	}})
	s := w.mustRun(only(personal{&channel{name: "direct"}}))
	if reads != 2 || s.Disabled != 0 || s.Changed != 1 || !w.active("AKIAANN") {
		t.Errorf("tags read %d times, disabled %d, changed %d, active %t", reads, s.Disabled, s.Changed, w.active("AKIAANN"))
	}
}

// TestASilentRunSaysSo: without a channel nobody is warned, and that is neither
// counted as a warning nor left unsaid.
func TestASilentRunSaysSo(t *testing.T) {
	t.Parallel()
	for _, autoExpire := range []bool{false, true} {
		w := newWorld(t)
		w.user("ann", nil, w.key("AKIAANN", 85, 1))
		s := w.mustRun(func(r *run.Runner) { r.Channels, r.Config.Policy.AutoExpire = nil, autoExpire })
		if !s.Silent || s.Warned != 0 || !strings.Contains(s.String(), "nobody was notified: no channel is configured") {
			t.Errorf("auto-expire %t: silent %t, warned %d: %s", autoExpire, s.Silent, s.Warned, s)
		}
	}
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIAANN", 85, 1))
	if s := w.mustRun(); s.Silent || s.Warned != 1 || strings.Contains(s.String(), "nobody") {
		t.Errorf("with channels: silent %t, warned %d: %s", s.Silent, s.Warned, s)
	}
}
