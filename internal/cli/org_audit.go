package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// audited is the report of one account, and whether it could be entered.
type audited struct {
	report.Report
	entered bool
}

// overAccounts audits every account of the scope, and shows the keys of each.
func (c *auditCommand) overAccounts(a *app, cfg config.Config, shown view) error {
	began := a.now().UTC()
	log := a.logger(cfg.Debug)
	covered, err := a.organizationOf(a.ctx, cfg, runID(began))
	if err != nil {
		return err
	}
	all := org.NewAudit(covered.members, began)
	failOn := false
	var failed error
	org.Each(a.ctx, covered.members.Accounts, cfg.Scope.Concurrency,
		func(ctx context.Context, account string) audited {
			inside, _, identity, err := covered.enter(ctx, account, log)
			if err != nil {
				return audited{org.NotAudited(account, report.Rules(cfg.Rules), began, err), false}
			}
			found, _ := a.auditOf(ctx, inside, identity, cfg, shown, nil) // the report has its problems
			return audited{found, true}
		},
		func(_ string, one audited) {
			failOn = failOn || one.HasState(shown.failOn)
			if shown.output == "table" || shown.output == "markdown" { // as they come
				fmt.Fprintln(a.stdout, one.Account)
				failed = errors.Join(failed, a.show(one.Report, shown.output))
				fmt.Fprintln(a.stdout)
				one.Rows = nil
			}
			all.Add(one.Report, one.entered)
		})
	return c.concluded(a, all, shown, failOn, failed)
}

// concluded shows what is shown of all accounts together.
func (c *auditCommand) concluded(a *app, all *org.Audit, shown view, failOn bool, failed error) error {
	switch shown.output {
	case "json":
		failed = report.WriteJSON(a.stdout, all)
	case "csv":
		failed = report.WriteAccountsCSV(a.stdout, all.Accounts)
	case "html":
		failed = report.WriteAccountsHTML(a.stdout, all.Accounts)
	case "ocsf":
		failed = report.WriteOCSF(a.stdout, thisTool(), all.Accounts...)
	case "sarif":
		failed = report.WriteSARIF(a.stdout, thisTool(), all.Accounts...)
	default:
		fmt.Fprint(a.stdout, all.Totals)
	}
	if shown.output != "table" && shown.output != "markdown" { // which have said so
		for _, one := range all.Accounts {
			for _, problem := range one.Problems {
				fmt.Fprintf(a.stderr, "failed: %s: %s\n", one.Account.ID, problem.Text)
			}
		}
	}
	switch {
	case failed != nil:
		return failed
	case all.Totals.NotWhole > 0:
		return fmt.Errorf("the audit is not whole: %d of %s; mend what is named as failed, and audit again", all.Totals.NotWhole, text.Count(all.Totals.Accounts, "account"))
	case failOn:
		return &statusError{exitFailOn, fmt.Errorf("some keys are in a state that --fail-on names (%s); the report shows which", c.FailOn)}
	}
	return nil
}
