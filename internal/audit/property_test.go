package audit_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// anyRules are valid rules, with inactivity limits of their own or without.
func anyRules() *rapid.Generator[audit.Rules] {
	return rapid.Custom(func(t *rapid.T) audit.Rules {
		expiration := rapid.IntRange(1, 120).Draw(t, "EXPIRATION_AGE")
		rules := audit.Rules{ExpirationAge: expiration, WarningAge: rapid.IntRange(0, expiration-1).Draw(t, "WARNING_AGE")}
		rules.InactivityAge, rules.InactivityWarningAge = rules.ExpirationAge, rules.WarningAge
		if rapid.Bool().Draw(t, "own inactivity limits") {
			rules.InactivityAge = rapid.IntRange(1, expiration).Draw(t, "INACTIVITY_AGE")
			rules.InactivityWarningAge = rapid.IntRange(0, rules.InactivityAge-1).Draw(t, "INACTIVITY_WARNING_AGE")
		}
		return rules
	})
}

// anyKey is a key made within half a year before now and used since, or not.
func anyKey() *rapid.Generator[audit.Key] {
	return rapid.Custom(func(t *rapid.T) audit.Key {
		key := audit.Key{
			ID:      "AKIA1",
			Status:  rapid.SampledFrom([]audit.Status{audit.Active, audit.Active, audit.Active, audit.Inactive, "Expired"}).Draw(t, "status"),
			Created: now.Add(-anySpan(180*day).Draw(t, "made ago")),
		}
		if rapid.Bool().Draw(t, "used") {
			key.LastUsed = now.Add(-anySpan(now.Sub(key.Created)).Draw(t, "used ago"))
		}
		return key
	})
}

// anySpan is a duration up to longest: whole days often, as that is where the
// limits lie, and a nanosecond off them as often.
func anySpan(longest time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		span := time.Duration(rapid.IntRange(0, int(longest/day)).Draw(t, "days")) * day
		span += rapid.SampledFrom([]time.Duration{0, 0, -1, 1, time.Hour, day - 1}).Draw(t, "off")
		return min(max(0, span), longest)
	})
}

func anyExemption() *rapid.Generator[audit.Exemption] {
	return rapid.Custom(func(t *rapid.T) audit.Exemption {
		e := audit.ParseExemption(rapid.SampledFrom([]string{
			"true", "false", "no", "", "false until 2026-03-01", "false until 2026-03-02", "false until 2027-01-01",
		}).Draw(t, "KeyAutoExpire"))
		return e.Apply(audit.ExemptionRules{
			MaxDays:    rapid.SampledFrom([]int{0, 0, 30, 400}).Draw(t, "SLEUTH_MAX_EXEMPTION_DAYS"),
			NeedReason: rapid.Bool().Draw(t, "SLEUTH_REQUIRE_EXEMPTION_REASON"),
		}, now)
	})
}

func anyPolicy() *rapid.Generator[audit.Policy] {
	return rapid.Custom(func(t *rapid.T) audit.Policy {
		return audit.Policy{
			AutoExpire:    rapid.Bool().Draw(t, "ENABLE_AUTO_EXPIRE"),
			OwnKeys:       rapid.SampledFrom([][]string{nil, {"AKIA1"}, {"AKIA2"}}).Draw(t, "own key"),
			RemindAt:      rapid.SampledFrom([][]int{nil, {30, 14, 7, 3, 1}, {10}}).Draw(t, "SLEUTH_REMIND_AT"),
			MinNoticeDays: rapid.SampledFrom([]int{0, 0, 1, 7, 30}).Draw(t, "SLEUTH_MIN_NOTICE_DAYS"),
			// Each is open at noon in UTC on some days of the week.
			Calendar: calendar(t,
				rapid.SampledFrom([]string{"", "", "Tue-Thu 09:00-15:00 Europe/Berlin", "Mon-Fri 09:00-15:00 UTC", "Sat 10:00-13:00 UTC"}).Draw(t, "SLEUTH_DISABLE_WHEN"),
				rapid.SampledFrom([]string{"", "", "2026-02-20..2026-03-09", "2026-03-20..2026-04-04"}).Draw(t, "SLEUTH_FREEZE")),
		}
	})
}

