package audit_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

var deletes = audit.Policy{AutoExpire: true, DeleteAfterDays: 60}

func daysAgo(days int) time.Time { return now.Add(-time.Duration(days) * day) }

// retired is a key as Sleuth leaves it: Inactive, and used until it was disabled.
func retired(disabledAgo int) audit.Key {
	return audit.Key{ID: "AKIA1", Status: audit.Inactive, Created: daysAgo(400), LastUsed: daysAgo(disabledAgo), UseRead: true}
}

func confirmed(ago int) audit.Disabling {
	return audit.Disabling{At: daysAgo(ago), Confirmed: true}
}

// warnedOf are both warnings, the first so many days ago, as they have to be
// for a key that is deleted today.
func warnedOf(firstAgo, lastAgo int) audit.DeletionWarnings {
	return audit.DeletionWarnings{
		First: audit.DeletionWarning{Delivered: daysAgo(firstAgo), Deletes: daysAgo(firstAgo - 14)},
		Last:  audit.DeletionWarning{Delivered: daysAgo(lastAgo), Deletes: daysAgo(lastAgo - 1)},
	}
}

func onlyFirst(w audit.DeletionWarnings) audit.DeletionWarnings {
	w.Last = audit.DeletionWarning{}
	return w
}

// TestDecideDeletion is the policy as a table.
func TestDecideDeletion(t *testing.T) {
	t.Parallel()
	inDays := func(days int) time.Time { return now.Add(time.Duration(days) * day) }
	none := audit.DeletionWarnings{}
	for name, c := range map[string]struct {
		key      audit.Key
		tag      string // KeyAutoExpire; "" is none
		disabled audit.Disabling
		warned   audit.DeletionWarnings
		policy   audit.Policy
		want     audit.Deletion
	}{
		"disabled lately":            {retired(45), "", confirmed(45), none, deletes, audit.Deletion{At: inDays(15), DaysLeft: 15}},
		"14 days ahead":              {retired(46), "", confirmed(46), none, deletes, audit.Deletion{Step: audit.WarnFirstOfDeletion, At: inDays(14), DaysLeft: 14}},
		"never warned, and long due": {retired(300), "", confirmed(300), none, deletes, audit.Deletion{Step: audit.WarnFirstOfDeletion, At: inDays(14), DaysLeft: 14}},
		"between the warnings":       {retired(58), "", confirmed(58), onlyFirst(warnedOf(12, 0)), deletes, audit.Deletion{At: inDays(2), DaysLeft: 2}},
		"1 day ahead":                {retired(59), "", confirmed(59), onlyFirst(warnedOf(13, 0)), deletes, audit.Deletion{Step: audit.WarnLastOfDeletion, At: inDays(1), DaysLeft: 1}},
		"due, and warned once":       {retired(60), "", confirmed(60), onlyFirst(warnedOf(14, 0)), deletes, audit.Deletion{Step: audit.WarnLastOfDeletion, At: inDays(1), DaysLeft: 1}},
		"due":                        {retired(60), "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Step: audit.DeleteKey, At: now}},
		"the named day is to come":   {retired(61), "", confirmed(61), warnedOf(14, 0), deletes, audit.Deletion{At: inDays(1), DaysLeft: 1}},
		"due in a freeze": {retired(60), "", confirmed(60), warnedOf(14, 1), audit.Policy{AutoExpire: true, DeleteAfterDays: 60, Calendar: audit.Calendar{
			Freezes: []audit.Freeze{{First: daysAgo(1), Last: inDays(1)}},
		}}, audit.Deletion{At: now}},
		"a week late":                   {retired(67), "", confirmed(67), warnedOf(21, 8), deletes, audit.Deletion{Step: audit.DeleteKey, At: daysAgo(7)}},
		"the warnings have lapsed":      {retired(68), "", confirmed(68), warnedOf(22, 9), deletes, audit.Deletion{Step: audit.WarnFirstOfDeletion, At: inDays(14), DaysLeft: 14}},
		"warned of another disabling":   {retired(60), "", confirmed(60), warnedOf(80, 1), deletes, audit.Deletion{Step: audit.WarnFirstOfDeletion, At: inDays(14), DaysLeft: 14}},
		"the setting was raised":        {retired(60), "", confirmed(60), warnedOf(14, 1), audit.Policy{AutoExpire: true, DeleteAfterDays: 90}, audit.Deletion{At: inDays(30), DaysLeft: 30}},
		"off":                           {retired(60), "", confirmed(60), warnedOf(14, 1), audit.Policy{AutoExpire: true}, audit.Deletion{}},
		"ENABLE_AUTO_EXPIRE is off":     {retired(60), "", confirmed(60), warnedOf(14, 1), audit.Policy{DeleteAfterDays: 60}, audit.Deletion{}},
		"not disabled by Sleuth":        {retired(60), "", audit.Disabling{}, warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsOther}},
		"perhaps disabled by others":    {retired(60), "", audit.Disabling{At: daysAgo(60)}, warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsOther}},
		"disabled in the future":        {retired(60), "", confirmed(-1), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsOther}},
		"younger than its disabling":    {audit.Key{ID: "AKIA1", Status: audit.Inactive, Created: daysAgo(59), UseRead: true}, "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsOther}},
		"Active":                        {audit.Key{ID: "AKIA1", Status: audit.Active, Created: daysAgo(400), UseRead: true}, "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsEnabled}},
		"used since":                    {retired(59), "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsEnabled}},
		"of unknown status":             {audit.Key{ID: "AKIA1", Status: "Expired", Created: daysAgo(400), UseRead: true}, "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptInDoubt}},
		"last use not read":             {audit.Key{ID: "AKIA1", Status: audit.Inactive, Created: daysAgo(400)}, "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptInDoubt}},
		"last use from a report":        {audit.Key{ID: "AKIA1", Status: audit.Inactive, Created: daysAgo(400), UseRead: true, UseAsOf: now}, "", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptInDoubt}},
		"exempt":                        {retired(60), "False", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsExempt}},
		"exempt for today":              {retired(60), "False until 2026-03-02", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptAsExempt}},
		"no longer exempt":              {retired(60), "False until 2026-03-01", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Step: audit.DeleteKey, At: now}},
		"explicitly not exempt":         {retired(60), "True", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Step: audit.DeleteKey, At: now}},
		"in doubt":                      {retired(60), "no", confirmed(60), warnedOf(14, 1), deletes, audit.Deletion{Kept: audit.KeptInDoubt}},
		"the key that Sleuth runs with": {retired(60), "", confirmed(60), warnedOf(14, 1), audit.Policy{AutoExpire: true, DeleteAfterDays: 60, OwnKeys: []string{"AKIA1"}}, audit.Deletion{Kept: audit.KeptAsOwnKey}},
	} {
		user := audit.User{Name: "ann"}
		if c.tag != "" {
			user.Tags = audit.Tags{{Key: audit.TagAutoExpire, Value: c.tag}}
		}
		// An exemption that the rules refuse keeps a key all the same.
		for _, rules := range []audit.ExemptionRules{{}, {MaxDays: 1, NeedReason: true}} {
			got := audit.DecideDeletion(c.key, audit.ExemptionOf(user, c.key.ID).Apply(rules, now), c.disabled, c.warned, c.policy, now)
			if got != c.want {
				t.Errorf("%s, %+v: got %+v, want %+v", name, rules, got, c.want)
			}
			if (got.Kept == audit.NotKept) != (got.Kept.String() == "") {
				t.Errorf("%s: kept because %q", name, got.Kept)
			}
		}
	}
}

