package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryCommandHasAGuide: when to use it, examples that can be parsed, and a
// page that exists.
func TestEveryCommandHasAGuide(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Vars{"version": ""}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range leaves(parser.Model.Node) {
		path := pathOf(command)
		g := guideOf(path)
		if !strings.HasPrefix(g.when, "Use it ") || strings.Count(g.when, ".") != 1 {
			t.Errorf("%s: %q must be one sentence on when to use it", path, g.when)
		}
		if n := len(g.examples); n < 2 || n > 3 {
			t.Errorf("%s has %d examples, want two or three", path, n)
		}
		for _, e := range g.examples {
			_, line, _ := strings.Cut(e.line, "sleuth ")
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, " > ")
			args := strings.Fields(strings.TrimSuffix(line, ")"))
			if args[0] == "--version" {
				continue
			}
			parsed, err := parser.Parse(withHyphenatedOrders(args))
			if err != nil {
				t.Errorf("%s: %q: %v", path, e.line, err)
			} else if got := pathOf(parsed.Selected()); got != path {
				t.Errorf("the example %q of %s is of %s", e.line, path, got)
			}
		}
		if _, err := os.Stat(filepath.Join("..", "..", "docs", g.page)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestAFlagMeansTheSameInEveryCommand: one word, one meaning.
func TestAFlagMeansTheSameInEveryCommand(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&commands{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	type meaning struct{ setting, takes string }
	meant, in := map[string]meaning{}, map[string]string{}
	for _, command := range leaves(parser.Model.Node) {
		for _, flag := range command.Flags {
			here := meaning{flag.Tag.Get("setting"), flag.PlaceHolder}
			if before, known := meant[flag.Name]; known && before != here {
				t.Errorf("--%s is %q of %s, and %q of %s", flag.Name, before, in[flag.Name], here, pathOf(command))
			}
			meant[flag.Name], in[flag.Name] = here, pathOf(command)
		}
	}
}
