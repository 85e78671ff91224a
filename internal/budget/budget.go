// Package budget splits the time that a process has among what it has to do,
// so that no part takes the time of a later one and everything ends, with its
// result, before the process is ended by others.
package budget

import (
	"context"
	"slices"
	"time"
)

// Part is one part of the work, in the order in which the parts are done.
type Part uint8

// The parts of the work on one account, or of an answer to leaked keys.
const (
	Reconcile Part = iota // check what a previous run left, send its pending notices
	Read                  // read users and keys
	Disable               // disable keys
	Notify                // send notices
	Record                // record what was delivered and that the run ended
	Release               // release leases
	Findings              // update Security Hub
	Evidence              // write the evidence

	// The parts of an invocation around it.

	Work          // connect, and do the work on every account
	AccountEvents // publish the failures of single accounts
	LeftOut       // send what is pending for accounts that are no longer covered
	Digest        // send the digest of several accounts
	Event         // publish a failure
	Result        // store the result
	Reserve       // log and return the result

	numParts
)

// terms is how long a part may take. With a deadline, the time kept for a part
// is what the parts before it leave alone; a part takes longer if they leave
// more. A part with a share takes at most that from its own beginning. Without
// a deadline, open bounds the part; zero means no bound.
type terms struct {
	kept  time.Duration
	share time.Duration
	open  time.Duration
}

// table is the complete split. Slack takes one message a second; a call that
// meets trouble is retried for about half a minute. Security Hub takes ten
// batches of a hundred findings a second.
func table() [numParts]terms {
	return [numParts]terms{
		Reconcile:     {share: 3 * time.Minute, open: 10 * time.Minute},
		Read:          {},
		Disable:       {kept: 60 * time.Second},
		Notify:        {kept: 60 * time.Second, open: 2 * time.Hour},
		Record:        {kept: 10 * time.Second},
		Release:       {kept: 5 * time.Second, open: 10 * time.Second},
		Findings:      {kept: 30 * time.Second, open: 15 * time.Minute},
		Evidence:      {kept: 20 * time.Second, open: time.Minute},
		Work:          {},
		AccountEvents: {share: 2 * time.Minute, open: 2 * time.Minute},
		LeftOut:       {kept: 30 * time.Second},
		Digest:        {kept: 105 * time.Second},
		Event:         {kept: 10 * time.Second, open: 15 * time.Second},
		Result:        {kept: 10 * time.Second, open: time.Minute},
		Reserve:       {kept: 5 * time.Second, open: 5 * time.Second},
	}
}

const (
	// keptAtMost is the fraction of a short life that is kept back for the
	// later parts together; each then has less, in proportion.
	keptAtMost = 2
	// sharedAtMost is the fraction of a short life that a part with a share
	// takes.
	sharedAtMost = 4
	// inFlight is how long before its end a part stops beginning anything new,
	// so that what is under way can finish; a fraction of a short life.
	inFlight         = 10 * time.Second
	inFlightFraction = 20
)

// Budget is how the time from a start to a deadline is split. The zero Budget
// has no deadline.
type Budget struct {
	start, deadline time.Time
	kept            [numParts]time.Duration
}

// New splits the time between start and deadline among the parts, which are
// done in the order of their constants. A part that is not named is kept no
// time. A zero deadline is none: parts are then bounded from their own
// beginning, generously.
func New(start, deadline time.Time, parts ...Part) Budget {
	b := Budget{start: start, deadline: deadline}
	if deadline.IsZero() {
		return b
	}
	var total time.Duration
	split := table()
	for _, p := range parts {
		b.kept[p] = split[p].kept
	}
	for _, kept := range b.kept {
		total += kept
	}
	if most := b.life() / keptAtMost; total > most {
		for p, kept := range b.kept {
			b.kept[p] = time.Duration(float64(kept) * float64(most) / float64(total))
		}
	}
	return b
}

// Account splits the time between start and deadline for a run on one account.
// Optional names which of Notify, Findings, Evidence and Event there are.
func Account(start, deadline time.Time, optional ...Part) Budget {
	return New(start, deadline, slices.Concat(optional, []Part{Reconcile, Read, Disable, Record, Release})...)
}

// Invocation splits the time between start and deadline for a command or a
// Lambda event. Optional names which of AccountEvents, LeftOut,
// Digest, Event and Result there are.
func Invocation(start, deadline time.Time, optional ...Part) Budget {
	return New(start, deadline, slices.Concat(optional, []Part{Work})...)
}

// Process keeps the Reserve of a process that ends at deadline from its Work,
// which is the invocation.
func Process(start, deadline time.Time) Budget { return New(start, deadline, Work, Reserve) }

// Leak splits the time between start and deadline for an answer to leaked keys.
func Leak(start, deadline time.Time) Budget {
	return New(start, deadline, Disable, Notify, Record)
}

// Sending splits the time between start and deadline for a digest.
func Sending(start, deadline time.Time) Budget {
	return New(start, deadline, Notify, Record, Release)
}

func (b Budget) life() time.Duration { return max(0, b.deadline.Sub(b.start)) }

// End is when a part that begins at begin has to have ended; zero is never.
func (b Budget) End(p Part, begin time.Time) time.Time {
	split := table()[p]
	if b.deadline.IsZero() {
		if split.open == 0 {
			return time.Time{}
		}
		return begin.Add(split.open)
	}
	end := b.deadline
	for later := p + 1; later < numParts; later++ {
		end = end.Add(-b.kept[later])
	}
	if split.share == 0 {
		return end
	}
	if shared := begin.Add(min(split.share, b.life()/sharedAtMost)); shared.Before(end) {
		return shared
	}
	return end
}

// MayBegin reports whether there is time left at now to begin one more piece
// of a part that has no bound but the deadline, and to finish it.
func (b Budget) MayBegin(p Part, now time.Time) bool {
	if b.deadline.IsZero() {
		return true
	}
	return now.Before(b.End(p, now).Add(-min(inFlight, b.life()/inFlightFraction)))
}

// Context returns a context that ends when a part that begins at now has to
// have ended, or with ctx.
func (b Budget) Context(ctx context.Context, p Part, now time.Time) (context.Context, context.CancelFunc) {
	return Until(ctx, b.End(p, now), now)
}

// Until returns a context that ends at end, or with ctx; a zero end is never.
// Now is what the clock that end was read from says.
func Until(ctx context.Context, end, now time.Time) (context.Context, context.CancelFunc) {
	if end.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, end.Sub(now))
}
