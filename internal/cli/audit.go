package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// auditCommand reads and judges, and can do nothing else: it takes none of the
// settings that write or notify.
type auditCommand struct {
	config.Limits     `group:"limits"`
	config.Exemptions `group:"exemptions"`
	config.Inventory  `group:"inventory"`
	config.Accounts   `group:"accounts"`
	config.Logging    `group:"logging"`

	Output   string   `short:"o" default:"table" enum:"table,html,markdown,json,csv,ocsf,sarif" help:"How to show the keys: ${enum}. html is one file that needs nothing else; ocsf and sarif are findings, for security tools and code-scanning pages."`
	Wide     bool     `short:"w" help:"With the output table: also show what each key was last used with, its description and its page in the IAM console."`
	User     []string `sep:"none" placeholder:"NAME|GLOB" help:"Show only keys of these users. May be given several times."`
	Status   []string `sep:"none" placeholder:"STATE,..." complete:"good,stagnant,old,stagnant_expire,expire,disabled" help:"Show only keys in these states: good, stagnant, old, stagnant_expire, expire, disabled."`
	DaysLeft string   `placeholder:"N" help:"Show only keys that reach a limit within this many days, and those that have."`
	Sort     string   `placeholder:"ORDER" complete:"user,age,last-used,days-left,risk,state,-user,-age,-last-used,-days-left,-risk,-state" help:"Sort by user, age, last-used, days-left, risk (with --risk, the gravest first) or state; --sort=-age for the reverse. Default: user; in html and markdown, days-left."`
	AsOf     string   `placeholder:"DATE|+Nd" help:"Forecast: judge the keys as of a day to come, such as 2027-01-15 or +30d, if none is used or rotated meanwhile."`
	Since    string   `placeholder:"s3://BUCKET/PREFIX|file:DIR" help:"Also show what changed since the newest evidence of the account here and, in html, twelve months of trend. Compares all keys, whichever are shown."`
	FailOn   string   `placeholder:"KIND,..." complete:"good,stagnant,old,stagnant_expire,expire,disabled" help:"Exit with status 3 if a key that is shown has one of these states."`
}

// view is how the audit is to be shown, once checked.
type view struct {
	output string
	wide   bool
	filter report.Filter
	order  report.Order
	asOf   time.Time // zero for now
	since  config.Evidence
	failOn []audit.State
}

// Run implements the command.
func (c *auditCommand) Run(a *console) error {
	now := a.now().UTC()
	cfg, settingsErr := config.UnknownVariables(a.env).With(config.CheckLimits(c.Accounts, c.Limits, c.Exemptions, c.Inventory, c.Logging))
	shown, err := c.view(now)
	if settingsErr == nil && err == nil && shown.order.ByRisk() && !cfg.Risk {
		err = errors.New("--sort=risk needs to know what users may do; add --risk")
	}
	if err := errors.Join(settingsErr, err); err != nil {
		return &statusError{exitUsage, err}
	}
	p := &auditPrinter{console: a, view: shown, multiAccount: cfg.Scope.Several()}
	options := app.AuditOptions{AsOf: shown.asOf, Since: shown.since, Each: p.add}
	p.bar = a.newProgress()
	options.Progress = p.bar.show
	all, err := a.app().Audit(a.ctx, cfg, options)
	if err != nil {
		return err
	}
	if a.interrupted() {
		p.bar.clear()
		fmt.Fprintf(a.stderr, "interrupted: %s read; run again\n", text.Count(all.Totals.Users, "user"))
		return &statusError{status: exitInterrupted}
	}
	if err := p.conclude(all); err != nil {
		return err
	}
	if asked := c.asked(); asked != "" && p.matches == 0 {
		return c.noMatch(a, asked)
	}
	if p.hasState {
		return &statusError{exitFailOn, fmt.Errorf("some keys are in a state that --fail-on names (%s); the report shows which", c.FailOn)}
	}
	return nil
}

// asked is which keys the command line asks for, by user or state.
func (c *auditCommand) asked() string {
	var asked []string
	for _, glob := range c.User {
		asked = append(asked, "--user="+glob)
	}
	for _, states := range c.Status {
		asked = append(asked, "--status="+states)
	}
	return strings.Join(asked, " ")
}

// noMatch says that there is no such key, which with --fail-on is an error: what
// was to be watched may be misspelt.
func (c *auditCommand) noMatch(a *console, asked string) error {
	err := fmt.Errorf("no key matches %s", text.OneLine(asked))
	if c.FailOn != "" {
		return &statusError{exitIncomplete, fmt.Errorf("%w, so that --fail-on has nothing to look at; check the spelling", err)}
	}
	fmt.Fprintln(a.stderr, err)
	return nil
}

// view checks how the audit is to be shown, and names all that is wrong.
func (c *auditCommand) view(now time.Time) (view, error) {
	shown := view{output: c.Output, wide: c.Wide, filter: report.Filter{Users: c.User}}
	var problems []error
	wrong := func(flag string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("--%s=%w", flag, err))
		}
	}
	var err error
	for _, glob := range c.User {
		wrong("user", report.CheckUserGlob(glob))
	}
	shown.filter.States, err = parseStates(c.Status...)
	wrong("status", err)
	shown.failOn, err = parseStates(c.FailOn)
	wrong("fail-on", err)
	if c.DaysLeft != "" {
		days, err := strconv.Atoi(c.DaysLeft)
		if err != nil {
			wrong("days-left", fmt.Errorf("%q is not a whole number of days; use one such as 14", c.DaysLeft))
		}
		shown.filter.DaysLeft = &days
	}
	if shown.output == "html" || shown.output == "markdown" {
		shown.order = report.MostUrgent()
	}
	if c.Sort != "" {
		shown.order, err = report.ParseOrder(c.Sort)
		wrong("sort", err)
	}
	if c.AsOf != "" {
		shown.asOf, err = report.ParseAsOf(c.AsOf, now)
		wrong("as-of", err)
	}
	if c.Since != "" {
		shown.since, err = config.ParseEvidence(c.Since)
		if err != nil {
			err = fmt.Errorf("%q: %w", c.Since, err)
		} else if c.AsOf != "" {
			err = fmt.Errorf("%q compares with the keys as they are now, and --as-of asks for a forecast; leave one out", c.Since)
		}
		wrong("since", err)
	}
	return shown, errors.Join(problems...)
}

// parseStates reads lists of states, separated by commas.
func parseStates(lists ...string) ([]audit.State, error) {
	var states []audit.State
	for _, list := range lists {
		if strings.TrimSpace(list) == "" {
			continue
		}
		for name := range strings.SplitSeq(list, ",") {
			state, known := audit.ParseState(strings.TrimSpace(name))
			if !known {
				return nil, fmt.Errorf("%q: %q is not a state; use good, stagnant, old, stagnant_expire, expire or disabled, separated by commas", list, name)
			}
			states = append(states, state)
		}
	}
	return states, nil
}
