package audit

import (
	"slices"
	"time"
)

// How long before a disabled key is deleted its owner is warned, at least.
const (
	FirstDeletionNotice = 14 * day
	LastDeletionNotice  = day
)

const (
	// deletionLapse is how long after the day that it named a warning counts. A
	// key that was not deleted until then, as deleting was switched off or held
	// back, is deleted only after new warnings.
	deletionLapse = 7 * day
	// settlingTime is how long after a key was disabled IAM may still accept it.
	settlingTime = 15 * time.Minute
	// deliveryTime is how long after it was written a warning is usually delivered.
	deliveryTime = time.Hour
)

// Disabling is how Sleuth disabled a key, by its own record. Confirmed is set if
// IAM confirmed that, and nothing since has shown otherwise; without it, somebody
// else may have made the key Inactive. At is UTC.
type Disabling struct {
	At        time.Time
	Confirmed bool
}

// DeletionWarning is a delivered warning that a disabled key will be deleted: when
// it was delivered, and the moment of the deletion that it named (UTC).
type DeletionWarning struct {
	Delivered time.Time `json:"delivered"`
	Deletes   time.Time `json:"deletes"`
}

// DeletionWarnings are the two warnings before a key is deleted.
type DeletionWarnings struct {
	First DeletionWarning `json:"first,omitzero"`
	Last  DeletionWarning `json:"last,omitzero"`
}

// Add is the warnings after one that d asked for was delivered at now.
func (w DeletionWarnings) Add(d Deletion, now time.Time) DeletionWarnings {
	warning := DeletionWarning{Delivered: now.UTC(), Deletes: d.At.UTC()}
	if d.Step == WarnLastOfDeletion {
		w.Last = warning
		return w
	}
	return DeletionWarnings{First: warning}
}

// DeliveredAt is the warnings if the newest, which waited for a digest, was delivered
// at a moment: if that is late, the deletion is as much later.
func (w DeletionWarnings) DeliveredAt(at time.Time) DeletionWarnings {
	newest := &w.First
	if !w.Last.Delivered.IsZero() {
		newest = &w.Last
	}
	if late := at.Sub(newest.Delivered); late > deliveryTime {
		newest.Delivered, newest.Deletes = newest.Delivered.Add(late), newest.Deletes.Add(late)
	}
	return w
}

// validAt is what of the warnings counts at now, for a key that was disabled so.
func (w DeletionWarnings) validAt(d Disabling, now time.Time) DeletionWarnings {
	if !w.First.counts(d.At, FirstDeletionNotice, now) {
		return DeletionWarnings{}
	}
	if !w.Last.counts(w.First.Delivered, LastDeletionNotice, now) {
		w.Last = DeletionWarning{}
	}
	return w
}

// counts reports whether a warning was delivered after a moment, with the notice
// that it takes, and has not lapsed.
func (w DeletionWarning) counts(after time.Time, notice time.Duration, now time.Time) bool {
	return w.Delivered.After(after) && w.Deletes.Sub(w.Delivered) >= notice && !now.After(w.Deletes.Add(deletionLapse))
}

// DeletionStep is what is to be done about a key that Sleuth disabled.
type DeletionStep uint8

// The steps, in their order.
const (
	NoDeletion          DeletionStep = iota
	WarnFirstOfDeletion              // warn the owner, at least FirstDeletionNotice ahead
	WarnLastOfDeletion               // warn once more, at least LastDeletionNotice ahead
	DeleteKey
)

// Kept says why a key is not to be deleted.
type Kept uint8

// The reasons, the first that applies.
const (
	NotKept       Kept = iota
	KeptAsOther        // Sleuth did not disable it, or cannot know that it did
	KeptAsEnabled      // it is Active, or was since
	KeptAsExempt       // a tag asks to leave it alone, whether or not the rules accept that
	KeptInDoubt        // its status, its last use or a tag is not known
	KeptAsOwnKey       // Sleuth signs with this very key
)

// String returns the reason as it is said in logs.
func (k Kept) String() string {
	switch k {
	case KeptAsOther:
		return "Sleuth does not know for certain that it disabled the key"
	case KeptAsEnabled:
		return "it was enabled again"
	case KeptAsExempt:
		return "it is exempt"
	case KeptInDoubt:
		return "its status, its last use or a KeyAutoExpire tag is unreadable"
	case KeptAsOwnKey:
		return HeldAsOwnKey.String()
	}
	return ""
}

// Deletion is what is to be done about a key that Sleuth disabled, and why.
type Deletion struct {
	Step DeletionStep
	Kept Kept
	// At (UTC) is when the key will be deleted, the notice included; DaysLeft the
	// whole days until then, rounded up.
	At       time.Time
	DaysLeft int
}

// DeletionDue says what is to be done about a disabled key, by its dates alone: it
// says whether reading the key can change anything.
func DeletionDue(d Disabling, warnings DeletionWarnings, policy Policy, now time.Time) Deletion {
	if policy.DeleteAfterDays <= 0 || !policy.AutoExpire || !d.Confirmed || d.At.IsZero() {
		return Deletion{}
	}
	w := warnings.validAt(d, now)
	at := latest(d.At.Add(time.Duration(policy.DeleteAfterDays)*day), w.First.Deletes, w.Last.Deletes)
	step := NoDeletion
	switch ahead := at.Sub(now); {
	case w.First.Delivered.IsZero() && ahead <= FirstDeletionNotice:
		step, at = WarnFirstOfDeletion, latest(at, now.Add(FirstDeletionNotice))
	case w.First.Delivered.IsZero():
	case w.Last.Delivered.IsZero() && ahead <= LastDeletionNotice:
		step, at = WarnLastOfDeletion, latest(at, now.Add(LastDeletionNotice))
	case w.Last.Delivered.IsZero():
	case ahead <= 0 && policy.Calendar.At(now) == NotClosed:
		step = DeleteKey
	}
	return Deletion{Step: step, At: at.UTC(), DaysLeft: max(0, int((at.Sub(now)+day-1)/day))}
}

// DecideDeletion says what is to be done about a key that Sleuth disabled, as it
// was just read.
func DecideDeletion(key Key, e Exemption, d Disabling, warnings DeletionWarnings, policy Policy, now time.Time) Deletion {
	if kept := kept(key, e, d, policy, now); kept != NotKept {
		return Deletion{Kept: kept}
	}
	return DeletionDue(d, warnings, policy, now)
}

// kept says why a key must not be deleted whatever the dates. A tag that the
// exemption rules refuse keeps it as well: deleting cannot be undone.
func kept(key Key, e Exemption, d Disabling, policy Policy, now time.Time) Kept {
	switch {
	case !d.Confirmed || d.At.IsZero() || d.At.After(now) || key.Created.After(d.At):
		return KeptAsOther
	case key.Status == Active || key.LastUsed.After(d.At.Add(settlingTime)):
		return KeptAsEnabled
	case key.Status != Inactive || !key.UseRead || !key.UseAsOf.IsZero():
		return KeptInDoubt
	case e.Claimed && !e.ended(now):
		return KeptAsExempt
	case e.Unreadable:
		return KeptInDoubt
	case slices.Contains(policy.OwnKeys, key.ID):
		return KeptAsOwnKey
	}
	return NotKept
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