// anyHistory is what warnings of a key may have said: of its limits as they are,
// or as they were.
func anyHistory(v audit.Verdict) *rapid.Generator[audit.History] {
	warned := func(deadline time.Time) *rapid.Generator[audit.LimitWarning] {
		return rapid.Custom(func(t *rapid.T) audit.LimitWarning {
			if rapid.Bool().Draw(t, "never warned") {
				return audit.LimitWarning{}
			}
			first := now.Add(-anySpan(60*day).Draw(t, "warned ago"))
			later := now.Add(-day) // no warning of a refusal comes before the first
			if later.Before(first) {
				later = first
			}
			return audit.LimitWarning{
				Deadline: deadline.Add(rapid.SampledFrom([]time.Duration{0, 0, -day}).Draw(t, "moved")),
				First:    first, Last: first, DaysLeft: rapid.IntRange(0, 40).Draw(t, "days warned of"),
				Refused: rapid.SampledFrom([]time.Time{{}, first, later}).Draw(t, "warned of the refusal"),
			}
		})
	}
	return rapid.Custom(func(t *rapid.T) audit.History {
		return audit.History{
			Creation:   warned(v.ExpiresAt).Draw(t, "creation"),
			Inactivity: warned(v.IdleLimitAt).Draw(t, "inactivity"),
		}
	})
}

// TestLazinessNeverChangesAVerdict: if NeedsLastUse says that a key's last use
// can be left unread, no last use that there can be makes a difference to the
// key's state or to the days that its owner is notified of, whatever was known of it.
func TestLazinessNeverChangesAVerdict(t *testing.T) {
	t.Parallel()
	unread := 0
	rapid.Check(t, func(t *rapid.T) {
		rules, key, exemption := anyRules().Draw(t, "rules"), anyKey().Draw(t, "key"), anyExemption().Draw(t, "exemption")
		known := knownUse(key).Draw(t, "known")
		if audit.NeedsLastUse(key, known, rules, now) {
			return
		}
		unread++
		lazy := key
		lazy.LastUsed = known
		a, b := audit.Judge(lazy, exemption, rules, now), audit.Judge(key, exemption, rules, now)
		if a.State != b.State || a.Underlying != b.Underlying || a.Exempt != b.Exempt {
			t.Errorf("unread: %s (%s), read: %s (%s)", a.State, a.Underlying, b.State, b.Underlying)
		}
		if a.DaysLeft() != b.DaysLeft() {
			t.Errorf("unread: %d days left, read: %d", a.DaysLeft(), b.DaysLeft())
		}
		// A limit that comes before the one that the state is named for is
		// warned as well.
		if a.State.NeedsWarning() && sooner(a) != sooner(b) {
			t.Errorf("unread: sooner in %d days, read: in %d", sooner(a), sooner(b))
		}
		if policy := anyPolicy().Draw(t, "policy"); len(policy.RemindAt) == 0 && policy.MinNoticeDays == 0 {
			c := audit.Decide(lazy, a, rules, audit.History{}, policy, now)
			d := audit.Decide(key, b, rules, audit.History{}, policy, now)
			if c.Action != d.Action || c.Hold != d.Hold || c.DaysLeft != d.DaysLeft {
				t.Errorf("unread: %+v, read: %+v", c, d)
			}
		}
	})
	if unread == 0 {
		t.Error("no key was left unread, so nothing was shown")
	}
}

// TestAKnownUseNeverChangesAVerdict draws keys whose last use would be read if
// none was known, so that the known one makes the difference.
func TestAKnownUseNeverChangesAVerdict(t *testing.T) {
	t.Parallel()
	spared := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := audit.Rules{ExpirationAge: 181, WarningAge: 181 - rapid.IntRange(1, 20).Draw(t, "warned before")}
		rules.InactivityAge = rapid.IntRange(2, 100).Draw(t, "INACTIVITY_AGE")
		rules.InactivityWarningAge = rapid.IntRange(1, rules.InactivityAge-1).Draw(t, "INACTIVITY_WARNING_AGE")
		isOpen := func(key audit.Key) bool { return audit.NeedsLastUse(key, time.Time{}, rules, now) }
		key, exemption := anyKey().Filter(isOpen).Draw(t, "key"), anyExemption().Draw(t, "exemption")
		known := knownUse(key).Draw(t, "known")
		if audit.NeedsLastUse(key, known, rules, now) {
			return
		}
		spared++
		lazy := key
		lazy.LastUsed = known
		a, b := audit.Judge(lazy, exemption, rules, now), audit.Judge(key, exemption, rules, now)
		if a.State != audit.Good || b.State != audit.Good || a.Underlying != b.Underlying || a.Exempt != b.Exempt {
			t.Errorf("by the known use: %s (%s), by the last: %s (%s)", a.State, a.Underlying, b.State, b.Underlying)
		}
	})
	if spared == 0 {
		t.Error("a known use spared no read, so nothing was shown")
	}
}

