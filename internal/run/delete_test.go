package run_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

// deleting has disabled keys deleted after 30 days.
func deleting(r *run.Runner) { r.Config.Policy.DeleteAfterDays = 30 }

// exists reports whether a key was not deleted.
func (w *world) exists(keyID string) bool {
	_, found := w.home.Key(keyID)
	return found
}

// TestADisabledKeyIsDeleted in the end, and its owner hears of it three times.
func TestADisabledKeyIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	inactive := w.key("AKIA2", 300, 200)
	inactive.Active = false // Sleuth has nothing to do with that
	w.user("bob", nil, inactive)
	wantDiary(t, w.diary(40, deleting),
		"day 0: ann's key is disabled due to creation age.",
		"day 16: ann's key, disabled due to creation age, will be deleted in 14 days. It is key AKIA1.",
		"day 29: ann's key, disabled due to creation age, will be deleted in 1 day. It is key AKIA1.",
		"day 30: ann's key, disabled due to creation age, is deleted. It is key AKIA1.",
	)
	if w.exists("AKIA1") || !w.exists("AKIA2") {
		t.Errorf("AKIA1 exists: %t, AKIA2 exists: %t", w.exists("AKIA1"), w.exists("AKIA2"))
	}
	if r, _ := w.record("AKIA1"); r.Phase() != ledger.Closed || r.Deletion().At.IsZero() {
		t.Errorf("the record is %+v", r)
	}
	if w.aws.Count("DeleteAccessKey") != 0 {
		t.Error("a key is deleted once more")
	}
}

// TestWhatIsSaidOfADeletedKey in the summary and in the evidence: its owner, its
// dates, and who used it last.
func TestWhatIsSaidOfADeletedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	begun := w.clock()
	w.mustRun(deleting)
	r, _ := w.record("AKIA1")
	r.NoteUses(begun, callers.Uses{At: begun, Regions: 1, Calls: 3, Callers: []callers.Caller{{Client: "boto3", Source: "203.0.113.7"}}})
	if err := w.store.Put(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{16, 13, 1} {
		w.sleep(time.Duration(days) * day)
		s := w.mustRun(deleting)
		if wantWarned := days != 1; (s.Warned == 1) != wantWarned || (s.Deleted == 1) == wantWarned {
			t.Errorf("warned %d, deleted %d", s.Warned, s.Deleted)
		}
		if s.Deleted == 0 {
			continue
		}
		k := s.DeletedKeys[0]
		if k.User != "ann" || k.KeyID != "AKIA1" || !k.Created.Equal(begun.Add(-90*day)) || !k.LastUsed.Equal(begun.Add(-day)) ||
			!k.Disabled.Equal(begun) || k.Reason != audit.CreationAge || !k.Deleted.Equal(begun.Add(30*day)) || k.Uses.Callers[0].Client != "boto3" {
			t.Errorf("kept of it is %+v", k)
		}
		if !strings.Contains(s.String(), "disabled 0, deleted 1, notices sent 2") {
			t.Errorf("the summary says %q", s)
		}
		if n := w.slack.sent[0]; n.Uses == nil || n.Uses.Callers[0].Source != "203.0.113.7" {
			t.Errorf("the notice says %+v of who used it", n.Uses)
		}
	}
}

