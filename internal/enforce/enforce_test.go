package enforce_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

const day = 24 * time.Hour

var (
	now   = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	rules = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 30, InactivityWarningAge: 20}

	errBroken = errors.New("broken")
	errDisk   = errors.New("disk full")
)

// aws is one key in IAM, and a diary of what the protocol asked for.
type aws struct {
	user audit.User
	key  audit.Key

	readErr, writeErr error
	deleted           bool          // as it is written to
	renamed           string        // the user's name from the first write on
	putErr            map[int]error // by the number of the put, from 1
	puts              int
	diary             []string
	stored            []ledger.Record // each record as it was put
}

func (a *aws) ReadKey(_ context.Context, user audit.User, keyID string) (audit.User, audit.Key, error) {
	a.diary = append(a.diary, "read")
	if user.Name != "bot" && user.Name != a.user.Name || keyID != a.key.ID {
		return user, audit.Key{}, errors.New("asked for another key")
	}
	return a.user, a.key, a.readErr
}

func (a *aws) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	a.diary = append(a.diary, "write")
	if *in.UserName != a.user.Name || *in.AccessKeyId != a.key.ID || in.Status != types.StatusTypeInactive {
		return nil, errors.New("wrote to another key")
	}
	if a.deleted {
		a.readErr = gone
		return nil, gone
	}
	if a.renamed != "" {
		a.user.Name = a.renamed
		return nil, gone
	}
	if a.writeErr != nil {
		return nil, a.writeErr
	}
	a.key.Status = audit.Inactive
	return &iam.UpdateAccessKeyOutput{}, nil
}

func (a *aws) Put(_ context.Context, records ...*ledger.Record) error {
	a.puts++
	if err := a.putErr[a.puts]; err != nil {
		a.diary = append(a.diary, "put fails")
		return err
	}
	for _, r := range records {
		a.stored = append(a.stored, *r)
		switch {
		case r.Intent() != nil:
			a.diary = append(a.diary, "intent")
		case r.Disabled() != nil:
			a.diary = append(a.diary, "disabled")
		default:
			a.diary = append(a.diary, "nothing")
		}
	}
	return nil
}

func (a *aws) Get(context.Context, string, string) (ledger.Record, bool, error) {
	return a.last(), len(a.stored) > 0, nil
}

// last is the record as it is stored.
func (a *aws) last() ledger.Record {
	if len(a.stored) == 0 {
		return ledger.Record{}
	}
	return a.stored[len(a.stored)-1]
}

func (a *aws) enforcer() enforce.Enforcer {
	return enforce.Enforcer{
		IAM: a, Reader: a, Ledger: a, Run: "run-2",
		Now: func() time.Time { return now },
		Due: func(notify.Notice) ledger.Due { return ledger.Due{Channels: []string{"slack"}} },
		Decide: func(user audit.User, key audit.Key, now time.Time) (audit.Verdict, audit.Decision) {
			v := audit.Judge(key, audit.ExemptionOf(user, key.ID), rules, now)
			return v, audit.Decide(key, v, rules, audit.History{}, audit.Policy{AutoExpire: true}, now)
		},
	}
}

// due is an account with a key that is past its creation limit.
func due() *aws {
	return &aws{
		user: audit.User{Name: "bot"},
		key:  audit.Key{ID: "AKIA1", Status: audit.Active, Created: now.Add(-95 * day), LastUsed: now.Add(-day)},
	}
}

func final(user audit.User, key audit.Key, v audit.Verdict) notify.Notice {
	return notify.Notice{KeyID: "AKIA1", User: user.Name, SlackTag: user.Slack(), LastUsed: key.LastUsed, Kind: notify.Disabled, Reason: v.State.Reason()}
}

func blank() *ledger.Record {
	r := ledger.New("123456789012", "AKIA1", "bot")
	return &r
}

// leftover is the record that a run left which died after writing its intent.
func leftover(ago time.Duration) *ledger.Record {
	r := blank()
	r.Intend(ledger.Intent{
		At: now.Add(-ago), Run: "run-1", Reason: audit.Inactivity,
		Notice: notify.Notice{KeyID: "AKIA1", User: "bot", Kind: notify.Disabled, Reason: audit.Inactivity},
	})
	return r
}

func (a *aws) disable(t *testing.T, record *ledger.Record) (enforce.Outcome, error) {
	t.Helper()
	v := audit.Judge(audit.Key{Status: audit.Active, Created: now.Add(-95 * day)}, audit.Exemption{}, rules, now)
	return a.enforcer().Disable(t.Context(), audit.User{Name: "bot"}, audit.Key{ID: "AKIA1", Status: audit.Active}, v, final, record)
}

