package leak_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// crowd is many exempt users with one Active key each, of the same name.
type crowd struct {
	active map[string]bool
	// disabling is called before a key is disabled; may be nil.
	disabling func()
}

func newCrowd(n int) *crowd {
	c := &crowd{active: map[string]bool{}}
	for i := range n {
		c.active[crowdKey(i)] = true
	}
	return c
}

func crowdKey(i int) string { return fmt.Sprintf("AKIACROWD%011d", i) }

func (c *crowd) left() int {
	n := 0
	for _, active := range c.active {
		if active {
			n++
		}
	}
	return n
}

func (*crowd) ListUsers(context.Context, *iam.ListUsersInput, ...func(*iam.Options)) (*iam.ListUsersOutput, error) {
	return nil, errors.New("an answer to a leak has no time to list all users")
}

func (c *crowd) ListAccessKeys(_ context.Context, in *iam.ListAccessKeysInput, _ ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	created, id, status := now.AddDate(0, 0, -5), *in.UserName, types.StatusTypeInactive
	if c.active[id] {
		status = types.StatusTypeActive
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{{AccessKeyId: &id, CreateDate: &created, Status: status, UserName: in.UserName}}}, nil
}

func (*crowd) ListUserTags(context.Context, *iam.ListUserTagsInput, ...func(*iam.Options)) (*iam.ListUserTagsOutput, error) {
	name, value := "KeyAutoExpire", "False"
	return &iam.ListUserTagsOutput{Tags: []types.Tag{{Key: &name, Value: &value}}}, nil
}

func (c *crowd) GetAccessKeyLastUsed(_ context.Context, in *iam.GetAccessKeyLastUsedInput, _ ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error) {
	never := "N/A"
	return &iam.GetAccessKeyLastUsedOutput{UserName: in.AccessKeyId, AccessKeyLastUsed: &types.AccessKeyLastUsed{ServiceName: &never, Region: &never}}, nil
}

func (c *crowd) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	if c.disabling != nil {
		c.disabling()
	}
	c.active[*in.AccessKeyId] = false
	return &iam.UpdateAccessKeyOutput{}, nil
}

// capped is a crowd's account with a cap, and what the store makes last from
// one invocation to the next.
type capped struct {
	crowd   *crowd
	channel *channel
	store   ledger.Store
	limit   int
	now     time.Time
	dryRun  bool
}

func newCapped(users, limit int) *capped {
	return &capped{crowd: newCrowd(users), channel: &channel{}, store: ledger.NewMemory(), limit: limit, now: now}
}

// event answers one event about the keys from a number up to another, in an
// invocation of its own.
func (c *capped) event(t *testing.T, arn string, from, to int) leak.Response {
	t.Helper()
	event := leak.Event{ARN: arn, Account: accountID}
	for i := from; i < to; i++ {
		event.Keys = append(event.Keys, leak.LeakedKey{KeyID: crowdKey(i)})
	}
	responder := leak.Responder{
		ID: "run-1", Account: account.Account{ID: accountID}, IAM: c.crowd, Channels: []notify.Channel{c.channel}, Store: c.store,
		Config: config.Config{LeakDisables: true, LeakMaxDisable: c.limit},
		Log:    slog.New(slog.DiscardHandler), Now: func() time.Time { return c.now },
	}
	if c.dryRun {
		responder.Store = ledger.NewOverlay(c.store)
		responder.Channels = []notify.Channel{notify.Preview{Channel: c.channel, Out: io.Discard}}
		responder.IAM = struct {
			inventory.IAM
			enforce.DisablesNothing
		}{c.crowd, enforce.DisablesNothing{}}
	}
	return responder.Respond(t.Context(), event)
}

func wantOutcomes(t *testing.T, answer leak.Response, disabled, notified int) {
	t.Helper()
	got := map[leak.Outcome]int{}
	for _, result := range answer.Keys {
		got[result.Outcome]++
	}
	if got[leak.Disabled] != disabled || got[leak.Notified] != notified {
		t.Errorf("disabled %d, notified %d; want %d and %d: %v", got[leak.Disabled], got[leak.Notified], disabled, notified, got)
	}
	err := answer.Err()
	if notified > 0 && (err == nil || !strings.Contains(err.Error(), "leaked keys were not disabled, as SLEUTH_LEAK_MAX_DISABLE=")) {
		t.Errorf("the answer's error is %v", err)
	}
	if notified == 0 && err != nil {
		t.Error(err)
	}
}

// TestAForgedEventDisablesNoMoreThanTheCap: of 150 exempt keys ten are disabled;
// the owners of the others are notified, a notice goes to everybody, and it is a failure.
func TestAForgedEventDisablesNoMoreThanTheCap(t *testing.T) {
	t.Parallel()
	c := newCapped(150, 10)
	answer := c.event(t, arn, 0, 150)
	wantOutcomes(t, answer, 10, 140)
	if left := c.crowd.left(); left != 140 {
		t.Errorf("%d keys are still active, want 140", left)
	}
	heard := strings.Join(c.channel.heard, "\n")
	if n := strings.Count(heard, "is still active. It was not disabled: SLEUTH_LEAK_MAX_DISABLE=10 allows no more"); n != 140 {
		t.Errorf("%d owners were notified that their key is still active, want 140", n)
	}
	if n := strings.Count(heard, "SLEUTH_LEAK_MAX_DISABLE=10 is reached"); n != 1 {
		t.Errorf("the cap was announced %d times, want once", n)
	}
	// The same event once more, as Lambda tries it again, and long after.
	for _, later := range []time.Duration{time.Minute, 3 * time.Hour} {
		c.now = now.Add(later)
		if again := c.event(t, arn, 0, 150); again.Err() == nil || c.crowd.left() != 140 {
			t.Errorf("after %v: error %v, %d keys are active", later, again.Err(), c.crowd.left())
		}
	}
}

