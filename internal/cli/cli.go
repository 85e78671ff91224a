// Package cli is the command line: flags in, text out.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/config"
)

// The exit statuses.
const (
	exitOK         = 0
	exitIncomplete = 1 // something could not be read, done or sent
	exitUsage      = 2 // settings or usage; nothing was done
	exitFailOn     = 3 // --fail-on found what it looks for

	exitInterrupted = 130 // by Ctrl-C or SIGTERM
)

// commands is the command line.
type commands struct {
	Run        runCommand        `cmd:"" help:"Read every key, disable those that are due, and notify their owners: the daily job."`
	Audit      auditCommand      `cmd:"" help:"Read and judge only, and show every key. Never writes, never notifies."`
	Diff       diffCommand       `cmd:"" help:"Show what changed between two reports: keys, exemptions, owners, limits. Reads two files, nothing else."`
	Demo       demoCommand       `cmd:"" help:"See the whole story on an AWS inside this process: no account, no credentials, no network."`
	Check      checkCommand      `cmd:"" help:"Try what a run will need, before the first run. Changes nothing in IAM."`
	Rules      rulesCommand      `cmd:"" help:"Check the rules for kinds of users, and explain which one a user's is."`
	Config     configCommand     `cmd:"" help:"Show the settings in force, and where each came from."`
	State      stateCommand      `cmd:"" help:"Show and correct what is stored between runs."`
	Trace      traceCommand      `cmd:"" help:"Show who uses a key, from where and for what, as CloudTrail records it. Changes nothing."`
	Leaked     leakedCommand     `cmd:"" help:"Deal with keys that were found in public, at once, as SLEUTH_LEAK_RESPONSE says."`
	Reactivate reactivateCommand `cmd:"" help:"Enable keys again that a run has disabled, after showing them and asking."`
	IAMPolicy  iamPolicyCommand  `cmd:"" name:"iam-policy" help:"Print the least IAM policy that the settings need."`
	SlackUsers slackUsersCommand `cmd:"" help:"List the ids of Slack users and groups, for the Slack tag."`
	Completion completionCommand `cmd:"" help:"Print a script that completes the command line in bash, zsh or fish."`
	Man        manCommand        `cmd:"" help:"Print the manual page."`
	Version    versionCommand    `cmd:"" help:"Show the version."`
	Help       helpCommand       `cmd:"" help:"Show the help of a command."`

	ShowVersion kong.VersionFlag `name:"version" hidden:"" help:"Show the version."`
}

const description = `Sleuth keeps the access keys of an AWS account within policy.

It reads every IAM user's keys, warns their owners, on Slack, by mail or elsewhere, while there is time to rotate, disables keys at the limit, and gives a final notice. Every setting is a flag and an environment variable; a flag wins.

First steps: 'sleuth demo' shows what it does, 'sleuth audit' shows your keys and changes nothing.`

// console is what every command is given: the outside world.
type console struct {
	ctx            context.Context
	env            []string // as os.Environ returns it
	lookup         config.Lookup
	stdin          io.Reader
	stdout, stderr io.Writer // for people: lines are wrapped on a terminal
	data           io.Writer // standard output for programs
	terminal       terminal
	now            func() time.Time
}

// newConsole returns the console of a command. On a terminal, lines break
// between words.
func newConsole(ctx context.Context, env []string, stdin io.Reader, stdout, stderr io.Writer) *console {
	a := &console{ctx: ctx, env: env, lookup: config.LookupIn(env), stdin: stdin, stdout: stdout, stderr: stderr, data: stdout, now: time.Now}
	a.terminal = terminalOf(stdout, stderr, a.lookup)
	if a.terminal.stdout && a.terminal.width > 0 {
		a.stdout = &wrapping{out: stdout, width: a.terminal.width}
	}
	if a.terminal.stderr && a.terminal.width > 0 {
		a.stderr = &wrapping{out: stderr, width: a.terminal.width}
	}
	return a
}

// app makes the use cases, and prints what they print.
func (a *console) app() *app.App {
	made := &app.App{Out: a.stdout, Log: a.stderr, Now: a.now}
	if a.terminal.stderr {
		made.Terminal = &app.Terminal{Colours: a.terminal.colours}
	}
	return made
}

// interrupted reports whether the command was asked to end before it was done.
func (a *console) interrupted() bool { return a.ctx.Err() != nil }

// statusError carries an exit status other than the usual for errors. Its
// error may be nil if all was printed already.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// Main runs the command line and returns the exit status. The command ends early
// if ctx does, or at an interrupt; a second interrupt ends the process at once.
func Main(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := newConsole(ctx, env, stdin, stdout, stderr)
	command, exited, err := a.parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return a.usage(err)
	}
	return a.finish(command.Run(a))
}

// parse reads the command line into a command that can be run. Where that
// ended the program, as --help does, exited is its status, else it is -1.
func (a *console) parse(args []string) (command *kong.Context, exited int, err error) {
	exited = -1
	parser, err := kong.New(&commands{},
		kong.Name("sleuth"),
		kong.Description(description),
		kong.Writers(a.data, a.stderr),
		kong.Help(writeHelp),
		kong.Vars{"version": versionLine()},
		kong.Exit(func(status int) { exited = status }),
		kong.Resolvers(config.Resolver(a.lookup)),
		kong.ValueFormatter(config.HelpWithVariable),
		kong.ExplicitGroups(config.Groups()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return nil, -1, err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err = parser.Parse(withHyphenatedOrders(args))
	return command, exited, err
}

func (a *console) usage(err error) int {
	command := commandOf(err)
	fmt.Fprintf(a.stderr, "sleuth: %s\nsee '%s --help'\n", inOurWords(command, err.Error()), command)
	return exitUsage
}

// finish says what went wrong, and turns it into an exit status.
func (a *console) finish(err error) int {
	if err == nil {
		return exitOK
	}
	var status *statusError
	if a.interrupted() && !errors.As(err, &status) {
		fmt.Fprintln(a.stderr, "interrupted")
		return exitInterrupted
	}
	var problems config.Problems
	if errors.As(err, &problems) {
		fmt.Fprintf(a.stderr, "sleuth: %v\n", err)
		return exitUsage
	}
	if request, ok := errors.AsType[*app.RequestError](err); ok {
		err = &statusError{exitUsage, request}
	}
	if errors.As(err, &status) {
		if status.err != nil {
			fmt.Fprintf(a.stderr, "sleuth: %s\n", awserr.Message(status.err))
		}
		return status.status
	}
	fmt.Fprintf(a.stderr, "sleuth: %s\n", awserr.Message(err))
	return exitIncomplete
}
