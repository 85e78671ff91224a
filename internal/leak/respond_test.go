package leak_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// aws is one user with one key.
type aws struct {
	active bool
	tags   map[string]string
	writes int
	denied map[string]bool
}

func (a *aws) answer(action string) error {
	if a.denied[action] {
		return &smithy.GenericAPIError{Code: "AccessDenied", Message: "no"}
	}
	return nil
}

func (*aws) ListUsers(context.Context, *iam.ListUsersInput, ...func(*iam.Options)) (*iam.ListUsersOutput, error) {
	return nil, errors.New("an answer to a leak has no time to list all users")
}

func (a *aws) ListAccessKeys(_ context.Context, in *iam.ListAccessKeysInput, _ ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	created, id, status := now.AddDate(0, 0, -5), key1, types.StatusTypeInactive
	if a.active {
		status = types.StatusTypeActive
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{
		{AccessKeyId: &id, CreateDate: &created, Status: status, UserName: in.UserName},
	}}, a.answer("ListAccessKeys")
}

func (a *aws) ListUserTags(context.Context, *iam.ListUserTagsInput, ...func(*iam.Options)) (*iam.ListUserTagsOutput, error) {
	tags := []types.Tag{}
	for key, value := range a.tags {
		tags = append(tags, types.Tag{Key: &key, Value: &value})
	}
	return &iam.ListUserTagsOutput{Tags: tags}, a.answer("ListUserTags")
}

func (a *aws) GetAccessKeyLastUsed(_ context.Context, in *iam.GetAccessKeyLastUsedInput, _ ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error) {
	if *in.AccessKeyId != key1 {
		return nil, &smithy.GenericAPIError{Code: "NoSuchEntity"}
	}
	user, never := "bot", "N/A"
	return &iam.GetAccessKeyLastUsedOutput{UserName: &user, AccessKeyLastUsed: &types.AccessKeyLastUsed{ServiceName: &never, Region: &never}}, a.answer("GetAccessKeyLastUsed")
}

func (a *aws) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	if err := a.answer("UpdateAccessKey"); err != nil {
		return nil, err
	}
	a.writes++
	a.active = in.Status == types.StatusTypeActive
	return &iam.UpdateAccessKeyOutput{}, nil
}

// channel hears, or is down.
type channel struct {
	heard []string
	down  bool
}

func (*channel) Name() string { return "slack" }
func (*channel) ID() string   { return "slack" }

func (*channel) Compose(b notify.Batch) []notify.Message {
	body := b.Announcement
	for _, n := range b.Notices {
		body += n.Line(n.User)
	}
	return []notify.Message{{Body: body, Notices: b.Notices}}
}

func (c *channel) Send(_ context.Context, m notify.Message) error {
	if c.down {
		return errors.New("it is down")
	}
	c.heard = append(c.heard, m.Body)
	return nil
}

// scene is everything around one leaked key.
type scene struct {
	*testing.T
	aws     *aws
	channel *channel
	store   ledger.Store
	config  config.Config
	now     time.Time
}

func newScene(t *testing.T, disables bool) *scene {
	return &scene{T: t, aws: &aws{active: true, denied: map[string]bool{}}, channel: &channel{}, store: ledger.NewMemory(),
		config: config.Config{LeakDisables: disables, LeakMaxDisable: 10}, now: now}
}

func (s *scene) responder() leak.Responder {
	return leak.Responder{
		ID: "run-1", Account: account.Account{ID: accountID}, Config: s.config, IAM: s.aws, Channels: []notify.Channel{s.channel},
		Store: s.store, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
	}
}

// word answers an event about the key, and returns what became of it.
func (s *scene) word(arn string) (leak.Outcome, leak.Response) {
	s.Helper()
	answer := s.responder().Respond(s.Context(), leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}})
	if len(answer.Keys) != 1 || answer.Keys[0].KeyID != key1 {
		s.Fatalf("the answer is %+v", answer)
	}
	return answer.Keys[0].Outcome, answer
}

func (s *scene) record() ledger.Record {
	s.Helper()
	records, err := s.store.Load(s.Context(), accountID)
	if err != nil || len(records) != 1 {
		s.Fatalf("%d records, %v", len(records), err)
	}
	return records[0]
}

