package enforce_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// leaked is the record of a key that was found in public, with its owner still
// to be notified.
func leaked() *ledger.Record {
	r := blank()
	r.MarkLeaked(now, "run-1", "arn:1", notify.Notice{KeyID: "AKIA1", User: "bot", Kind: notify.LeakedActive, Reason: audit.Exposure}, ledger.Due{Channels: []string{"slack"}})
	return r
}

// TestDisableLeaked: a leaked key goes whatever its age, unless what is read
// again speaks against it; then its notice stays pending as it was.
func TestDisableLeaked(t *testing.T) {
	t.Parallel()
	final := func(user audit.User, key audit.Key) notify.Notice {
		return notify.Notice{KeyID: key.ID, User: user.Name, Kind: notify.LeakedDisabled, Reason: audit.Exposure}
	}
	attempt := func(at time.Time) *ledger.Intent {
		return &ledger.Intent{At: at, Run: "run-1", Reason: audit.Exposure, Notice: final(audit.User{Name: "bot"}, audit.Key{ID: "AKIA1"})}
	}
	for _, c := range []struct {
		name    string
		before  *ledger.Intent
		world   func(*aws)
		spared  string
		outcome enforce.Outcome
		err     string
		diary   []string
	}{
		{name: "as it should be", outcome: enforce.Disabled, diary: []string{"intent", "read", "write", "disabled"}},
		{name: "no intent, no deed", world: func(a *aws) { a.putErr = map[int]error{1: errDisk} }, outcome: enforce.Failed, err: "left active", diary: []string{"put fails"}},
		{name: "not read", world: func(a *aws) { a.readErr = errBroken }, outcome: enforce.Failed, err: "left active", diary: []string{"intent", "read"}},
		{name: "not written", world: func(a *aws) { a.writeErr = errBroken }, outcome: enforce.Failed, err: "broken", diary: []string{"intent", "read", "write"}},
		{name: "spared after all", spared: "exempt", outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}},
		{name: "spared, and an attempt before may show yet", before: attempt(now), spared: "exempt", outcome: enforce.Pending, diary: []string{"intent", "read"}},
		{name: "disabled by a person", world: func(a *aws) { a.key.Status = audit.Inactive }, outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}},
		{name: "disabled by an attempt before", before: attempt(now), world: func(a *aws) { a.key.Status = audit.Inactive }, outcome: enforce.Disabled, diary: []string{"intent", "read", "disabled"}},
		{name: "disabled by an attempt before, its user renamed since", before: attempt(now), world: func(a *aws) { a.user.Name, a.key.Status = "robot", audit.Inactive }, outcome: enforce.Disabled, diary: []string{"intent", "read", "disabled"}},
		{name: "gone", world: func(a *aws) { a.readErr = gone }, outcome: enforce.Gone, diary: []string{"intent", "read", "nothing"}},
		{name: "gone while it was written", world: func(a *aws) { a.deleted = true }, outcome: enforce.Gone, diary: []string{"intent", "read", "write", "read", "nothing"}},
		{name: "its user renamed while it was written", world: func(a *aws) { a.renamed = "robot" }, outcome: enforce.Failed, err: "disable key AKIA1", diary: []string{"intent", "read", "write", "read"}},
		{name: "its user renamed", world: func(a *aws) { a.user.Name = "robot" }, outcome: enforce.Disabled, diary: []string{"intent", "read", "write", "disabled"}},
		{name: "a status that nobody knows", world: func(a *aws) { a.key.Status = "Expired" }, outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := due()
			a.key.Created = now.Add(-day) // nothing else is against it
			if c.world != nil {
				c.world(a)
			}
			record := leaked()
			if c.before != nil {
				record.Intend(*c.before)
			}
			outcome, err := a.enforcer().DisableLeaked(t.Context(), a.user, a.key, func(audit.User, audit.Key) string { return c.spared }, final, record)
			if outcome != c.outcome || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("outcome %d, %v", outcome, err)
			}
			if !slices.Equal(a.diary, c.diary) {
				t.Errorf("the diary is %q, want %q", a.diary, c.diary)
			}
			disabled := outcome == enforce.Disabled
			if (record.Final().Notice.Kind == notify.LeakedDisabled) != disabled || record.Leak().Disabled.IsZero() == disabled || !record.FinalPending() {
				t.Errorf("the record is %+v", record)
			}
			if disabled && (record.User() != a.user.Name || record.Final().Notice.User != a.user.Name) {
				t.Errorf("the record is of %s and its notice of %s, want the present name", record.User(), record.Final().Notice.User)
			}
		})
	}
}

// TestALeakIsListedFirst: a key that goes for its age while its owner has not
// heard yet that it leaked goes with the word of the leak.
func TestALeakIsListedFirst(t *testing.T) {
	t.Parallel()
	a, record := due(), leaked()
	outcome, err := a.disable(t, record)
	if outcome != enforce.Disabled || err != nil || record.Final().Notice.Kind != notify.LeakedDisabled || record.Final().Notice.Reason != audit.Exposure || record.Disabled().Reason != audit.CreationAge {
		t.Errorf("outcome %d, %v: %+v", outcome, err, record)
	}
	notified := leaked()
	check(t, notified.Acknowledge(now, "slack"))
	if _, err := due().disable(t, notified); err != nil || notified.Final().Notice.Kind != notify.Disabled || notified.Leak() == nil {
		t.Errorf("of a key whose owner was notified: %+v", notified)
	}
}
