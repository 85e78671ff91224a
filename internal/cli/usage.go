package cli

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// withHyphenatedOrders joins --sort and an order such as -age, which kong takes
// for a flag.
func withHyphenatedOrders(args []string) []string {
	orders := []string{"-user", "-age", "-last-used", "-days-left", "-state"}
	var joined []string
	for i, arg := range args {
		if i > 0 && args[i-1] == "--sort" && slices.Contains(orders, arg) {
			joined[len(joined)-1] += "=" + arg
			continue
		}
		joined = append(joined, arg)
	}
	return joined
}

// complaint is what kong says of a command line that it cannot parse, and what
// we say instead. Kong has no types for its errors; what is not known here is
// shown as it is.
type complaint struct{ kong, ours string }

// complaints are those about the command line of a command.
func complaints(command string) []complaint {
	known := []complaint{
		{`expected "(<old> )?<new>"`, `a report is missing: write 'sleuth diff <old> <new>'`},
		{`unknown flag (-\S+), did you mean (one of )?"(.+)"\?`, `unknown flag $1; did you mean $2$3?`},
		{`(--?\S+): (expected string value but got|missing value, expecting) .*`, `$1 needs a value: write $1=VALUE`},
		{`(--?\S+): bool value must be .* but got (".*")`, `$1=$2: must be true or false`},
		{`(--\S+) must be one of "(.*)" but got (".*")`, `$1=$3: must be one of $2`},
		{`<(\S+)> must be one of "(.*)" but got (".*")`, `unknown $1 $3: must be one of $2`},
		{`expected "<(\S+?)>( \.\.\.)?"`, `the $1 is missing: write '` + command + ` <$1>$2'`},
		{`expected one of "(.*)"`, `the command is missing: write '` + command + ` COMMAND', with one of $1`},
	}
	if command == "sleuth" || command == "sleuth state" || command == "sleuth rules" {
		return append(known,
			complaint{`unexpected argument (.*), did you mean (one of )?"(.+)"\?`, `unknown command $1; did you mean $2$3?`},
			complaint{`unexpected argument (.*)`, `unknown command $1`})
	}
	return append(known, complaint{`unexpected argument (.*?)(, did you mean .*)?`, `unexpected argument $1: '` + command + `' takes no more`})
}

// inOurWords says what is wrong with a command line, and what to write.
func inOurWords(command, said string) string {
	said = strings.NewReplacer(`","`, ", ", `", "`, ", ").Replace(said) // lists
	for _, c := range complaints(command) {
		if pattern := regexp.MustCompile("^" + c.kong + "$"); pattern.MatchString(said) {
			return pattern.ReplaceAllString(said, c.ours)
		}
	}
	return said
}

// commandOf is the command that a command line got as far as.
func commandOf(err error) string {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context.Selected() != nil {
		return parse.Context.Selected().FullPath()
	}
	return "sleuth"
}
