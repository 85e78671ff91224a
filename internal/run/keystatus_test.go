package run_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/run"
)

func keepingFindings(r *run.Runner) { r.Config.SecurityHub = true }

func dueKeys(s run.Summary) (keys []string) {
	for _, row := range s.KeyStatuses.Due {
		keys = append(keys, row.Key.ID+" "+row.Verdict.State.String())
	}
	return keys
}

// known is an account with a key of every kind.
func known(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.user("exempt", []string{"KeyAutoExpire", "False"}, w.key("EXEMPT", 100, 1))
	w.user("expired", nil, w.key("EXPIRED", 100, 1))
	w.user("good", nil, w.key("GOOD", 5, 1))
	inactive := w.key("INACTIVE", 100, 1)
	inactive.Active = false
	w.user("inactive", nil, inactive)
	w.user("old", nil, w.key("OLD", 60, 1))
	w.user("stagnant", nil, w.key("STAGNANT", 25, 25))
	w.user("two", nil, w.key("TWO-OLD", 55, 1), w.key("TWO-GOOD", 5, 1))
	w.user("unreadable-tag", []string{"KeyAutoExpire", "what"}, w.key("DOUBT", 100, 1))
	return w
}

// TestKnown: what is past something and active is due; what was read and is not
// is resolved.
func TestKnown(t *testing.T) {
	t.Parallel()
	w := known(t)
	s := w.mustRun(keepingFindings)
	if got, want := dueKeys(s), []string{"OLD old", "STAGNANT stagnant", "TWO-OLD old", "DOUBT expire"}; !slices.Equal(got, want) {
		t.Errorf("due are %q, want %q", got, want)
	}
	for user, key := range map[string]string{"expired": "EXPIRED", "exempt": "EXEMPT", "good": "GOOD", "inactive": "INACTIVE", "two": "TWO-GOOD", "old": "DELETED", "no such user": "GONE"} {
		if got := s.KeyStatuses.Of(user, key); got != run.Resolved {
			t.Errorf("%s of %s stands at %d, want resolved", key, user, got)
		}
	}
	if s := w.mustRun(); s.KeyStatuses != nil {
		t.Error("a run that keeps no findings keeps what it would take for them")
	}
}

// TestKnownKeysThatStayActive are due if nothing is disabled.
func TestKnownKeysThatStayActive(t *testing.T) {
	t.Parallel()
	w := known(t)
	s := w.mustRun(keepingFindings, func(r *run.Runner) { r.Config.Policy.AutoExpire = false })
	if got := dueKeys(s); !slices.Contains(got, "EXPIRED expire") {
		t.Errorf("due are %q", got)
	}
}

// TestNothingIsKnownOfWhatWasNotRead.
func TestNothingIsKnownOfWhatWasNotRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault awsfake.Fault
		want  map[[2]string]run.KeyStatus
	}{
		"a user's keys":     {awsfake.Fault{Action: "ListAccessKeys", User: "good", Code: "AccessDenied"}, map[[2]string]run.KeyStatus{{"good", "GOOD"}: run.Unknown, {"two", "TWO-GOOD"}: run.Resolved}},
		"a user's tags":     {awsfake.Fault{Action: "ListUserTags", User: "old", Code: "AccessDenied"}, map[[2]string]run.KeyStatus{{"old", "OLD"}: run.Unknown, {"two", "TWO-GOOD"}: run.Resolved}},
		"a key's last use":  {awsfake.Fault{Action: "GetAccessKeyLastUsed", KeyID: "STAGNANT", Code: "AccessDenied"}, map[[2]string]run.KeyStatus{{"stagnant", "STAGNANT"}: run.Unknown, {"stagnant", "ANOTHER"}: run.Resolved}},
		"the list of users": {awsfake.Fault{Action: "ListUsers", Code: "AccessDenied"}, map[[2]string]run.KeyStatus{{"good", "GOOD"}: run.Unknown, {"no such user", "GONE"}: run.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := known(t)
			w.aws.Inject(test.fault)
			s, err := w.run(keepingFindings)
			if err == nil {
				t.Fatal("the run had no error: this tests nothing")
			}
			for key, want := range test.want {
				if got := s.KeyStatuses.Of(key[0], key[1]); got != want {
					t.Errorf("%s stands at %d, want %d", key[1], got, want)
				}
			}
			if slices.ContainsFunc(s.KeyStatuses.Due, func(row audit.Judged) bool {
				return test.want[[2]string{row.User.Name, row.Key.ID}] == run.Unknown && hasKey(test.want, row.User.Name, row.Key.ID)
			}) {
				t.Errorf("what was not read is due: %q", dueKeys(s))
			}
		})
	}
}

