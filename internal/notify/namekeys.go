package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ShowKeyIDs names the keys that notices are about, for an error: at most 20, in a
// digest with their accounts.
func ShowKeyIDs(notices []Notice) string {
	if len(notices) == 0 {
		return "this run's announcement"
	}
	const most = 5
	sorted := slices.SortedFunc(slices.Values(notices), func(a, b Notice) int {
		return cmp.Or(cmp.Compare(a.Account.ID, b.Account.ID), cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	var names []string
	for i, n := range sorted {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(notices)-most))
			break
		}
		name := fmt.Sprintf("key %s of user %s", n.KeyID, n.User)
		if n.Account.ID != "" {
			name += " in account " + n.Account.ID
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
