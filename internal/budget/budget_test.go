package budget_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/budget"
)

func start() time.Time { return time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC) }

func TestEnd(t *testing.T) {
	t.Parallel()
	everything := []budget.Part{budget.Notify, budget.Findings, budget.Evidence, budget.Event}
	for _, c := range []struct {
		name  string
		split func(start, deadline time.Time, optional ...budget.Part) budget.Budget
		life  time.Duration
		parts []budget.Part
		want  map[budget.Part]time.Duration // since the start
	}{
		{"a Lambda's life", budget.Account, 15 * time.Minute, everything, map[budget.Part]time.Duration{
			budget.Reconcile: 180 * time.Second, budget.Read: 705 * time.Second, budget.Disable: 765 * time.Second,
			budget.Notify: 825 * time.Second, budget.Record: 835 * time.Second, budget.Release: 840 * time.Second,
			budget.Findings: 870 * time.Second, budget.Evidence: 890 * time.Second, budget.Event: 900 * time.Second,
		}},
		{"what there is not is kept no time", budget.Account, 15 * time.Minute, []budget.Part{budget.Notify}, map[budget.Part]time.Duration{
			budget.Read: 765 * time.Second, budget.Disable: 825 * time.Second, budget.Notify: 885 * time.Second,
			budget.Release: 900 * time.Second, budget.Findings: 900 * time.Second,
		}},
		{"a short life is split in proportion", budget.Account, 40 * time.Second, everything, map[budget.Part]time.Duration{
			budget.Reconcile: 10 * time.Second, budget.Read: 20 * time.Second,
		}},
		{"no life", budget.Account, 0, everything, map[budget.Part]time.Duration{budget.Reconcile: 0, budget.Read: 0, budget.Event: 0}},
		{"a deadline that has passed", budget.Account, -time.Minute, everything, map[budget.Part]time.Duration{budget.Read: -time.Minute, budget.Event: -time.Minute}},
		{"around the accounts", budget.Invocation, 15 * time.Minute, []budget.Part{budget.Digest, budget.Event, budget.Result, budget.AccountEvents}, map[budget.Part]time.Duration{
			budget.Work: 775 * time.Second, budget.AccountEvents: 120 * time.Second, budget.Digest: 880 * time.Second,
			budget.Event: 890 * time.Second, budget.Result: 900 * time.Second,
		}},
	} {
		b := c.split(start(), start().Add(c.life), c.parts...)
		for part, want := range c.want {
			if got := b.End(part, start()).Sub(start()).Round(time.Millisecond); got != want {
				t.Errorf("%s: part %d ends after %s, want %s", c.name, part, got, want)
			}
		}
	}
}

func TestProcess(t *testing.T) {
	t.Parallel()
	b := budget.Process(start(), start().Add(15*time.Minute))
	if got := b.End(budget.Work, start()).Sub(start()); got != 895*time.Second {
		t.Errorf("the invocation ends after %s", got)
	}
	if end := budget.Process(start(), time.Time{}).End(budget.Work, start()); !end.IsZero() {
		t.Errorf("without a deadline the invocation ends on %s", end)
	}
}

// TestAShareCountsFromThePartsOwnBeginning: reconciling that begins late still
// has its share, but never the time of a later part.
func TestAShareCountsFromThePartsOwnBeginning(t *testing.T) {
	t.Parallel()
	b := budget.Account(start(), start().Add(15*time.Minute), budget.Notify)
	for begin, want := range map[time.Duration]time.Duration{
		time.Minute:      4 * time.Minute,
		12 * time.Minute: 765 * time.Second, // no later than reading
		14 * time.Minute: 765 * time.Second, // passed: nothing may be done
	} {
		if got := b.End(budget.Reconcile, start().Add(begin)).Sub(start()); got != want {
			t.Errorf("reconciling that begins after %s ends after %s, want %s", begin, got, want)
		}
	}
}

