package run

import (
	"context"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/inventory"
)

// readGroups reads the members of the groups that rules name. One that cannot be
// read is a problem, and its rules may match any user.
func (p *pass) readGroups(ctx context.Context) {
	var problems []account.Problem
	p.reader.UserRules, problems = inGroups(ctx, p.IAM, p.Config.UserRules, p.Account.ID)
	p.statuses.rules = p.reader.UserRules
	for _, problem := range problems {
		p.problem(problem)
	}
}

// inGroups returns the rules as they apply in an account.
func inGroups(ctx context.Context, client inventory.GroupIAM, rules audit.UserRules, id string) (audit.UserRules, []account.Problem) {
	groups, errs := inventory.Groups(ctx, client, rules.GroupsIn(id))
	var problems []account.Problem
	for _, err := range errs {
		problems = append(problems, account.Problem{
			Text: awserr.Message(err) + "; until it can be read, users get the most lenient limits of the rules that may match them",
		})
	}
	return rules.In(id, groups), problems
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