// knownUse is what may be known of a key's last use: none, an earlier one, or
// the last one itself.
func knownUse(key audit.Key) *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.IntRange(0, 3).Draw(t, "nothing known") == 0 || key.LastUsed.IsZero() {
			return time.Time{}
		}
		if rapid.Bool().Draw(t, "exactly known") {
			return key.LastUsed
		}
		return key.LastUsed.Add(-anySpan(key.LastUsed.Sub(key.Created)).Draw(t, "known before"))
	})
}

// first is the days to the first of the limits.
func first(d audit.Decision) int { return min(d.DaysLeft, d.OtherDaysLeft) }

func sooner(v audit.Verdict) int { return min(v.ExpiresIn, v.StagnatesIn) }

// TestLazinessNeverChangesAMessage follows a key that is used now and then
// through its days, once reading its last use only if that is needed and
// once always, each with its earlier warnings. Whoever owns the key must not be
// able to see which of the two is running.
func TestLazinessNeverChangesAMessage(t *testing.T) {
	t.Parallel()
	messages := 0
	rapid.Check(t, func(t *rapid.T) {
		rules, policy := anyRules().Draw(t, "rules"), anyPolicy().Draw(t, "policy")
		key := audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.Add(-anySpan(130*day).Draw(t, "made ago"))}
		var lazy, full audit.History
		for i := range 60 {
			at := now.Add(time.Duration(i) * day)
			if rapid.IntRange(0, 9).Draw(t, "used today") == 0 {
				key.LastUsed = at.Add(-min(time.Hour, at.Sub(key.Created)))
			}
			seen, known := key, knownUse(key).Draw(t, "known")
			if !audit.NeedsLastUse(key, known, rules, at) {
				seen.LastUsed = known
			}
			a, b := audit.Judge(seen, audit.Exemption{}, rules, at), audit.Judge(key, audit.Exemption{}, rules, at)
			c, d := audit.Decide(seen, a, rules, lazy, policy, at), audit.Decide(key, b, rules, full, policy, at)
			if c.Action != d.Action || c.Hold != d.Hold || c.DaysLeft != d.DaysLeft || first(c) != first(d) {
				t.Fatalf("day %d, state %s: lazily %+v, else %+v\nhistory lazily %+v\nelse %+v", i, a.State, c, d, lazy, full)
			}
			switch c.Action {
			case audit.Warn:
				messages++
				lazy, full = lazy.Add(a, rules, c, at), full.Add(b, rules, d, at)
			case audit.Disable:
				return
			case audit.Nothing:
			}
		}
	})
	if messages == 0 {
		t.Error("there was no warning, so nothing was shown")
	}
}

