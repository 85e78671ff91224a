package leak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/outbox"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Who a key is of that no IAM user has. A user's name has no space.
const (
	rootUser         = "root user"
	temporarySession = "temporary session"
)

// The sentences that notices end with, if they have more to say.
const (
	ofRoot       = "Sleuth cannot disable it: sign in as the root user and delete it."
	ofSession    = "Sleuth cannot disable it: revoke the sessions of the role or the user that it was issued to, which CloudTrail names."
	wasInactive  = "It was disabled before that."
	wasDeleted   = "It was deleted since."
	notRead      = "Sleuth could not read it and did nothing about it: an administrator has to disable it by hand."
	notDisabled  = "Sleuth tried to disable it and could not: an administrator has to disable it by hand."
	isPending    = "Sleuth tried to disable it, and whether that worked cannot be seen yet."
	nothingKnown = "IAM knows no such key"
)

// maxAttempts bounds how often a key is started again because its record, or the
// key itself, was changed meanwhile.
const maxAttempts = 5

// errStale says that what was read of a key, or of its record, is out of date.
var errStale = errors.New("it was changed again and again meanwhile")

// answerKey handles one key, and records the result.
func (a *responder) answerKey(ctx context.Context, f LeakedKey) {
	if !a.Budget.MayBegin(budget.Disable, a.now()) {
		a.problem(f.KeyID, fmt.Errorf("time was up before key %s could be handled; run 'sleuth leaked %s' for it", f.KeyID, f.KeyID))
		a.response.Keys = append(a.response.Keys, Result{KeyID: f.KeyID, Outcome: Failed, Detail: "time was up"})
		return
	}
	result, err := a.attempt(ctx, f)
	for range maxAttempts {
		if !errors.Is(err, errStale) {
			break
		}
		if err = a.reload(ctx, f.KeyID); err == nil {
			result, err = a.attempt(ctx, f)
		}
	}
	if err != nil {
		a.problem(f.KeyID, fmt.Errorf("deal with leaked key %s: %w", f.KeyID, err))
		result.Outcome, result.Detail = Failed, cmp.Or(result.Detail, "it was not handled")
		if result.Detail != nothingKnown && !slices.Contains(a.pending, a.records[f.KeyID]) {
			a.announce("Access key %s was found in public, and Sleuth could not deal with it. An administrator has to disable it by hand.", f.KeyID)
		}
	}
	result.KeyID = f.KeyID
	a.Log.WarnContext(ctx, "a key was found in public", "key", f.KeyID, "user", result.User, "outcome", string(result.Outcome), "detail", result.Detail, "event", a.event)
	a.response.Keys = append(a.response.Keys, result)
}

// attempt deals with one key as it stands. An errStale asks for another attempt;
// any other error is a problem, beside what the result says.
func (a *responder) attempt(ctx context.Context, f LeakedKey) (Result, error) {
	if strings.HasPrefix(f.KeyID, "ASIA") {
		return a.notifyOnly(ctx, audit.User{Name: temporarySession}, audit.Key{ID: f.KeyID}, ofSession)
	}
	name, err := a.reader.Owner(ctx, f.KeyID)
	switch {
	case inventory.IsGone(err):
		return a.notFound(ctx, f)
	case err != nil:
		err = fmt.Errorf("%w; where access is denied it is a key of another account, or iam:GetAccessKeyLastUsed is not allowed", err)
		return Result{Outcome: Failed, Detail: "its user could not be found"}, err
	case name == "":
		return a.notifyOnly(ctx, audit.User{Name: rootUser}, audit.Key{ID: f.KeyID}, ofRoot)
	}
	user, key, err := a.reader.ReadKey(ctx, audit.User{Name: name}, f.KeyID)
	if inventory.IsGone(err) {
		if _, again := a.reader.Owner(ctx, f.KeyID); inventory.IsGone(again) {
			return a.gone(ctx, f, name)
		}
	}
	if err != nil {
		err = fmt.Errorf("read leaked key %s of user %s, so nothing was done about it: %w", f.KeyID, name, err)
		result, notifyErr := a.notifyOnly(ctx, audit.User{Name: name}, audit.Key{ID: f.KeyID}, notRead)
		if errors.Is(notifyErr, errStale) {
			return result, notifyErr
		}
		return Result{User: name, Outcome: Failed, Detail: "it could not be read"}, errors.Join(err, notifyErr)
	}
	return a.answerRead(ctx, f, user, key)
}

// answerRead deals with a key that was read.
func (a *responder) answerRead(ctx context.Context, f LeakedKey, user audit.User, key audit.Key) (Result, error) {
	if key.Status == audit.Inactive {
		return a.inactive(ctx, user, key)
	}
	reason := a.reasonNotToDisable(f)(user, key)
	if !a.Config.LeakDisables {
		return a.notifyOnly(ctx, user, key, "")
	}
	if reason != "" {
		return a.notifyOnly(ctx, user, key, "It was not disabled: "+reason+".")
	}
	record := a.record(f.KeyID, user.Name)
	if detail := a.done(record, true); detail != "" {
		a.pending = append(a.pending, record)
		return Result{User: user.Name, Outcome: Known, Detail: detail}, nil
	}
	switch reached, err := a.capReached(ctx, f.KeyID); {
	case err != nil:
		result, notifyErr := a.notifyOnly(ctx, user, key, notCounted)
		if errors.Is(notifyErr, errStale) {
			return result, notifyErr
		}
		return Result{User: user.Name, Outcome: Failed, Detail: "it was not disabled"}, errors.Join(err, notifyErr)
	case reached:
		return a.notifyCapped(ctx, user, key)
	}
	return a.disable(ctx, f, user, key, record)
}

