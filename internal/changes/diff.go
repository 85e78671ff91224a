package changes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Diff is what changed between two reports. Times are UTC.
type Diff struct {
	Schema int       `json:"schema"`
	Old    time.Time `json:"old"` // when the keys of the older report were read
	New    time.Time `json:"new"`
	// Counts are sums over the accounts.
	Counts   map[Kind]int     `json:"counts"`
	Accounts []AccountChanges `json:"accounts"`
	// OnlyOld and OnlyNew are accounts that one report alone has. They cannot be
	// compared.
	OnlyOld []account.Account `json:"only_old"`
	OnlyNew []account.Account `json:"only_new"`
}

// Compare returns what changed from one report to a later one. It is an error if
// they have no account in common or are in the wrong order.
func Compare(before, after Document) (*Diff, error) {
	d := &Diff{
		Schema: schema, Old: before.At, New: after.At, Counts: countsOf(nil),
		Accounts: []AccountChanges{}, OnlyOld: []account.Account{}, OnlyNew: []account.Account{},
	}
	later := map[string]*Snapshot{}
	for i, s := range after.Snapshots {
		later[s.Account.ID] = &after.Snapshots[i]
	}
	for _, old := range before.Snapshots {
		found := later[old.Account.ID]
		delete(later, old.Account.ID)
		switch {
		case found == nil:
			d.OnlyOld = append(d.OnlyOld, old.Account)
			continue
		case old.At.After(found.At):
			return nil, fmt.Errorf("the first report is of %s and newer than the second, of %s; give the older one first", old.At.UTC().Format(time.RFC3339), found.At.UTC().Format(time.RFC3339))
		}
		d.add(AccountChanges{found.Account, Between(old, *found)})
	}
	for _, s := range after.Snapshots {
		if later[s.Account.ID] != nil {
			d.OnlyNew = append(d.OnlyNew, s.Account)
		}
	}
	if len(d.Accounts) == 0 {
		return nil, fmt.Errorf("the reports are of different accounts: %s and %s", before.names(), after.names())
	}
	slices.SortFunc(d.Accounts, func(a, b AccountChanges) int { return cmp.Compare(a.Account.ID, b.Account.ID) })
	return d, nil
}

func (d *Diff) add(one AccountChanges) {
	d.Accounts = append(d.Accounts, one)
	for kind, n := range one.Counts {
		d.Counts[kind] += n
	}
}

// Has reports whether there is a change of one of the kinds.
func (d *Diff) Has(kinds []Kind) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool { return d.Counts[k] > 0 })
}

// Unclear counts the keys that could not be compared.
func (d *Diff) Unclear() (n int) {
	for _, one := range d.Accounts {
		n += len(one.Unclear)
	}
	return n
}

func (d Document) names() string {
	ids := make([]string, len(d.Snapshots))
	for i, s := range d.Snapshots {
		ids[i] = s.Account.ID
	}
	if len(ids) == 0 {
		return "none"
	}
	return text.First(3, ids, ", ")
}

// ParseKinds reads a list of kinds, separated by commas.
func ParseKinds(list string) ([]Kind, error) {
	var kinds []Kind
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		kind := Kind(strings.TrimSpace(name))
		if !slices.Contains(Kinds(), kind) {
			return nil, fmt.Errorf("%q: %q is not a kind of change; use %s, separated by commas", list, name, KindNames())
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// KindNames are the names of all kinds, for people.
func KindNames() string {
	names := make([]string, len(Kinds()))
	for i, kind := range Kinds() {
		names[i] = string(kind)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