var gone = &types.NoSuchEntityException{}

// TestDisable: what is done, in which order, and what is left behind, for
// everything that can go wrong on the way.
func TestDisable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		record  *ledger.Record
		world   func(*aws)
		outcome enforce.Outcome
		err     string // a part of it, "" for none
		diary   []string
		active  bool
		pending bool // as stored
	}{
		{
			name: "the way it should be", outcome: enforce.Disabled,
			diary: []string{"intent", "read", "write", "disabled"}, pending: true,
		},
		{
			name: "the intent cannot be written", world: func(a *aws) { a.putErr = map[int]error{1: errDisk} },
			outcome: enforce.Failed, err: "so it is left active", diary: []string{"put fails"}, active: true,
		},
		{
			name: "the key cannot be read", world: func(a *aws) { a.readErr = errBroken },
			outcome: enforce.Failed, err: "so it is left active", diary: []string{"intent", "read"}, active: true, pending: true,
		},
		{
			name: "the key is gone", world: func(a *aws) { a.readErr = inventory.ErrKeyGone },
			outcome: enforce.Gone, err: "no longer exists", diary: []string{"intent", "read", "nothing"}, active: true,
		},
		{
			name: "the user is gone", world: func(a *aws) { a.readErr = gone },
			outcome: enforce.Gone, err: "NoSuchEntity", diary: []string{"intent", "read", "nothing"}, active: true,
		},
		{
			name: "the key is gone, and an earlier run may have disabled it", record: leftover(day),
			world:   func(a *aws) { a.readErr = gone },
			outcome: enforce.Disabled, diary: []string{"intent", "read", "disabled"}, active: true, pending: true,
		},
		{
			name: "exempted meanwhile", world: func(a *aws) { a.user.Tags = audit.Tags{{Key: "KeyAutoExpire", Value: "False"}} },
			outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}, active: true,
		},
		{
			name: "the tag made unreadable meanwhile", world: func(a *aws) { a.user.Tags = audit.Tags{{Key: "KeyAutoExpire", Value: "?"}} },
			outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}, active: true,
		},
		{
			name: "younger than was thought", world: func(a *aws) { a.key.Created = now.Add(-10 * day) },
			outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"}, active: true,
		},
		{
			name: "disabled by a person meanwhile", world: func(a *aws) { a.key.Status = audit.Inactive },
			outcome: enforce.Changed, diary: []string{"intent", "read", "nothing"},
		},
		{
			name: "disabled by an earlier run after all", record: leftover(time.Minute),
			world:   func(a *aws) { a.key.Status = audit.Inactive },
			outcome: enforce.Disabled, diary: []string{"intent", "read", "disabled"}, pending: true,
		},
		{
			name: "an earlier attempt that came to nothing", record: leftover(day),
			outcome: enforce.Disabled, diary: []string{"intent", "read", "write", "disabled"}, pending: true,
		},
		{
			name: "an earlier attempt, and exempted since: the attempt may yet show", record: leftover(time.Minute),
			world:   func(a *aws) { a.user.Tags = audit.Tags{{Key: "KeyAutoExpire", Value: "False"}} },
			outcome: enforce.Pending, diary: []string{"intent", "read"}, active: true, pending: true,
		},
		{
			name: "IAM refuses", world: func(a *aws) { a.writeErr = errBroken },
			outcome: enforce.Failed, err: "disable key AKIA1 of user bot: broken", diary: []string{"intent", "read", "write"}, active: true, pending: true,
		},
		{
			name: "gone between the read and the write", world: func(a *aws) { a.deleted = true },
			outcome: enforce.Gone, err: "NoSuchEntity", diary: []string{"intent", "read", "write", "read", "nothing"}, active: true,
		},
		{
			name: "its user renamed between the read and the write", world: func(a *aws) { a.renamed = "robot" },
			outcome: enforce.Failed, err: "disable key AKIA1 of user bot", diary: []string{"intent", "read", "write", "read"}, active: true, pending: true,
		},
		{
			name: "its user renamed between the read and the write, and an earlier run may have disabled it", record: leftover(day),
			world:   func(a *aws) { a.renamed = "robot" },
			outcome: enforce.Failed, err: "disable key AKIA1 of user bot", diary: []string{"intent", "read", "write", "read"}, active: true, pending: true,
		},
		{
			name: "its user renamed", world: func(a *aws) { a.user.Name = "robot" },
			outcome: enforce.Disabled, diary: []string{"intent", "read", "write", "disabled"}, pending: true,
		},
		{
			name: "disabled, and that cannot be written down", world: func(a *aws) { a.putErr = map[int]error{2: errDisk} },
			outcome: enforce.Disabled, err: "its owner may hear of it twice", diary: []string{"intent", "read", "write", "put fails"}, pending: true,
		},
		{
			name: "not due, and that cannot be written down",
			world: func(a *aws) {
				a.key.Created, a.putErr = now.Add(-10*day), map[int]error{2: errDisk}
			},
			outcome: enforce.Changed, err: "take back the intent", diary: []string{"intent", "read", "put fails"}, active: true, pending: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, record := due(), blank()
			if c.record != nil {
				copied := *c.record
				record = &copied
			}
			if c.world != nil {
				c.world(a)
			}
			outcome, err := a.disable(t, record)
			if outcome != c.outcome {
				t.Errorf("outcome %d, want %d (%v)", outcome, c.outcome, err)
			}
			wantError(t, err, c.err)
			if !slices.Equal(a.diary, c.diary) {
				t.Errorf("did %v, want %v", a.diary, c.diary)
			}
			if got := a.key.Status == audit.Active; got != c.active {
				t.Errorf("the key is Active: %t, want %t", got, c.active)
			}
			if got := a.last().Pending(); got != c.pending {
				t.Errorf("stored as pending: %t, want %t: %+v", got, c.pending, a.last())
			}
			if outcome == enforce.Disabled && a.user.Name != record.User() && a.readErr == nil {
				t.Errorf("the record is of user %s, want the present name", record.User())
			}
			if outcome == enforce.Disabled && (record.Final() == nil || record.Disabled() == nil || record.Intent() != nil) {
				t.Errorf("disabled, without the notice to give: %+v", record)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	switch {
	case part == "" && err != nil:
		t.Errorf("error %v", err)
	case part != "" && (err == nil || !strings.Contains(err.Error(), part)):
		t.Errorf("error %v, want one with %q", err, part)
	}
}

// TestTheFinalNoticeIsOfTheFreshRead: reason, mention and moment are those of
// the deed, not of the plan.
func TestTheFinalNoticeIsOfTheFreshRead(t *testing.T) {
	t.Parallel()
	a := due()
	a.user.Tags = audit.Tags{{Key: "Slack", Value: "UNEW"}}
	a.key.Created, a.key.LastUsed = now.Add(-60*day), now.Add(-40*day)
	record := blank()
	if outcome, err := a.disable(t, record); outcome != enforce.Disabled || err != nil {
		t.Fatalf("outcome %d, %v", outcome, err)
	}
	if i := a.stored[0].Intent(); i == nil || i.Run != "run-2" || !i.At.Equal(now) {
		t.Errorf("the intent was %+v", a.stored[0].Intent())
	}
	want := notify.Notice{KeyID: "AKIA1", User: "bot", SlackTag: "UNEW", LastUsed: a.key.LastUsed, Kind: notify.Disabled, Reason: audit.Inactivity, At: now}
	if record.Final().Notice != want {
		t.Errorf("the notice is %+v, want %+v", record.Final().Notice, want)
	}
	if d := a.last().Disabled(); d == nil || d.Reason != audit.Inactivity || d.Run != "run-2" || !d.At.Equal(now) {
		t.Errorf("recorded is %+v", d)
	}
}

// TestANewAttemptTakesThePlaceOfAnOlder: it is the newest whose effect may show
// last, so that Settle waits from there.
func TestANewAttemptTakesThePlaceOfAnOlder(t *testing.T) {
	t.Parallel()
	a, record := due(), leftover(day)
	a.writeErr = errBroken
	if outcome, _ := a.disable(t, record); outcome != enforce.Failed {
		t.Fatalf("outcome %d", outcome)
	}
	if i := a.last().Intent(); i == nil || !i.At.Equal(now) || i.Run != "run-2" || i.Reason != audit.CreationAge {
		t.Errorf("the intent is %+v, want one of this run and moment", i)
	}
}

// TestTheChannelsOfAnUndecidedAttemptStayDue: it may have been that attempt which
// disabled the key, by a run with other channels than this one.
func TestTheChannelsOfAnUndecidedAttemptStayDue(t *testing.T) {
	t.Parallel()
	undecided := ledger.Intent{At: now.Add(-time.Minute), Run: "run-1", Reason: audit.CreationAge, Due: ledger.Due{Channels: []string{"sns"}}}
	for name, disable := range map[string]func(a *aws, record *ledger.Record) (enforce.Outcome, error){
		"old": func(a *aws, record *ledger.Record) (enforce.Outcome, error) { return a.disable(t, record) },
		"leaked": func(a *aws, record *ledger.Record) (enforce.Outcome, error) {
			spared := func(audit.User, audit.Key) string { return "" }
			final := func(user audit.User, key audit.Key) notify.Notice {
				return notify.Notice{KeyID: key.ID, User: user.Name, Kind: notify.LeakedDisabled, Reason: audit.Exposure}
			}
			key := audit.Key{ID: "AKIA1", Status: audit.Active}
			return a.enforcer().DisableLeaked(t.Context(), audit.User{Name: "bot"}, key, spared, final, record)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, record := due(), blank()
			record.Intend(undecided)
			if outcome, err := disable(a, record); outcome != enforce.Disabled || err != nil {
				t.Fatalf("outcome %d, %v", outcome, err)
			}
			last := a.last()
			if got := last.Final().PendingOn(); !slices.Equal(got, []string{"slack", "sns"}) {
				t.Errorf("the notice is pending on %v", got)
			}
		})
	}
}

