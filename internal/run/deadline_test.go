package run_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// lambdaLife is how long a Lambda may run.
const lambdaLife = 15 * time.Minute

// inProcess calls an AWS without a network, so that a bubble's time passes
// while nothing answers. The actions that hang are never answered.
type inProcess struct {
	server *awsfake.Server
	hang   map[string]bool
}

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	params, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if p.hang[params.Get("Action")] {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	p.server.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// bubble runs test in a bubble, whose time passes only while everything waits.
func bubble(t *testing.T, test func(t *testing.T, w *world, aws inProcess)) {
	t.Helper()
	w := newWorld(t)
	aws := inProcess{w.aws, map[string]bool{}}
	w.http = &http.Client{Transport: aws}
	synctest.Test(t, func(t *testing.T) {
		w.t, w.virtual = t, true
		test(t, w, aws)
	})
}

// inLambda gives a run the time that Lambda does.
func inLambda(r *run.Runner) {
	r.Budget = budget.Account(r.Now(), r.Now().Add(lambdaLife), budget.Notify, budget.Findings, budget.Evidence, budget.Event)
}

// wantInTime checks that a run left time for what comes after it, and gave the
// lease back.
func (w *world) wantInTime(began time.Time, s run.Summary) {
	w.t.Helper()
	if took := w.clock().Sub(began); took > lambdaLife-time.Minute {
		w.t.Errorf("the run took %s, which leaves less than a minute for its findings, evidence and event", took)
	}
	if s.Finished.IsZero() {
		w.t.Error("there is no summary")
	}
	if err := w.store.Acquire(w.t.Context(), awsfake.DefaultHome, "next", w.clock(), time.Minute); err != nil {
		w.t.Errorf("the lease was not given back: %v", err)
	}
	if err := w.store.Release(w.t.Context(), awsfake.DefaultHome, "next"); err != nil {
		w.t.Error(err)
	}
}

// TestAHangingChannelDoesNotStarveTheRun: a channel that never answers costs
// the run neither its reading nor its disabling, nor the other channel, however
// much is pending for it.
func TestAHangingChannelDoesNotStarveTheRun(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world, _ inProcess) {
		w.user("early", nil, w.key("AKIAEARLY", 95, 1))
		w.slack.err = errDown
		if _, err := w.run(inLambda); err == nil {
			t.Fatal("the first run was complete")
		}
		w.slack.err, w.slack.hang = nil, true
		w.user("late", nil, w.key("AKIALATE", 95, 1))
		began := w.clock()
		s, err := w.run(inLambda)
		if err == nil || s.Users != 2 || s.Disabled != 1 || w.active("AKIALATE") || s.TimedOut {
			t.Errorf("error %v, %d users, %d disabled, incomplete %t", err, s.Users, s.Disabled, s.TimedOut)
		}
		wantLines(t, w.sns, "late's key is disabled due to creation age.")
		w.wantInTime(began, s)
		for _, key := range []string{"AKIAEARLY", "AKIALATE"} {
			if r, _ := w.record(key); !r.FinalPending() {
				t.Errorf("the notice of %s is no longer pending: %+v", key, r)
			}
		}
		w.slack.hang = false
		w.mustRun(inLambda)
		wantLines(t, w.slack, "early's key is disabled due to creation age.", "late's key is disabled due to creation age.")
	})
}

// TestAHangingChannelWithoutADeadline holds the command line for hours at most.
func TestAHangingChannelWithoutADeadline(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world, _ inProcess) {
		w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
		w.slack.hang = true
		s, err := w.run()
		if err == nil || s.Disabled != 1 {
			t.Errorf("error %v, %d disabled", err, s.Disabled)
		}
		wantLines(t, w.sns, "bot's key is disabled due to creation age.")
	})
}

// TestAnAWSThatHangs: what IAM never answers is reported, and everything else
// is done in time.
func TestAnAWSThatHangs(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ListUsers", "ListAccessKeys", "GetAccessKeyLastUsed", "ListUserTags", "UpdateAccessKey"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world, aws inProcess) {
				w.user("pending", nil, w.key("AKIAPENDING", 95, 1))
				w.slack.err = errDown
				if _, err := w.run(inLambda); err == nil {
					t.Fatal("the first run was complete")
				}
				w.slack.err = nil
				w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
				aws.hang[action] = true
				began := w.clock()
				s, err := w.run(inLambda)
				if err == nil || s.Failed == 0 || s.Disabled != 0 {
					t.Errorf("error %v, %d failed, %d disabled", err, s.Failed, s.Disabled)
				}
				w.wantInTime(began, s)
				wantLines(t, w.slack, "pending's key is disabled due to creation age.")

				delete(aws.hang, action)
				w.sleepBubble(time.Hour)
				w.mustRun(inLambda)
				if w.active("AKIAEXPIRE") {
					t.Error("the next run did not disable the key")
				}
			})
		})
	}
}

// TestAHangingCheckOfAnIntent: an IAM that does not say what became of an
// earlier attempt leaves the run its time.
func TestAHangingCheckOfAnIntent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world, aws inProcess) {
		for _, name := range []string{"a", "b", "c"} {
			w.user(name, nil, w.key("AKIA"+strings.ToUpper(name), 95, 1))
		}
		aws.hang["UpdateAccessKey"] = true
		if s, err := w.run(inLambda); err == nil || s.Disabled != 0 {
			t.Fatalf("error %v, %d disabled", err, s.Disabled)
		}
		w.sleepBubble(time.Hour)
		delete(aws.hang, "UpdateAccessKey")
		aws.hang["ListAccessKeys"] = true
		began := w.clock()
		s, err := w.run(inLambda)
		if err == nil || !strings.Contains(err.Error(), "no time to check whether an earlier run disabled 2 keys") {
			t.Errorf("error %v", err)
		}
		w.wantInTime(began, s)
	})
}

