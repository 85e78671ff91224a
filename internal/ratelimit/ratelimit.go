// Package ratelimit learns from AWS's throttling how many calls a second an account
// takes, and spreads the calls so.
//
// The SDK's own adaptive mode falls to 70 % of the rate on a throttle and comes
// back along a cubic curve, over and over: a long reading takes about a third
// longer than the limit asks for. An account is bound by its calls, so that
// third is worth a small limiter: this one stays within a few percent of the
// limit, from just above it, at the price of a few calls in a hundred that are
// turned away and made again.
package ratelimit

import (
	"sync"
	"time"
)

const (
	// The limit is searched for first: a throttle halves the rate until so many
	// calls in a row as proof are taken; then each adds stride, until a throttle
	// takes overshot, and the limit counts as found.
	halve          = 0.5
	probeSuccesses = 10
	probeStep      = 0.03
	probeBackoff   = 0.3
	// From then on a throttle takes a little: the share of calls that were
	// turned away since the last one, within these bounds.
	minDecrease = 0.9
	maxDecrease = 0.97
	// grow is what every call that was taken adds to the rate, and impatience
	// is after how many of them in a row growing has doubled in speed: a limit
	// that has risen is found again in seconds.
	grow            = 0.002
	accelerateAfter = 50
	// slowest is the rate that no throttling goes below, in calls a second.
	slowest = 0.5
	// maxCatchUp is how much time that was not used for calls is made up for, as
	// no sleep ends quite when it should.
	maxCatchUp = 100 * time.Millisecond
	// shortest is the least time that the first estimate is made over.
	shortest = 100 * time.Millisecond
)

// Pace is the rate that the calls to one account are made at. Until the first
// throttle there is none. The zero Pace is ready for use, by many goroutines;
// it reads no clock.
type Pace struct {
	mu         sync.Mutex
	rate       float64   // calls a second; zero: no throttle yet
	next       time.Time // when the next call may be made
	held       bool      // the last call had to wait for it
	generation int       // how often the rate was lowered
	successes  int       // calls taken since then
	found      bool      // the rate is near the limit
	begun      rateMeter
}

// Wait returns how long the next call has to wait. It is asked by one call at
// a time, the first in line, so that the others go by the rate as it then is.
func (p *Pace) Wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate == 0 {
		return 0
	}
	if earliest := now.Add(-maxCatchUp); p.next.Before(earliest) {
		p.next = earliest
	}
	wait := max(0, p.next.Sub(now))
	p.held = wait > 0
	return wait
}

// Begin notes that a call is made. It returns the era, for Taken and Throttled.
func (p *Pace) Begin(now time.Time) (era int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun.add(now)
	if p.rate > 0 {
		p.next = p.next.Add(time.Duration(float64(time.Second) / p.rate))
	}
	return p.generation
}

// Taken notes that AWS took a call that was made in an era. Calls made before
// the rate was last lowered say nothing about it as it is now.
func (p *Pace) Taken(era int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if era != p.generation || p.rate == 0 {
		return
	}
	p.successes++
	switch {
	case !p.held: // it is not the pace that holds the calls back
	case p.found:
		p.rate *= 1 + grow*(1+float64(p.successes)/accelerateAfter)
	case p.successes >= probeSuccesses:
		p.rate *= 1 + probeStep
	}
}

// Throttled notes that AWS turned away a call that was made in an era.
func (p *Pace) Throttled(era int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if era != p.generation {
		return
	}
	if p.rate == 0 {
		p.rate, p.next = p.begun.perSecond(now), now
	}
	switch {
	case p.found:
		p.rate *= min(maxDecrease, max(minDecrease, float64(p.successes)/float64(p.successes+1)))
	case p.successes < probeSuccesses:
		p.rate *= halve
	default:
		p.rate *= 1 - probeBackoff
		p.found = true
	}
	p.rate = max(slowest, p.rate)
	p.generation++
	p.successes = 0
}

// rateMeter measures events a second, over the last second or so.
type rateMeter struct {
	start           time.Time // of the second that is being counted
	current, before int       // events in it, and in the one before
	whole           bool      // the one before was counted
}

func (f *rateMeter) begin(now time.Time) {
	if f.start.IsZero() {
		f.start = now
	}
	switch past := now.Sub(f.start); {
	case past >= 2*time.Second:
		*f = rateMeter{start: now, whole: true}
	case past >= time.Second:
		*f = rateMeter{start: f.start.Add(time.Second), before: f.current, whole: true}
	}
}

func (f *rateMeter) add(now time.Time) {
	f.begin(now)
	f.current++
}

func (f *rateMeter) perSecond(now time.Time) float64 {
	f.begin(now)
	past := now.Sub(f.start)
	if !f.whole {
		return float64(f.current) / max(past, shortest).Seconds()
	}
	return float64(f.before)*(1-past.Seconds()) + float64(f.current)
}
