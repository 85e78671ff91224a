package notify

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Totals counts notices by what they say of their keys, in one line: "2 keys
// expire, 1 disabled". It is empty if there are none.
func Totals(notices []Notice) string {
	type outcome struct {
		kind Kind
		kept bool // an Expiring key that is not disabled at its limit
	}
	counts := map[outcome]int{}
	for _, n := range notices {
		counts[outcome{n.Kind, n.Kind == Expiring && !n.Disables}]++
	}
	var said []string
	for _, o := range []struct {
		outcome
		one, many string
	}{
		{outcome{LeakedActive, false}, "found in public", "found in public"},
		{outcome{LeakedDisabled, false}, "found in public and disabled", "found in public and disabled"},
		{outcome{Expiring, false}, "expires", "expire"},
		{outcome{Expiring, true}, "reaches its limit", "reach their limit"},
		{outcome{PastLimit, false}, "past its limit", "past their limit"},
		{outcome{Disabled, false}, "disabled", "disabled"},
	} {
		n := counts[o.outcome]
		if n == 0 {
			continue
		}
		does, key := o.many, " keys"
		if n == 1 {
			does, key = o.one, " key"
		}
		if len(said) > 0 {
			key = "" // said once
		}
		said = append(said, fmt.Sprintf("%d%s %s", n, key, does))
	}
	return strings.Join(said, ", ")
}

// totals is what stands at the top of a digest.
func (b Batch) totals() Heading {
	accounts := map[account.Account]bool{}
	for _, n := range b.Notices {
		accounts[n.Account] = true
	}
	return Heading{Title: Totals(b.Notices) + " in " + text.Count(len(accounts), "account")}
}