// TestUseWhileTheDisablingSettles: IAM may accept a key for a moment after it was
// disabled, which does not show that it was enabled.
func TestUseWhileTheDisablingSettles(t *testing.T) {
	t.Parallel()
	key := retired(60)
	for after, want := range map[time.Duration]audit.Kept{15 * time.Minute: audit.NotKept, 15*time.Minute + 1: audit.KeptAsEnabled} {
		key.LastUsed = daysAgo(60).Add(after)
		if got := audit.DecideDeletion(key, audit.Exemption{}, confirmed(60), warnedOf(14, 1), deletes, now); got.Kept != want {
			t.Errorf("used %s after: %+v", after, got)
		}
	}
}

func anyWarning(of *rapid.T, name string) audit.DeletionWarning {
	if rapid.Bool().Draw(of, "no "+name) {
		return audit.DeletionWarning{}
	}
	delivered := now.Add(-anySpan(100*day).Draw(of, name+" ago"))
	return audit.DeletionWarning{Delivered: delivered, Deletes: delivered.Add(anySpan(40*day).Draw(of, name+" ahead"))}
}

// TestNothingIsDeletedThatMayBeNeeded: whatever is read and recorded, a key is
// deleted only if Sleuth disabled it for certain, long enough ago, if it is
// Inactive and was not used since, if no tag says anything against it, and if its
// owner was warned 14 days and 1 day ahead of the day that was named.
func TestNothingIsDeletedThatMayBeNeeded(t *testing.T) {
	t.Parallel()
	deleted := 0
	rapid.Check(t, func(t *rapid.T) {
		key, e := anyKey().Draw(t, "key"), anyExemption().Draw(t, "exemption")
		key.UseRead = rapid.IntRange(0, 9).Draw(t, "last use") > 0
		policy := anyPolicy().Draw(t, "policy")
		policy.DeleteAfterDays = rapid.SampledFrom([]int{0, 30, 60}).Draw(t, "SLEUTH_DELETE_AFTER_DAYS")
		d := audit.Disabling{At: now.Add(-anySpan(120*day).Draw(t, "disabled ago")), Confirmed: rapid.IntRange(0, 9).Draw(t, "confirmed") > 0}
		w := audit.DeletionWarnings{First: anyWarning(t, "first"), Last: anyWarning(t, "last")}
		if rapid.Bool().Draw(t, "likely") { // or hardly any would be deleted
			key.Status, e = audit.Inactive, audit.Exemption{}
			w = warnedOf(rapid.IntRange(13, 16).Draw(t, "first"), rapid.IntRange(0, 3).Draw(t, "last"))
			key.Created, d.At = daysAgo(130), daysAgo(rapid.IntRange(20, 120).Draw(t, "days"))
			policy.AutoExpire, policy.DeleteAfterDays = true, 30
			key.LastUsed = d.At.Add(day - anySpan(8*day).Draw(t, "used before"))
		}
		got := audit.DecideDeletion(key, e, d, w, policy, now)
		if got.Step != audit.NoDeletion && (got.Kept != audit.NotKept || policy.DeleteAfterDays == 0 || !policy.AutoExpire) {
			t.Fatalf("got %+v under %+v", got, policy)
		}
		if got.Step == audit.WarnFirstOfDeletion && got.At.Sub(now) < 14*day || got.Step == audit.WarnLastOfDeletion && got.At.Sub(now) < day {
			t.Fatalf("the warning names %s: %+v", got.At, got)
		}
		if got.Step != audit.DeleteKey {
			return
		}
		deleted++
		switch {
		case !d.Confirmed, now.Sub(d.At) < time.Duration(policy.DeleteAfterDays)*day:
			t.Fatalf("disabled %+v", d)
		case key.Status != audit.Inactive, !key.UseRead, key.LastUsed.After(d.At.Add(time.Hour)):
			t.Fatalf("the key is %+v, disabled %s", key, d.At)
		case e.ActiveAt(now), e.Unreadable, e.Claimed && e.End.IsZero():
			t.Fatalf("the tags say %+v", e)
		case len(policy.OwnKeys) > 0 && policy.OwnKeys[0] == key.ID:
			t.Fatal("Sleuth runs with it")
		case now.Before(w.First.Deletes), now.Before(w.Last.Deletes), now.Sub(w.First.Delivered) < 14*day, now.Sub(w.Last.Delivered) < day, w.First.Delivered.Before(d.At):
			t.Fatalf("warned %+v", w)
		}
	})
	if deleted == 0 {
		t.Error("no key was deleted: this tests nothing")
	}
}