// TestTheCapIsOfAnHour: another event within the hour has what the first left,
// and none that the key's own record forgets; after the hour all of it.
func TestTheCapIsOfAnHour(t *testing.T) {
	t.Parallel()
	c := newCapped(40, 10)
	wantOutcomes(t, c.event(t, arn, 0, 7), 7, 0)
	// Naming them once more in another event does not make them forgotten.
	c.event(t, arn+"2", 0, 7)
	c.now = now.Add(59 * time.Minute)
	wantOutcomes(t, c.event(t, arn+"3", 10, 15), 3, 2)
	c.now = now.Add(60 * time.Minute)
	wantOutcomes(t, c.event(t, arn+"4", 20, 40), 7, 13)
}

// TestTheCapCountsADryRun, in which the store shows nothing.
func TestTheCapCountsADryRun(t *testing.T) {
	t.Parallel()
	c := newCapped(5, 2)
	c.dryRun = true
	wantOutcomes(t, c.event(t, arn, 0, 5), 2, 3)
	if c.crowd.left() != 5 {
		t.Errorf("%d keys are active after a dry run, want 5", c.crowd.left())
	}
}

// beside is a store into which another invocation writes an intent of its own
// just after one of ours.
type beside struct {
	ledger.Store
	theirs []string
}

func (b *beside) Put(ctx context.Context, records ...*ledger.Record) error {
	if err := b.Store.Put(ctx, records...); err != nil {
		return err
	}
	if len(b.theirs) == 0 || len(records) != 1 || records[0].Intent() == nil {
		return nil
	}
	key := b.theirs[0]
	b.theirs = b.theirs[1:]
	theirs := ledger.New(accountID, key, key)
	theirs.Intend(ledger.Intent{At: now, Run: "another", Reason: audit.Exposure})
	return b.Store.Put(ctx, &theirs)
}

// TestTheCapHoldsForInvocationsSideBySide: each writes its intent down before
// it counts, so that both together keep within the cap.
func TestTheCapHoldsForInvocationsSideBySide(t *testing.T) {
	t.Parallel()
	c := newCapped(20, 3)
	c.store = &beside{c.store, []string{crowdKey(18), crowdKey(19)}}
	answer := c.event(t, arn, 0, 10)
	wantOutcomes(t, answer, 1, 9)
}

// TestTheCapCannotBeCounted: what is not known to be within the cap is not
// disabled.
func TestTheCapCannotBeCounted(t *testing.T) {
	t.Parallel()
	c := newCapped(2, 10)
	c.store = &forgetful{Store: c.store, loads: 1}
	answer := c.event(t, arn, 0, 1)
	if c.crowd.left() != 2 || answer.Err() == nil || !strings.Contains(answer.Err().Error(), "count the leaked keys that were disabled") {
		t.Errorf("%d keys are active; error %v", c.crowd.left(), answer.Err())
	}
	if !slices.ContainsFunc(c.channel.heard, func(text string) bool { return strings.Contains(text, "disable it by hand") }) {
		t.Errorf("nobody was notified: %q", c.channel.heard)
	}
}

// forgetful is a store that can be read only so many times.
type forgetful struct {
	ledger.Store
	loads int
}

func (f *forgetful) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	if f.loads--; f.loads < 0 {
		return nil, errors.New("the store is down")
	}
	return f.Store.Load(ctx, account)
}

// TestEveryKeyIsDisabledBeforeAnybodyIsNotified: a channel that hangs holds no
// key up.
func TestEveryKeyIsDisabledBeforeAnybodyIsNotified(t *testing.T) {
	t.Parallel()
	const keys = 45 // more than fit one message
	c := newCapped(keys, keys)
	active := -1
	slow := &slowChannel{sending: func() {
		if active >= 0 {
			return
		}
		active = 0
		for _, is := range c.crowd.active {
			if is {
				active++
			}
		}
	}}
	event := leak.Event{ARN: "arn:1", Account: accountID}
	for i := range keys {
		event.Keys = append(event.Keys, leak.LeakedKey{KeyID: crowdKey(i)})
	}
	answer := leak.Responder{
		ID: "run-1", Account: account.Account{ID: accountID}, IAM: c.crowd, Channels: []notify.Channel{slow}, Store: c.store,
		Config: config.Config{LeakDisables: true, LeakMaxDisable: keys}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return c.now },
	}.Respond(t.Context(), event)
	wantOutcomes(t, answer, keys, 0)
	if active != 0 {
		t.Errorf("%d keys were active when the first message was sent, want 0", active)
	}
}

// slowChannel says when it is asked to send.
type slowChannel struct {
	channel
	sending func()
}

func (c *slowChannel) Send(ctx context.Context, m notify.Message) error {
	c.sending()
	return c.channel.Send(ctx, m)
}