// TestAKeyIsKept if anything speaks for it, at whatever moment that shows.
func TestAKeyIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at     map[int]func(w *world) // before the run of that day
		change func(*run.Runner)
		later  []string // what the owner hears after day 0
	}{
		"enabled": {
			at:    map[int]func(w *world){3: func(w *world) { w.home.SetKeyStatus("AKIA1", true); w.home.SetTag("ann", "KeyAutoExpire", "False") }},
			later: nil,
		},
		"enabled, and made Inactive again by its owner": {
			at: map[int]func(w *world){
				3: func(w *world) { w.home.SetKeyStatus("AKIA1", true); w.home.SetTag("ann", "KeyAutoExpire", "False") },
				4: func(w *world) { w.home.SetKeyStatus("AKIA1", false); w.home.RemoveTag("ann", "KeyAutoExpire") },
			},
		},
		"enabled within the day, and used": {
			at: map[int]func(w *world){3: func(w *world) { w.home.UseKey("AKIA1", w.clock().Add(-time.Hour), "s3", "us-east-1") }},
		},
		"used between the warnings": {
			at:    map[int]func(w *world){20: func(w *world) { w.home.UseKey("AKIA1", w.clock().Add(-time.Hour), "s3", "us-east-1") }},
			later: []string{"day 16: 14 days"},
		},
		"exempt": {
			at: map[int]func(w *world){3: func(w *world) { w.home.SetTag("ann", "KeyAutoExpire", "False") }},
		},
		"exempt by an exemption that the rules refuse": {
			at:     map[int]func(w *world){3: func(w *world) { w.home.SetTag("ann", "KeyAutoExpire", "False") }},
			change: func(r *run.Runner) { r.Config.Exemptions = audit.ExemptionRules{MaxDays: 10, NeedReason: true} },
		},
		"exempt after the last warning": {
			at:    map[int]func(w *world){30: func(w *world) { w.home.SetTag("ann", "KeyAutoExpire", "False") }},
			later: []string{"day 16: 14 days", "day 29: 1 day"},
		},
		"in doubt": {
			at: map[int]func(w *world){3: func(w *world) { w.home.SetTag("ann", "KeyAutoExpire", "?") }},
		},
		"deleted by its owner": {
			at:    map[int]func(w *world){20: func(w *world) { w.home.RemoveUser("ann"); w.user("ann", nil) }},
			later: []string{"day 16: 14 days"},
		},
		"the setting is off": {change: func(r *run.Runner) { r.Config.Policy.DeleteAfterDays = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.user("ann", nil, w.key("AKIA1", 90, 1))
			var heard []string
			for i := range 60 {
				if change := c.at[i]; change != nil {
					change(w)
				}
				w.mustRun(func(r *run.Runner) {
					deleting(r)
					if c.change != nil {
						c.change(r)
					}
				})
				if w.aws.Count("DeleteAccessKey") > 0 {
					t.Fatalf("it was deleted on day %d", i)
				}
				for _, n := range w.slack.sent {
					if i > 0 {
						heard = append(heard, fmt.Sprintf("day %d: %s", i, strings.TrimSuffix(strings.SplitAfter(channeltest.Sentence(n), "deleted in ")[1], ". It is key AKIA1.")))
					}
				}
				w.sleep(day)
			}
			wantDiary(t, heard, c.later...)
		})
	}
}

// TestAfterAnExemptionTheWarningsStartOver.
func TestAfterAnExemptionTheWarningsStartOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	var days []int
	for i := range 60 {
		switch i {
		case 29: // as the last warning is due
			w.home.SetTag("ann", "KeyAutoExpire", "False until "+w.clock().AddDate(0, 0, 3).Format(time.DateOnly))
		}
		w.mustRun(deleting)
		if len(w.slack.sent) > 0 {
			days = append(days, i)
		}
		w.sleep(day)
	}
	if want := fmt.Sprint([]int{0, 16, 33, 46, 47}); fmt.Sprint(days) != want {
		t.Errorf("heard on days %v, want %s", days, want)
	}
}

// TestAWarningThatIsNotDelivered does not count.
func TestAWarningThatIsNotDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	for i := range 50 {
		down := i > 0 && i < 25
		w.slack.err, w.sns.err = nil, nil
		if down {
			w.slack.err, w.sns.err = errDown, errDown
		}
		_, err := w.run(deleting)
		if wantErr := down && i >= 16; (err != nil) != wantErr {
			t.Fatalf("day %d: %v", i, err)
		}
		if gone, want := !w.exists("AKIA1"), i >= 25+14; gone != want {
			t.Fatalf("day %d: deleted: %t", i, gone)
		}
		w.sleep(day)
	}
}

// TestNoDeletionBeforeTheFinalNotice: as long as the owner has not heard that the
// key was disabled, nothing else is said of it.
func TestNoDeletionBeforeTheFinalNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	w.slack.err = errDown
	for range 40 {
		if s, err := w.run(deleting); err == nil || s.Deleted+s.Warned > 0 {
			t.Fatalf("%v, %+v", err, s)
		}
		w.sleep(day)
	}
}

// TestNeverWithoutAutoExpire, even if it was on as the key was disabled.
func TestNeverWithoutAutoExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	w.mustRun(deleting)
	for range 40 {
		w.sleep(day)
		s := w.mustRun(deleting, func(r *run.Runner) { r.Config.Policy.AutoExpire = false })
		if s.Warned+s.Deleted > 0 || !strings.Contains(w.log.String(), "SLEUTH_DELETE_AFTER_DAYS has no effect") {
			t.Fatalf("%+v", s)
		}
	}
}

