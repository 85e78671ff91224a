// Package trace looks up in CloudTrail who used access keys: many keys of one
// account side by side, within a budget of calls and seconds.
package trace

import (
	"context"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// MaxDays is how far CloudTrail's event history goes back.
const MaxDays = 90

// interval keeps lookups within the two a second that CloudTrail takes in an
// account and region.
const interval = time.Second / 2

// Page is what one lookup found, newest first.
type Page struct {
	Events []callers.Event
	// Next asks for the next page; empty after the last.
	Next string
}

// Cloud is an account's CloudTrail. Its methods are called from several
// goroutines.
type Cloud interface {
	// Regions returns the regions that the account has enabled. Beside an error it
	// returns those that every account has.
	Regions(ctx context.Context) ([]string, error)
	// Lookup returns a page of the events of a key in a region since a moment.
	Lookup(ctx context.Context, region, keyID string, since time.Time, next string) (Page, error)
	// Global is the region of the events of services without regions, such as IAM.
	Global() string
	// Denied reports whether an error of Lookup says that no lookup is allowed in
	// the region.
	Denied(err error) bool
}

// Budget is how many lookups may be made, and until when. It may be shared by
// several Lookups.
type Budget struct {
	until time.Time
	mu    sync.Mutex
	left  int
}

// NewBudget allows so many calls within a time from now.
func NewBudget(calls int, within time.Duration, now time.Time) *Budget {
	return &Budget{until: now.Add(within), left: calls}
}

// take takes a call out of the budget, unless fewer than spare others are left.
func (b *Budget) take(now time.Time, spare int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left <= spare || !now.Before(b.until) {
		return false
	}
	b.left--
	return true
}

// Key is a key to look up.
type Key struct {
	ID string
	// Region is where it was last used; may be empty.
	Region string
	// Urgency orders the keys, the lowest first, and Looked those of the same
	// urgency: when the key was last looked up.
	Urgency int
	Looked  time.Time
}

// Tracer looks up the keys of one account.
type Tracer struct {
	Cloud  Cloud
	Budget *Budget
	// Since is the oldest event that is looked for.
	Since time.Time
	// Pages is the most to read of a key in a region; zero means no limit.
	Pages int
	// Now is the clock, and Sleep waits by it; nil is retry.Sleep.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Progress is called after each lookup with the regions that are done, those
	// there are, and the calls found, of all keys; may be nil.
	Progress func(done, regions, calls int)
}

// Start begins to look keys up, as they are added.
func (t Tracer) Start(ctx context.Context) *Lookups {
	ctx, cancel := context.WithTimeout(ctx, t.Budget.until.Sub(t.Now()))
	l := &Lookups{
		tracer: t, ctx: ctx, cancel: cancel,
		jobs: map[string]*job{}, pacers: map[string]*retry.Pacer{}, denied: map[string]error{},
	}
	l.changed = sync.NewCond(&l.mu)
	l.wakeAtEnd = context.AfterFunc(ctx, l.wake)
	l.workers.Go(l.list)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open(t.Cloud.Global())
	return l
}

// regionName is what a region looks like.
var regionName = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)

// Add adds a key, unless it was added before.
func (l *Lookups) Add(key Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs[key.ID] != nil || l.closed {
		return
	}
	j := &job{key: key, at: l.tracer.Now().UTC(), order: len(l.jobs), cursors: map[string]*cursor{}}
	l.jobs[key.ID] = j
	j.first = []string{l.tracer.Cloud.Global()}
	if key.Region != j.first[0] && regionName.MatchString(key.Region) {
		j.first = append(j.first, key.Region)
	}
	for _, region := range slices.Concat(j.first, l.regions) {
		l.open(region)
		l.include(j, region)
	}
	l.changed.Broadcast()
}

// Of returns what is known of a key so far. It is not looked up before the
// regions that come first are, and it is known which others there are.
func (l *Lookups) Of(keyID string) callers.Uses {
	l.mu.Lock()
	defer l.mu.Unlock()
	j := l.jobs[keyID]
	if j == nil || l.regions == nil || !j.firstDone() {
		return callers.Uses{}
	}
	return j.uses(l.tracer.Since.UTC())
}

// Finish waits until every key that was added is looked up, the budget is spent
// or ctx ends. No key can be added any more. It returns what kept keys from being
// looked up other than the budget, each failure once.
func (l *Lookups) Finish(ctx context.Context) []error {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	l.mu.Unlock()
	stop := context.AfterFunc(ctx, l.cancel)
	l.workers.Wait()
	stop()
	l.wakeAtEnd()
	l.cancel()
	return l.Problems()
}

// Stop ends all lookups at once.
func (l *Lookups) Stop() {
	l.cancel()
	_ = l.Finish(l.ctx)
}
