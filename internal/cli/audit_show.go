package cli

import (
	"errors"
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// auditPrinter shows an audit, of one account or of several.
type auditPrinter struct {
	*console
	view
	multiAccount bool
	bar          *progress
	hasState     bool // some key has a state that --fail-on names
	matches      int  // keys and other credentials that are shown
	failed       error
}

// add shows the report of one account, if those of several are shown as they
// come, and leaves of it what is shown later.
func (p *auditPrinter) add(found report.Report) report.Report {
	found = found.Only(p.filter)
	found.SortBy(p.order)
	p.hasState = p.hasState || found.HasState(p.failOn)
	p.matches += len(found.Rows) + len(found.Credentials)
	if p.multiAccount && p.streams() {
		p.bar.clear()
		fmt.Fprintln(p.stdout, found.Account)
		p.failed = errors.Join(p.failed, p.show(found, p.view))
		fmt.Fprintln(p.stdout)
		found.Rows = nil
	}
	return found
}

// streams reports whether the accounts are shown one by one.
func (p *auditPrinter) streams() bool { return p.output == "table" || p.output == "markdown" }

// conclude shows what is left to show. The error says what could not be shown or
// read.
func (p *auditPrinter) conclude(all *org.Audit) error {
	p.bar.clear()
	if !p.multiAccount {
		found := all.Accounts[0]
		return errors.Join(p.show(found, p.view), found.Err())
	}
	if err := errors.Join(p.failed, p.showAll(all)); err != nil {
		return err
	}
	if all.Totals.AccountsFailed > 0 {
		return fmt.Errorf("the audit is incomplete for %d of %s; fix the failures listed above and run the audit again", all.Totals.AccountsFailed, text.Count(all.Totals.Accounts, "account"))
	}
	return nil
}

// showAll shows what is shown of all accounts together.
func (p *auditPrinter) showAll(all *org.Audit) error {
	if p.streams() {
		fmt.Fprint(p.stdout, all.Totals)
		return nil
	}
	var failures []report.Failure
	for _, one := range all.Accounts {
		failures = append(failures, report.FailuresOf(one.Account.ID, one.Problems)...)
	}
	fmt.Fprint(p.stderr, report.Failures(failures))
	switch p.output {
	case "json":
		return report.WriteJSON(p.data, all)
	case "csv":
		return report.WriteAccountsCSV(p.data, all.Accounts)
	case "html":
		return report.WriteAccountsHTML(p.data, all.Accounts)
	case "ocsf":
		return report.WriteOCSF(p.data, thisTool(), all.Accounts...)
	}
	return report.WriteSARIF(p.data, thisTool(), all.Accounts...)
}

func (a *console) show(found report.Report, v view) error {
	fmt.Fprint(a.stderr, report.Failures(report.FailuresOf("", found.Problems)))
	switch v.output {
	case "html":
		return report.WriteHTML(a.data, found)
	case "markdown":
		return report.WriteMarkdown(a.data, found)
	case "json":
		return report.WriteJSON(a.data, found)
	case "csv":
		return report.WriteReportCSV(a.data, found)
	case "ocsf":
		return report.WriteOCSF(a.data, thisTool(), found)
	case "sarif":
		return report.WriteSARIF(a.data, thisTool(), found)
	}
	screen := a.screen()
	screen.Wide = v.wide
	return report.WriteText(a.stdout, found, screen)
}

// thisTool is what findings name as their source.
func thisTool() report.Tool { return report.Tool{Version: app.Version()} }
