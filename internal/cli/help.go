package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// helpCommand shows the help of a command, as its flag --help does.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command, such as audit, or state list."`
}

// Run implements the command.
func (c *helpCommand) Run(a *console) error {
	_, exited, err := a.parse(append(c.Command, "--help"))
	if exited == exitOK { // kong goes on after the help, and then misses a command
		return nil
	}
	return &statusError{status: a.usage(err)}
}

// documentation is where the pages in docs/ are.
const documentation = "https://github.com/iam-sleuth/sleuth/blob/main/docs/"

// guide is what a command's help says beside its flags.
type guide struct {
	when     string // to use the command, in a sentence
	examples []example
	page     string // in docs/
}

// example is a command line, and what it is for.
type example struct{ does, line string }

// guideOf is the guide to the command at a path, such as "state list".
func guideOf(path string) guide {
	switch path {
	case "run":
		return guide{"Use it once a day, from a schedule; try it with --dry-run first.", []example{
			{"See what would be done", "SLACK_URL=test sleuth run --dry-run"},
			{"Warn in Slack, and disable nothing", "SLACK_URL=ssm:/sleuth/slack-url sleuth run"},
			{"Disable what is due as well, at most ten keys", "sleuth run --enable-auto-expire --max-disable=10"},
		}, "operate.md"}
	case "audit":
		return guide{"Use it to see every key of an account, or of an organization, at any time.", []example{
			{"The keys that reach a limit within two weeks", "sleuth audit --days-left=14 --sort=days-left"},
			{"A page to send around", "sleuth audit --output=html > keys.html"},
			{"Fail a pipeline if a key is past its limit", "sleuth audit --fail-on=expire,stagnant_expire"},
		}, "reports.md"}
	case "diff":
		return guide{"Use it to see what changed from one report, or evidence of a run, to a later one.", []example{
			{"Two reports", "sleuth diff old.json new.json"},
			{"Fail a pipeline if a key is new or an exemption was given", "sleuth diff old.json new.json --fail-on=new,exemption_given"},
		}, "diff.md"}
	case "demo":
		return guide{"Use it to see what Sleuth does before you give it an account.", []example{
			{"The whole story", "sleuth demo"},
			{"With the log of its two runs", "sleuth demo --logs"},
		}, "tour.md"}
	case "check":
		return guide{"Use it before the first run, and whenever a run fails.", []example{
			{"Try the settings in the environment", "sleuth check"},
			{"Post a test message to every channel", "sleuth check --send"},
			{"The tags that are missing, for Terraform", "sleuth check --suggest=terraform"},
		}, "operate.md"}
	case "config":
		return guide{"Use it to see which settings a run would have, and where each comes from.", []example{
			{"All settings", "sleuth config"},
			{"What is not a default", "sleuth config -o json | jq '.[] | select(.source != \"default\")'"},
		}, "configuration.md"}
	case "state list":
		return guide{"Use it to see who was warned, what was disabled, and which notices are pending.", []example{
			{"Everything", "sleuth state list"},
			{"For a program", "sleuth state list -o json"},
		}, "reliability.md"}
	case "state close":
		return guide{"Use it if a final notice can never be delivered, as its channel is gone.", []example{
			{"After asking", "sleuth state close AKIAIOSFODNN7EXAMPLE"},
			{"Without asking", "sleuth state close AKIAIOSFODNN7EXAMPLE --yes"},
		}, "reliability.md"}
	case "state forget":
		return guide{"Use it if a record is damaged, or a key's history is to start over.", []example{
			{"After asking", "sleuth state forget AKIAIOSFODNN7EXAMPLE"},
			{"In one of several accounts", "sleuth state forget AKIAIOSFODNN7EXAMPLE --account=111122223333"},
		}, "reliability.md"}
	case "leaked":
		return guide{"Use it at once when somebody tells you that a key was found in public.", []example{
			{"Notify its owner, and ask whether to disable it", "sleuth leaked AKIAIOSFODNN7EXAMPLE"},
			{"Disable it without asking", "sleuth leaked AKIAIOSFODNN7EXAMPLE --disable"},
			{"See what would be done", "sleuth leaked AKIAIOSFODNN7EXAMPLE --dry-run"},
		}, "leaks.md"}
	case "trace":
		return guide{"Use it to find out who uses a key, before you rotate or disable it.", []example{
			{"The last 30 days", "sleuth trace AKIAIOSFODNN7EXAMPLE"},
			{"As far back as CloudTrail goes", "sleuth trace AKIAIOSFODNN7EXAMPLE --days=90"},
		}, "where-used.md"}
	case "rules":
		return guide{"Use it to give kinds of users limits of their own.", []example{
			{"Check a file", "sleuth rules check rules.yaml"},
			{"See which rule is a user's", "sleuth rules explain ann --rules=rules.yaml"},
		}, "rules.md"}
	case "rules check":
		return guide{"Use it before rules for kinds of users go into force.", []example{
			{"A file", "sleuth rules check rules.yaml"},
			{"Under other limits of the settings", "EXPIRATION_AGE=60 WARNING_AGE=50 sleuth rules check rules.yaml"},
		}, "rules.md"}
	case "rules explain":
		return guide{"Use it to see which limits a user's keys have, and why.", []example{
			{"A user in this account", "sleuth rules explain ann --rules=rules.yaml"},
			{"A user in an organization", "sleuth rules explain ann --rules=ssm:/sleuth/rules --accounts=organization"},
		}, "rules.md"}
	case "reactivate":
		return guide{"Use it to undo what a run has disabled.", []example{
			{"One key, with a week to rotate it", "sleuth reactivate AKIAIOSFODNN7EXAMPLE --grace=7d"},
			{"All keys that a run disabled", "sleuth reactivate --run=20261124T160424Z-a3af80"},
		}, "operate.md"}
	case "iam-policy":
		return guide{"Use it to write the policy of the role that Sleuth runs as.", []example{
			{"For a run with the settings in the environment", "sleuth iam-policy > policy.json"},
			{"For audit alone", "sleuth iam-policy --for=audit"},
			{"For the role in each account of an organization", "sleuth iam-policy --for=member"},
		}, "deploy.md"}
	case "slack-users":
		return guide{"Use it to find the ids to put into the Slack tags of IAM users.", []example{
			{"A table", "sleuth slack-users"},
			{"A spreadsheet", "sleuth slack-users -o csv > slack.csv"},
		}, "slack.md"}
	case "completion":
		return guide{"Use it once, to complete Sleuth's commands, flags and values with the tab key.", []example{
			{"In this bash", "source <(sleuth completion bash)"},
			{"In fish, from now on", "sleuth completion fish > ~/.config/fish/completions/sleuth.fish"},
		}, "tour.md"}
	case "man":
		return guide{"Use it to install or read the manual page.", []example{
			{"Read it", "sleuth man | man -l -"},
			{"Install it", "sleuth man > /usr/local/share/man/man1/sleuth.1"},
		}, "README.md"}
	case "version":
		return guide{"Use it to say which version you have, as in a report of a bug.", []example{
			{"The version, and what it was built with", "sleuth version"},
			{"The same", "sleuth --version"},
		}, "README.md"}
	case "help":
		return guide{"Use it to read the help of a command.", []example{
			{"All commands", "sleuth help"},
			{"One of them", "sleuth help state list"},
		}, "README.md"}
	}
	return guide{examples: []example{
		{"See what Sleuth does", "sleuth demo"},
		{"See your keys; nothing is changed", "sleuth audit"},
		{"The help of a command", "sleuth help run"},
	}, page: "README.md"}
}

// writeHelp writes the help of what is selected on the command line: when to use
// it, what it takes, examples, and where to read on.
func writeHelp(options kong.HelpOptions, line *kong.Context) error {
	node := line.Selected()
	if node == nil {
		node = line.Model.Node
	}
	g := guideOf(pathOf(node))
	if g.when != "" {
		node.Help, node.Detail = g.when, node.Help
	}
	if err := kong.DefaultHelpPrinter(options, line); err != nil {
		return err
	}
	return g.write(line.Stdout)
}

func (g guide) write(w io.Writer) error {
	var out strings.Builder
	out.WriteString("\nExamples:\n")
	for _, e := range g.examples {
		fmt.Fprintf(&out, "  # %s\n  %s\n", e.does, e.line)
	}
	fmt.Fprintf(&out, "\nDocumentation: %s%s\n", documentation, g.page)
	_, err := io.WriteString(w, out.String())
	return err
}
