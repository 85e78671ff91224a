package app

import (
	"strings"
	"testing"
	"time"
)

// TestEveryAttemptAtADigestHoldsLeasesOfItsOwn: a second attempt is made while
// the first may still be at work.
func TestEveryAttemptAtADigestHoldsLeasesOfItsOwn(t *testing.T) {
	t.Parallel()
	s := &session{App: &App{Now: time.Now}, id: "20260302T120000Z-abcdef"}
	first, second := s.digest("o-example"), s.digest("o-example")
	if first.Holder == second.Holder || !strings.HasPrefix(first.Holder, s.id) {
		t.Errorf("both hold their leases as %q and %q", first.Holder, second.Holder)
	}
}