// TestNoWrongKey: whatever the history and the policy, a key is disabled only
// if it is Active, not exempt, beyond doubt, not our own, allowed to be, and
// at or past a deadline under the rules.
func TestNoWrongKey(t *testing.T) {
	t.Parallel()
	disabled := 0
	rapid.Check(t, func(t *rapid.T) {
		rules, key := anyRules().Draw(t, "rules"), anyKey().Draw(t, "key")
		exemption, policy := audit.Exemption{}, audit.Policy{AutoExpire: true}
		if rapid.Bool().Draw(t, "something in the way") {
			exemption, policy = anyExemption().Draw(t, "exemption"), anyPolicy().Draw(t, "policy")
		}
		v := audit.Judge(key, exemption, rules, now)
		history := anyHistory(v).Draw(t, "history")
		d := audit.Decide(key, v, rules, history, policy, now)
		if d.Action != audit.Disable {
			return
		}
		disabled++
		created := key.Created.Add(time.Duration(rules.ExpirationAge) * day)
		used := key.LastUsed
		if used.IsZero() {
			used = key.Created
		}
		used = used.Add(time.Duration(rules.InactivityAge) * day)
		switch {
		case key.Status != audit.Active:
			t.Errorf("disables a key that is %s", key.Status)
		case exemption.ActiveAt(now):
			t.Errorf("disables the key of an exempt user")
		case exemption.Unreadable:
			t.Errorf("disables in doubt")
		case !policy.AutoExpire:
			t.Errorf("disables though ENABLE_AUTO_EXPIRE is not true")
		case slices.Contains(policy.OwnKeys, key.ID):
			t.Errorf("disables the key it runs with")
		case created.After(now) && used.After(now):
			t.Errorf("disables before %v and %v", created, used)
		case d.Hold != audit.NotHeld:
			t.Errorf("disables what it holds: %s", d.Hold)
		case !holds(policy.Calendar, now):
			t.Errorf("disables outside %+v", policy.Calendar)
		}
		if policy.MinNoticeDays > 0 {
			longAgo := now.Add(-time.Duration(policy.MinNoticeDays) * day)
			warned := func(w audit.LimitWarning) bool { return !w.First.IsZero() && !w.First.After(longAgo) }
			if !warned(history.Creation) && !warned(history.Inactivity) {
				t.Errorf("disables without %d days' notice: %+v", policy.MinNoticeDays, history)
			}
		}
		if exemption.Refusal.Refused() {
			warned, notice := history.Creation, rules.ExpirationAge-rules.WarningAge
			if v.State == audit.IdleExpired {
				warned, notice = history.Inactivity, rules.InactivityAge-rules.InactivityWarningAge
			}
			notice = max(notice, policy.MinNoticeDays)
			if warned.Refused.IsZero() || warned.Refused.After(now.Add(-time.Duration(notice)*day)) {
				t.Errorf("disables before %d days have passed since it was said that the exemption is ignored: %+v", notice, warned)
			}
		}
	})
	if disabled == 0 {
		t.Error("no key was disabled, so nothing was shown")
	}
}

// TestVerdictsOnlyGetWorseWithTime, as long as nobody touches the key.
func TestVerdictsOnlyGetWorseWithTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, key, exemption := anyRules().Draw(t, "rules"), anyKey().Draw(t, "key"), anyExemption().Draw(t, "exemption")
		later := now.Add(anySpan(200*day).Draw(t, "later"))
		a, b := audit.Judge(key, exemption, rules, now), audit.Judge(key, exemption, rules, later)
		if b.State < a.State || b.Underlying < a.Underlying {
			t.Errorf("from %s (%s) to %s (%s)", a.State, a.Underlying, b.State, b.Underlying)
		}
		if b.ExpiresIn > a.ExpiresIn || b.StagnatesIn > a.StagnatesIn {
			t.Errorf("more days left: %d and %d, then %d and %d", a.ExpiresIn, a.StagnatesIn, b.ExpiresIn, b.StagnatesIn)
		}
		if !a.ExpiresAt.Equal(b.ExpiresAt) || !a.IdleLimitAt.Equal(b.IdleLimitAt) {
			t.Error("the deadlines have moved")
		}
	})
}

// TestStateAndDaysAgree: a key is past a limit exactly when no days are left
// to it, and its moment has come.
func TestStateAndDaysAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules, key := anyRules().Draw(t, "rules"), anyKey().Draw(t, "key")
		key.Status = audit.Active
		v := audit.Judge(key, audit.Exemption{}, rules, now)
		if reached := !v.Deadline().After(now); v.State.PastLimit() != reached {
			t.Errorf("%s, but the first deadline is %v", v.State, v.Deadline())
		}
		if v.State.PastLimit() != (v.ExpiresIn <= 0 || v.StagnatesIn <= 0) {
			t.Errorf("%s with %d and %d days left", v.State, v.ExpiresIn, v.StagnatesIn)
		}
		if v.State.NeedsWarning() && v.DaysLeft() <= 0 {
			t.Errorf("%s with %d days left", v.State, v.DaysLeft())
		}
		if audit.NeedsTags(v) != (v.State != audit.Good) {
			t.Errorf("%s: needs tags %t", v.State, audit.NeedsTags(v))
		}
	})
}

// refused is an exemption that the rules do not accept.
var refused = audit.ParseExemption("false").Apply(audit.ExemptionRules{MaxDays: 90}, now)

