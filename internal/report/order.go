package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Order is what the rows of a report are sorted by. The zero Order is by user.
type Order struct {
	by       string
	reversed bool
}

// MostUrgent is the order in which people read best: the fewest days left
// first, and keys without a limit last.
func MostUrgent() Order { return Order{by: "days-left"} }

// orders compare two rows each. If they are equal, user and key decide.
func orders() map[string]func(a, b Row) int {
	return map[string]func(a, b Row) int{
		"user":      func(a, b Row) int { return cmp.Compare(a.User, b.User) },
		"age":       func(a, b Row) int { return b.Created.Compare(a.Created) },
		"last-used": func(a, b Row) int { return momentOf(a.LastUsed).Compare(momentOf(b.LastUsed)) },
		"days-left": compareDaysLeft,
		"risk":      compareRisk,
		"state":     func(a, b Row) int { return cmp.Compare(a.State, b.State) },
	}
}

// OrderNames are what ParseOrder knows, in the order of the help.
const OrderNames = "user, age, last-used, days-left, risk or state"

// ParseOrder reads the name of an order; a "-" before it turns it round.
func ParseOrder(text string) (Order, error) {
	name, reversed := strings.CutPrefix(strings.TrimSpace(text), "-")
	if _, known := orders()[name]; !known {
		return Order{}, fmt.Errorf("%q is not a valid order; use %s, with - before it for the reverse", text, OrderNames)
	}
	return Order{by: name, reversed: reversed}, nil
}

// ByRisk reports whether the order needs to know what users may do.
func (o Order) ByRisk() bool { return o.by == "risk" }

// SortBy orders the rows.
func (r *Report) SortBy(order Order) {
	compare := orders()[cmp.Or(order.by, "user")]
	slices.SortFunc(r.Rows, func(a, b Row) int {
		c := compare(a, b)
		// What has no days left to compare stays last either way.
		if order.reversed && (order.by != "days-left" || (a.DaysLeft != nil && b.DaysLeft != nil)) {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
}

func compareDaysLeft(a, b Row) int {
	switch {
	case a.DaysLeft == nil && b.DaysLeft == nil:
		return 0
	case a.DaysLeft == nil:
		return 1
	case b.DaysLeft == nil:
		return -1
	}
	return cmp.Or(cmp.Compare(*a.DaysLeft, *b.DaysLeft), deadline(a).Compare(deadline(b)))
}

// momentOf is zero, before all others, for a key that was never used.
func momentOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// deadline is the first of a key's two limits.
func deadline(row Row) time.Time {
	if row.IdleLimitAt.Before(row.ExpiresAt) {
		return row.IdleLimitAt
	}
	return row.ExpiresAt
}
