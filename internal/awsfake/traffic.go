package awsfake

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

// Call is one request that the server received.
type Call struct {
	Seq         int // in order of arrival, from 1
	Service     string
	Action      string
	Account     string // the account that the caller acts in
	Region      string // that the call is signed for
	AccessKeyID string // the caller's
	User        string // the user the call is about, if it is about one
	KeyID       string // the access key the call is about, if it is about one
	Params      url.Values
	Status      int // zero while unanswered, and if no answer was given
	ErrorCode   string
}

// traffic is what the server knows of the calls it serves: the record, the
// counters, and what slows calls down or makes them fail.
type traffic struct {
	mu          sync.Mutex
	recording   bool
	seq         int
	calls       []*Call
	total       int
	counts      map[string]int // by action
	inFlight    int
	maxInFlight int

	latency   time.Duration
	perSecond float64 // zero: no limit
	burst     float64
	buckets   map[string]*bucket // by account
	faults    []*armedFault
}

// Calls is every call since the start, or since ResetCalls, in order of
// arrival.
func (s *Server) Calls() []Call {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := make([]Call, len(t.calls))
	for i, call := range t.calls {
		calls[i] = *call
	}
	return calls
}

// Count is how many calls of an action came in since the start, or since
// ResetCalls; of every action for "".
func (s *Server) Count(action string) int {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	if action == "" {
		return t.total
	}
	return t.counts[action]
}

// MaxInFlight is the largest number of calls that were being answered at one
// moment since the start, or since ResetCalls.
func (s *Server) MaxInFlight() int {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.maxInFlight
}

// ResetCalls forgets the calls and the counts. Seq goes on from where it was.
func (s *Server) ResetCalls() {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls, t.counts, t.total = nil, nil, 0
	t.maxInFlight = t.inFlight
}

// RecordCalls turns the record of calls off and on. Off, only Count is kept,
// so that a long benchmark needs no more memory than a short one.
func (s *Server) RecordCalls(on bool) {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recording = on
}

// SetLatency makes every call wait before it is answered. A client that goes
// away ends the wait.
func (s *Server) SetLatency(d time.Duration) {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latency = d
}

// SetRate limits each account's IAM calls with a token bucket of its own;
// calls over it are answered 400 Throttling, "Rate exceeded". A rate of zero,
// the default, means no limit.
func (s *Server) SetRate(perSecond float64, burst int) {
	t := &s.traffic
	t.mu.Lock()
	defer t.mu.Unlock()
	t.perSecond, t.burst, t.buckets = perSecond, float64(burst), nil
}

// bucket is an account's share of calls, as it was at a moment.
type bucket struct {
	tokens float64
	at     time.Time
}

// take uses a token, if there is one at that moment.
func (b *bucket) take(now time.Time, perSecond, burst float64) bool {
	b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// begin takes a call in: it is counted, recorded, set against the rate and
// the faults.
func (t *traffic) begin(call *Call, now time.Time) (latency time.Duration, throttled bool, fired []Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.seq++
	call.Seq = t.seq
	t.total++
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[call.Action]++
	if t.recording {
		t.calls = append(t.calls, call)
	}
	t.inFlight++
	t.maxInFlight = max(t.maxInFlight, t.inFlight)

	if t.perSecond > 0 && call.Service == serviceIAM {
		b, ok := t.buckets[call.Account]
		if !ok {
			b = &bucket{tokens: t.burst, at: now}
			if t.buckets == nil {
				t.buckets = map[string]*bucket{}
			}
			t.buckets[call.Account] = b
		}
		if !b.take(now, t.perSecond, t.burst) {
			return t.latency, true, nil
		}
	}
	for _, fault := range t.faults {
		if fault.fires(call) {
			fired = append(fired, fault.Fault)
		}
	}
	t.faults = slices.DeleteFunc(t.faults, (*armedFault).spent)
	return t.latency, false, fired
}

// end notes how a call was answered.
func (t *traffic) end(call *Call, status int, code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inFlight--
	call.Status, call.ErrorCode = status, code
}