// put stores a record that an earlier run left.
func (s *scene) put(change func(*ledger.Record)) {
	s.Helper()
	record := ledger.New(accountID, key1, "bot")
	change(&record)
	if err := s.store.Put(s.Context(), &record); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) want(got, want leak.Outcome, heard int) {
	s.Helper()
	if got != want {
		s.Errorf("the outcome is %s, want %s", got, want)
	}
	if len(s.channel.heard) != heard {
		s.Errorf("heard %q, want %d messages", s.channel.heard, heard)
	}
}

// TestTheSameEventAgain: AWS may say a thing twice, and a person may have
// decided otherwise meanwhile.
func TestTheSameEventAgain(t *testing.T) {
	t.Parallel()
	t.Run("of a key that was disabled", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, true)
		outcome, _ := s.word(arn)
		s.want(outcome, leak.Disabled, 1)
		outcome, _ = s.word(arn)
		s.want(outcome, leak.Known, 1)

		// IAM may show it as it was for a while.
		s.aws.active, s.now = true, now.Add(enforce.ConsistencyWindow/2)
		outcome, answer := s.word(arn)
		s.want(outcome, leak.Known, 1)
		if answer.Keys[0].Detail != "Sleuth disabled it moments ago" {
			t.Errorf("it says %q", answer.Keys[0].Detail)
		}
		// Later it is a person's doing, and stays.
		s.now = now.Add(time.Hour)
		outcome, _ = s.word(arn)
		s.want(outcome, leak.Known, 1)
		if s.aws.writes != 1 {
			t.Errorf("%d writes", s.aws.writes)
		}
		// Found once more, it goes once more.
		outcome, _ = s.word(arn + "2")
		s.want(outcome, leak.Disabled, 2)
		if r := s.record(); r.Leak().Event != arn+"2" || r.Disabled().Reason != audit.Exposure || r.Pending() {
			t.Errorf("remembered is %+v", r)
		}
	})
	t.Run("of a key that was notified about", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, false)
		outcome, _ := s.word(arn)
		s.want(outcome, leak.Notified, 1)
		outcome, _ = s.word(arn)
		s.want(outcome, leak.Known, 1)
		s.config.LeakDisables = true
		outcome, _ = s.word(arn)
		s.want(outcome, leak.Disabled, 2)
	})
	t.Run("of a key whose word was not delivered", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, true)
		s.channel.down = true
		outcome, answer := s.word(arn)
		s.want(outcome, leak.Disabled, 0)
		if answer.Err() == nil || answer.NoticesPending != 1 {
			t.Errorf("the answer is %+v", answer)
		}
		s.channel.down = false
		outcome, answer = s.word(arn)
		s.want(outcome, leak.Known, 1)
		if answer.Err() != nil || answer.NoticesPending != 0 {
			t.Errorf("the answer is %+v", answer)
		}
	})
}

// TestWhyALeakedKeyStaysActive also checks that its owner is notified of the reason.
func TestWhyALeakedKeyStaysActive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*scene)
		closed bool
		heard  string // "" if it goes
	}{
		"exempt": {change: func(s *scene) { s.aws.tags = map[string]string{"KeyAutoExpire": "False"} }},
		"exempt, and that is heeded": {change: func(s *scene) {
			s.aws.tags, s.config.LeakSparesExempt = map[string]string{"KeyAutoExpire": "False"}, true
		}, heard: "it is exempt"},
		"exempt no more, and it is heeded": {change: func(s *scene) {
			s.aws.tags, s.config.LeakSparesExempt = map[string]string{"KeyAutoExpire": "False until 2026-03-01"}, true
		}},
		"in doubt":                          {change: func(s *scene) { s.aws.tags = map[string]string{"KeyAutoExpire": "?"} }},
		"in doubt, and exemption is heeded": {change: func(s *scene) { s.aws.tags, s.config.LeakSparesExempt = map[string]string{"KeyAutoExpire": "?"}, true }, heard: "unreadable"},
		"exempt beyond the rules": {change: func(s *scene) {
			s.aws.tags, s.config.LeakSparesExempt, s.config.Exemptions.MaxDays = map[string]string{"KeyAutoExpire": "False"}, true, 30
		}},
		"Sleuth's own": {change: func(s *scene) { s.config.Policy.OwnKeys = []string{key1} }, heard: "Sleuth itself runs with it"},
		"closed":       {change: func(*scene) {}, closed: true, heard: "AWS has closed its event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, true)
			c.change(s)
			answer := s.responder().Respond(t.Context(), leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1, Closed: c.closed}}})
			if answer.Err() != nil || s.aws.active != (c.heard != "") || len(s.channel.heard) != 1 || !strings.Contains(s.channel.heard[0], c.heard) {
				t.Errorf("the answer is %+v, the key is active: %t, heard was %q", answer, s.aws.active, s.channel.heard)
			}
		})
	}
}

