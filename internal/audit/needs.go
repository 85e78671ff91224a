package audit

import "time"

// NeedsLastUse reports whether reading a key's last use can still change its
// verdict or the days its owner is told. Until the key is old enough to be
// warned about, nothing can have happened, as no key was used before it was
// made; from the creation limit on, nothing can change; and where inactivity
// has no limits of its own, creation always gets there first.
func NeedsLastUse(key Key, rules Rules, now time.Time) bool {
	if key.Status != Active {
		return false
	}
	age := wholeDays(key.Created, now)
	if age >= rules.ExpirationAge {
		return false
	}
	if rules.InactivityAge >= rules.ExpirationAge && rules.InactivityWarningAge >= rules.WarningAge {
		return false
	}
	return age >= min(rules.WarningAge, rules.InactivityWarningAge)
}

// NeedsTags reports whether reading a user's tags can change anything for a
// key: only for one that somebody would hear of, or be exempt from.
func NeedsTags(v Verdict) bool { return v.State.Warned() || v.State.PastLimit() }
