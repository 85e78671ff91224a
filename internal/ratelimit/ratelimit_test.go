package ratelimit_test

import (
	"container/heap"
	"fmt"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/ratelimit"
)

// account is a simulated AWS with a token bucket, in simulated time.
type account struct {
	rate, burst, tokens float64
	at                  time.Time
}

func (a *account) take(now time.Time) bool {
	a.tokens = min(a.burst, a.tokens+now.Sub(a.at).Seconds()*a.rate)
	a.at = now
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}

// event is something that happens at a moment: a call sent, or its answer.
type event struct {
	at   time.Time
	seq  int // keeps the order of events of one moment
	what func(now time.Time)
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simulation makes calls from many clients at a pace, against an account.
type simulation struct {
	queue     events
	seq       int
	pace      ratelimit.Pace
	line      []func(now time.Time) // calls that wait for their turn
	moving    bool                  // the first in line is on its way
	account   account
	latency   time.Duration
	throttled int
	taken     int
	worst     int // most attempts that one call took
}

func (s *simulation) at(t time.Time, what func(time.Time)) {
	s.seq++
	heap.Push(&s.queue, event{t, s.seq, what})
}

func (s *simulation) enqueue(now time.Time, call func(time.Time)) {
	s.line = append(s.line, call)
	s.move(now)
}

// move lets the first in line wait for its turn.
func (s *simulation) move(now time.Time) {
	if s.moving || len(s.line) == 0 {
		return
	}
	s.moving = true
	s.at(now.Add(s.pace.Wait(now)), func(now time.Time) {
		call := s.line[0]
		s.line, s.moving = s.line[1:], false
		call(now)
		s.move(now)
	})
}

// run makes so many calls and returns how long they took.
func (s *simulation) run(calls, concurrency int, during func(now time.Time, done int)) time.Duration {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.account.at, s.account.tokens = start, s.account.burst
	begun, end := 0, start
	var attempt func(now time.Time, attempts int)
	begin := func(now time.Time) {
		if begun < calls {
			begun++
			attempt(now, 1)
		}
	}
	attempt = func(now time.Time, attempts int) {
		s.enqueue(now, func(now time.Time) {
			era := s.pace.Begin(now)
			ok := s.account.take(now)
			s.at(now.Add(s.latency), func(now time.Time) {
				if !ok {
					s.throttled++
					s.pace.Throttled(era, now)
					attempt(now, attempts+1)
					return
				}
				s.taken++
				s.worst = max(s.worst, attempts)
				end = now
				s.pace.Taken(era)
				during(now, s.taken)
				begin(now)
			})
		})
	}
	for range concurrency {
		begin(start)
	}
	for len(s.queue) > 0 {
		next := heap.Pop(&s.queue).(event)
		next.what(next.at)
	}
	return end.Sub(start)
}

// Whatever the limit, the burst, the latency and the concurrency, a reading
// takes little longer than the limit asks for, and few calls are turned away.
func TestPaceKeepsToTheLimit(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{5, 20, 100, 400} {
		for _, burst := range []float64{5, 20, 100} {
			for _, latency := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
				for _, concurrency := range []int{16, 64, 256} {
					name := fmt.Sprintf("%.0f a second, burst %.0f, %s, %d at once", rate, burst, latency, concurrency)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						if float64(concurrency)/latency.Seconds() < 2*rate {
							t.Skip("the concurrency alone keeps to the limit")
						}
						s := simulation{account: account{rate: rate, burst: burst}, latency: latency}
						const calls = 5000
						took := s.run(calls, concurrency, func(time.Time, int) {})
						ideal := (calls - burst) / rate
						ratio := took.Seconds() / ideal
						t.Logf("ratio %.3f, %d of %d throttled, at most %d attempts", ratio, s.throttled, calls, s.worst)
						if s.taken != calls {
							t.Errorf("%d calls were taken, want %d", s.taken, calls)
						}
						if ratio > 1.06 {
							t.Errorf("took %.3f times what the limit asks for, want 1.06 at most", ratio)
						}
						// Everything under way at the first throttle is turned away a few times.
						if most := calls/5 + 12*concurrency; s.throttled > most {
							t.Errorf("%d calls were turned away, want %d at most", s.throttled, most)
						}
						if s.worst > 30 {
							t.Errorf("a call took %d attempts, want 30 at most", s.worst)
						}
					})
				}
			}
		}
	}
}

// Without a throttle nothing is held back.
func TestPaceOfAnAccountWithoutLimit(t *testing.T) {
	t.Parallel()
	s := simulation{account: account{rate: 1e9, burst: 1e9}, latency: 50 * time.Millisecond}
	if took, want := s.run(3200, 32, func(time.Time, int) {}), 5*time.Second; took != want {
		t.Errorf("took %s, want %s", took, want)
	}
}

// A limit that changes midway, as others share the account, is found again.
func TestPaceFollowsTheLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after float64 }{{100, 20}, {20, 100}, {20, 400}} {
		t.Run(fmt.Sprintf("%.0f to %.0f", c.before, c.after), func(t *testing.T) {
			t.Parallel()
			s := simulation{account: account{rate: c.before, burst: 5}, latency: 50 * time.Millisecond}
			took := s.run(4000, 64, func(_ time.Time, done int) {
				if done == 1000 {
					s.account.rate = c.after
				}
			})
			ideal := 1000/c.before + 3000/c.after
			if ratio := took.Seconds() / ideal; ratio > 1.25 {
				t.Errorf("took %.3f times what the limits ask for, want 1.25 at most", ratio)
			}
		})
	}
}
