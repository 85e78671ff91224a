package leak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// capWindow is how long a leaked key that was disabled counts for the cap.
const capWindow = time.Hour

// notCounted ends the notice of a key whose turn under the cap is not known.
const notCounted = "Sleuth could not read how many leaked keys it has disabled, and did nothing about it: disable it by hand."

// capReached reports whether as many leaked keys as SLEUTH_LEAK_MAX_DISABLE
// allows were disabled, apart from this one. Whoever can have the function
// answer a forged event could otherwise have it disable every key. The count is
// read from the store each time, as other invocations may be at work. Once it
// is reached, it is for the rest of the event.
func (a *responder) capReached(ctx context.Context, keyID string) (bool, error) {
	if a.capped {
		return true, nil
	}
	records, err := a.Store.Load(ctx, a.Account.ID)
	if _, others := ledger.SplitDamaged(err); others != nil {
		return false, fmt.Errorf("count the leaked keys that were disabled in %s: %w", a.Store, others)
	}
	n := max(a.disabledByThis(), countDisabled(records, keyID, a.event, a.now()))
	if n < a.Config.LeakMaxDisable {
		return false, nil
	}
	a.capped = true
	a.announce("SLEUTH_LEAK_MAX_DISABLE=%d is reached: for now no more leaked access keys of this account are disabled, and the others that were found in public are still active. "+
		"Look at the AWS Health Dashboard. If it names them as well, disable them by hand, or raise the setting and run 'sleuth leaked' for them; "+
		"if it does not, the event is forged: find out who may invoke the function.", a.Config.LeakMaxDisable)
	return true, nil
}

// capReason says why the cap keeps a key active.
func (a *responder) capReason() string {
	return fmt.Sprintf("SLEUTH_LEAK_MAX_DISABLE=%d allows no more for this event and this hour", a.Config.LeakMaxDisable)
}

// disabledByThis counts the keys that this answer has disabled, or in a dry run
// would have, which the store does not show.
func (a *responder) disabledByThis() int {
	n := 0
	for _, result := range a.response.Keys {
		if result.Outcome == Disabled {
			n++
		}
	}
	return n
}

// countDisabled counts the keys, apart from one, that were disabled as leaked
// for an event or within the last hour. A key that another invocation is about
// to disable counts as well.
func countDisabled(records []ledger.Record, except, event string, now time.Time) int {
	recent := func(at time.Time) bool { return !at.IsZero() && now.Sub(at) < capWindow }
	n := 0
	for _, r := range records {
		leak, disabled, intent := r.Leak(), r.Disabled(), r.Intent()
		switch {
		case r.KeyID() == except:
		case leak != nil && (recent(leak.Disabled) || event != "" && leak.Event == event && !leak.Disabled.IsZero()),
			disabled != nil && disabled.Reason == audit.Exposure && recent(disabled.At),
			intent != nil && intent.Reason == audit.Exposure && recent(intent.At):
			n++
		}
	}
	return n
}

// notifyCapped notifies about a key that the cap keeps active.
func (a *responder) notifyCapped(ctx context.Context, user audit.User, key audit.Key) (Result, error) {
	return a.notifyOnly(ctx, user, key, a.keepActive(key.ID))
}

// withdrawnByCap notifies about a key whose intent was withdrawn for the cap.
func (a *responder) withdrawnByCap(ctx context.Context, record *ledger.Record) (Result, error) {
	aside := a.keepActive(record.KeyID())
	return Result{User: record.User(), Outcome: Notified, Detail: asDetail(aside)}, errors.Join(a.reword(record, aside), a.put(ctx, record))
}

// keepActive notes that the cap keeps a key active, and returns what its owner
// is notified of that.
func (a *responder) keepActive(keyID string) string {
	if !slices.Contains(a.overCap, keyID) {
		a.overCap = append(a.overCap, keyID)
	}
	return "It was not disabled: " + a.capReason() + "."
}

// reportCap makes the keys that the cap has kept active a problem.
func (a *responder) reportCap() {
	if len(a.overCap) > 0 {
		a.problem("", fmt.Errorf("leaked keys were not disabled, as %s: %s", a.capReason(), text.First(20, a.overCap, ", ")))
	}
}