// hangingStore answers every call but one kind.
type hangingStore struct {
	*ledger.MemoryStore
	on string
}

func (s hangingStore) wait(ctx context.Context, on string) error {
	if s.on != on {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s hangingStore) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	if err := s.wait(ctx, "Load"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Load(ctx, account)
}

func (s hangingStore) Put(ctx context.Context, records ...*ledger.Record) error {
	return errors.Join(s.wait(ctx, "Put"), s.MemoryStore.Put(ctx, records...))
}

func (s hangingStore) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	return errors.Join(s.wait(ctx, "Acquire"), s.MemoryStore.Acquire(ctx, account, holder, now, ttl))
}

func (s hangingStore) Release(ctx context.Context, account, holder string) error {
	return errors.Join(s.wait(ctx, "Release"), s.MemoryStore.Release(ctx, account, holder))
}

func (s hangingStore) LastRun(ctx context.Context, account string) (ledger.LastRun, error) {
	if err := s.wait(ctx, "LastRun"); err != nil {
		return ledger.LastRun{}, err
	}
	return s.MemoryStore.LastRun(ctx, account)
}

func (s hangingStore) SetLastRun(ctx context.Context, account string, last ledger.LastRun) error {
	return errors.Join(s.wait(ctx, "SetLastRun"), s.MemoryStore.SetLastRun(ctx, account, last))
}

// TestAStoreThatHangs: whatever the store does not answer, the run ends in time
// with a summary that says so.
func TestAStoreThatHangs(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"Acquire", "LastRun", "Load", "Put", "SetLastRun", "Release"} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, w *world, _ inProcess) {
				w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1), w.key("AKIAOLD", 60, 1))
				memory := ledger.NewMemory()
				w.store = hangingStore{memory, on}
				began := w.clock()
				// Who waits for a mutex does not let a bubble's time pass: one channel.
				s, err := w.run(inLambda, func(r *run.Runner) { r.Channels = []notify.Channel{w.slack} })
				if err == nil || s.Failed == 0 {
					t.Errorf("error %v, %d failed", err, s.Failed)
				}
				w.store = memory
				if on == "Release" {
					w.sleepBubble(2 * time.Minute) // until the lease expires
					began = began.Add(2 * time.Minute)
				}
				w.wantInTime(began, s)
				if done := on == "SetLastRun" || on == "Release"; w.active("AKIAEXPIRE") == done {
					t.Errorf("active %t", !done)
				}
			})
		})
	}
}

func (w *world) sleepBubble(d time.Duration) {
	w.t.Helper()
	<-time.After(d)
}

// TestALostLeaseStopsTheRun before another can be at work on the account, and
// is named as the reason.
func TestALostLeaseStopsTheRun(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world, aws inProcess) {
		w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
		aws.hang["ListUsers"] = true
		began := w.clock()
		s, err := w.run(func(r *run.Runner) { r.Store = &losing{MemoryStore: w.store.(*ledger.MemoryStore)} })
		if err == nil || !strings.Contains(err.Error(), "the lease on account "+awsfake.DefaultHome+" was lost: the table is gone") || s.Disabled != 0 {
			t.Errorf("error %v, %d disabled", err, s.Disabled)
		}
		if took := w.clock().Sub(began); took >= time.Minute {
			t.Errorf("the run went on for %s, and its lease is of a minute", took)
		}
	})
}

// losing is a store in which leases can be acquired once.
type losing struct {
	*ledger.MemoryStore
	acquired bool
}

func (s *losing) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	if s.acquired {
		return errors.New("the table is gone")
	}
	s.acquired = true
	return s.MemoryStore.Acquire(ctx, account, holder, now, ttl)
}

// damagedRun is a store in which the last run cannot be understood until
// another is put in its place.
type damagedRun struct {
	*ledger.MemoryStore
	replaced bool
}

func (s *damagedRun) LastRun(ctx context.Context, account string) (ledger.LastRun, error) {
	if !s.replaced {
		return ledger.LastRun{}, &ledger.DamagedRunError{Store: "file:x", Account: account, Err: errGarbled}
	}
	return s.MemoryStore.LastRun(ctx, account)
}

func (s *damagedRun) SetLastRun(ctx context.Context, account string, last ledger.LastRun) error {
	s.replaced = true
	return s.MemoryStore.SetLastRun(ctx, account, last)
}

// TestADamagedLastRunStopsNoRun: it is named, counted, and replaced. As it may
// have said that there were rules for kinds of users, a key is disabled only once its
// owner had the notice that is due after those.
func TestADamagedLastRunStopsNoRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("bot", nil, w.key("AKIAEXPIRE", 95, 1))
	store := &damagedRun{MemoryStore: ledger.NewMemory()}
	w.store = store
	s, err := w.run()
	if err == nil || !strings.Contains(err.Error(), "garbled") || s.Failed != 1 || s.Warned != 1 || s.Disabled != 0 || !s.Started {
		t.Errorf("error %v, begun %t, %d failed, %d warned, %d disabled", err, s.Started, s.Failed, s.Warned, s.Disabled)
	}
	if !strings.Contains(w.log.String(), "garbled") {
		t.Errorf("the log does not name it: %s", w.log)
	}
	w.sleep(7 * day)
	if s := w.mustRun(); s.Disabled != 1 {
		t.Errorf("%d disabled after the notice, want 1", s.Disabled)
	}
	if last, err := store.LastRun(t.Context(), awsfake.DefaultHome); err != nil || last.Run != "run-2" {
		t.Errorf("remembered %+v, %v", last, err)
	}
}
