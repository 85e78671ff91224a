package risk

import (
	"cmp"
	"slices"
	"strings"
)

// Policy is a policy with its document as it was written.
type Policy struct {
	Name, Document string
}

// Holder is a user or a group with its policies. Attached are the ARNs of managed
// ones.
type Holder struct {
	Name     string
	Inline   []Policy
	Attached []string
	Groups   []string // of a user
}

// Account is what the policies of an account let its users do. It keeps no
// documents: a policy is read once, and then a few bytes long.
type Account struct {
	names    map[string]string // each text once, as many users have the same
	users    map[string]held
	groups   map[string]held
	policies map[string]policy // managed, by ARN
}

// held is what a user or a group has.
type held struct {
	grants   []granted // of inline policies
	failed   []string  // what could not be read of them
	attached []string
	groups   []string
}

// granted is an ability, and the policy that gives it.
type granted struct {
	ability Ability
	by      string
}

type policy struct {
	name      string
	abilities []Ability
	failed    string
}

// NewAccount returns an account of which nothing is known.
func NewAccount() *Account {
	return &Account{names: map[string]string{}, users: map[string]held{}, groups: map[string]held{}, policies: map[string]policy{}}
}

func (a *Account) once(text string) string {
	if known, found := a.names[text]; found {
		return known
	}
	a.names[text] = text
	return text
}

// AddUser takes in a user.
func (a *Account) AddUser(user Holder) { a.users[user.Name] = a.holding(user) }

// AddGroup takes in a group.
func (a *Account) AddGroup(group Holder) { a.groups[group.Name] = a.holding(group) }

// AddPolicy takes in the version in force of a managed policy.
func (a *Account) AddPolicy(arn, name, document string) {
	p := policy{name: name}
	r := Read(document)
	if r.Err != nil {
		p.failed = onOneLine(r.Err)
	}
	for _, ability := range Abilities() {
		if r.Abilities[ability] {
			p.abilities = append(p.abilities, ability)
		}
	}
	a.policies[arn] = p
}

func (a *Account) holding(of Holder) held {
	var h held
	for _, inline := range of.Inline {
		by := a.once("inline policy " + inline.Name)
		r := Read(inline.Document)
		if r.Err != nil {
			h.failed = append(h.failed, by+": "+onOneLine(r.Err))
		}
		for _, ability := range Abilities() {
			if r.Abilities[ability] {
				h.grants = append(h.grants, granted{ability, by})
			}
		}
	}
	for _, arn := range of.Attached {
		h.attached = append(h.attached, a.once(arn))
	}
	for _, group := range of.Groups {
		h.groups = append(h.groups, a.once(group))
	}
	return h
}

func onOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Grant is an ability of a user, and what gives it: the first policy that does.
type Grant struct {
	Ability Ability `json:"ability"`
	By      string  `json:"by"`
}

// Level is what a user may do at worst: an ability, or one of the levels below.
type Level string

// The levels that are not abilities.
const (
	// NotEvaluated: something could not be read, and nothing that could makes the
	// user an administrator.
	NotEvaluated Level = "not_evaluated"
	// NoneFound: the policies give none of the abilities.
	NoneFound Level = "none_found"
)

// Levels lists all levels, the gravest first. What could not be evaluated may be
// anything, and comes right after what is known to be gravest.
func Levels() []Level {
	levels := []Level{Level(Administrator), NotEvaluated}
	for _, ability := range Abilities()[1:] {
		levels = append(levels, Level(ability))
	}
	return append(levels, NoneFound)
}

// Risk is what a user's policies may let them do.
type Risk struct {
	Level Level   `json:"level"`
	May   []Grant `json:"may"`
	// NotEvaluated names what could not be read, and may allow more.
	NotEvaluated []string `json:"not_evaluated"`
	// ConsoleWithoutMFA: the user can sign in to the console with a password
	// alone; nil if that is not known.
	ConsoleWithoutMFA *bool `json:"console_without_mfa"`
}

// Unknown is the risk of a user of whom nothing could be read.
func Unknown(why string) Risk {
	return Risk{Level: NotEvaluated, May: []Grant{}, NotEvaluated: []string{why}}
}

// Of returns the risk of a user. One who is not known is not evaluated.
func (a *Account) Of(user string) Risk {
	h, found := a.users[user]
	if !found {
		return Unknown("the user was not there when the policies were read")
	}
	r := Risk{May: []Grant{}, NotEvaluated: []string{}}
	a.add(&r, h, "")
	for _, name := range h.groups {
		group, found := a.groups[name]
		if !found {
			r.NotEvaluated = append(r.NotEvaluated, "group "+name+": it was not there when the policies were read")
			continue
		}
		a.add(&r, group, " of group "+name)
	}
	order := Abilities()
	slices.SortStableFunc(r.May, func(a, b Grant) int {
		return cmp.Compare(slices.Index(order, a.Ability), slices.Index(order, b.Ability))
	})
	r.Level = r.level()
	return r
}

// add adds what a user or a group holds.
func (a *Account) add(r *Risk, h held, where string) {
	for _, g := range h.grants {
		r.grant(g.ability, g.by+where)
	}
	for _, failed := range h.failed {
		r.NotEvaluated = append(r.NotEvaluated, failed+where)
	}
	for _, arn := range h.attached {
		p, found := a.policies[arn]
		switch {
		case !found:
			r.NotEvaluated = append(r.NotEvaluated, "policy "+arn+where+": it was not there when the policies were read")
			continue
		case p.failed != "":
			r.NotEvaluated = append(r.NotEvaluated, "policy "+p.name+where+": "+p.failed)
		}
		for _, ability := range p.abilities {
			r.grant(ability, "policy "+p.name+where)
		}
	}
}

func (r *Risk) grant(ability Ability, by string) {
	if !slices.ContainsFunc(r.May, func(g Grant) bool { return g.Ability == ability }) {
		r.May = append(r.May, Grant{ability, by})
	}
}

func (r *Risk) level() Level {
	switch {
	case len(r.May) > 0 && (r.May[0].Ability == Administrator || len(r.NotEvaluated) == 0):
		return Level(r.May[0].Ability)
	case len(r.NotEvaluated) > 0:
		return NotEvaluated
	}
	return NoneFound
}
