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
	Reader     inventory.Reader // Now and Rules set
	Account    account.Account
	Exemptions audit.ExemptionRules
	// OtherCredentials reads the credentials other than users' access keys; nil leaves
	// them out.
	OtherCredentials *inventory.CredentialReport
	// Forecast says that Now is a moment to come, of which nothing is said of pairs: a
	// key may be used until then.
	Forecast bool
	// Risk reads what users may do; nil leaves it out.
	Risk inventory.BulkIAM
	// Progress is called after each user read; may be nil.
	Progress func(users int)
}

// Audit reads every user and key and judges them. The report is complete except for
// its Problems, which the error sums up.
func (a Auditor) Audit(ctx context.Context) (report.Report, error) {
	rules := a.Reader.Rules
	found := report.New(a.Account, a.Reader.Now, report.Rules(rules))
	addOthers, addRisk := StartCredentialReport(ctx, a.OtherCredentials), StartRisk(ctx, a.Risk)
	a.Reader.Everything = true
	err := a.Reader.Read(ctx, func(s inventory.UserKeys) {
		found.Users++
		if s.Err != nil {
			found.Problems = append(found.Problems, account.Problem{User: s.User.Name, Text: awserr.Message(s.Err)})
		}
		for _, key := range s.Keys {
			if key.Err != nil {
				found.Problems = append(found.Problems, account.Problem{User: s.User.Name, KeyID: key.ID, Text: awserr.Message(key.Err)})
				continue
			}
			v := audit.Judge(key.Key, audit.ExemptionOf(s.User, key.ID).Apply(a.Exemptions, a.Reader.Now), rules, a.Reader.Now)
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
	found.Sort()
	return found, found.Err()
}
