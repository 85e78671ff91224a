package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/cloud"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// auditCommand reads and judges, and can do nothing else: it takes none of the
// settings that write or notify.
type auditCommand struct {
	config.Limits  `group:"limits"`
	config.Reading `group:"reading"`
	config.Logging `group:"logging"`

	Output string `short:"o" default:"table" enum:"table,json,csv" help:"How to show the keys: ${enum}."`
	FailOn string `placeholder:"STATE,..." help:"Exit with status 3 where a key has one of these states: good, stagnant, old, stagnant_expire, expire, disabled."`
}

// Run implements the command.
func (c *auditCommand) Run(a *app) error {
	cfg, settingsErr := config.CheckLimits(c.Limits, c.Reading, c.Logging)
	failOn, err := parseStates(c.FailOn)
	if err := errors.Join(settingsErr, err); err != nil {
		return &statusError{exitUsage, err}
	}
	aws, err := cloud.Connect(a.ctx, cfg.Concurrency)
	if err != nil {
		return err
	}
	identity, _, err := cloud.Identify(a.ctx, aws)
	if err != nil {
		return err
	}
	bar := newProgress(a.stderr, a.now)
	found, err := sleuth.Auditor{
		Account:  identity.Account,
		Progress: bar.show,
		Reader: inventory.Reader{
			IAM:         iam.NewFromConfig(aws),
			Concurrency: cfg.Concurrency,
			Rules:       cfg.Rules,
			Now:         a.now().UTC(),
		},
	}.Audit(a.ctx)
	bar.clear()
	if err := errors.Join(a.show(found, c.Output), err); err != nil {
		return err
	}
	if found.HasState(failOn) {
		return &statusError{exitFailOn, fmt.Errorf("some keys are in a state that --fail-on names (%s)", c.FailOn)}
	}
	return nil
}

func (a *app) show(found report.Report, output string) error {
	for _, problem := range found.Problems {
		fmt.Fprintf(a.stderr, "failed: %s\n", problem.Text)
	}
	switch output {
	case "json":
		return report.WriteJSON(a.stdout, found)
	case "csv":
		return report.WriteCSV(a.stdout, found.Rows)
	}
	if err := report.WriteTable(a.stdout, found.Rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %s\n", found.Account, found.Tally)
	return err
}

func parseStates(list string) ([]audit.State, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var states []audit.State
	for name := range strings.SplitSeq(list, ",") {
		state, known := audit.ParseState(strings.TrimSpace(name))
		if !known {
			return nil, fmt.Errorf("--fail-on=%q: %q is no state; use good, stagnant, old, stagnant_expire, expire or disabled, separated by commas", list, name)
		}
		states = append(states, state)
	}
	return states, nil
}
