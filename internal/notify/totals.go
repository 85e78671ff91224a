package notify

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Totals counts notices by kind, in one line: "2 keys
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
	var parts []string
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
		{outcome{Deleting, false}, "to be deleted", "to be deleted"},
		{outcome{Deleted, false}, "deleted", "deleted"},
	} {
		n := counts[o.outcome]
		if n == 0 {
			continue
		}
		does, key := o.many, " keys"
		if n == 1 {
			does, key = o.one, " key"
		}
		if len(parts) > 0 {
			key = "" // parts once
		}
		parts = append(parts, fmt.Sprintf("%d%s %s", n, key, does))
	}
	return strings.Join(parts, ", ")
}

// totals is the heading of a digest.
func (b Batch) totals() Heading {
	accounts := map[account.Account]bool{}
	for _, n := range b.Notices {
		accounts[n.Account] = true
	}
	return Heading{Title: Totals(b.Notices) + " in " + text.Count(len(accounts), "account")}
}
