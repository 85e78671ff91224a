package run_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// trail is a CloudTrail of one region that answers once it may, with one call by
// aws-cli for every key.
type trail struct {
	may chan struct{} // closed once it may answer; nil is always
	err error

	mu    sync.Mutex
	asked map[string]int // lookups by key
}

func (c *trail) Regions(context.Context) ([]string, error) { return []string{"us-east-1"}, nil }
func (c *trail) Global() string                            { return "us-east-1" }
func (c *trail) Denied(error) bool                         { return false }

func (c *trail) Lookup(ctx context.Context, _, keyID string, since time.Time, _ string) (trace.Page, error) {
	c.mu.Lock()
	if c.asked == nil {
		c.asked = map[string]int{}
	}
	c.asked[keyID]++
	c.mu.Unlock()
	if c.may != nil {
		select {
		case <-c.may:
		case <-ctx.Done():
			return trace.Page{}, ctx.Err()
		}
	}
	return trace.Page{Events: []callers.Event{{At: since, Service: "s3", Name: "ListBuckets", Source: "203.0.113.7", Agent: "aws-cli/2 os/macos#24"}}}, c.err
}

// keys are those that were asked about.
func (c *trail) keys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.asked))
}

// tracing has a run look keys up. If inTime, reading goes on only once all that
// were added are looked up.
func (w *world) tracing(cloud *trail, inTime bool) func(*run.Runner) {
	return func(r *run.Runner) {
		var mu sync.Mutex
		done := sync.NewCond(&mu)
		finished := map[int]bool{}
		r.Tracer = &trace.Tracer{
			Cloud: cloud, Budget: trace.NewBudget(100, time.Minute, w.clock()), Since: w.clock().AddDate(0, 0, -90), Now: w.clock,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			Progress: func(regions, all, _ int) {
				mu.Lock()
				defer mu.Unlock()
				finished[regions] = true
				done.Broadcast()
			},
		}
		if !inTime {
			return
		}
		added := 0
		r.Progress = func(int) {
			mu.Lock()
			defer mu.Unlock()
			for added = len(w.withSomethingToSay()); added > 0 && !finished[added]; {
				done.Wait()
			}
		}
	}
}

// withSomethingToSay is the users of these tests that messages are about.
func (w *world) withSomethingToSay() []string {
	var names []string
	for _, u := range w.home.Users() {
		if strings.HasPrefix(u.Name, "due") {
			names = append(names, u.Name)
		}
	}
	return names
}

func usesIn(t *testing.T, c *channel, keyID string) callers.Uses {
	t.Helper()
	for _, n := range c.sent {
		if n.KeyID == keyID {
			if n.Uses == nil {
				t.Fatalf("the notice about %s says nothing of its uses", keyID)
			}
			return *n.Uses
		}
	}
	t.Fatalf("no notice about %s in %v", keyID, c.lines())
	return callers.Uses{}
}

// TestNoticesSayWhoUsesTheKey that was looked up in time, and the record keeps
// it.
func TestNoticesSayWhoUsesTheKey(t *testing.T) {
	t.Parallel()
	for keyID, age := range map[string]int{"AKIAWARNED": 60, "AKIADISABLED": 95} {
		t.Run(keyID, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("due", nil, w.key(keyID, age, 1))
			w.mustRun(w.tracing(&trail{}, true))
			if got := usesIn(t, w.slack, keyID); got.Calls != 1 || got.Callers[0].Client != "aws-cli on macOS" {
				t.Errorf("the notice says %+v", got)
			}
			record, _ := w.record(keyID)
			if got := record.Uses(); got.Calls != 1 || !got.At.Equal(w.clock()) {
				t.Errorf("the record says %+v", got)
			}
			if final := record.Final(); final != nil && (final.Notice.Uses == nil || !final.Notice.Uses.LookedUp()) {
				t.Errorf("the final notice that is kept says %+v", final.Notice.Uses)
			}
		})
	}
}

