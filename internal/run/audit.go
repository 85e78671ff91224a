package run

import (
	"context"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// Auditor reads and judges. It has nothing to write or send with.
type Auditor struct {
	Reader     inventory.Reader // Now, Rules and RuleIAM set
	Account    account.Account
	Exemptions audit.ExemptionRules
	Settings   audit.Limits // of users whom no rule matches
	// RuleErrs say what could not be read that rules depend on; see Runner.
	RuleErrs []error
	// Explain is called for each user with the rules in the account, and the limits
	// that they give; may be nil.
	Explain func(audit.User, audit.UserRules, audit.Limits)
	// OtherCredentials reads the credentials other than users' access keys; nil leaves
	// them out.
	OtherCredentials *inventory.CredentialReport
	// Forecast says that Now is a moment to come, of which nothing is said of pairs: a
	// key may be used until then.
	Forecast bool
	// APIKeys lists service-specific credentials; nil leaves them out.
	APIKeys inventory.APIKeyIAM
	// Risk reads what users may do; nil leaves it out.
	Risk inventory.BulkIAM
	// Progress is called after each user read; may be nil.
	Progress func(users int)
}

// Audit reads every user and key and judges them. The report is complete except for
// its Problems, which the error sums up.
func (a Auditor) Audit(ctx context.Context) (report.Report, error) {
	found := report.New(a.Account, a.Reader.Now, report.Rules(a.Reader.Rules))
	rules, errs := inGroups(ctx, a.Reader.RuleIAM, a.Reader.UserRules, a.Account.ID, a.RuleErrs)
	a.Reader.UserRules = rules
	var said ruleProblems
	for _, err := range errs {
		found.Problems = append(found.Problems, said.of(err)...)
	}
	addOthers, addRisk := StartCredentialReport(ctx, a.OtherCredentials), StartRisk(ctx, a.Risk)
	addAPIKeys := StartAPIKeys(ctx, a.APIKeys, a.Reader.Now)
	a.Reader.Everything = true
	err := a.Reader.Read(ctx, func(s inventory.UserKeys) {
		found.Users++
		if s.Err != nil {
			found.Problems = append(found.Problems, account.Problem{User: s.User.Name, Text: awserr.Message(s.Err)})
		}
		found.Problems = append(found.Problems, said.of(s.RuleErr)...)
		limits := a.Reader.UserRules.Choose(s.User, s.TagsRead, a.Settings).Limits
		if a.Explain != nil && s.Err == nil {
			a.Explain(s.User, a.Reader.UserRules, limits)
		}
		for _, key := range s.Keys {
			if key.Err != nil {
				found.Problems = append(found.Problems, account.Problem{User: s.User.Name, KeyID: key.ID, Text: awserr.Message(key.Err)})
				continue
			}
			v := limits.Judge(s.User, key.Key, a.Exemptions, a.Reader.Now)
			found.Count(v)
			row := report.RowOf(s.User, key.Key, v)
			if pair, ok := s.PairOf(key.Key); ok && !a.Forecast {
				row.ShowPair(pair, a.Reader.Now)
			}
			found.Rows = append(found.Rows, row)
		}
		if a.Progress != nil {
			a.Progress(found.Users)
		}
	})
	if err != nil {
		found.Problems = append(found.Problems, account.Problem{Text: fmt.Sprintf("%s; users after the first %d were not seen", awserr.Message(err), found.Users)})
	}
	found.NoteLastUses()
	addRisk(&found)
	addOthers(&found)
	addAPIKeys(&found)
	found.Sort()
	return found, found.Err()
}
