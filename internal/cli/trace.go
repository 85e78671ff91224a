package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

// traceCommand shows who uses a key.
type traceCommand struct {
	Key             string `arg:"" help:"Id of the key."`
	Days            int    `default:"30" placeholder:"N" help:"How many days to look back, from 1 to 90. Default: 30."`
	Account         string `placeholder:"ID" help:"The key's account. Default: the one that state knows the key of, or that of the credentials."`
	Output          string `short:"o" default:"table" enum:"table,json" help:"How to show the answer: ${enum}."`
	config.Lookups  `group:"tracing"`
	config.Accounts `group:"accounts"`
	config.State    `group:"state"`
}

// Run implements the command.
func (c *traceCommand) Run(a *console) error {
	wrong := func(format string, args ...any) error { return &statusError{exitUsage, fmt.Errorf(format, args...)} }
	switch {
	case !leak.IsKeyID(c.Key):
		return wrong("%q is not a valid id of an access key, such as AKIAIOSFODNN7EXAMPLE", text.OneLine(c.Key))
	case c.Days < 1 || c.Days > trace.MaxDays:
		return wrong("--days=%d: must be a number of days from 1 to %d", c.Days, trace.MaxDays)
	case c.Account != "" && !accountID.MatchString(c.Account):
		return wrong("--account=%q: must be 12 digits", text.OneLine(c.Account))
	}
	cfg, err := config.UnknownVariables(a.env).With(config.CheckTrace(c.Accounts, c.State, c.Lookups, a.stateOnThisMachine()))
	if err != nil {
		return err
	}
	bar := a.newProgress()
	traced, err := a.app().Trace(a.ctx, cfg, app.TraceOptions{
		KeyID: c.Key, Account: c.Account, Days: c.Days,
		Progress: func(done, regions, calls int) {
			bar.say(func(since time.Duration) string {
				return fmt.Sprintf("looking up: %d of %s, %s found, %d s", done, text.Count(regions, "region"), text.Count(calls, "call"), int(since.Seconds()))
			})
		},
	})
	bar.clear()
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = report.WriteJSON(a.data, traced)
	} else {
		writeTraced(a.stdout, traced, c.Days)
	}
	if err == nil && traced.Err() != nil {
		return &statusError{status: exitIncomplete}
	}
	return err
}

// writeTraced writes the answer for people.
func writeTraced(out io.Writer, t *app.Traced, days int) {
	fmt.Fprintln(out, describeKey(t))
	if t.Status != "" {
		fmt.Fprintln(out, lastUseOf(t))
		fmt.Fprintln(out, t.Console)
	}
	if t.Disabled != nil {
		fmt.Fprintf(out, "Sleuth disabled it on %s. A disabled key leaves no further trace.\n", text.Date(*t.Disabled))
	}
	fmt.Fprintln(out)
	writeUses(out, t.Uses)
	if t.Earlier != nil && len(t.Earlier.Callers) > 0 && t.Earlier.Since.Before(t.At.AddDate(0, 0, -days)) {
		fmt.Fprintln(out, "A run looked further back:")
		writeUses(out, *t.Earlier)
	}
	fmt.Fprintln(out, callers.Blind)
	for _, problem := range t.Problems {
		fmt.Fprintf(out, "failed: %s\n", text.OneLine(problem.Text))
	}
}

func describeKey(t *app.Traced) string {
	if t.Status == "" {
		of := ""
		if t.User != "" {
			of = ", which was that of user " + text.OneLine(t.User) + ","
		}
		return fmt.Sprintf("%s has no key %s%s now.", t.Account, t.KeyID, of)
	}
	description := ""
	if t.Description != "" {
		description = fmt.Sprintf(" (%q)", text.OneLine(t.Description))
	}
	return fmt.Sprintf("Key %s%s of user %s in %s is %s.", t.KeyID, description, text.OneLine(t.User), t.Account, t.Status)
}

func lastUseOf(t *app.Traced) string {
	said := "It was created on " + text.Date(*t.Created)
	switch {
	case t.LastUsed != nil:
		with := ""
		if t.Service != "" {
			with = fmt.Sprintf(" (%s, %s)", text.OneLine(t.Service), text.OneLine(t.Region))
		}
		return said + " and last used on " + text.Date(*t.LastUsed) + with + "."
	case t.Status == audit.Active || t.Status == audit.Inactive:
		return said + " and was never used."
	}
	return said + "."
}

// writeUses writes the callers, a paragraph each.
func writeUses(out io.Writer, u callers.Uses) {
	fmt.Fprintln(out, u.Heading())
	fmt.Fprintln(out)
	for _, c := range u.Callers {
		fmt.Fprintf(out, "%s\n", text.OneLine(callerTitle(c)))
		fmt.Fprintf(out, "    %s\n", callsAndTimes(c, u.More))
		for _, line := range actionLines(c) {
			fmt.Fprintf(out, "    %s\n", text.OneLine(line))
		}
		if advice := c.Advice(); advice != "" {
			fmt.Fprintf(out, "    %s\n", advice)
		}
		fmt.Fprintln(out)
	}
	if rest := u.Remainder(); rest != "" {
		fmt.Fprintf(out, "Not shown: %s.\n\n", rest)
	}
	if len(u.Unread) > 0 {
		fmt.Fprintf(out, "Not looked up: %s.\n\n", strings.Join(u.Unread, ", "))
	}
}

// callsAndTimes says how often a caller called and when; more says that there are
// older calls that were not counted.
func callsAndTimes(c callers.Caller, more bool) string {
	said := text.Count(c.Calls, "call")
	if more {
		said = "at least " + said
	}
	if c.First.Equal(c.Last) {
		return said + " on " + text.Date(c.Last)
	}
	return said + ", first on " + text.Date(c.First) + ", last on " + text.Date(c.Last)
}

func callerTitle(c callers.Caller) string {
	if c.Place == callers.Service {
		return c.Client
	}
	return c.Client + " from " + c.Source
}

// actionLines are what a caller did, a line each.
func actionLines(c callers.Caller) []string {
	const most = 10
	var lines []string
	for i, a := range c.Actions {
		if i == most {
			lines = append(lines, text.Count(len(c.Actions)-most+c.OtherActions, "other action"))
			break
		}
		line := fmt.Sprintf("%s: %s", a.Name, text.Count(a.Calls, "call"))
		if a.Error != "" {
			line += ", refused with " + a.Error
		}
		lines = append(lines, line)
	}
	return lines
}
