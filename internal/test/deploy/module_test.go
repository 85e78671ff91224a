package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is where the repository begins, from this package.
const root = "../../.."

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// module is what a Terraform module takes and gives, as its files say.
type module struct{ variables, outputs []block }

// block is a variable or an output: its name and its arguments as text.
type block struct {
	name, file string
	arguments  map[string]string
	text       string
}

var (
	blockBegins    = regexp.MustCompile(`^(variable|output) "([a-z0-9_]+)" \{$`)
	argumentBegins = regexp.MustCompile(`^  ([a-z_]+) += (.*)$`)
)

// readModule reads formatted files: there a block ends with a brace at the
// beginning of a line, and its arguments begin two spaces in.
func readModule(t *testing.T, folder string) module {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Terraform files in %s", folder)
	}
	var m module
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var open *block
		var kind, argument string
		for line := range strings.SplitSeq(string(content), "\n") {
			begins := blockBegins.FindStringSubmatch(line)
			switch {
			case begins != nil:
				kind, argument = begins[1], ""
				open = &block{name: begins[2], file: filepath.Base(file), arguments: map[string]string{}}
			case open == nil:
			case line == "}":
				if kind == "variable" {
					m.variables = append(m.variables, *open)
				} else {
					m.outputs = append(m.outputs, *open)
				}
				open = nil
			default:
				open.text += line + "\n"
				if a := argumentBegins.FindStringSubmatch(line); a != nil {
					argument = a[1]
					open.arguments[argument] = a[2]
				} else if argument != "" && strings.HasPrefix(line, "  ") && strings.TrimSpace(line) != "" && !strings.HasSuffix(line, "validation {") {
					open.arguments[argument] += " " + strings.TrimSpace(line)
				} else {
					argument = ""
				}
			}
		}
	}
	return m
}

func (b block) description(t *testing.T) string {
	t.Helper()
	text := b.arguments["description"]
	if len(text) < 2 || text[0] != '"' {
		t.Errorf("%s has no description", b.name)
		return ""
	}
	return strings.ReplaceAll(text[1:len(text)-1], `\"`, `"`)
}