// TestANewDisableIsPendingOnEveryChannel: receipts are for one deed.
func TestANewDisableIsPendingOnEveryChannel(t *testing.T) {
	t.Parallel()
	a, record := due(), blank()
	record.Intend(ledger.Intent{At: now.Add(-day), Run: "run-0", Due: ledger.Due{Channels: []string{"slack"}}})
	check(t, record.MarkDisabled(now.Add(-day), "run-0", nil))
	check(t, record.Acknowledge(now.Add(-day), "slack"))
	if outcome, err := a.disable(t, record); outcome != enforce.Disabled || err != nil {
		t.Fatalf("outcome %d, %v", outcome, err)
	}
	if last := a.last(); len(last.Final().Acknowledged) != 0 || !last.Final().Pending() || !last.Pending() {
		t.Errorf("stored %+v", last)
	}
}

// slow is an IAM in which reading a key takes time, and writing never returns.
type slow struct {
	*aws
	reading  time.Duration
	deadline []time.Time
}

func (s *slow) ReadKey(ctx context.Context, user audit.User, keyID string) (audit.User, audit.Key, error) {
	s.note(ctx)
	select {
	case <-time.After(s.reading):
		return s.aws.ReadKey(ctx, user, keyID)
	case <-ctx.Done():
		return user, audit.Key{}, ctx.Err()
	}
}

