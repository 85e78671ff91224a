package audit

import "time"

// NeedsLastUse reports whether reading a key's last use can still change its
// verdict or the days in a message to its owner. Until the key is old enough to be
// warned about, nothing can have happened, as no key was used before it was
// made; from the creation limit on, nothing can change; and if inactivity
// has no limits of its own, creation always gets there first.
//
// Known is a use of the key that is known already, if only from a report of
// some hours ago; zero means none. The last use is not earlier, so a key that is
// good by the known one is good. A key that is warned about by its creation is
// read even so, as messages to its owner show the last use.
func NeedsLastUse(key Key, known time.Time, rules Rules, now time.Time) bool {
	if key.Status != Active {
		return false
	}
	age := wholeDays(key.Created, now)
	if age >= rules.ExpirationAge || !rules.limitsInactivity() {
		return false
	}
	key.LastUsed = known
	idleAge := wholeDays(key.lastUse(), now)
	return age >= rules.WarningAge || idleAge >= rules.InactivityWarningAge
}

// limitsInactivity reports whether a key's last use can decide anything: whether
// one of the two limits for inactivity can be reached before that for creation.
func (rules Rules) limitsInactivity() bool {
	return rules.InactivityAge < rules.ExpirationAge || rules.InactivityWarningAge < rules.WarningAge
}

// NeedsTags reports whether reading a user's tags can change anything for a
// key: only for one that somebody would hear of, or be exempt from.
func NeedsTags(v Verdict) bool { return v.State.NeedsWarning() || v.State.PastLimit() }
