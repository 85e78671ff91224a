package awsfake

import (
	"testing"
	"time"
)

func TestBucketRefills(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := &bucket{tokens: 2, at: at}
	for i, step := range []struct {
		wait time.Duration
		want bool
	}{
		{0, true}, {0, true}, {0, false}, // the burst is used up
		{50 * time.Millisecond, false}, {50 * time.Millisecond, true}, {0, false}, // one more each 100 ms
		{time.Hour, true}, {0, true}, {0, false}, // never more than the burst
	} {
		at = at.Add(step.wait)
		if got := b.take(at, 10, 2); got != step.want {
			t.Errorf("call %d: served %t, want %t", i+1, got, step.want)
		}
	}
}

func TestIDsNeverClash(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for serial := range uint64(100_000) {
		id := idFrom("AKIA", serial)
		if len(id) != 20 || seen[id] {
			t.Fatalf("id %q of serial %d is no new id of 20 characters", id, serial)
		}
		seen[id] = true
	}
}
