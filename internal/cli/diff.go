package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// diffCommand compares two reports. It reads nothing else and takes no settings.
type diffCommand struct {
	Old    string `arg:"" help:"The older report: the JSON of an audit, or the evidence of a run."`
	New    string `arg:"" help:"The newer report, of the same account or accounts."`
	Output string `short:"o" default:"text" enum:"text,markdown,json" help:"How to show the changes: ${enum}."`
	FailOn string `placeholder:"KIND,..." complete:"new,rotated,disabled,enabled,deleted,exemption_given,exemption_ended,owner_changed,rule_changed,limits_changed" help:"Exit with status 3 if there is a change of one of these kinds: new, rotated, disabled, enabled, deleted, exemption_given, exemption_ended, owner_changed, rule_changed, limits_changed."`
}

// Run implements the command.
func (c *diffCommand) Run(a *console) error {
	failOn, err := changes.ParseKinds(c.FailOn)
	if err != nil {
		return &statusError{exitUsage, fmt.Errorf("--fail-on=%w", err)}
	}
	before, errBefore := readReport(c.Old)
	after, errAfter := readReport(c.New)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return &statusError{exitUsage, err}
	}
	found, err := changes.Compare(before, after)
	if err != nil {
		return &statusError{exitUsage, fmt.Errorf("compare %s and %s: %w", text.OneLine(c.Old), text.OneLine(c.New), err)}
	}
	if err := a.showDiff(found, c.Output); err != nil {
		return err
	}
	if n := found.Unclear(); n > 0 {
		return fmt.Errorf("%s could not be compared, as a report is incomplete", text.Count(n, "key"))
	}
	if found.Has(failOn) {
		return &statusError{exitFailOn, fmt.Errorf("there are changes that --fail-on names (%s)", c.FailOn)}
	}
	return nil
}

func (a *console) showDiff(found *changes.Diff, output string) error {
	switch output {
	case "json":
		return report.WriteJSON(a.data, found)
	case "markdown":
		return report.WriteDiffMarkdown(a.data, found)
	}
	return report.WriteDiffText(a.stdout, found, a.screen())
}

// readReport reads a report from a file.
func readReport(name string) (changes.Document, error) {
	file, err := os.Open(name)
	if err != nil {
		return changes.Document{}, fmt.Errorf("read report: %w", err)
	}
	defer func() { _ = file.Close() }()
	found, err := changes.Read(file)
	if err != nil {
		return changes.Document{}, fmt.Errorf("read report %s: %w", text.OneLine(name), err)
	}
	return found, nil
}
