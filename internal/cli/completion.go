package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCommand prints a script that completes sleuth's command line. It
// is made from the same declarations as the help.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}."`
}

// Run implements the command.
func (c *completionCommand) Run(a *console, command *kong.Context) error {
	places := placesOf(command.Model.Node)
	switch c.Shell {
	case "zsh":
		return writeZsh(a.data, places)
	case "fish":
		return writeFish(a.data, places)
	}
	return writeBash(a.data, places)
}

// position is where one can be on the command line: the words so far, and what
// may come next.
type position struct {
	path  string // such as "state list"; empty at the start
	words []candidate
	flags []completedFlag
}

// candidate is a command, or a value that stands on its own.
type candidate struct{ text, help string }

// completedFlag is a flag with the values that it is known to take.
type completedFlag struct {
	long, short, help string
	values            []string
	takesValue        bool
}

func placesOf(node *kong.Node) []position {
	here := position{path: pathOf(node)}
	for _, child := range node.Children {
		if !child.Hidden {
			here.words = append(here.words, candidate{child.Name, oneSentence(child.Help)})
		}
	}
	for _, argument := range node.Positional {
		for _, value := range valuesOf(argument) {
			here.words = append(here.words, candidate{text: value})
		}
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			short := ""
			if flag.Short != 0 {
				short = "-" + string(flag.Short)
			}
			here.flags = append(here.flags, completedFlag{
				long: "--" + flag.Name, short: short, help: oneSentence(flag.Help),
				values: valuesOf(flag.Value), takesValue: !flag.IsBool(),
			})
		}
	}
	places := []position{here}
	for _, child := range node.Children {
		if !child.Hidden {
			places = append(places, placesOf(child)...)
		}
	}
	return places
}

// pathOf is the words that lead to a command.
func pathOf(node *kong.Node) string {
	if node.Parent == nil {
		return ""
	}
	return strings.TrimSpace(pathOf(node.Parent) + " " + node.Name)
}