func hasKey(m map[[2]string]run.KeyStatus, user, key string) bool {
	_, ok := m[[2]string{user, key}]
	return ok
}

// TestNothingIsKnownBehindTheDeadline, but of what was read before it.
func TestNothingIsKnownBehindTheDeadline(t *testing.T) {
	t.Parallel()
	w := known(t)
	s, err := w.run(keepingFindings, func(r *run.Runner) {
		r.Budget = budget.Account(w.clock().Add(-time.Hour), w.clock().Add(time.Minute), budget.Notify)
	})
	if err == nil || !s.TimedOut {
		t.Fatalf("the run had enough time: %v", err)
	}
	if got := s.KeyStatuses.Of("no such user", "GONE"); got != run.Unknown {
		t.Errorf("a user that may not have been read stands at %d, want unsure", got)
	}
}

// TestNothingIsKnownOfWhatChangesMeanwhile: a key that another has just
// disabled, or that IAM may still show as it was.
func TestNothingIsKnownOfWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	w := known(t)
	w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "expired", Nth: 2, Do: func() { w.home.SetKeyStatus("EXPIRED", false) }})
	s := w.mustRun(keepingFindings)
	if got := s.KeyStatuses.Of("expired", "EXPIRED"); s.Changed != 1 || got != run.Unknown || slices.Contains(dueKeys(s), "EXPIRED expire") {
		t.Errorf("%d changed; the key stands at %d, want unsure", s.Changed, got)
	}

	lagging := known(t)
	lagging.aws.SetLag(time.Hour)
	lagging.mustRun(keepingFindings)
	lagging.sleep(5 * time.Minute)
	s = lagging.mustRun(keepingFindings)
	if got := s.KeyStatuses.Of("expired", "EXPIRED"); got != run.Unknown || slices.Contains(dueKeys(s), "EXPIRED expire") {
		t.Errorf("a key that IAM still shows as Active stands at %d, want unsure; due are %q", got, dueKeys(s))
	}
}

// TestTheReportIsNotTakenForWhatIsSo: of a user that it passes over, and of one
// that it lacks, the key is looked at.
func TestTheReportIsNotTakenForWhatIsSo(t *testing.T) {
	t.Parallel()
	w := known(t)
	byReport := func(r *run.Runner) {
		r.Report = &inventory.CredentialReport{IAM: w.iam(), Sleep: func(context.Context, time.Duration) error { return nil }, Log: slog.New(slog.DiscardHandler)}
	}
	s := w.mustRun(keepingFindings, byReport)
	for user, want := range map[string]run.KeyStatus{"good": run.NotRead, "no such user": run.NotRead, "two": run.Resolved} {
		if got := s.KeyStatuses.Of(user, "KEY"); got != want {
			t.Errorf("a key of %s stands at %d, want %d", user, got, want)
		}
	}
}

// TestLook reads a key as it stands now.
func TestLook(t *testing.T) {
	t.Parallel()
	w := known(t)
	r := w.runner()
	for key, want := range map[[2]string]bool{
		{"old", "OLD"}: true, {"expired", "EXPIRED"}: true, {"exempt", "EXEMPT"}: false, {"good", "GOOD"}: false, {"inactive", "INACTIVE"}: false,
		{"old", "DELETED"}: false, {"no such user", "GONE"}: false,
	} {
		row, err := r.Look(t.Context(), key[0], key[1])
		if err != nil || (row != nil) != want || row != nil && (row.Key.ID != key[1] || row.User.Name != key[0]) {
			t.Errorf("%s: %+v, %v; want a row: %t", key[1], row, err, want)
		}
	}
	w.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "old", Code: "AccessDenied"})
	if row, err := r.Look(t.Context(), "old", "OLD"); err == nil || row != nil || errors.Is(err, inventory.ErrKeyGone) {
		t.Errorf("a key that cannot be read: %+v, %v", row, err)
	}
}
