package enforce_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// vault is aws with a key that Sleuth disabled and that can be deleted.
type vault struct {
	*aws

	deleteErr error
	hasEffect bool // of a call that fails
}

func (v *vault) DeleteAccessKey(_ context.Context, in *iam.DeleteAccessKeyInput, _ ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error) {
	v.diary = append(v.diary, "delete")
	if *in.UserName != v.user.Name || *in.AccessKeyId != v.key.ID {
		return nil, errors.New("deleted another key")
	}
	if v.renamed != "" {
		v.user.Name = v.renamed
		return nil, gone
	}
	if v.deleteErr == nil || v.hasEffect {
		v.readErr = inventory.ErrKeyGone
	}
	return &iam.DeleteAccessKeyOutput{}, v.deleteErr
}

// Put notes the phases of deleting.
func (v *vault) Put(ctx context.Context, records ...*ledger.Record) error {
	err := v.aws.Put(ctx, records...)
	if err == nil {
		v.diary[len(v.diary)-1] = string(records[0].Phase())
	}
	return err
}

func (v *vault) deleter() enforce.Deleter {
	e := v.enforcer()
	e.Ledger = v
	return enforce.Deleter{Enforcer: e, Keys: v, Decide: func(user audit.User, key audit.Key, record ledger.Record, now time.Time) audit.Deletion {
		return audit.DecideDeletion(key, audit.ExemptionOf(user, key.ID), record.Disabling(), record.Deletion().Warnings,
			audit.Policy{AutoExpire: true, DeleteAfterDays: 60}, now)
	}}
}

// dueToBeDeleted is an account with a key that was disabled 60 days ago, and the
// record of that and of both warnings.
func dueToBeDeleted(t *testing.T) (*vault, *ledger.Record) {
	t.Helper()
	v := &vault{aws: &aws{
		user: audit.User{Name: "bot"},
		key:  audit.Key{ID: "AKIA1", Status: audit.Inactive, Created: now.Add(-160 * day), LastUsed: now.Add(-61 * day), UseRead: true},
	}}
	r := blank()
	r.Intend(ledger.Intent{
		At: now.Add(-60 * day), Run: "run-0", Reason: audit.CreationAge, Confirmed: true, Due: ledger.Due{Silent: true},
		Notice: notify.Notice{KeyID: "AKIA1", User: "bot", Kind: notify.Disabled, Reason: audit.CreationAge},
	})
	check(t, r.MarkDisabled(now.Add(-60*day), "run-0", nil))
	check(t, r.MarkDeletionWarned(now.Add(-day), audit.DeletionWarnings{
		First: audit.DeletionWarning{Delivered: now.Add(-14 * day), Deletes: now},
		Last:  audit.DeletionWarning{Delivered: now.Add(-day), Deletes: now},
	}))
	return v, r
}

func deletionNotice(user audit.User, key audit.Key) notify.Notice {
	return notify.Notice{KeyID: key.ID, User: user.Name, SlackTag: user.Slack(), Created: key.Created, Kind: notify.Deleted, Reason: audit.CreationAge}
}

// TestDelete: what is done, in which order, and what is left behind, for everything
// that can go wrong on the way.
func TestDelete(t *testing.T) {
	t.Parallel()
	const intended, deleted, closed = "deletion_intended", "deleted_pending", "closed"
	for name, c := range map[string]struct {
		world   func(*vault)
		outcome enforce.Outcome
		err     string
		diary   []string
		kept    bool // for good
	}{
		"the way it should be": {outcome: enforce.Deleted, diary: []string{intended, "read", "delete", deleted}},
		"the intent cannot be written": {
			world:   func(v *vault) { v.putErr = map[int]error{1: errDisk} },
			outcome: enforce.Failed, err: "so it is not deleted", diary: []string{"put fails"},
		},
		"another process wrote the record": {
			world:   func(v *vault) { v.putErr = map[int]error{1: ledger.ErrConflict} },
			outcome: enforce.Failed, err: "so it is not deleted", diary: []string{"put fails"},
		},
		"the key cannot be read": {
			world:   func(v *vault) { v.readErr = errBroken },
			outcome: enforce.Failed, err: "so it is not deleted", diary: []string{intended, "read"},
		},
		"the key is gone": {
			world:   func(v *vault) { v.readErr = inventory.ErrKeyGone },
			outcome: enforce.Gone, diary: []string{intended, "read", closed}, kept: true,
		},
		"enabled meanwhile": {
			world:   func(v *vault) { v.key.Status = audit.Active },
			outcome: enforce.Changed, diary: []string{intended, "read", closed}, kept: true,
		},
		"used since it was disabled": {
			world:   func(v *vault) { v.key.LastUsed = now.Add(-day) },
			outcome: enforce.Changed, diary: []string{intended, "read", closed}, kept: true,
		},
		"exempted meanwhile": {
			world:   func(v *vault) { v.user.Tags = audit.Tags{{Key: "KeyAutoExpire", Value: "False"}} },
			outcome: enforce.Changed, diary: []string{intended, "read", closed},
		},
		"the tag made unreadable meanwhile": {
			world:   func(v *vault) { v.user.Tags = audit.Tags{{Key: "KeyAutoExpire", Value: "?"}} },
			outcome: enforce.Changed, diary: []string{intended, "read", closed},
		},
		"the last use was not read": {
			world:   func(v *vault) { v.key.UseRead = false },
			outcome: enforce.Changed, diary: []string{intended, "read", closed},
		},
		"IAM refuses": {
			world:   func(v *vault) { v.deleteErr = errBroken },
			outcome: enforce.Failed, err: "delete key AKIA1 of user bot: broken", diary: []string{intended, "read", "delete"},
		},
		"the answer of the first attempt was lost": {
			world:   func(v *vault) { v.deleteErr, v.hasEffect = gone, true },
			outcome: enforce.Deleted, diary: []string{intended, "read", "delete", "read", deleted},
		},
		"its user renamed between the read and the write": {
			world:   func(v *vault) { v.renamed = "robot" },
			outcome: enforce.Failed, err: "delete key AKIA1 of user bot", diary: []string{intended, "read", "delete", "read"},
		},
		"deleted, and that cannot be written down": {
			world:   func(v *vault) { v.putErr = map[int]error{2: errDisk} },
			outcome: enforce.Deleted, err: "its owner may hear of it twice", diary: []string{intended, "read", "delete", "put fails"},
		},
		"not due, and that cannot be written down": {
			world:   func(v *vault) { v.key.Status, v.putErr = audit.Active, map[int]error{2: errDisk} },
			outcome: enforce.Changed, err: "take back the intent", diary: []string{intended, "read", "put fails"}, kept: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, record := dueToBeDeleted(t)
			if c.world != nil {
				c.world(v)
			}
			outcome, err := v.deleter().Delete(t.Context(), audit.User{Name: "bot"}, v.key, deletionNotice, record)
			if outcome != c.outcome {
				t.Errorf("outcome %d, want %d (%v)", outcome, c.outcome, err)
			}
			wantError(t, err, c.err)
			if !slices.Equal(v.diary, c.diary) {
				t.Errorf("did %v, want %v", v.diary, c.diary)
			}
			if record.Disabling().Confirmed == c.kept {
				t.Errorf("it may be deleted later: %t", !c.kept)
			}
			if final := record.Final(); outcome == enforce.Deleted && (final.Notice.Kind != notify.Deleted || !final.Pending() || !record.Deletion().At.Equal(now)) {
				t.Errorf("deleted, without the notice to give: %+v", record)
			}
		})
	}
}