// TestNeverWithoutState: what is not remembered is not known.
func TestNeverWithoutState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	for range 50 {
		w.store = ledger.NewMemory()
		if s := w.mustRun(deleting); s.Deleted > 0 {
			t.Fatal("it was deleted")
		}
		w.sleep(day)
	}
}

// TestMaxDelete: one key too many, and none is deleted.
func TestMaxDelete(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit config.Cap
		stops bool
	}{
		"as many as the limit":         {config.Cap{Set: true, Keys: 3, Text: "3"}, false},
		"one more than the limit":      {config.Cap{Set: true, Keys: 2, Text: "2"}, true},
		"as many as the share of six":  {config.Cap{Set: true, Percent: 50, Text: "50%"}, false},
		"more than the share of the 6": {config.Cap{Set: true, Percent: 49, Text: "49%"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := range 3 {
				inactive := w.key(fmt.Sprintf("AKIAOFF%d", i), 300, 200)
				inactive.Active = false
				w.user(fmt.Sprintf("user%d", i), nil, w.key(fmt.Sprintf("AKIA%d", i), 90, 1), inactive)
			}
			capped := func(r *run.Runner) { deleting(r); r.Config.MaxDelete = c.limit }
			w.mustRun(capped)
			for _, days := range []int{16, 13} {
				w.sleep(time.Duration(days) * day)
				if s := w.mustRun(capped); s.Warned != 3 {
					t.Fatalf("warned %d", s.Warned)
				}
			}
			w.sleep(day)
			s, err := w.run(capped)
			if !c.stops {
				if err != nil || s.Deleted != 3 {
					t.Errorf("deleted %d: %v", s.Deleted, err)
				}
				return
			}
			want := "No key was deleted: this run would have deleted 3 of 6 inactive keys, more than SLEUTH_MAX_DELETE=" + c.limit.Text
			if err == nil || !strings.Contains(err.Error(), want) || s.Deleted != 0 || w.aws.Count("DeleteAccessKey") != 0 {
				t.Errorf("deleted %d: %v", s.Deleted, err)
			}
			if len(w.slack.said) != 1 || !strings.Contains(w.slack.said[0], want) {
				t.Errorf("announced %q", w.slack.said)
			}
		})
	}
}

// TestADryRunDeletesNothing, and says what it would.
func TestADryRunDeletesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	for _, days := range []int{0, 16, 13, 1} {
		w.sleep(time.Duration(days) * day)
		if days == 1 {
			break
		}
		w.mustRun(deleting)
	}
	before, _ := w.record("AKIA1")
	s := w.mustRun(deleting, dryRun)
	if after, _ := w.record("AKIA1"); !after.Equal(before) || !w.exists("AKIA1") || w.aws.Count("DeleteAccessKey") > 0 {
		t.Errorf("a dry run changed something: %+v", after)
	}
	if s.Deleted != 1 || len(s.DeletedKeys) != 1 {
		t.Errorf("it would delete %d: %+v", s.Deleted, s.DeletedKeys)
	}
	if s := w.mustRun(deleting); s.Deleted != 1 || w.exists("AKIA1") {
		t.Errorf("deleted %d", s.Deleted)
	}
}

// TestTheReportDoesNotHideAnEnabledKey: a run that reads by the credential report
// still sees that a key was enabled again.
func TestTheReportDoesNotHideAnEnabledKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.home.AddUser(awsfake.User{Name: "ann", Created: w.clock().Add(-400 * day), Keys: []awsfake.Key{w.key("AKIA1", 45, 30)}})
	byReport := func(r *run.Runner) {
		deleting(r)
		r.Report = &inventory.CredentialReport{IAM: r.IAM.(*iam.Client), Sleep: func(context.Context, time.Duration) error { return nil }, Log: r.Log}
	}
	w.mustRun(byReport)
	if w.active("AKIA1") {
		t.Fatal("it was to be disabled")
	}
	w.sleep(day)
	w.home.SetKeyStatus("AKIA1", true)
	if _, err := w.iam().UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: new("AKIA1"), Status: "Inactive"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.iam().UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: new("AKIA1"), Status: "Active"}); err != nil {
		t.Fatal(err)
	}
	w.home.UseKey("AKIA1", w.clock(), "s3", "us-east-1")
	w.sleep(6 * time.Hour) // the next report
	w.mustRun(byReport)
	if r, _ := w.record("AKIA1"); r.Disabled() != nil || !w.active("AKIA1") {
		t.Errorf("the record says %+v", r.Disabled())
	}
}