// TestTheDaysNeverMislead follows a key that nobody uses to its end: no warning
// on the way promises more days than there turn out to be. Where inactivity has
// limits of its own there may be more, as a key that has a notice to run for
// one limit may come into sight of the other, and with a calendar, as no run may
// come while keys may be disabled; else the days are exact, and no rung of the
// ladder is skipped.
func TestTheDaysNeverMislead(t *testing.T) {
	t.Parallel()
	ended := 0
	rapid.Check(t, func(t *rapid.T) {
		rules := anyRules().Draw(t, "rules")
		policy := anyPolicy().Draw(t, "policy")
		policy.AutoExpire, policy.OwnKeys = true, nil
		key := audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.Add(-anySpan(180*day).Draw(t, "made ago"))}
		inexact := rules.InactivityAge != rules.ExpirationAge || rules.InactivityWarningAge != rules.WarningAge ||
			len(policy.Calendar.Windows)+len(policy.Calendar.Freezes) > 0
		exemption := rapid.SampledFrom([]audit.Exemption{{}, refused}).Draw(t, "exemption")
		var history audit.History
		warned := map[int]int{} // by day
		for i := range 250 {
			at := now.Add(time.Duration(i) * day)
			v := audit.Judge(key, exemption, rules, at)
			d := audit.Decide(key, v, rules, history, policy, at)
			switch d.Action {
			case audit.Warn:
				warned[i] = first(d)
				history = history.Add(v, rules, d, at)
			case audit.Disable:
				ended++
				for on, left := range warned {
					if on+left > i || on+left < i && !inexact {
						t.Errorf("on day %d the owner was warned of %d days; the key went on day %d", on, left, i)
					}
				}
				if inexact || policy.MinNoticeDays == 0 || len(warned) == 0 {
					return
				}
				// There has been a warning on every rung from the first down.
				highest := 0
				for _, left := range warned {
					highest = max(highest, left)
				}
				for _, rung := range policy.RemindAt {
					if _, onRung := warned[i-rung]; rung < highest && !onRung {
						t.Errorf("no warning on the rung at %d days: %v, gone on day %d", rung, warned, i)
					}
				}
				return
			case audit.Nothing:
			}
		}
		t.Errorf("the key was never disabled")
	})
	if ended == 0 {
		t.Error("no key came to its end, so nothing was shown")
	}
}

// TestARefusedExemptionGivesNotice follows a key through days on which its
// exemption is accepted, is not, or is not there, and on which a warning may not
// get through. While its exemption is ignored the key is disabled only once
// its owner was notified of that, with a day, and that day has come; and a key that
// nobody fixes does come to its end.
func TestARefusedExemptionGivesNotice(t *testing.T) {
	t.Parallel()
	phases := []audit.Exemption{refused, refused, audit.ParseExemption("false"), {}}
	ended := 0
	rapid.Check(t, func(t *rapid.T) {
		rules, policy := anyRules().Draw(t, "rules"), anyPolicy().Draw(t, "policy")
		policy.AutoExpire, policy.OwnKeys = true, nil
		key := audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.Add(-anySpan(180*day).Draw(t, "made ago"))}
		exemption := refused
		var history audit.History
		var warned time.Time   // when the owner first heard of the refusal
		var promised time.Time // the day named then
		for i := range 400 {
			at := now.Add(time.Duration(i) * day)
			if i < 100 && rapid.IntRange(0, 9).Draw(t, "the tag changes") == 0 {
				exemption = rapid.SampledFrom(phases).Draw(t, "to")
			} else if i == 100 {
				exemption = refused
			}
			v := audit.Judge(key, exemption, rules, at)
			if v.Exempt {
				history, warned = history.WithoutRefusals(), time.Time{}
			}
			d := audit.Decide(key, v, rules, history, policy, at)
			switch d.Action {
			case audit.Warn:
				if i < 150 && rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
					continue
				}
				if v.Refused() && warned.IsZero() {
					warned, promised = at, d.At
				}
				history = history.Add(v, rules, d, at)
			case audit.Disable:
				if !v.Refused() {
					return
				}
				ended++
				notice := rules.ExpirationAge - rules.WarningAge
				if v.State == audit.IdleExpired {
					notice = rules.InactivityAge - rules.InactivityWarningAge
				}
				notice = max(notice, policy.MinNoticeDays)
				if warned.IsZero() || at.Before(warned.AddDate(0, 0, notice)) || at.Before(promised) {
					t.Errorf("day %d: disabled; warned on %v, with %v as the day, and %d days' notice", i, warned, promised, notice)
				}
				return
			case audit.Nothing:
			}
		}
		t.Error("the key was never disabled")
	})
	if ended == 0 {
		t.Error("no key came to its end, so nothing was shown")
	}
}
