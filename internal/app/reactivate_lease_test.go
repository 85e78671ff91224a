package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// asking is a reactivate command that has been asked for a key and waits for
// an answer, with a clock and ticks that only the test moves.
type asking struct {
	aws    *awsfake.Server
	store  *takenStore
	ticks  chan time.Time
	asked  chan string // the question
	answer chan bool
	ended  chan error

	mu  sync.Mutex
	now time.Time
}

func (a *asking) clock() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// takenStore says when a lease was acquired, and can be made to refuse.
type takenStore struct {
	*ledger.MemoryStore
	acquired chan struct{}
	mu       sync.Mutex
	refuse   error
}

func (s *takenStore) Acquire(ctx context.Context, account, holder string, now time.Time, ttl time.Duration) error {
	defer func() { s.acquired <- struct{}{} }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	return s.MemoryStore.Acquire(ctx, account, holder, now, ttl)
}

// confirm waits for the answer, as the command line does.
func (a *asking) confirm(ctx context.Context, question string) bool {
	a.asked <- question
	select {
	case answer := <-a.answer:
		return answer
	case <-ctx.Done():
		return false
	}
}

const askedKey = "AKIAREACTIVATE000001"

func ask(t *testing.T) *asking {
	t.Helper()
	a := &asking{
		store: &takenStore{MemoryStore: ledger.NewMemory(), acquired: make(chan struct{}, 1)},
		ticks: make(chan time.Time), asked: make(chan string), answer: make(chan bool), ended: make(chan error, 1),
		now: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
	}
	var err error
	if a.aws, err = awsfake.Start(awsfake.WithClock(a.clock)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.aws.Close)
	a.aws.Home().AddUser(awsfake.User{Name: "bot", Keys: []awsfake.Key{{ID: askedKey, Created: a.now.AddDate(0, 0, -95)}}})
	var out bytes.Buffer
	app := &App{Out: &out, Log: io.Discard, Now: a.clock, Ticker: func(time.Duration) (<-chan time.Time, func()) { return a.ticks, func() {} }}
	r := reactivation{App: app, o: ReactivateOptions{Keys: []string{askedKey}, Confirm: a.confirm}, store: a.store, lease: time.Minute}
	id, secret := a.aws.Home().Credentials()
	connection := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(a.aws.URL()), Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")}
	home := member{aws: connection, Identity: awsclient.Identity{Account: account.Account{ID: a.aws.Home().ID()}}}
	go func() { a.ended <- r.enableIn(t.Context(), home, []account.KeyRef{{User: "bot", KeyID: askedKey}}) }()
	<-a.store.acquired
	select {
	case <-a.asked:
	case err := <-a.ended:
		t.Fatalf("the command ended without asking: %v\n%s", err, &out)
	}
	return a
}

// TestReactivateRenewsItsLeaseWhileItAsks: a person may think for longer than
// the lease lasts, and no run evaluates the keys meanwhile.
func TestReactivateRenewsItsLeaseWhileItAsks(t *testing.T) {
	t.Parallel()
	a := ask(t)
	for range 15 { // five minutes, with a lease of one
		a.mu.Lock()
		a.now = a.now.Add(20 * time.Second)
		a.mu.Unlock()
		a.ticks <- a.clock()
		<-a.store.acquired
	}
	err := a.store.MemoryStore.Acquire(t.Context(), a.aws.Home().ID(), "a run", a.clock(), time.Minute)
	if leased, ok := errors.AsType[*ledger.LeasedError](err); !ok || !strings.HasPrefix(leased.Holder, "reactivate-") {
		t.Errorf("a run was given the account while a person was asked: %v", err)
	}
	a.answer <- true
	if err := <-a.ended; err != nil {
		t.Errorf("the command failed: %v", err)
	}
	if key, _ := a.aws.Home().Key(askedKey); !key.Active {
		t.Error("the key is not enabled")
	}
	if err := a.store.MemoryStore.Acquire(t.Context(), a.aws.Home().ID(), "a run", a.clock(), time.Minute); err != nil {
		t.Errorf("the lease was not given back: %v", err)
	}
}

// TestReactivateWithoutItsLeaseChangesNothing, and says what to do.
func TestReactivateWithoutItsLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	a := ask(t)
	a.store.mu.Lock()
	a.store.refuse = &ledger.LeasedError{Account: a.aws.Home().ID(), Holder: "a run", Until: a.clock().Add(time.Minute)}
	a.store.mu.Unlock()
	a.ticks <- a.clock()
	<-a.store.acquired
	err := <-a.ended
	if err == nil || !strings.Contains(err.Error(), "was lost") || !strings.Contains(err.Error(), "run the command again") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("the command ended with %v", err)
	}
	if key, _ := a.aws.Home().Key(askedKey); key.Active {
		t.Error("the key was enabled")
	}
}