// valuesOf are a flag's or an argument's values if they are few: its enum, what
// its tag "complete" lists, or the words of a setting's placeholder. Of a word
// such as file:PATH it is what comes before the part to fill in.
func valuesOf(value *kong.Value) []string {
	list := cmp.Or(value.Enum, value.Tag.Get("complete"))
	if list == "" && value.Tag.Get("setting") != "" {
		return wordsIn(value.Tag.PlaceHolder)
	}
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// wordsIn are the words of a placeholder such as file:PATH|none that can be typed.
func wordsIn(placeholder string) []string {
	var words []string
	for word := range strings.SplitSeq(placeholder, "|") {
		if end := strings.IndexFunc(word, func(r rune) bool { return r >= 'A' && r <= 'Z' }); end >= 0 {
			word = word[:end]
		}
		if word != "" && word[0] >= 'a' && word[0] <= 'z' {
			words = append(words, word)
		}
	}
	return words
}

// oneSentence is a help's first sentence, on one line.
func oneSentence(help string) string {
	first, _, more := strings.Cut(strings.Join(strings.Fields(help), " "), ". ")
	if more {
		return first
	}
	return strings.TrimSuffix(first, ".")
}

// shellQuoted sets text in single quotes, where a shell takes all as it is.
func shellQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// walk writes how a script finds the place that the words typed so far lead
// to; it sets the variable at.
func walk(out io.Writer, places []position, words string) {
	fmt.Fprintf(out, "  for word in %s; do\n    case \"$at $word\" in\n", words)
	for _, p := range places[1:] {
		before, last := "", p.path
		if i := strings.LastIndexByte(p.path, ' '); i >= 0 {
			before, last = p.path[:i], p.path[i+1:]
		}
		fmt.Fprintf(out, "      %s) at=%s ;;\n", shellQuoted(before+" "+last), shellQuoted(p.path))
	}
	fmt.Fprint(out, "    esac\n  done\n")
}

// whereValues calls visit for each flag with known values, with the pattern
// of a shell's case for "place:flag".
func whereValues(p position, visit func(pattern string, values []string)) {
	for _, flag := range p.flags {
		if len(flag.values) == 0 {
			continue
		}
		pattern := shellQuoted(p.path + ":" + flag.long)
		if flag.short != "" {
			pattern += "|" + shellQuoted(p.path+":"+flag.short)
		}
		visit(pattern, flag.values)
	}
}

func writeBash(w io.Writer, places []position) error {
	var out strings.Builder
	out.WriteString(`# bash completion for sleuth: source <(sleuth completion bash)
_sleuth() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' word choices=''
  # Bash takes --flag=value apart at the sign.
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
`)
	walk(&out, places, `"${COMP_WORDS[@]:1:COMP_CWORD-1}"`)
	out.WriteString("  case \"$at:$prev\" in\n")
	for _, p := range places {
		whereValues(p, func(pattern string, values []string) {
			fmt.Fprintf(&out, "    %s) choices=%s ;;\n", pattern, shellQuoted(strings.Join(values, " ")))
		})
	}
	out.WriteString("    *) case \"$at\" in\n")
	for _, p := range places {
		var words []string
		for _, word := range p.words {
			words = append(words, word.text)
		}
		for _, flag := range p.flags {
			words = append(words, flag.long)
		}
		fmt.Fprintf(&out, "      %s) choices=%s ;;\n", shellQuoted(p.path), shellQuoted(strings.Join(words, " ")))
	}
	out.WriteString(`    esac ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$cur"))
}
complete -o default -F _sleuth sleuth
`)
	_, err := io.WriteString(w, out.String())
	return err
}

func writeZsh(w io.Writer, places []position) error {
	var out strings.Builder
	out.WriteString(`#compdef sleuth
# zsh completion for sleuth: sleuth completion zsh > "${fpath[1]}/_sleuth"
_sleuth() {
  local at='' word
  local -a choices
`)
	walk(&out, places, `${words[2,CURRENT-1]}`)
	out.WriteString("  case \"$at:${words[CURRENT-1]}\" in\n")
	for _, p := range places {
		whereValues(p, func(pattern string, values []string) {
			fmt.Fprintf(&out, "    %s) compadd -- %s; return ;;\n", pattern, strings.Join(values, " "))
		})
	}
	out.WriteString("  esac\n  case \"$at\" in\n")
	for _, p := range places {
		fmt.Fprintf(&out, "    %s) choices=(\n", shellQuoted(p.path))
		describe := func(text, help string) {
			fmt.Fprintf(&out, "      %s\n", shellQuoted(strings.ReplaceAll(text, ":", `\:`)+":"+help))
		}
		for _, word := range p.words {
			describe(word.text, word.help)
		}
		for _, flag := range p.flags {
			describe(flag.long, flag.help)
		}
		out.WriteString("    ) ;;\n")
	}
	out.WriteString(`  esac
  _describe sleuth choices
}
if [[ $funcstack[1] == _sleuth ]]; then _sleuth "$@"; else compdef _sleuth sleuth; fi
`)
	_, err := io.WriteString(w, out.String())
	return err
}

func writeFish(w io.Writer, places []position) error {
	var out strings.Builder
	out.WriteString(`# fish completion for sleuth: sleuth completion fish > ~/.config/fish/completions/sleuth.fish
function __sleuth_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
`)
	for _, p := range places[1:] {
		path := p.path
		if !strings.Contains(path, " ") {
			path = " " + path
		}
		fmt.Fprintf(&out, "            case %s\n                set at %s\n", shellQuoted(path), shellQuoted(p.path))
	}
	out.WriteString(`        end
    end
    test "$at" = "$argv[1]"
end
complete -c sleuth -f
`)
	for _, p := range places {
		condition := fmt.Sprintf("complete -c sleuth -n %s", shellQuoted(`__sleuth_at "`+p.path+`"`))
		for _, word := range p.words {
			fmt.Fprintf(&out, "%s -a %s -d %s\n", condition, word.text, fishQuoted(word.help))
		}
		for _, flag := range p.flags {
			fmt.Fprintf(&out, "%s -l %s", condition, strings.TrimPrefix(flag.long, "--"))
			if flag.short != "" {
				fmt.Fprintf(&out, " -s %s", strings.TrimPrefix(flag.short, "-"))
			}
			if flag.takesValue {
				out.WriteString(" -x")
			}
			if len(flag.values) > 0 {
				fmt.Fprintf(&out, " -a '%s'", strings.Join(flag.values, " "))
			}
			fmt.Fprintf(&out, " -d %s\n", fishQuoted(flag.help))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// fishQuoted sets text in single quotes as fish reads them.
func fishQuoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