// TestWithoutADeadline: a part that waits for others is bounded, one that makes
// progress as long as it takes is not.
func TestWithoutADeadline(t *testing.T) {
	t.Parallel()
	later := start().Add(24 * time.Hour)
	for name, b := range map[string]budget.Budget{
		"the zero budget":  {},
		"a zero deadline":  budget.Account(start(), time.Time{}, budget.Notify),
		"a nested budget":  budget.Account(start(), budget.Invocation(start(), time.Time{}).End(budget.Work, later)),
		"a nested sending": budget.Sending(start(), budget.Invocation(start(), time.Time{}).End(budget.Digest, later)),
	} {
		for _, part := range []budget.Part{budget.Read, budget.Disable, budget.Record, budget.Work, budget.LeftOut, budget.Digest} {
			if end := b.End(part, later); !end.IsZero() || !b.MayBegin(part, later) {
				t.Errorf("%s: part %d ends on %s", name, part, end)
			}
		}
		for part, most := range map[budget.Part]time.Duration{
			budget.Reconcile: 10 * time.Minute, budget.Notify: 2 * time.Hour, budget.Release: 10 * time.Second,
			budget.Findings: 15 * time.Minute, budget.Evidence: time.Minute, budget.AccountEvents: 2 * time.Minute,
			budget.Event: 15 * time.Second, budget.Result: time.Minute, budget.Reserve: 5 * time.Second,
		} {
			if end := b.End(part, later); end != later.Add(most) {
				t.Errorf("%s: part %d ends on %s, want %s after its beginning", name, part, end, most)
			}
		}
	}
}

func TestMayBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		life, at time.Duration
		part     budget.Part
		want     bool
	}{
		{15 * time.Minute, 0, budget.Read, true},
		{15 * time.Minute, 754 * time.Second, budget.Read, true},
		{15 * time.Minute, 755 * time.Second, budget.Read, false}, // 10 s to finish what is under way
		{15 * time.Minute, 755 * time.Second, budget.Disable, true},
		{15 * time.Minute, 815 * time.Second, budget.Disable, false},
		{20 * time.Second, 8 * time.Second, budget.Read, true},
		{20 * time.Second, 9001 * time.Millisecond, budget.Read, false},
		{0, 0, budget.Read, false},
		{-time.Second, 0, budget.Disable, false},
	} {
		b := budget.Account(start(), start().Add(c.life), budget.Notify)
		if got := b.MayBegin(c.part, start().Add(c.at)); got != c.want {
			t.Errorf("with %s to live, part %d may begin after %s: %t, want %t", c.life, c.part, c.at, got, c.want)
		}
	}
}

// TestNoPartStarvesALaterOne: whatever there is to do and however long it may
// take, each part that takes all the time it can leaves the next one its own,
// reading has at least a quarter of the time, and the last part ends at the
// deadline.
func TestNoPartStarvesALaterOne(t *testing.T) {
	t.Parallel()
	parts := []budget.Part{
		budget.Reconcile, budget.Read, budget.Disable, budget.Notify, budget.Record, budget.Release, budget.Findings, budget.Evidence,
		budget.Work, budget.AccountEvents, budget.LeftOut, budget.Digest, budget.Event, budget.Result, budget.Reserve,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		life := time.Duration(1 + random.Int64N(int64(3*time.Hour)))
		deadline := start().Add(life)
		var named []budget.Part
		for _, part := range parts {
			if part == budget.Read || part == budget.Reserve || random.IntN(2) == 0 {
				named = append(named, part)
			}
		}
		b := budget.New(start(), deadline, named...)
		now := start()
		for _, part := range named {
			end := b.End(part, now)
			had := end.Sub(now)
			switch part {
			case budget.Read:
				if had < life/4-time.Microsecond {
					t.Fatalf("%s to live, parts %v: reading has %s", life, named, had)
				}
			case budget.Disable, budget.Notify, budget.Record, budget.Release, budget.Findings, budget.Evidence, budget.LeftOut, budget.Digest, budget.Event, budget.Result, budget.Reserve:
				if had < min(5*time.Second, life/400) {
					t.Fatalf("%s to live, parts %v: part %d has %s", life, named, part, had)
				}
			}
			if end.After(deadline) || had < 0 {
				t.Fatalf("%s to live, parts %v: part %d begins %s and ends %s", life, named, part, now, end)
			}
			now = end
		}
		if now != deadline {
			t.Fatalf("%s to live, parts %v: the last part ends %s before the deadline", life, named, deadline.Sub(now))
		}
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	b := budget.Account(start(), start().Add(15*time.Minute))
	ctx, cancel := b.Context(t.Context(), budget.Read, start().Add(15*time.Minute))
	defer cancel()
	if ctx.Err() != context.DeadlineExceeded {
		t.Errorf("the context of a part whose time is up: %v", ctx.Err())
	}
	ctx, cancel = b.Context(t.Context(), budget.Read, start())
	defer cancel()
	if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
		t.Errorf("bounded %t, %v", bounded, ctx.Err())
	}
	ctx, cancel = budget.Budget{}.Context(t.Context(), budget.Read, start())
	defer cancel()
	if _, bounded := ctx.Deadline(); bounded {
		t.Error("reading is bounded without a deadline")
	}
}
