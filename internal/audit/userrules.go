package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MinNoticeUnderRules is the fewest days between a delivered warning and the
// disabling of a key if there are rules for kinds of users: a rule that becomes
// stricter, or stops matching, moves deadlines into the past.
const MinNoticeUnderRules = 7

// Limits are what a user's keys are held to. Ages are in days.
type Limits struct {
	Rule string // the name of the rule that they are from; empty for the settings
	Ages Rules
	// RemindAt and MinNoticeDays are as in Policy.
	RemindAt      []int
	MinNoticeDays int
	// Ceiling is the age that no exemption goes beyond; zero for none.
	Ceiling int
}

// Apply returns the policy with what the limits say of warnings.
func (l Limits) Apply(p Policy) Policy {
	p.RemindAt, p.MinNoticeDays = l.RemindAt, l.MinNoticeDays
	return p
}

// AfterRules returns the policy for a key that was under rules for kinds of users
// until then, which are gone: the owner of a key that was near its present limits
// already may not have been warned of them. Zero is a key that never was.
func (p Policy) AfterRules(v Verdict, until time.Time) Policy {
	if until.Before(v.warnsFrom()) {
		return p
	}
	p.MinNoticeDays = max(p.MinNoticeDays, MinNoticeUnderRules)
	return p
}

// warnsFrom is when the key reached, or will reach, the first of its warning ages.
func (v Verdict) warnsFrom() time.Time {
	created := v.ExpiresAt.Add(time.Duration(v.Limits.WarningAge-v.Limits.ExpirationAge) * day)
	idle := v.IdleLimitAt.Add(time.Duration(v.Limits.InactivityWarningAge-v.Limits.InactivityAge) * day)
	if idle.Before(created) {
		return idle
	}
	return created
}

// mostLenient returns limits under which no key is warned about or disabled
// earlier than under either.
func mostLenient(a, b Limits) Limits {
	a.Rule = a.String() + " or " + b.String()
	a.Ages.ExpirationAge = max(a.Ages.ExpirationAge, b.Ages.ExpirationAge)
	a.Ages.WarningAge = max(a.Ages.WarningAge, b.Ages.WarningAge)
	a.Ages.InactivityAge = max(a.Ages.InactivityAge, b.Ages.InactivityAge)
	a.Ages.InactivityWarningAge = max(a.Ages.InactivityWarningAge, b.Ages.InactivityWarningAge)
	a.MinNoticeDays = max(a.MinNoticeDays, b.MinNoticeDays)
	if len(a.RemindAt) == 0 || len(b.RemindAt) == 0 {
		a.RemindAt = nil // on every run
	} else {
		a.RemindAt = slices.Concat(a.RemindAt, b.RemindAt)
	}
	return a
}

// strictest returns the lower of each age.
func strictest(a, b Rules) Rules {
	return Rules{
		ExpirationAge:        min(a.ExpirationAge, b.ExpirationAge),
		WarningAge:           min(a.WarningAge, b.WarningAge),
		InactivityAge:        min(a.InactivityAge, b.InactivityAge),
		InactivityWarningAge: min(a.InactivityWarningAge, b.InactivityWarningAge),
	}
}

// String names where the limits are from.
func (l Limits) String() string {
	if l.Rule == "" {
		return "the settings"
	}
	return l.Rule
}

// UserRule gives limits to the users that it matches.
type UserRule struct {
	Name   string
	Match  Match
	Limits Limits // Rule is Name
}

// Match says which users a rule is for: those who meet every criterion that it
// names. Of a list, one entry is enough.
type Match struct {
	Users    []string // globs of user names, in any case
	Paths    []string // paths such as /service/, which stand for those below as well
	Groups   []string // names
	Accounts []string // ids
	OUs      []string // ids of organizational units, which stand for those nested in them as well
	Tags     []Tag    // globs of values
	Password Known    // whether the user can sign in to the console; NotKnown is any
}

// Members are the names of a group's users, or the ids of a unit's accounts.
type Members map[string]bool

// UserRules are the rules for kinds of users. The first that matches a user
// counts. The zero UserRules has none.
type UserRules struct {
	Rules []UserRule
	// OUs are the organizational units that the rules name, Account is the account
	// that the users are in, and Groups its groups that the rules name. A unit or a
	// group that is missing could not be read.
	OUs     map[string]Members
	Account string
	Groups  map[string]Members
}

// In returns the rules as they apply in one account.
func (u UserRules) In(account string, groups map[string]Members) UserRules {
	u.Account, u.Groups = account, groups
	return u
}

// Choice is the limits that were chosen for a user.
type Choice struct {
	// Limits are those of the first rule that matches, or the settings'. If not
	// enough is known of the user to say which rule that is, they are the most
	// lenient of the rules that it may be.
	Limits
	// Strictest are the lowest ages of the rules that it may be.
	Strictest Rules
	// NeedsTags and NeedsPassword are set if the user's tags or console password,
	// which were not read, decide.
	NeedsTags, NeedsPassword bool
}

