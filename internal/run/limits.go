package run

import (
	"context"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// readGroups reads the members of the groups that rules name. What cannot be read
// is a problem, and its rules may match any user.
func (p *pass) readGroups(ctx context.Context) {
	var errs []error
	p.reader.UserRules, errs = inGroups(ctx, p.IAM, p.Config.UserRules, p.Account.ID, p.RuleErrs)
	p.statuses.rules = p.reader.UserRules
	for _, err := range errs {
		for _, problem := range p.ruleProblems.of(err) {
			p.problem(problem)
		}
	}
}

// inGroups returns the rules as they apply in an account, and what could not be read
// that they depend on there; unread is what could not be of all accounts.
func inGroups(ctx context.Context, client inventory.RuleIAM, rules audit.UserRules, id string, unread []error) (audit.UserRules, []error) {
	groups, errs := inventory.Groups(ctx, client, rules.GroupsIn(id))
	if len(rules.OUsIn(id)) > 0 {
		errs = append(errs, unread...)
	}
	return rules.In(id, groups), errs
}

// ruleProblems are the problems that were reported already: one that all users have
// is one problem.
type ruleProblems map[string]bool

// of returns the problem that something could not be read that rules depend on; none
// without an error, and for one that was reported.
func (r *ruleProblems) of(err error) []account.Problem {
	if err == nil {
		return nil
	}
	said := awserr.Message(err) + "; until it can be read, users get the most lenient limits of the rules that may match them"
	which := said
	if inventory.IsDenied(err) {
		which, _, _ = strings.Cut(said, ": ") // what follows names the call's id
	}
	if (*r)[which] {
		return nil
	}
	if *r == nil {
		*r = ruleProblems{}
	}
	(*r)[which] = true
	return []account.Problem{{Text: said}}
}

// limitsOf returns the limits of a user. Without tags they may be more lenient than
// the user's own, and every key of theirs is good, or Inactive, under both.
func (p *pass) limitsOf(user audit.User, tagsRead bool) audit.Limits {
	return p.choose(user, tagsRead).Limits
}

// policyFor returns what may be done about a key with these limits.
func (p *pass) policyFor(limits audit.Limits, v audit.Verdict) audit.Policy {
	return limits.Apply(p.policy).AfterRules(v, p.last.RulesUntil)
}

func (p *pass) choose(user audit.User, tagsRead bool) audit.Choice {
	return p.reader.UserRules.Choose(user, tagsRead, p.Config.Limits())
}

// dueByAnother reports whether a key may be due under another rule that may be its
// user's.
func (p *pass) dueByAnother(key audit.Key, choice audit.Choice) bool {
	return choice.Strictest != choice.Ages && due(audit.Judge(key, audit.Exemption{}, choice.Strictest, p.started))
}