// TestNoNoticeWaitsForCloudTrail: notices are sent while CloudTrail answers
// nothing, and say so; what it answers later is kept, for the next run.
func TestNoNoticeWaitsForCloudTrail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("due-one", nil, w.key("AKIAWARNED", 60, 1))
	w.user("due-two", nil, w.key("AKIADISABLED", 95, 1))
	cloud := &trail{may: make(chan struct{})}
	answerOnceSent := func(r *run.Runner) {
		r.Channels = []notify.Channel{w.slack, &answering{channel: w.sns, sent: func() { close(cloud.may) }}}
	}
	w.mustRun(w.tracing(cloud, false), answerOnceSent)
	for _, keyID := range []string{"AKIAWARNED", "AKIADISABLED"} {
		if got := usesIn(t, w.slack, keyID); got.LookedUp() {
			t.Errorf("the notice about %s waited: %+v", keyID, got)
		}
		if record, _ := w.record(keyID); !record.Uses().LookedUp() {
			t.Errorf("what came late about %s is lost", keyID)
		}
	}
	// That Sleuth disabled the key is not forgotten as that is written down.
	if record, _ := w.record("AKIADISABLED"); record.Disabled() == nil || !record.Disabling().Confirmed {
		t.Errorf("the record says %+v", record.Disabled())
	}
	w.sleep(day)
	w.mustRun(w.tracing(&trail{may: make(chan struct{}), err: context.Canceled}, false), func(r *run.Runner) {
		r.Tracer.Budget = trace.NewBudget(100, 100*time.Millisecond, w.clock())
	})
	if got := usesIn(t, w.slack, "AKIAWARNED"); !got.At.Equal(w.clock().Add(-day)) {
		t.Errorf("the next notice says %+v, want what was found the day before", got)
	}
}

// answering is a channel that says when it has sent a message.
type answering struct {
	*channel
	sent func()
}

func (c *answering) Send(ctx context.Context, m notify.Message) error {
	err := c.channel.Send(ctx, m)
	c.sent()
	return err
}

func TestAKeyIsLookedUpOnceADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("due", nil, w.key("AKIAWARNED", 60, 1))
	for i, want := range []int{1, 1, 2} {
		cloud := &trail{}
		w.mustRun(w.tracing(cloud, false))
		got := len(cloud.keys())
		if asked := (i == 0 || i == 2); asked != (got == 1) {
			t.Errorf("run %d looked up %d keys, want %d of them so far", i+1, got, want)
		}
		if !usesIn(t, w.slack, "AKIAWARNED").LookedUp() && i == 1 {
			t.Error("the second run of a day does not say what the first has found")
		}
		w.sleep(time.Hour * time.Duration(1+22*i))
	}
}

// TestOnlyKeysWithSomethingToSayAreLookedUp, and none without the setting.
func TestOnlyKeysWithSomethingToSayAreLookedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("due", nil, w.key("AKIADUE", 60, 1))
	w.user("good", nil, w.key("AKIAGOOD", 1, 1))
	w.user("exempt", []string{"KeyAutoExpire", "False"}, w.key("AKIAEXEMPT", 95, 1))
	w.user("off", nil, awsfake.Key{ID: "AKIAOFF", Created: w.clock().Add(-95 * day)})
	cloud := &trail{}
	w.mustRun(w.tracing(cloud, false))
	if got := cloud.keys(); !slices.Equal(got, []string{"AKIADUE"}) {
		t.Errorf("looked up %v", got)
	}
	w.mustRun()
	for _, n := range w.slack.sent {
		if n.Uses != nil {
			t.Errorf("without tracing a notice says %+v", n.Uses)
		}
	}
}

// TestAFailedLookupFailsTheRunAndNoNotice.
func TestAFailedLookupFailsTheRunAndNoNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("due", nil, w.key("AKIADISABLED", 95, 1))
	s, err := w.run(w.tracing(&trail{err: errors.New("out of order")}, false))
	if err == nil || !strings.Contains(err.Error(), "look up who used key AKIADISABLED") || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("the error is %v", err)
	}
	if w.active("AKIADISABLED") || len(w.slack.sent) != 1 || s.Disabled != 1 || usesIn(t, w.slack, "AKIADISABLED").LookedUp() {
		t.Errorf("the key is not disabled, or its owner not notified: %+v", s)
	}
}

// TestWhatRunsLeaveIsDoneAfterwards: over several accounts no run waits for
// CloudTrail.
func TestWhatRunsLeaveIsDoneAfterwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("due", nil, w.key("AKIAWARNED", 60, 1))
	cloud := &trail{may: make(chan struct{})}
	var left []func(context.Context) error
	w.mustRun(w.tracing(cloud, false), func(r *run.Runner) {
		r.Afterwards = func(work func(context.Context) error) { left = append(left, work) }
	})
	if record, _ := w.record("AKIAWARNED"); record.Uses().LookedUp() || len(left) != 1 {
		t.Fatalf("the run waited, or left %d pieces of work", len(left))
	}
	close(cloud.may)
	if err := left[0](t.Context()); err != nil {
		t.Fatal(err)
	}
	if record, _ := w.record("AKIAWARNED"); !record.Uses().LookedUp() {
		t.Error("what came afterwards is lost")
	}
}