// reasonNotToDisable says why a key is not to be disabled. What is not understood is a
// reason.
func (a *responder) reasonNotToDisable(f LeakedKey) enforce.NotDisabled {
	return func(user audit.User, key audit.Key) string {
		exemption := audit.ExemptionOf(user, key.ID).Apply(a.Config.Exemptions, a.now())
		switch {
		case f.Closed:
			return "AWS has closed its event"
		case slices.Contains(a.Config.Policy.OwnKeys, key.ID):
			return audit.HeldAsOwnKey.String()
		case key.Status != audit.Active:
			return fmt.Sprintf("its status is %q", string(key.Status))
		case a.Config.LeakSparesExempt && exemption.Unreadable:
			return audit.HeldByDoubt.Because(audit.Verdict{Exemption: exemption})
		case a.Config.LeakSparesExempt && exemption.ActiveAt(a.now()):
			return "it is exempt"
		}
		return ""
	}
}

// reasonNotToDisableOrCap is reasonNotToDisable, and the cap once more: by now the intent is written
// down, so that of several invocations each sees the others'.
func (a *responder) reasonNotToDisableOrCap(ctx context.Context, f LeakedKey) enforce.NotDisabled {
	return func(user audit.User, key audit.Key) string {
		if why := a.reasonNotToDisable(f)(user, key); why != "" {
			return why
		}
		if reached, err := a.capReached(ctx, key.ID); reached || err != nil {
			return a.capReason()
		}
		return ""
	}
}

// done says why there is nothing left to do about an Active key but to send
// what is pending; empty if there is.
func (a *responder) done(record *ledger.Record, disable bool) string {
	leak := record.Leak()
	switch {
	case leak == nil:
		return ""
	case a.event != "" && a.event != leak.Event:
		return "" // it was found once more
	case !disable:
	case a.event == "", leak.Disabled.IsZero(), record.Intent() != nil && record.Intent().Reason == audit.Exposure:
		return "" // asked for by hand, only notified so far, or cut off
	case a.now().Sub(leak.Disabled) < enforce.ConsistencyWindow:
		return audit.HeldAsJustChanged.String()
	default:
		return "Sleuth disabled it for this on " + text.Date(leak.Disabled) + ", and somebody has enabled it again"
	}
	return "it is left active, and its owner was notified on " + text.Date(leak.At)
}

// disable takes an Active key through the protocol.
func (a *responder) disable(ctx context.Context, f LeakedKey, user audit.User, key audit.Key, record *ledger.Record) (Result, error) {
	result := Result{User: user.Name, Outcome: Disabled}
	a.recordLeak(record, a.notice(notify.LeakedActive, user, key, ""))
	final := func(user audit.User, key audit.Key) notify.Notice {
		return a.notice(notify.LeakedDisabled, user, key, "")
	}
	outcome, err := a.enforcer().DisableLeaked(ctx, user, key, a.reasonNotToDisableOrCap(ctx, f), final, record)
	if outcome != enforce.Disabled && errors.Is(err, ledger.ErrConflict) {
		return result, errStale
	}
	switch outcome {
	case enforce.Disabled:
	case enforce.Changed:
		if a.capped && err == nil { // by what other invocations have written meanwhile
			return a.withdrawnByCap(ctx, record)
		}
		return result, errors.Join(err, errStale)
	case enforce.Gone:
		if err != nil {
			return Result{User: user.Name, Outcome: Gone}, err
		}
		return a.gone(ctx, f, user.Name)
	case enforce.Pending:
		result.Outcome, result.Detail = Notified, isPending
		err = errors.Join(err, a.reword(record, isPending))
	case enforce.Failed:
		result.Outcome, result.Detail = Failed, "it could not be disabled"
		err = errors.Join(err, a.reword(record, notDisabled))
	}
	a.pending = append(a.pending, record)
	return result, err
}

func (a *responder) enforcer() enforce.Enforcer {
	return enforce.Enforcer{
		IAM: a.IAM, Reader: a.reader, Run: a.ID, Now: a.now,
		Ledger: a.Store, Due: a.due,
	}
}