// TestWhatOthersLeft: what a run has left in the record goes on from where it
// is.
func TestWhatOthersLeft(t *testing.T) {
	t.Parallel()
	notice := notify.Notice{KeyID: key1, User: "bot", Kind: notify.Disabled, Reason: audit.CreationAge}
	t.Run("an intent that took effect", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, true)
		s.put(func(r *ledger.Record) {
			r.Intend(ledger.Intent{At: now.Add(-enforce.ConsistencyWindow), Run: "run-0", Reason: audit.CreationAge, Notice: notice})
		})
		s.aws.active = false
		outcome, _ := s.word(arn)
		s.want(outcome, leak.Disabled, 1)
		if r := s.record(); r.Pending() || r.Disabled() == nil || r.Final().Notice.Kind != notify.LeakedDisabled || r.Leak() == nil {
			t.Errorf("remembered is %+v", r)
		}
	})
	t.Run("an intent of a run that may be at work", func(t *testing.T) {
		t.Parallel()
		for _, active := range []bool{true, false} {
			s := newScene(t, true)
			s.put(func(r *ledger.Record) {
				r.Intend(ledger.Intent{At: now.Add(-time.Second), Run: "run-0", Reason: audit.CreationAge, Notice: notice})
			})
			s.aws.active = active
			outcome, _ := s.word(arn)
			s.want(outcome, map[bool]leak.Outcome{true: leak.Disabled, false: leak.AlreadyDisabled}[active], 1)
			// What the run goes on to do is for the next one to find out.
			if r := s.record(); r.Intent() == nil || r.Intent().Run != "run-0" || r.FinalPending() || s.aws.active {
				t.Errorf("remembered is %+v", r)
			}
		}
	})
	t.Run("a pending final notice", func(t *testing.T) {
		t.Parallel()
		s := newScene(t, true)
		s.put(func(r *ledger.Record) {
			r.Intend(ledger.Intent{At: now, Run: "run-0", Reason: audit.CreationAge, Notice: notice})
			if err := r.MarkDisabled(now, "run-0", nil); err != nil {
				t.Fatal(err)
			}
		})
		s.aws.active = false
		outcome, _ := s.word(arn)
		s.want(outcome, leak.AlreadyDisabled, 1)
		if !strings.Contains(s.channel.heard[0], "was found in public and is disabled. It was disabled before that.") {
			t.Errorf("heard was %q", s.channel.heard)
		}
	})
}

// broken is a store that cannot be written, or not be read.
type broken struct {
	ledger.Store
	put, load error
}

func (b broken) Put(ctx context.Context, records ...*ledger.Record) error {
	if b.put != nil {
		return b.put
	}
	return b.Store.Put(ctx, records...)
}

func (b broken) Load(ctx context.Context, account string) ([]ledger.Record, error) {
	if b.load != nil {
		return nil, b.load
	}
	return b.Store.Load(ctx, account)
}

// TestBrokenState: a key is not disabled without its intent written down, and
// people hear all the same.
func TestBrokenState(t *testing.T) {
	t.Parallel()
	errDisk := errors.New("disk full")
	for name, store := range map[string]broken{
		"not written": {put: errDisk},
		"damaged":     {put: &ledger.DamagedError{Store: "x", Account: accountID, KeyID: key1, Err: errDisk}},
		"neither":     {put: errDisk, load: errDisk},
		"conflicting": {put: ledger.ErrConflict},
	} {
		for _, disables := range []bool{true, false} {
			s := newScene(t, disables)
			store.Store = s.store
			s.store = store
			outcome, answer := s.word(arn)
			if answer.Err() == nil || !s.aws.active || s.aws.writes > 0 {
				t.Errorf("%s: %+v, active %t", name, answer, s.aws.active)
			}
			if heard := strings.Join(s.channel.heard, " "); outcome != leak.Failed || !strings.Contains(heard, key1) || !strings.Contains(heard, "found in public") {
				t.Errorf("%s: %s, heard was %q", name, outcome, s.channel.heard)
			}
		}
	}
}

