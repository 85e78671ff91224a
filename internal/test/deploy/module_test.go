package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
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

// block is a variable or an output.
type block struct {
	name, file string
	arguments  map[string]expression
	refusals   []expression // the error messages of its validations
}

// expression is a value in a Terraform file.
type expression struct {
	hclsyntax.Expression
	source string // its text, on one line
}

// literal is the value as text; a value that is not a constant is its source.
func (e expression) literal() string {
	value, diagnostics := e.Value(nil)
	if text, err := convert.Convert(value, cty.String); err == nil && !diagnostics.HasErrors() && text.IsKnown() && !text.IsNull() {
		return text.AsString()
	}
	return e.source
}

// parse reads a Terraform file.
func parse(t *testing.T, path string) (*hclsyntax.Body, []byte) {
	t.Helper()
	source := []byte(read(t, path))
	file, diagnostics := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	body, _ := file.Body.(*hclsyntax.Body)
	return body, source
}

func readModule(t *testing.T, folder string) module {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Terraform files in %s", folder)
	}
	var m module
	for _, file := range files {
		body, source := parse(t, filepath.Join(folder, filepath.Base(file)))
		for _, b := range body.Blocks {
			switch b.Type {
			case "variable":
				m.variables = append(m.variables, newBlock(b, filepath.Base(file), source))
			case "output":
				m.outputs = append(m.outputs, newBlock(b, filepath.Base(file), source))
			}
		}
	}
	return m
}

func newBlock(b *hclsyntax.Block, file string, source []byte) block {
	made := block{name: b.Labels[0], file: file, arguments: argumentsOf(b.Body, source)}
	for _, inside := range b.Body.Blocks {
		if message, found := argumentsOf(inside.Body, source)["error_message"]; found {
			made.refusals = append(made.refusals, message)
		}
	}
	return made
}

func argumentsOf(body *hclsyntax.Body, source []byte) map[string]expression {
	arguments := map[string]expression{}
	for name, a := range body.Attributes {
		arguments[name] = newExpression(a.Expr, source)
	}
	return arguments
}

func newExpression(e hclsyntax.Expression, source []byte) expression {
	var lines []string
	for line := range strings.Lines(string(e.Range().SliceBytes(source))) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return expression{e, strings.Join(lines, " ")}
}

// functionEnvironment is what the module sets the function's variables to.
func functionEnvironment(t *testing.T) map[string]expression {
	t.Helper()
	found := map[string]expression{}
	settings, source := local(t, "terraform/settings.tf", "environment")
	filtered, isFor := settings.(*hclsyntax.ForExpr)
	if !isFor {
		t.Fatal("local.environment does not leave out what is empty")
	}
	merged, isCall := filtered.CollExpr.(*hclsyntax.FunctionCallExpr)
	if !isCall || merged.Name != "merge" || len(merged.Args) != 2 || newExpression(merged.Args[0], source).source != "local.channel_environment" {
		t.Fatal("local.environment is not made from local.channel_environment and a list of variables")
	}
	addItems(t, found, merged.Args[1], source)
	channels, source := local(t, "terraform/channels.tf", "channel_environment")
	addItems(t, found, channels, source)
	return found
}

// local is the value of a local in a file, and the file's text.
func local(t *testing.T, file, name string) (hclsyntax.Expression, []byte) {
	t.Helper()
	body, source := parse(t, file)
	for _, b := range body.Blocks {
		if value := b.Body.Attributes[name]; b.Type == "locals" && value != nil {
			return value.Expr, source
		}
	}
	t.Fatalf("%s has no local.%s", file, name)
	return nil, nil
}

func addItems(t *testing.T, found map[string]expression, from hclsyntax.Expression, source []byte) {
	t.Helper()
	all, isObject := from.(*hclsyntax.ObjectConsExpr)
	if !isObject {
		t.Fatal("the environment is not made from a list of variables")
	}
	for _, item := range all.Items {
		found[hcl.ExprAsKeyword(item.KeyExpr)] = newExpression(item.ValueExpr, source)
	}
}

func (b block) description(t *testing.T) string {
	t.Helper()
	text, found := b.arguments["description"]
	if !found {
		t.Errorf("%s has no description", b.name)
		return ""
	}
	return text.literal()
}
