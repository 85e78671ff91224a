package app

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// AuditOptions say how an audit is made.
type AuditOptions struct {
	// AsOf is the moment to come that keys are evaluated at; zero is now.
	AsOf time.Time
	// Since is the evidence that keys are compared with; its zero value is none.
	Since config.Evidence
	// Progress is called as the reading goes on, one call at a time; may be nil.
	Progress func(Progress)
	// Each is called with the report of each account, in the order of the
	// accounts and one at a time. What it returns is kept in the audit.
	Each func(report.Report) report.Report
	// Only is the one user to read; empty for all. Explain is called with each
	// user, the rules in the account and the limits that they give; may be nil.
	Only    string
	Explain func(audit.User, audit.UserRules, audit.Limits)
}

// Audit reads and evaluates the keys of every account that the settings cover.
// It writes and sends nothing. What could not be read is in the reports.
func (a *App) Audit(ctx context.Context, cfg config.Config, o AuditOptions) (*org.Audit, error) {
	began := a.Now().UTC()
	log := a.Logger(cfg.Log)
	e, err := a.connectHome(ctx, cfg, runID(began))
	if err != nil {
		return nil, err
	}
	if cfg, err = withRules(ctx, cfg, e.home.aws); err != nil {
		return nil, err
	}
	members, err := e.members(ctx)
	if err != nil {
		return nil, err
	}
	var ruleErrs []error
	cfg.UserRules, ruleErrs = unitsOfRules(ctx, cfg.UserRules, e.home.aws)
	type audited struct {
		report.Report
		entered bool
	}
	since := archiveOf(o.Since, e.home.aws)
	all := org.NewAudit(members, began)
	read := newProgress(len(members.Accounts), o.Progress)
	org.ForEachAccount(ctx, members.Accounts, cfg.Scope.Concurrency,
		func(ctx context.Context, account string) audited {
			m, err := e.enter(ctx, account, log)
			if err != nil {
				return audited{org.NotAudited(e.account(account), report.Rules(cfg.Rules), began, err), false}
			}
			found := a.auditOf(ctx, m, cfg, ruleErrs, o, read)
			compare(ctx, since, &found)
			return audited{found, true}
		},
		func(_ string, one audited) {
			read.accountDone()
			all.Add(o.Each(one.Report), one.entered)
		})
	return all, nil
}

// auditOf reads and evaluates the keys of an account that we are connected to.
func (a *App) auditOf(ctx context.Context, m member, cfg config.Config, ruleErrs []error, o AuditOptions, read *progress) report.Report {
	now := a.Now().UTC()
	client := awsclient.NewIAM(m.aws)
	found, _ := sleuth.Auditor{
		Account:          m.Account,
		Exemptions:       cfg.Exemptions,
		Settings:         cfg.Limits(),
		RuleErrs:         ruleErrs,
		Progress:         read.userRead,
		Explain:          o.Explain,
		Forecast:         !o.AsOf.IsZero(),
		OtherCredentials: otherCredentials(cfg, client),
		APIKeys:          apiKeys(cfg, client),
		Risk:             policies(cfg, client),
		Reader: inventory.Reader{
			IAM:         client,
			Bulk:        client,
			LastUses:    lastUses(client, slog.New(slog.DiscardHandler)),
			Concurrency: cfg.Concurrency,
			Rules:       cfg.Rules,
			UserRules:   cfg.UserRules,
			RuleIAM:     client,
			Only:        o.Only,
			Now:         cmp.Or(o.AsOf, now),
		},
	}.Audit(ctx) // the report has its problems
	if !o.AsOf.IsZero() {
		found.Forecast = report.NewForecast(now)
	}
	return found
}