// TestEveryKeyIsDeletedInTheEnd: with a run a day, at whatever time of the day, the
// owner gets two warnings and the key is deleted, never before the days that they
// named.
func TestEveryKeyIsDeletedInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := audit.Policy{AutoExpire: true, DeleteAfterDays: rapid.IntRange(30, 365).Draw(t, "SLEUTH_DELETE_AFTER_DAYS")}
		key, d := retired(0), confirmed(0)
		var w audit.DeletionWarnings
		var steps []audit.DeletionStep
		for run := range policy.DeleteAfterDays + 20 {
			at := now.Add(time.Duration(run)*day + anySpan(2*time.Hour).Draw(t, "later"))
			got := audit.DecideDeletion(key, audit.Exemption{}, d, w, policy, at)
			if got.Step == audit.NoDeletion {
				continue
			}
			steps = append(steps, got.Step)
			if got.Step == audit.DeleteKey {
				if late := at.Sub(d.At) - time.Duration(policy.DeleteAfterDays)*day; late < 0 || late > 3*day {
					t.Fatalf("deleted %s after it was due", late)
				}
				break
			}
			w = w.Add(got, at)
		}
		if len(steps) != 3 || steps[0] != audit.WarnFirstOfDeletion || steps[1] != audit.WarnLastOfDeletion || steps[2] != audit.DeleteKey {
			t.Fatalf("the steps are %v", steps)
		}
	})
}
