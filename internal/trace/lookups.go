package trace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// Lookups is the work of one Tracer. A goroutine for each region takes one key
// after the other, at the pace that CloudTrail allows there.
type Lookups struct {
	tracer    Tracer
	ctx       context.Context
	cancel    context.CancelFunc
	wakeAtEnd func() bool
	workers   sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond // something can be done that could not, or all is over
	closed  bool       // no key comes any more
	spent   bool       // the budget is
	regions []string   // the account's, once they are known
	listErr error
	pacers  map[string]*retry.Pacer // by region that has a worker
	jobs    map[string]*job         // by key
	denied  map[string]error        // regions that take no lookups
	failed  error                   // the first failure of another kind
}

// job is one key that is looked up.
type job struct {
	key     Key
	at      time.Time // when the lookups began
	order   int
	first   []string // the regions that come before the others
	cursors map[string]*cursor
	tally   callers.Tally
}

// cursor is how far a key is looked up in a region.
type cursor struct {
	next                 string
	pages                int
	busy, complete, over bool // over: it is complete, failed or cut short
}

// wake lets everyone who waits look again.
func (l *Lookups) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
}

// list finds out the account's regions.
func (l *Lookups) list() {
	regions, err := l.tracer.Cloud.Regions(l.ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.regions = regions
	if err != nil && l.ctx.Err() == nil {
		l.listErr = err
	}
	for _, region := range regions {
		l.open(region)
		for _, j := range l.jobs {
			l.include(j, region)
		}
	}
	l.changed.Broadcast()
}

// include has a key looked up in a region, unless it is already. The lock is
// held.
func (l *Lookups) include(j *job, region string) {
	if j.cursors[region] == nil {
		j.cursors[region] = &cursor{over: l.denied[region] != nil}
	}
}

// open starts the worker of a region, unless it has one. The lock is held.
func (l *Lookups) open(region string) {
	if l.pacers[region] != nil {
		return
	}
	pacer := retry.NewPacer(interval, 1, l.tracer.Now, l.tracer.Sleep)
	l.pacers[region] = pacer
	l.workers.Go(func() { l.work(region, pacer) })
}

func (l *Lookups) work(region string, pacer *retry.Pacer) {
	for {
		j, next := l.take(region)
		if j == nil {
			return
		}
		var page Page
		err := pacer.Wait(l.ctx)
		if err == nil {
			page, err = l.tracer.Cloud.Lookup(l.ctx, region, j.key.ID, l.tracer.Since, next)
		}
		l.took(region, j, page, err)
	}
}

// take returns the key that is next in a region, once there is one; nil if none
// comes any more.
func (l *Lookups) take(region string) (j *job, next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.ctx.Err() != nil || l.spent {
			return nil, ""
		}
		j, waits := l.best(region)
		switch {
		case j != nil && l.tracer.Budget.take(l.tracer.Now(), l.spare(region, j)):
			c := j.cursors[region]
			c.busy = true
			return j, c.next
		case j != nil && l.spare(region, j) == 0:
			l.spent = true
			l.changed.Broadcast()
			return nil, ""
		case !waits && l.closed && l.regions != nil:
			return nil, ""
		}
		l.changed.Wait()
	}
}

// best is the most urgent key that can be looked up in a region now. Waits
// reports whether one is still to be looked up there, now or later. The lock is
// held.
func (l *Lookups) best(region string) (best *job, waits bool) {
	for _, j := range l.jobs {
		c := j.cursors[region]
		if c == nil || c.over {
			continue
		}
		waits = true
		if c.busy || !j.isFirst(region) && !j.firstDone() {
			continue
		}
		if best == nil || j.before(best, region) {
			best = j
		}
	}
	return best, waits
}

// before orders the keys of a region: those for which the region comes first,
// then a page of each before a second of any, then by urgency.
func (j *job) before(other *job, region string) bool {
	if a, b := j.isFirst(region), other.isFirst(region); a != b {
		return a
	}
	if a, b := j.cursors[region].pages, other.cursors[region].pages; a != b {
		return a < b
	}
	if a, b := j.key.Urgency, other.key.Urgency; a != b {
		return a < b
	}
	if a, b := j.key.Looked, other.key.Looked; !a.Equal(b) {
		return a.Before(b)
	}
	return j.order < other.order
}

func (j *job) isFirst(region string) bool { return slices.Contains(j.first, region) }

// firstDone reports whether the regions that come first are looked at, or cannot
// be.
func (j *job) firstDone() bool {
	return !slices.ContainsFunc(j.first, func(region string) bool {
		c := j.cursors[region]
		return c.pages == 0 && !c.over
	})
}

// spare is how many calls to leave for the first page of each key in the regions
// that come first, before anything else. The lock is held.
func (l *Lookups) spare(region string, j *job) int {
	if j.isFirst(region) && j.cursors[region].pages == 0 {
		return 0
	}
	left := 0
	for _, other := range l.jobs {
		for _, first := range other.first {
			if c := other.cursors[first]; c.pages == 0 && !c.over && !c.busy {
				left++
			}
		}
	}
	return left
}

// took takes in the answer to a lookup.
func (l *Lookups) took(region string, j *job, page Page, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := j.cursors[region]
	c.busy = false
	switch {
	case err == nil:
		for _, e := range page.Events {
			j.tally.Add(e)
		}
		c.pages++
		c.next, c.complete = page.Next, page.Next == ""
		c.over = c.complete || l.tracer.Pages > 0 && c.pages >= l.tracer.Pages
	case l.ctx.Err() != nil: // time is up
	case l.tracer.Cloud.Denied(err):
		l.denied[region] = err
		for _, other := range l.jobs {
			if denied := other.cursors[region]; denied != nil {
				denied.over = true
			}
		}
	default:
		c.over = true
		if l.failed == nil {
			l.failed = fmt.Errorf("look up who used key %s in %s: %w", j.key.ID, region, err)
		}
	}
	l.report()
	l.changed.Broadcast()
}

// report reports the progress. The lock is held.
func (l *Lookups) report() {
	if l.tracer.Progress == nil {
		return
	}
	done, all, calls := 0, 0, 0
	for _, j := range l.jobs {
		calls += j.tally.Calls()
		all += len(j.cursors)
		for _, c := range j.cursors {
			if c.over {
				done++
			}
		}
	}
	l.tracer.Progress(done, all, calls)
}

// uses is what is known of the key.
func (j *job) uses(since time.Time) callers.Uses {
	u := callers.Uses{At: j.at, Since: since, Calls: j.tally.Calls(), Callers: j.tally.Callers()}
	for region, c := range j.cursors {
		if c.pages == 0 {
			u.Unread = append(u.Unread, region)
			continue
		}
		u.Regions++
		u.More = u.More || !c.complete
	}
	slices.Sort(u.Unread)
	return u
}

// Problems returns the failures so far: of some regions only if no other takes lookups, as
// a policy of the organization may forbid regions that nobody uses.
func (l *Lookups) Problems() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []error
	if l.listErr != nil {
		all = append(all, fmt.Errorf("list the regions to look up keys in: %w", l.listErr))
	}
	if len(l.denied) > 0 && len(l.denied) == len(l.pacers) {
		all = append(all, fmt.Errorf("look up who used keys, in any region: %w", l.denied[l.tracer.Cloud.Global()]))
	}
	if l.failed != nil {
		all = append(all, l.failed)
	}
	return all
}