// inactive deals with a key that is disabled already.
func (a *responder) inactive(ctx context.Context, user audit.User, key audit.Key) (Result, error) {
	record := a.record(key.ID, user.Name)
	result := Result{User: user.Name, Outcome: AlreadyDisabled}
	known := record.Leak() != nil
	switch {
	case record.Intent() != nil && !enforce.AtWork(record.Intent(), a.now()):
		// An attempt that was cut off has worked: its word is still to be given.
		a.recordLeak(record, a.notice(notify.LeakedDisabled, user, key, ""))
		outcome, err := a.enforcer().Settle(ctx, record)
		if outcome != enforce.Disabled && errors.Is(err, ledger.ErrConflict) || err == nil && outcome == enforce.Changed {
			return result, errStale
		}
		a.pending = append(a.pending, record)
		if outcome == enforce.Disabled {
			result.Outcome = Disabled
		}
		return result, err
	case known && (!record.LeakPending() || record.Final().Notice.Kind != notify.LeakedActive):
		a.pending = append(a.pending, record)
		result.Outcome, result.Detail = Known, "it is disabled, and its owner was notified of the leak"
		if record.LeakPending() {
			result.Detail = "it is disabled, and the pending notice is sent again"
		}
		return result, nil
	}
	a.recordLeak(record, a.notice(notify.LeakedDisabled, user, key, wasInactive))
	return result, a.put(ctx, record)
}

// notifyOnly notifies about a key that is left as it is.
func (a *responder) notifyOnly(ctx context.Context, user audit.User, key audit.Key, aside string) (Result, error) {
	record := a.record(key.ID, user.Name)
	if detail := a.done(record, false); detail != "" {
		a.pending = append(a.pending, record)
		return Result{User: user.Name, Outcome: Known, Detail: detail}, nil
	}
	a.recordLeak(record, a.notice(notify.LeakedActive, user, key, aside))
	return Result{User: user.Name, Outcome: Notified, Detail: asDetail(aside)}, a.put(ctx, record)
}

// asDetail is a sentence of a notice as it stands behind a semicolon.
func asDetail(sentence string) string {
	if strings.HasPrefix(sentence, "It ") {
		sentence = "it " + strings.TrimPrefix(sentence, "It ")
	}
	return strings.TrimSuffix(sentence, ".")
}

// notFound deals with a key that IAM does not know, by its id alone.
func (a *responder) notFound(ctx context.Context, f LeakedKey) (Result, error) {
	if record := a.records[f.KeyID]; record != nil {
		return a.gone(ctx, f, record.User())
	}
	if f.Closed {
		return Result{Outcome: Gone, Detail: nothingKnown}, nil
	}
	return Result{Outcome: Failed, Detail: nothingKnown},
		fmt.Errorf("%s in account %s: key %s was deleted, or is another account's", nothingKnown, a.Account.ID, f.KeyID)
}

// gone deals with a key that was deleted. Where its owner was to hear of it,
// they still do.
func (a *responder) gone(ctx context.Context, f LeakedKey, user string) (Result, error) {
	result := Result{User: user, Outcome: Gone}
	record := a.records[f.KeyID]
	switch {
	case record == nil || !record.FinalPending():
		return result, nil
	case !record.LeakPending() || record.Final().Notice.Kind != notify.LeakedActive:
		a.pending = append(a.pending, record)
		return result, nil
	}
	final := record.Final().Notice
	final.Kind, final.Note = notify.LeakedDisabled, wasDeleted
	if err := record.Reword(a.now(), final); err != nil {
		return result, err
	}
	return result, a.put(ctx, record)
}

// reword has the pending notice say one more thing.
func (a *responder) reword(record *ledger.Record, aside string) error {
	if !record.FinalPending() {
		return nil
	}
	final := record.Final().Notice
	final.Note = aside
	return record.Reword(a.now(), final)
}

// due says on which channels a notice is due: on those of this invocation.
func (a *responder) due(n notify.Notice) ledger.Due { return outbox.Due(a.Channels, n) }

// record is what is remembered of a key, or a new record.
func (a *responder) record(keyID, user string) *ledger.Record {
	if a.records[keyID] == nil {
		made := ledger.New(a.Account.ID, keyID, user)
		a.records[keyID] = &made
	}
	return a.records[keyID]
}

// recordLeak notes that a key was found in public, with the notice that its owner is
// pending from now on.
func (a *responder) recordLeak(record *ledger.Record, final notify.Notice) {
	record.MarkLeaked(a.now(), a.ID, a.event, final, a.due(final))
}

// put writes a record down, and has its notice sent even if that fails.
func (a *responder) put(ctx context.Context, record *ledger.Record) error {
	err := a.Store.Put(ctx, record)
	if errors.Is(err, ledger.ErrConflict) {
		return errStale
	}
	a.pending = append(a.pending, record)
	if err != nil {
		return fmt.Errorf("record that key %s of user %s was found in public (its owner may be notified twice): %w", record.KeyID(), record.User(), err)
	}
	return nil
}

func (a *responder) notice(kind notify.Kind, user audit.User, key audit.Key, aside string) notify.Notice {
	owner := a.Config.Owners.Of(user)
	for _, refused := range owner.Refused {
		a.Log.Warn(notify.AddressRefused, "user", user.Name, "key", key.ID, "tag", refused.From, "value", refused.Address)
	}
	n := notify.About(user, key, owner)
	n.ShowKeyID, n.Kind, n.Reason, n.Note = true, kind, audit.Exposure, aside
	return n
}