// TestSettleDeletion: an intent whose key is gone was carried out by the run that
// left it.
func TestSettleDeletion(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ago     time.Duration
		readErr error
		outcome enforce.Outcome
		err     string
		phase   ledger.Phase
	}{
		"gone":                      {time.Minute, inventory.ErrKeyGone, enforce.Deleted, "", ledger.DeletedPending},
		"gone with its user":        {day, gone, enforce.Deleted, "", ledger.DeletedPending},
		"there, which may not last": {time.Minute, nil, enforce.Pending, "", ledger.DeletionIntended},
		"there":                     {enforce.ConsistencyWindow, nil, enforce.Changed, "", ledger.Closed},
		"unreadable":                {day, errBroken, enforce.Pending, "find out whether an earlier run deleted key AKIA1 of user bot", ledger.DeletionIntended},
	} {
		v, record := dueToBeDeleted(t)
		v.readErr = c.readErr
		record.IntendDeletion(ledger.Intent{At: now.Add(-c.ago), Run: "run-1", Reason: audit.CreationAge, Notice: deletionNotice(v.user, v.key), Due: ledger.Due{Channels: []string{"slack"}}})
		outcome, err := v.deleter().SettleDeletion(t.Context(), record)
		wantError(t, err, c.err)
		if outcome != c.outcome || record.Phase() != c.phase {
			t.Errorf("%s: outcome %d, and the record is %s", name, outcome, record.Phase())
		}
		if c.outcome == enforce.Deleted && !slices.Equal(record.Final().PendingOn(), []string{"slack"}) {
			t.Errorf("%s: the notice is pending on %v", name, record.Final().PendingOn())
		}
	}
	v, record := dueToBeDeleted(t)
	if outcome, err := v.deleter().SettleDeletion(t.Context(), record); outcome != enforce.Changed || err != nil || len(v.diary) > 0 {
		t.Errorf("without an intent: outcome %d, %v, %v", outcome, err, v.diary)
	}
}

// TestOnlyWhatIAMConfirmedIsConfirmed: a key that a later run finds Inactive may
// have been made so by its owner, and is never deleted.
func TestOnlyWhatIAMConfirmedIsConfirmed(t *testing.T) {
	t.Parallel()
	a, record := due(), blank()
	if outcome, err := a.disable(t, record); outcome != enforce.Disabled || err != nil || !record.Disabling().Confirmed {
		t.Errorf("outcome %d, %v, %+v", outcome, err, record.Disabling())
	}
	a, record = due(), leftover(day)
	a.key.Status = audit.Inactive
	if outcome, err := a.enforcer().Settle(t.Context(), record); outcome != enforce.Disabled || err != nil || record.Disabling().Confirmed {
		t.Errorf("settled: outcome %d, %v, %+v", outcome, err, record.Disabling())
	}
	a, record = due(), leftover(day)
	a.key.Status = audit.Inactive
	if outcome, err := a.disable(t, record); outcome != enforce.Disabled || err != nil || record.Disabling().Confirmed {
		t.Errorf("found Inactive: outcome %d, %v, %+v", outcome, err, record.Disabling())
	}
}
