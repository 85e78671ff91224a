package audit_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// manyKeys are keys of every age, in use and not.
func manyKeys() []audit.Key {
	keys := make([]audit.Key, 1024)
	for i := range keys {
		keys[i] = keyOf(i%120, i%40)
		if i%5 == 0 {
			keys[i] = keyOf(i%120, never)
		}
		if i%11 == 0 {
			keys[i].Status = audit.Inactive
		}
	}
	return keys
}

// BenchmarkJudge is the verdict on one key.
func BenchmarkJudge(b *testing.B) {
	keys, exemption := manyKeys(), audit.ParseExemption("False until 2026-12-31")
	exemptions := [2]audit.Exemption{{}, exemption}
	b.ReportAllocs()
	due, i := 0, 0
	for b.Loop() {
		i++
		if audit.Judge(keys[i%len(keys)], exemptions[i%8/7], seed, now).State.PastLimit() {
			due++
		}
	}
	if due == 0 {
		b.Error("no key was past its limit")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mverdicts/s")
}

// BenchmarkDecide is the decision about one key that was judged.
func BenchmarkDecide(b *testing.B) {
	keys := manyKeys()
	verdicts := make([]audit.Verdict, len(keys))
	for i, key := range keys {
		verdicts[i] = audit.Judge(key, audit.Exemption{}, seed, now)
	}
	for _, c := range []struct {
		name   string
		policy audit.Policy
	}{
		{"plain", audit.Policy{AutoExpire: true}},
		{"ladder", audit.Policy{AutoExpire: true, RemindAt: []int{30, 14, 7, 3, 1}, MinNoticeDays: 7}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			acted, i := 0, 0
			for b.Loop() {
				i++
				k := i % len(keys)
				if audit.Decide(keys[k], verdicts[k], seed, audit.History{}, c.policy, now).Action != audit.Nothing {
					acted++
				}
			}
			if acted == 0 {
				b.Error("nothing was to be done about any key")
			}
		})
	}
}

func TestJudgeAllocatesNothing(t *testing.T) {
	keys := manyKeys()
	exemption := audit.ParseExemption("False until 2026-12-31")
	due := 0
	if n := testing.AllocsPerRun(10, func() {
		for _, key := range keys {
			v := audit.Judge(key, exemption, seed, now)
			w := audit.Judge(key, audit.Exemption{}, seed, now)
			if v.Exempt && w.State.PastLimit() && audit.NeedsTags(w) && !audit.NeedsLastUse(key, time.Time{}, seed, now) {
				due++
			}
		}
	}); n != 0 {
		t.Errorf("judging %d keys allocates %v times", len(keys), n)
	}
	if due == 0 {
		t.Error("no key was past its limit, so nothing was shown")
	}
}
