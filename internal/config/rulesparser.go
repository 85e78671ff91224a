package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// rulesParser reads rules from YAML, and collects what is wrong with them.
type rulesParser struct {
	settings audit.Rules
	notice   int
	remindAt []int

	problems []locatedProblem
}

// locatedProblem is what is wrong at a place of the text; zero is the text as a
// whole.
type locatedProblem struct {
	line, column int
	text         string
}

// inOrder are the problems in the order of the text.
func (p *rulesParser) inOrder() []string {
	slices.SortStableFunc(p.problems, func(a, b locatedProblem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	texts := make([]string, len(p.problems))
	for i, found := range p.problems {
		texts[i] = found.text
		if found.line > 0 {
			texts[i] = fmt.Sprintf("line %d, column %d: %s", found.line, found.column, found.text)
		}
	}
	return texts
}

func (p *rulesParser) add(at *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, locatedProblem{at.Line, at.Column, fmt.Sprintf(format, args...)})
}

func (p *rulesParser) parse(text string) (rules []audit.UserRule, ceiling int) {
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(text))
	err := decoder.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		p.add(&doc, "there are no rules; write rules: [] for none")
		return nil, 0
	case err != nil:
		p.add(&doc, "not valid YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil, 0
	case !errors.Is(decoder.Decode(&more), io.EOF):
		p.add(&more, "there must be one YAML document")
	}
	var list *yaml.Node
	p.fields(doc.Content[0], "", map[string]func(*yaml.Node){
		"rules": func(n *yaml.Node) { list = n },
		"ceiling": func(n *yaml.Node) {
			p.fields(n, "ceiling", map[string]func(*yaml.Node){
				"expiration_age": func(n *yaml.Node) { ceiling = p.number(n, "expiration_age", 1).n },
			})
		},
	})
	if ceiling > 0 && p.settings.ExpirationAge > ceiling {
		p.add(doc.Content[0], "EXPIRATION_AGE (%d) must be at most the ceiling (%d)", p.settings.ExpirationAge, ceiling)
	}
	switch {
	case list == nil:
		p.add(doc.Content[0], "rules is missing; write rules: [] for none")
	case list.Kind != yaml.SequenceNode:
		p.add(list, "rules must be a list")
	default:
		rules = p.list(list, ceiling)
	}
	return rules, ceiling
}

func (p *rulesParser) list(list *yaml.Node, ceiling int) (rules []audit.UserRule) {
	names := map[string]bool{}
	for _, n := range list.Content {
		rule := p.rule(n, ceiling)
		if names[rule.Name] && rule.Name != "" {
			p.add(n, "there are two rules called %q", rule.Name)
		}
		names[rule.Name] = true
		rules = append(rules, rule)
	}
	return rules
}

// fields hands each field of a mapping to the function for it.
func (p *rulesParser) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.add(n, "%s must be a mapping of %s", cmp.Or(what, "the text"), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		read, isKnown := known[name.Value]
		switch {
		case !isKnown:
			p.add(name, "unknown field %q; known are %s", name.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[name.Value]:
			p.add(name, "%s is given twice", name.Value)
		default:
			read(value)
		}
		seen[name.Value] = true
	}
}

var ruleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$`)

// SettingsRule is the name that reports give to the limits of the settings, and so
// no rule's.
const SettingsRule = "settings"

func (p *rulesParser) rule(n *yaml.Node, ceiling int) audit.UserRule {
	var rule audit.UserRule
	ages := ages{}
	limits := audit.Limits{RemindAt: p.remindAt, MinNoticeDays: max(p.notice, audit.MinNoticeUnderRules), Ceiling: ceiling}
	var named, matched bool
	fields := map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) {
			named = true
			rule.Name = n.Value
			if n.Kind != yaml.ScalarNode || !ruleName.MatchString(n.Value) || n.Value == SettingsRule {
				p.add(n, "name must be up to 64 letters, digits, spaces, dots, hyphens and underscores, and not %q", SettingsRule)
			}
		},
		"match": func(n *yaml.Node) {
			matched = true
			rule.Match = p.match(n)
		},
		"min_notice_days": func(n *yaml.Node) {
			limits.MinNoticeDays = p.number(n, "min_notice_days", audit.MinNoticeUnderRules).n
		},
		"remind_at": func(n *yaml.Node) { limits.RemindAt = p.ladder(n) },
	}
	for _, name := range []string{"expiration_age", "warning_age", "inactivity_age", "inactivity_warning_age"} {
		fields[name] = func(n *yaml.Node) { ages[name] = located{p.number(n, name, lowestAge(name)), n} }
	}
	p.fields(n, "a rule", fields)
	if n.Kind == yaml.MappingNode && !named {
		p.add(n, "name is missing")
	}
	if n.Kind == yaml.MappingNode && !matched {
		p.add(n, "match is missing; match {user: \"*\"} for every user")
	}
	limits.Rule, limits.Ages = rule.Name, p.ages(n, ages, ceiling)
	rule.Limits = limits
	return rule
}

func lowestAge(name string) int {
	if strings.HasSuffix(name, "warning_age") {
		return 0
	}
	return 1
}

// located is an age with where it stands.
type located struct {
	days
	at *yaml.Node
}

type ages map[string]located

// ages are the ages of a rule: those by creation and those by last use each in
// pairs, or the settings'. Without limits of their own for inactivity, the settings
// leave it to creation, and so does the rule.
func (p *rulesParser) ages(rule *yaml.Node, given ages, ceiling int) audit.Rules {
	ages := p.settings
	follow := ages.InactivityAge == ages.ExpirationAge && ages.InactivityWarningAge == ages.WarningAge
	if limit, isSet := p.pair(rule, given, "warning_age", "expiration_age"); isSet {
		ages.ExpirationAge, ages.WarningAge = limit.n, given["warning_age"].n
		if follow {
			ages.InactivityAge, ages.InactivityWarningAge = ages.ExpirationAge, ages.WarningAge
		}
		if ceiling > 0 && limit.n > ceiling {
			p.add(limit.at, "expiration_age (%d) must be at most the ceiling (%d)", limit.n, ceiling)
		}
	}
	if limit, isSet := p.pair(rule, given, "inactivity_warning_age", "inactivity_age"); isSet {
		ages.InactivityAge, ages.InactivityWarningAge = limit.n, given["inactivity_warning_age"].n
	}
	if limit := given["inactivity_age"]; ages.InactivityAge > ages.ExpirationAge && (limit.at == nil || limit.readable) {
		p.add(cmp.Or(limit.at, rule), "inactivity_age (%d) must be at most expiration_age (%d)", ages.InactivityAge, ages.ExpirationAge)
	}
	return ages
}

// pair returns the limit of a warning age and a limit that are given together and
// agree.
func (p *rulesParser) pair(rule *yaml.Node, given ages, warningName, limitName string) (limit located, isSet bool) {
	warning, hasWarning := given[warningName]
	limit, hasLimit := given[limitName]
	switch {
	case hasWarning != hasLimit:
		p.add(cmp.Or(warning.at, limit.at, rule), "%s and %s are given together or not at all", warningName, limitName)
		return located{}, false
	case !hasLimit || !warning.readable || !limit.readable:
		return located{}, false
	case warning.n >= limit.n:
		p.add(warning.at, "%s (%d) must be lower than %s (%d)", warningName, warning.n, limitName, limit.n)
		return located{}, false
	}
	return limit, true
}

func (p *rulesParser) number(n *yaml.Node, name string, lowest int) days {
	number, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || number < lowest || number > MaxAgeDays {
		p.add(n, "%s must be a whole number of days from %d to %d", name, lowest, MaxAgeDays)
		return days{name, lowest, false}
	}
	return days{name, number, true}
}

func (p *rulesParser) ladder(n *yaml.Node) []int {
	if n.Kind != yaml.SequenceNode {
		p.add(n, "remind_at must be a list of days left, such as [30, 14, 7, 3, 1]; [] warns on every run")
		return nil
	}
	var rungs []int
	for _, item := range n.Content {
		rungs = append(rungs, p.number(item, "remind_at", 1).n)
	}
	return rungs
}

// criteria of a match, each with the form of its values and what it must be.
func (p *rulesParser) match(n *yaml.Node) audit.Match {
	var m audit.Match
	p.fields(n, "match", map[string]func(*yaml.Node){
		"user": func(n *yaml.Node) {
			m.Users = p.texts(n, userGlob, "user", "a user name, in which * and ? are wildcards")
		},
		"path": func(n *yaml.Node) {
			m.Paths = p.texts(n, pathGlob, "path", "a path that begins and ends with /, such as /service/")
		},
		"group":   func(n *yaml.Node) { m.Groups = p.texts(n, groupName, "group", "the name of a group") },
		"account": func(n *yaml.Node) { m.Accounts = p.texts(n, accountID, "account", "an id of 12 digits, in quotes") },
		"ou": func(n *yaml.Node) {
			m.OUs = p.texts(n, unitID, "ou", "the id of an organizational unit, such as ou-ab12-34cdefgh, or of the root")
		},
		"tags":             func(n *yaml.Node) { m.Tags = p.tags(n) },
		"console_password": func(n *yaml.Node) { m.Password = p.trueOrFalse(n, "console_password") },
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		p.add(n, "match is empty; match {user: \"*\"} for every user")
	}
	return m
}

// The forms of names and paths are IAM's own:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html
var (
	userGlob  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_*?-]+$`)
	pathGlob  = regexp.MustCompile(`^/([\x21-\x7e]*/)?$`)
	groupName = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]+$`)
	anyText   = regexp.MustCompile(`^[^\x00-\x1f]+$`)
)

// texts reads one text or a list of texts.
func (p *rulesParser) texts(n *yaml.Node, form *regexp.Regexp, name, what string) []string {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	if len(items) == 0 {
		p.add(n, "%s must not be an empty list", name)
	}
	var texts []string
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.ShortTag() == "!!null" || !form.MatchString(item.Value) {
			p.add(item, "%s must be %s, or a list of those", name, what)
			continue
		}
		texts = append(texts, item.Value)
	}
	return texts
}

func (p *rulesParser) tags(n *yaml.Node) (tags []audit.Tag) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.add(n, "tags must be a mapping of names to values, in which * and ? are wildcards")
		return nil
	}
	named := map[string]bool{} // in lower case, as IAM takes names in any case for the same
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if folded := strings.ToLower(name.Value); named[folded] {
			p.add(name, "the tag %s is given twice; names are the same in any case", name.Value)
		} else {
			named[folded] = true
		}
		if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" || !anyText.MatchString(value.Value) {
			p.add(value, "the tag %s must have a text as its value; \"*\" is any", name.Value)
			continue
		}
		tags = append(tags, audit.Tag{Key: name.Value, Value: value.Value})
	}
	return tags
}

func (p *rulesParser) trueOrFalse(n *yaml.Node, name string) audit.Known {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		p.add(n, "%s must be true or false", name)
	}
	return audit.KnownToBe(strings.EqualFold(n.Value, "true"))
}
