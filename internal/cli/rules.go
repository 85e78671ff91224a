package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// rulesCommand is about the rules for kinds of users.
type rulesCommand struct {
	Check   rulesCheckCommand   `cmd:"" help:"Check rules without calling AWS: exit status 2 if they cannot be used, and a warning for each rule that one before it hides."`
	Explain rulesExplainCommand `cmd:"" help:"Show which rule a user's keys are held to, why, and when each key reaches its limits. Reads only."`
}

type rulesCheckCommand struct {
	config.Limits `group:"limits"`

	File string `arg:"" optional:"" help:"The file to check. Default: SLEUTH_RULES."`
}

// Run implements the command.
func (c *rulesCheckCommand) Run(a *console) error {
	if c.File != "" {
		c.UserRules = c.File
	}
	cfg, err := config.UnknownVariables(a.env).With(config.CheckRules(c.Limits))
	if err != nil {
		return &statusError{exitUsage, err}
	}
	if !cfg.RulesFrom.IsSet() {
		return &statusError{exitUsage, errors.New("there are no rules to check: name a file, or set SLEUTH_RULES")}
	}
	unreachable := cfg.UserRules.Unreachable()
	for _, name := range slices.Sorted(maps.Keys(unreachable)) {
		fmt.Fprintf(a.stderr, "warning: rule %s can never match: rule %s, which comes before it, matches every user that it does\n", name, unreachable[name])
	}
	fmt.Fprintf(a.stdout, "%s can be used: %s\n", cfg.RulesFrom, text.Count(len(cfg.UserRules.Rules), "rule"))
	return nil
}

type rulesExplainCommand struct {
	config.Limits     `group:"limits"`
	config.Exemptions `group:"exemptions"`
	config.Inventory  `group:"inventory"`
	config.Accounts   `group:"accounts"`
	config.Logging    `group:"logging"`

	User string `arg:"" help:"The user's name."`
}

// Run implements the command.
func (c *rulesExplainCommand) Run(a *console) error {
	cfg, err := config.UnknownVariables(a.env).With(config.CheckLimits(c.Accounts, c.Limits, c.Exemptions, c.Inventory, c.Logging))
	if err != nil {
		return &statusError{exitUsage, err}
	}
	cfg.OtherCredentials = false
	var mu sync.Mutex // guards explained: accounts are read side by side
	explained := map[string]string{}
	var problems []account.Problem
	_, err = a.app().Audit(a.ctx, cfg, app.AuditOptions{
		Only: c.User,
		Explain: func(user audit.User, rules audit.UserRules, limits audit.Limits) {
			mu.Lock()
			defer mu.Unlock()
			explained[rules.Account] = explain(user, rules, limits)
		},
		Each: func(r report.Report) report.Report {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprint(a.stdout, explained[r.Account.ID], datesOf(r))
			problems = append(problems, r.Problems...)
			return r
		},
	})
	if err != nil {
		return err
	}
	for _, problem := range problems {
		fmt.Fprintf(a.stderr, "sleuth: %s\n", problem.Text)
	}
	switch {
	case len(problems) > 0:
		return &statusError{status: exitIncomplete}
	case len(explained) == 0:
		return fmt.Errorf("there is no user %s in the accounts that the settings cover", c.User)
	}
	return nil
}

// explain says which limits a user has, and why.
func explain(user audit.User, rules audit.UserRules, limits audit.Limits) string {
	days := func(n int) string { return text.Count(n, "day") }
	ages := limits.Ages
	lines := []string{fmt.Sprintf("user %s in account %s: limits of %s", text.OneLine(user.Name), rules.Account, limits)}
	for _, line := range rules.Explain(user) {
		lines = append(lines, "  "+line)
	}
	lines = append(lines, fmt.Sprintf("  by creation: warned from %s, limit %s; by last use: warned from %s, limit %s",
		days(ages.WarningAge), days(ages.ExpirationAge), days(ages.InactivityWarningAge), days(ages.InactivityAge)))
	if limits.MinNoticeDays > 0 {
		lines = append(lines, fmt.Sprintf("  no key is disabled before %s after a delivered warning", days(limits.MinNoticeDays)))
	}
	return strings.Join(lines, "\n") + "\n"
}

// datesOf says when each key reaches its limits.
func datesOf(r report.Report) string {
	var lines strings.Builder
	for _, row := range r.Rows {
		exempt := ""
		if row.Exempt {
			exempt = "; exempt"
		}
		fmt.Fprintf(&lines, "  key %s: %s%s; limit by creation %s, by last use %s\n", row.KeyID, row.State, exempt, text.Date(row.ExpiresAt), text.Date(row.IdleLimitAt))
	}
	return lines.String()
}