// TestOutOfTime: keys that there is no time for are named.
func TestOutOfTime(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	r := s.responder()
	r.Budget = budget.Leak(now, now.Add(time.Minute))
	first := true
	r.Now = func() time.Time {
		if first {
			first = false
			return now
		}
		return now.Add(50 * time.Second)
	}
	answer := r.Respond(t.Context(), leak.Event{Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}})
	if answer.Err() == nil || !strings.Contains(answer.Err().Error(), "sleuth leaked "+key1) || !s.aws.active {
		t.Errorf("the answer is %+v", answer)
	}
}

// TestEventWithoutKeys: people are asked to look.
func TestEventWithoutKeys(t *testing.T) {
	t.Parallel()
	for _, event := range []leak.Event{{ARN: arn, Account: accountID}, {ARN: arn, Account: accountID, Unclear: []string{`"alice"`}}} {
		s := newScene(t, true)
		answer := s.responder().Respond(t.Context(), event)
		if answer.Err() != nil || len(s.channel.heard) != 1 || !strings.Contains(s.channel.heard[0], "AWS Health Dashboard") {
			t.Errorf("the answer is %+v, heard was %q", answer, s.channel.heard)
		}
		s.channel.down = true
		if answer := s.responder().Respond(t.Context(), event); answer.Err() == nil {
			t.Error("nobody was notified, and the answer has no error")
		}
	}
}

// TestCalls: an answer spends the calls that it takes and no more.
func TestCalls(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	counted := &counting{aws: s.aws}
	r := s.responder()
	r.IAM = counted
	r.Respond(t.Context(), leak.Event{Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}})
	want := []string{
		"GetAccessKeyLastUsed", "ListUserTags", "ListAccessKeys", "GetAccessKeyLastUsed",
		"ListUserTags", "ListAccessKeys", "GetAccessKeyLastUsed", "UpdateAccessKey",
	}
	if !slices.Equal(counted.calls, want) {
		t.Errorf("the calls are %q", counted.calls)
	}
}

type counting struct {
	*aws
	calls []string
}

func (c *counting) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput, o ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	c.calls = append(c.calls, "ListAccessKeys")
	return c.aws.ListAccessKeys(ctx, in, o...)
}

func (c *counting) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput, o ...func(*iam.Options)) (*iam.ListUserTagsOutput, error) {
	c.calls = append(c.calls, "ListUserTags")
	return c.aws.ListUserTags(ctx, in, o...)
}

func (c *counting) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput, o ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error) {
	c.calls = append(c.calls, "GetAccessKeyLastUsed")
	return c.aws.GetAccessKeyLastUsed(ctx, in, o...)
}

func (c *counting) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput, o ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	c.calls = append(c.calls, "UpdateAccessKey")
	return c.aws.UpdateAccessKey(ctx, in, o...)
}

// TestALeakWithAnotherChannel: the notice stays due on the channel that it was
// due on when the key was disabled.
func TestALeakWithAnotherChannel(t *testing.T) {
	t.Parallel()
	s := newScene(t, true)
	s.channel.down = true
	s.word(arn)
	other := s.responder()
	other.Channels = []notify.Channel{&otherChannel{}}
	answer := other.Respond(t.Context(), leak.Event{ARN: arn, Account: accountID, Keys: []leak.LeakedKey{{KeyID: key1}}})
	if answer.Err() == nil || answer.NoticesPending != 1 || !strings.Contains(answer.Err().Error(), "due on the channel slack, which this run does not have") {
		t.Errorf("the answer is %+v", answer)
	}
	s.channel.down = false
	outcome, answer := s.word(arn)
	s.want(outcome, leak.Known, 1)
	if answer.Err() != nil || s.record().Pending() {
		t.Errorf("the answer is %+v, the record %+v", answer, s.record())
	}
}

// otherChannel is another destination.
type otherChannel struct{ channel }

func (*otherChannel) ID() string { return "slack:other" }