// Choose returns the limits for a user. TagsRead says that the user's tags are
// known; the other limits are the settings'.
func (u UserRules) Choose(user User, tagsRead bool, settings Limits) Choice {
	var c Choice
	first := true
	add := func(l Limits) {
		if first {
			c.Limits, c.Strictest, first = l, l.Ages, false
			return
		}
		c.Limits, c.Strictest = mostLenient(c.Limits, l), strictest(c.Strictest, l.Ages)
	}
	for _, rule := range u.Rules {
		switch found, needs := u.match(rule.Match, user, tagsRead); found {
		case matches:
			add(rule.Limits)
			return c
		case unknown:
			add(rule.Limits)
			c.NeedsTags = c.NeedsTags || needs[dependsOnTags]
			c.NeedsPassword = c.NeedsPassword || needs[dependsOnPassword]
		}
	}
	add(settings)
	return c
}

// Strictest returns the lowest ages that any user may have.
func (u UserRules) Strictest(settings Rules) Rules {
	for _, rule := range u.Rules {
		settings = strictest(settings, rule.Limits.Ages)
	}
	return settings
}

// GroupsIn are the groups whose members must be known in an account, each once:
// those of the rules that can match there.
func (u UserRules) GroupsIn(account string) []string {
	return u.namesIn(account, func(m Match) []string { return m.Groups })
}

// OUsIn are likewise the organizational units whose accounts must be known; for an
// empty account, those of all rules.
func (u UserRules) OUsIn(account string) []string {
	return u.namesIn(account, func(m Match) []string { return m.OUs })
}

