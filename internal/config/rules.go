package config

import (
	"os"
	"regexp"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// RulesSource is where the rules for kinds of users are from. The zero value is
// nowhere: every user has the limits of the settings.
type RulesSource struct {
	Kind RulesKind
	// Name is a path, the name of a parameter, or bucket/key.
	Name string
}

// RulesKind is a kind of place for rules.
type RulesKind string

// The kinds of places for rules.
const (
	RulesInline    RulesKind = "inline"
	RulesFile      RulesKind = "file"
	RulesParameter RulesKind = "ssm"
	RulesObject    RulesKind = "s3"
)

// IsSet reports whether there are rules, maybe an empty list of them.
func (s RulesSource) IsSet() bool { return s.Kind != "" }

// IsRemote reports whether the rules are to be fetched from AWS.
func (s RulesSource) IsRemote() bool { return s.Kind == RulesParameter || s.Kind == RulesObject }

// Bucket returns the bucket and the key of an object.
func (s RulesSource) Bucket() (bucket, key string) {
	bucket, key, _ = strings.Cut(s.Name, "/")
	return bucket, key
}

// String is the source as it is given, except for inline rules.
func (s RulesSource) String() string {
	switch s.Kind {
	case RulesParameter:
		return "ssm:" + s.Name
	case RulesObject:
		return "s3://" + s.Name
	case RulesInline:
		return "inline"
	}
	return s.Name
}

var inlineRules = regexp.MustCompile(`^(\{|---|#|rules *:|ceiling *:)`)

// rulesSource reads from its text where the rules are.
func (c *checker) rulesSource(text string) RulesSource {
	text = strings.TrimSpace(text)
	parameter, isParameter := strings.CutPrefix(text, "ssm:")
	object, isObject := strings.CutPrefix(text, "s3://")
	switch {
	case text == "":
		return RulesSource{}
	case inlineRules.MatchString(text) || strings.Contains(text, "\n"):
		return RulesSource{Kind: RulesInline}
	case isParameter && parameter != "":
		return RulesSource{RulesParameter, strings.TrimSpace(parameter)}
	case isObject:
		s := RulesSource{RulesObject, object}
		if bucket, key := s.Bucket(); !bucketName.MatchString(bucket) || key == "" {
			c.add("SLEUTH_RULES", text, "must be s3://BUCKET/KEY")
		}
		return s
	case isParameter:
		c.add("SLEUTH_RULES", text, "must name a parameter, as in ssm:/sleuth/rules")
	}
	return RulesSource{RulesFile, text}
}

// userRules adds the rules that the setting holds or that its file has. Those that
// are kept in AWS are added by WithRules.
func (c *checker) userRules(cfg Config, text string) Config {
	before := len(c.problems)
	cfg.RulesFrom = c.rulesSource(text)
	if len(c.problems) > before || !cfg.RulesFrom.IsSet() || cfg.RulesFrom.IsRemote() {
		return cfg
	}
	if cfg.RulesFrom.Kind == RulesFile {
		content, err := os.ReadFile(cfg.RulesFrom.Name)
		if err != nil {
			c.add("SLEUTH_RULES", text, "must be a readable file, ssm:/NAME, s3://BUCKET/KEY, or the rules themselves: %s", err)
			return cfg
		}
		text = string(content)
	}
	withRules, problems := cfg.WithRules(text)
	c.problems = append(c.problems, problems...)
	return withRules
}

// WithRules adds the rules of a YAML text to checked settings, and returns all
// Problems at once, each with its line and column.
func (c Config) WithRules(text string) (Config, Problems) {
	p := rulesParser{settings: c.Rules, notice: c.Policy.MinNoticeDays, remindAt: c.Policy.RemindAt}
	rules, ceiling := p.parse(text)
	var problems Problems
	for _, found := range p.inOrder() {
		problems = append(problems, Problem{"SLEUTH_RULES", c.RulesFrom.String(), found})
	}
	if len(problems) > 0 {
		return c, problems
	}
	c.UserRules, c.Ceiling = audit.UserRules{Rules: rules}, ceiling
	return c, nil
}

// Limits are the limits of users whom no rule matches: those of the settings.
func (c Config) Limits() audit.Limits {
	l := audit.Limits{Ages: c.Rules, RemindAt: c.Policy.RemindAt, MinNoticeDays: c.Policy.MinNoticeDays, Ceiling: c.Ceiling}
	if c.RulesFrom.IsSet() {
		l.MinNoticeDays = max(l.MinNoticeDays, audit.MinNoticeUnderRules)
	}
	return l
}

// RuleNeeds is what must be read to know which rule is a user's, beside names, paths
// and tags.
type RuleNeeds struct{ Groups, OUs, Passwords bool }

// RuleNeeds returns what the rules need. Of rules that are kept in AWS, and that were
// not read, everything is assumed.
func (c Config) RuleNeeds() RuleNeeds {
	if c.RulesFrom.IsRemote() && len(c.UserRules.Rules) == 0 {
		return RuleNeeds{true, true, true}
	}
	var needs RuleNeeds
	for _, rule := range c.UserRules.Rules {
		needs.Groups = needs.Groups || len(rule.Match.Groups) > 0
		needs.OUs = needs.OUs || len(rule.Match.OUs) > 0
		needs.Passwords = needs.Passwords || rule.Match.Password != audit.NotKnown
	}
	return needs
}

// CheckRules checks rules for kinds of users under the limits of the settings, and
// returns all Problems at once.
func CheckRules(l Limits) (Config, error) {
	s := Settings{Limits: l}
	c := newChecker(&s)
	cfg := c.userRules(Config{Rules: c.rules(s.Limits)}, s.UserRules)
	if cfg.RulesFrom.IsRemote() {
		c.add("SLEUTH_RULES", s.UserRules, "must be a file here; download it to check it")
	}
	if len(c.problems) > 0 {
		return Config{}, c.problems
	}
	return cfg, nil
}
