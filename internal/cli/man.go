package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/config"
)

// manCommand prints the manual page, made from the same declarations as the
// help.
type manCommand struct{}

// Run implements the command.
func (c *manCommand) Run(a *console, command *kong.Context) error {
	return writeMan(a.data, command.Model.Node)
}

// writeMan writes the manual page in roff's man macros:
// https://man7.org/linux/man-pages/man7/groff_man.7.html
func writeMan(w io.Writer, root *kong.Node) error {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }

	line(`.TH SLEUTH 1 "" "sleuth" "User Commands"`)
	line(".nh\n.ad l") // an option's name must not break at a hyphen of ours or roff's
	line(".SH NAME\nsleuth \\- keep the access keys of an AWS account within policy")
	line(".SH SYNOPSIS\n.B sleuth\n.I command\n.RI [ options ]")
	line(".SH DESCRIPTION")
	for i, paragraph := range strings.Split(description, "\n\n") {
		if i > 0 {
			line(".PP")
		}
		line("%s", roff(paragraph))
	}
	line(".SH COMMANDS")
	settings := map[string]*kong.Flag{}
	for _, command := range leaves(root) {
		line(".SS %s", roff(usageOf(command)))
		g := guideOf(pathOf(command))
		line("%s\n.PP\n%s", roff(g.when), roff(command.Help))
		for _, argument := range command.Positional {
			line(".TP\n.I %s\n%s", roff(argument.Name), roff(argument.Help))
		}
		var taken []string
		for _, flag := range command.Flags {
			switch {
			case flag.Hidden:
			case flag.Tag.Get("setting") != "":
				taken = append(taken, "--"+flag.Name)
				settings[flag.Name] = flag
			default:
				line(".TP\n%s\n%s", flagInRoff(flag), roff(flag.Help))
			}
		}
		if len(taken) > 0 {
			line(".PP\n%s", roff("Settings that it takes: "+strings.Join(taken, ", ")+"."))
		}
		for _, e := range g.examples {
			line(".PP\n%s:\n.PP\n.nf\n.RS\n%s\n.RE\n.fi", roff(e.does), roff(e.line))
		}
	}
	line(".SH SETTINGS")
	line("%s", roff("Every setting is a flag and an environment variable, which stands after a dollar sign; a flag wins."))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		line(".TP\n%s\n%s", flagInRoff(settings[name]), roff(config.HelpWithVariable(settings[name].Value)))
	}
	line(".SH EXIT STATUS")
	for _, status := range exitStatuses() {
		line(".TP\n.B %d\n%s", status.code, roff(status.meaning))
	}
	line(".SH ENVIRONMENT")
	line("%s", roff("The settings above, and the AWS SDK's own variables, such as AWS_PROFILE and AWS_REGION, which say what account is meant."))
	for _, variable := range environmentForPeople() {
		line(".TP\n.B %s\n%s", variable[0], roff(variable[1]))
	}
	line(".SH DOCUMENTATION\n%s", roff(documentation+"README.md"))
	_, err := io.WriteString(w, out.String())
	return err
}

type exitStatus struct {
	code    int
	meaning string
}

func exitStatuses() []exitStatus {
	return []exitStatus{
		{exitOK, "Everything was read, done and sent."},
		{exitIncomplete, "Something could not be read, done or sent; what, was said."},
		{exitUsage, "Settings or usage are wrong; nothing was done."},
		{exitFailOn, "A key has a state that --fail-on names."},
		{exitInterrupted, "It was interrupted; what it had done was said."},
	}
}

func environmentForPeople() [][2]string {
	return [][2]string{
		{"COLUMNS", "How wide a table may be, where it is shown on a terminal."},
		{"NO_COLOR", "Where it is set, no colours are used."},
	}
}

// leaves are the commands that can be run.
func leaves(node *kong.Node) (commands []*kong.Node) {
	if len(node.Children) == 0 {
		return []*kong.Node{node}
	}
	for _, child := range node.Children {
		if !child.Hidden {
			commands = append(commands, leaves(child)...)
		}
	}
	return commands
}

func usageOf(command *kong.Node) string {
	usage := "sleuth " + pathOf(command)
	for _, argument := range command.Positional {
		usage += " " + argument.Summary()
	}
	return usage
}

func flagInRoff(flag *kong.Flag) string {
	long := "--" + flag.Name
	if flag.Short != 0 {
		long = "-" + string(flag.Short) + ", " + long
	}
	if flag.IsBool() {
		return ".B " + roff(long)
	}
	return `.BR "` + roff(long) + `" = ` + `"\fI` + roff(flag.FormatPlaceHolder()) + `\fR"`
}

// roff keeps text from being taken as requests, and hyphens as hyphens.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`).Replace(strings.Join(strings.Fields(text), " "))
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