func (u UserRules) namesIn(account string, names func(Match) []string) (all []string) {
	for _, rule := range u.Rules {
		if account == "" || len(rule.Match.Accounts) == 0 || slices.Contains(rule.Match.Accounts, account) {
			all = append(all, names(rule.Match)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// matching is whether a rule or a criterion matches a user, as far as that is known.
type matching uint8

const (
	matches           matching = iota
	matchesNot                 // whatever is not known
	unknown                    // what could not be read, or was not, decides
	dependsOnTags              // of a criterion: unknown, as the tags were not read
	dependsOnPassword          // of a criterion: unknown, as the password was not read
)

// match evaluates every criterion: one that is not met decides, whatever else is
// not known. Needs has what is to be read to know more.
func (u UserRules) match(m Match, user User, tagsRead bool) (found matching, needs map[matching]bool) {
	for _, c := range u.criteria(m, user, tagsRead) {
		switch c.met {
		case matches:
			continue
		case matchesNot:
			return matchesNot, nil
		case dependsOnTags, dependsOnPassword:
			if needs == nil {
				needs = map[matching]bool{}
			}
			needs[c.met] = true
		}
		found = unknown
	}
	return found, needs
}

// criterion is one part of a Match, and whether a user meets it.
type criterion struct {
	text string
	met  matching
}

func (u UserRules) criteria(m Match, user User, tagsRead bool) []criterion {
	var all []criterion
	add := func(name string, wanted []string, met func() matching) {
		if len(wanted) > 0 {
			all = append(all, criterion{name + " " + strings.Join(wanted, " or "), met()})
		}
	}
	add("account", m.Accounts, func() matching { return metIf(slices.Contains(m.Accounts, u.Account)) })
	add("user", m.Users, func() matching {
		return metIf(slices.ContainsFunc(m.Users, func(glob string) bool {
			return globMatches(strings.ToLower(glob), strings.ToLower(user.Name))
		}))
	})
	add("path", m.Paths, func() matching { return pathMet(m.Paths, user) })
	add("ou", m.OUs, func() matching { return memberMet(m.OUs, u.OUs, u.Account) })
	add("group", m.Groups, func() matching { return memberMet(m.Groups, u.Groups, user.Name) })
	for _, tag := range m.Tags {
		add("tag "+tag.Key, []string{tag.Value}, func() matching { return tagMet(tag, user, tagsRead) })
	}
	if m.Password != NotKnown {
		add("console password", []string{m.Password.String()}, func() matching { return passwordMet(m.Password, user) })
	}
	return all
}

func metIf(met bool) matching {
	if met {
		return matches
	}
	return matchesNot
}

func pathMet(paths []string, user User) matching {
	path := user.Path()
	if path == "" {
		return unknown
	}
	return metIf(slices.ContainsFunc(paths, func(wanted string) bool { return globMatches(wanted+"*", path) }))
}

// memberMet is unknown if the user or account is in none of the groups or units that
// could be read, and one could not.
func memberMet(wanted []string, known map[string]Members, member string) matching {
	met := matchesNot
	for _, name := range wanted {
		members, read := known[name]
		if members[member] {
			return matches
		}
		if !read {
			met = unknown
		}
	}
	return met
}

func passwordMet(wanted Known, user User) matching {
	if user.Password == NotKnown {
		return dependsOnPassword
	}
	return metIf(user.Password == wanted)
}

// String returns yes, no or "not known".
func (k Known) String() string {
	switch k {
	case Yes:
		return "yes"
	case No:
		return "no"
	}
	return "not known"
}

func tagMet(wanted Tag, user User, tagsRead bool) matching {
	if !tagsRead {
		return dependsOnTags
	}
	value, found := user.Tags.Value(wanted.Key)
	return metIf(found && globMatches(wanted.Value, strings.TrimSpace(value)))
}

// Path is the path that the user is in, such as / or /service/; empty if the
// ARN is not known.
func (u User) Path() string {
	_, resource, found := strings.Cut(u.ARN, ":user/")
	if !found {
		return ""
	}
	return "/" + resource[:strings.LastIndex(resource, "/")+1]
}

// globMatches reports whether a text matches a glob, in which * stands for any
// text and ? for one character.
func globMatches(glob, text string) bool {
	g, t := []rune(glob), []rune(text)
	star, retry := -1, 0 // where the last * was, and the text after what it stands for
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(g) && g[i] == '*':
			star, retry = i, j
			i++
		case i < len(g) && (g[i] == '?' || g[i] == t[j]):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(string(g[i:]), "*") == ""
}

// Explain says for each rule, up to the first that matches, whether it matches a
// user whose tags are known, and why.
func (u UserRules) Explain(user User) []string {
	var lines []string
	for _, rule := range u.Rules {
		var parts []string
		for _, c := range u.criteria(rule.Match, user, true) {
			parts = append(parts, c.text+": "+c.met.String())
		}
		found, _ := u.match(rule.Match, user, true)
		lines = append(lines, fmt.Sprintf("rule %s: %s (%s)", rule.Name, found, strings.Join(parts, "; ")))
		if found == matches {
			break
		}
	}
	return lines
}

// String says whether a rule or a criterion matches.
func (m matching) String() string {
	switch m {
	case matches:
		return "matches"
	case matchesNot:
		return "does not match"
	}
	return "unknown"
}

// Unreachable returns, for each rule that can never be the first to match, the
// rule before it that matches every user that it does. It finds every rule that
// one earlier rule covers criterion by criterion.
func (u UserRules) Unreachable() map[string]string {
	covered := map[string]string{}
	for i, rule := range u.Rules {
		for _, earlier := range u.Rules[:i] {
			if earlier.Match.covers(rule.Match) {
				covered[rule.Name] = earlier.Name
				break
			}
		}
	}
	return covered
}

// covers reports whether every user that other matches is matched by m as well.
func (m Match) covers(other Match) bool {
	same := func(a, b string) bool { return a == b }
	below := func(a, b string) bool { return globCovers(a+"*", b) }
	inAnyCase := func(a, b string) bool { return globCovers(strings.ToLower(a), strings.ToLower(b)) }
	for _, wanted := range m.Tags {
		if !slices.ContainsFunc(other.Tags, func(tag Tag) bool {
			return strings.EqualFold(wanted.Key, tag.Key) && globCovers(wanted.Value, tag.Value)
		}) {
			return false
		}
	}
	if m.Password != NotKnown && m.Password != other.Password {
		return false
	}
	return allCovered(m.Accounts, other.Accounts, same) && allCovered(m.OUs, other.OUs, same) && allCovered(m.Groups, other.Groups, same) &&
		(slices.Contains(m.Users, "*") || allCovered(m.Users, other.Users, inAnyCase)) &&
		(slices.Contains(m.Paths, "/") || allCovered(m.Paths, other.Paths, below))
}

// allCovered reports whether each of narrow is covered by one of wide. An empty
// list is any value.
func allCovered(wide, narrow []string, covers func(wide, narrow string) bool) bool {
	if len(wide) == 0 {
		return true
	}
	return len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n string) bool {
		return !slices.ContainsFunc(wide, func(w string) bool { return covers(w, n) })
	})
}

// globCovers reports whether a matches every text that b matches: if it has no ?,
// which could stand for a wildcard of b, it is enough that it matches b as a text.
func globCovers(a, b string) bool {
	return a == b || !strings.Contains(a, "?") && globMatches(a, b)
}

// Judge evaluates a key of a user whose tags are known.
func (l Limits) Judge(user User, key Key, exemptions ExemptionRules, now time.Time) Verdict {
	e := ExemptionOf(user, key.ID).Apply(exemptions, now)
	if e.ActiveAt(now) && l.atCeiling(wholeDays(key.Created, now)) {
		e.Refusal.Ceiling = l.Ceiling
	}
	v := Judge(key, e, l.Ages, now)
	v.Rule = l.Rule
	return v
}

// atCeiling reports whether a key is so old that its exemption must end, with the
// notice that the owner gets of it, as the key reaches the ceiling.
func (l Limits) atCeiling(age int) bool {
	notice := max(l.MinNoticeDays, l.Ages.ExpirationAge-l.Ages.WarningAge)
	return l.Ceiling > 0 && age >= l.Ceiling-notice
}