func (s *slow) UpdateAccessKey(ctx context.Context, _ *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	s.note(ctx)
	s.diary = append(s.diary, "write")
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *slow) note(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	s.deadline = append(s.deadline, deadline)
}

// TestOneMinuteForReadingAndDisabling: what was read is acted on for a minute
// from when the reading began, however long each of the calls takes.
func TestOneMinuteForReadingAndDisabling(t *testing.T) {
	t.Parallel()
	leakNotice := func(user audit.User, key audit.Key) notify.Notice {
		return notify.Notice{KeyID: key.ID, User: user.Name, Kind: notify.LeakedDisabled, Reason: audit.Exposure}
	}
	for _, c := range []struct {
		name    string
		reading time.Duration
		writes  bool
	}{{"at once", 0, true}, {"in 59 seconds", 59 * time.Second, true}, {"in five minutes", 5 * time.Minute, false}} {
		for _, leak := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &slow{aws: due(), reading: c.reading}
				e := s.enforcer()
				e.IAM, e.Reader = s, s
				began := time.Now()
				var outcome enforce.Outcome
				var err error
				if leak {
					outcome, err = e.DisableLeaked(t.Context(), s.user, s.key, func(audit.User, audit.Key) string { return "" }, leakNotice, leaked())
				} else {
					v := audit.Judge(s.key, audit.Exemption{}, rules, now)
					outcome, err = e.Disable(t.Context(), s.user, s.key, v, final, blank())
				}
				if outcome != enforce.Failed || !errors.Is(err, context.DeadlineExceeded) || s.key.Status != audit.Active {
					t.Errorf("%s: outcome %d, error %v", c.name, outcome, err)
				}
				if slices.Contains(s.diary, "write") != c.writes {
					t.Errorf("%s: did %v", c.name, s.diary)
				}
				for _, deadline := range s.deadline {
					if !deadline.Equal(began.Add(time.Minute)) {
						t.Errorf("%s: a call had until %v, want a minute from %v", c.name, deadline, began)
					}
				}
				if took := time.Since(began); took != time.Minute {
					t.Errorf("%s: it took %v", c.name, took)
				}
			})
		}
	}
}
