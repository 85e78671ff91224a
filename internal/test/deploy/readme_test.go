package deploy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of terraform/README.md and docs/operate.md again")

// rewrite holds the part of a page between two marks to what it should be.
func rewrite(t *testing.T, path, mark, want string) {
	t.Helper()
	rewriteBetween(t, path, "<!-- "+mark+": written by 'make docs'; do not edit -->\n", "<!-- end of "+mark+" -->\n", want)
}

// rewriteBetween holds what stands between two lines of a file to what it should be.
func rewriteBetween(t *testing.T, path, begin, end, want string) {
	t.Helper()
	page := read(t, path)
	before, rest, begins := strings.Cut(page, begin)
	got, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s lacks the marks %q and %q", path, begin, end)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, path), []byte(before+begin+want+end+after), 0o644); err != nil { //nolint:gosec // a page for all
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s has drifted; run 'make docs' (-want +got):\n%s", path, diff)
	}
}

func TestReadmeTables(t *testing.T) { //nolint:paralleltest // the tables are of one file
	m := readModule(t, "terraform")
	rewrite(t, "terraform/README.md", "inputs: settings", inputs(t, m, true))
	rewrite(t, "terraform/README.md", "inputs: deployment", inputs(t, m, false))
	var outputs strings.Builder
	outputs.WriteString("| name | description |\n|---|---|\n")
	slices.SortFunc(m.outputs, func(a, b block) int { return strings.Compare(a.name, b.name) })
	for _, o := range m.outputs {
		fmt.Fprintf(&outputs, "| `%s` | %s |\n", o.name, inCell(o.description(t)))
	}
	rewrite(t, "terraform/README.md", "outputs", outputs.String())
}

func inputs(t *testing.T, m module, settings bool) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| name | type | default | description |\n|---|---|---|---|\n")
	for _, v := range m.variables {
		if v.isSetting() != settings {
			continue
		}
		byDefault, optional := v.arguments["default"]
		shown := "required"
		if optional {
			shown = "`" + byDefault.source + "`"
		}
		if _, typed := v.arguments["type"]; !typed {
			t.Errorf("the variable %s has no type", v.name)
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", v.name, inCell(strings.Join(strings.Fields(v.arguments["type"].source), " ")), inCell(shown), inCell(v.description(t)))
	}
	return table.String()
}

// inCell keeps a text within its cell.
func inCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