// TestSeenActiveMomentsAfter it was disabled: IAM may lag behind, or somebody has
// enabled the key. It is not deleted in either case.
func TestSeenActiveMomentsAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	w.mustRun(deleting)
	w.sleep(time.Minute)
	w.home.SetKeyStatus("AKIA1", true)
	w.mustRun(deleting)
	w.home.SetKeyStatus("AKIA1", false)
	if r, _ := w.record("AKIA1"); r.Disabled() == nil || r.Disabling().Confirmed {
		t.Errorf("the record says %+v", r.Disabled())
	}
	for range 50 {
		w.sleep(day)
		if s := w.mustRun(deleting); s.Warned+s.Deleted > 0 {
			t.Fatalf("%+v", s)
		}
	}
}

// TestAnInterruptedDeletion: the next run finds out, and notifies the owner.
func TestAnInterruptedDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	for _, days := range []int{0, 16, 13} {
		w.sleep(time.Duration(days) * day)
		w.mustRun(deleting)
	}
	w.sleep(day)
	w.aws.Inject(awsfake.Fault{Action: "DeleteAccessKey", Drop: true, AfterEffect: true, Times: 1})
	if s, err := w.run(deleting, func(r *run.Runner) { r.Store = forgetful{r.Store, w} }); err == nil || s.Deleted > 0 || w.exists("AKIA1") {
		t.Fatalf("%v, %+v", err, s)
	}
	w.sleep(time.Hour)
	s := w.mustRun(deleting)
	if s.Deleted != 1 || len(s.DeletedKeys) != 1 || s.DeletedKeys[0].KeyID != "AKIA1" {
		t.Errorf("the summary says %+v", s.DeletedKeys)
	}
	wantLines(t, w.slack, "ann's key, disabled due to creation age, is deleted. It is key AKIA1.")
	if s := w.mustRun(deleting); s.Deleted != 0 || len(w.slack.sent) > 0 {
		t.Errorf("once more: %+v", s)
	}
}

// forgetful is a store that takes nothing once the key is gone.
type forgetful struct {
	ledger.Store
	w *world
}

var errForgotten = errors.New("the store is down")

func (f forgetful) Put(ctx context.Context, records ...*ledger.Record) error {
	if !f.w.exists("AKIA1") {
		return errForgotten
	}
	return f.Store.Put(ctx, records...)
}

// TestInactiveKeysNeedNoPassword: rules that depend on the console password decide
// nothing about a key that is Inactive, so that its owner is notified, and it is
// deleted, even if passwords cannot be read.
func TestInactiveKeysNeedNoPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	rules := func(r *run.Runner) {
		under(t, rulesOf(`{name: people, match: {console_password: true}, expiration_age: 60, warning_age: 50}`))(r)
		deleting(r)
	}
	w.mustRun(rules) // begins the notice
	w.sleep(8 * day)
	w.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", AfterEffect: true, Drop: true})
	if _, err := w.run(rules); err == nil || w.active("AKIA1") {
		t.Fatalf("the answer was to be lost: %v", err)
	}
	w.aws.ClearFaults()
	w.aws.Inject(awsfake.Fault{Action: "GetLoginProfile", Code: "AccessDenied"})
	w.sleep(day)
	w.mustRun(rules)
	wantLines(t, w.slack, "ann's key is disabled due to creation age.")

	w.aws.ClearFaults()
	w.user("bob", nil, w.key("AKIA2", 90, 1))
	w.mustRun(rules)
	w.sleep(8 * day)
	w.mustRun(rules)
	w.aws.Inject(awsfake.Fault{Action: "GetLoginProfile", Code: "AccessDenied"})
	for _, days := range []int{16, 13, 1} {
		w.sleep(time.Duration(days) * day)
		w.mustRun(rules)
	}
	if w.exists("AKIA2") {
		t.Error("it was not deleted")
	}
}

// TestLinksOfADeletion lead to the console of the key's partition, as those of the
// final notice do.
func TestLinksOfADeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, awsfake.WithPartition("aws-us-gov"))
	w.user("ann", nil, w.key("AKIA1", 90, 1))
	for _, days := range []int{0, 16, 13, 1} {
		w.sleep(time.Duration(days) * day)
		w.mustRun(deleting)
		if n := w.slack.sent[0]; n.Partition != "aws-us-gov" {
			t.Errorf("%s: the partition is %q", n.Kind, n.Partition)
		}
	}
}
