package audit_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/iam-sleuth/sleuth/"

// layers says which of our packages each package may import. One direction:
// whatever stands in a list stands in a line of its own further up. A package
// that is not here stands above them all, and none of them may import it.
var layers = []struct {
	pkg string
	may []string
}{
	// What knows nothing of the rest.
	{"internal/secret", nil},
	{"internal/audit", nil},
	{"internal/awsfake", nil},
	{"internal/pace", nil},
	{"internal/explain", nil},

	// What is told, and what is remembered.
	{"internal/notify", []string{"internal/audit", "internal/secret"}},
	{"internal/notify/retry", []string{"internal/notify", "internal/secret"}},
	{"internal/notify/slack", []string{"internal/audit", "internal/notify", "internal/notify/retry", "internal/secret"}},
	{"internal/notify/plain", []string{"internal/notify"}},
	{"internal/notify/sns", []string{"internal/audit", "internal/notify", "internal/notify/plain", "internal/notify/retry", "internal/secret"}},
	{"internal/notify/email", []string{"internal/notify", "internal/notify/retry"}},
	{"internal/notify/eventbridge", []string{"internal/audit", "internal/notify", "internal/notify/retry"}},
	{"internal/notify/services", []string{"internal/notify", "internal/notify/plain", "internal/notify/retry", "internal/secret"}},
	{"internal/state", []string{"internal/audit", "internal/notify"}},

	// The stages of a run.
	{"internal/config", []string{"internal/audit", "internal/notify", "internal/secret"}},
	{"internal/inventory", []string{"internal/audit", "internal/explain"}},
	{"internal/enforce", []string{"internal/audit", "internal/inventory", "internal/notify", "internal/state"}},
	{"internal/report", []string{"internal/audit", "internal/notify"}},
	{"internal/evidence", []string{"internal/explain", "internal/report"}},
	{"internal/cloud", []string{"internal/config", "internal/notify", "internal/pace", "internal/secret"}},
	{"internal/run", []string{
		"internal/audit", "internal/config", "internal/enforce", "internal/explain", "internal/inventory", "internal/notify",
		"internal/notify/slack", "internal/notify/sns", "internal/report", "internal/secret", "internal/state",
	}},
	{"internal/findings", []string{"internal/audit", "internal/notify", "internal/report", "internal/run"}},
	{"internal/leak", []string{
		"internal/audit", "internal/config", "internal/enforce", "internal/explain", "internal/inventory", "internal/notify", "internal/report", "internal/state",
	}},

	// What only tests import.
	{"internal/mototest", nil},
	{"internal/lambdatest", nil},
	{"internal/notify/notifytest", []string{"internal/audit", "internal/notify", "internal/notify/retry", "internal/secret"}},
}

// testPackages are imported by tests and by no code that ships.
var testPackages = []string{"internal/lambdatest", "internal/mototest", "internal/notify/notifytest"}

// TestLayers: nothing below imports anything above it.
func TestLayers(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{}
	for _, layer := range layers {
		for _, below := range layer.may {
			if _, known := allowed[below]; !known {
				t.Errorf("%s is allowed to import %s, which does not stand above it in the table", layer.pkg, below)
			}
		}
		allowed[layer.pkg] = layer.may
	}
	imports := importsUnder(t, "../..", "internal")
	for pkg, imported := range imports {
		may, known := allowed[pkg]
		if !known {
			continue
		}
		for other := range imported {
			if ours, ok := strings.CutPrefix(other, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, which its layer may not", pkg, ours)
			}
		}
	}
	for _, layer := range layers {
		if len(imports[layer.pkg]) == 0 {
			t.Errorf("%s imports nothing, so its code was not found", layer.pkg)
		}
	}
	for pkg, imported := range importsUnder(t, "../..", "cmd") {
		for _, other := range testPackages {
			if imported[module+other] {
				t.Errorf("%s imports %s, which is for tests", pkg, other)
			}
		}
	}
}

// TestAuditIsPure: standard library only, and of that nothing that reads a
// clock or the outside world.
func TestAuditIsPure(t *testing.T) {
	t.Parallel()
	pure := []string{"cmp", "errors", "fmt", "iter", "maps", "math", "slices", "strconv", "strings", "time", "unicode", "unicode/utf8"}
	imports := importsUnder(t, "../..", "internal/audit")["internal/audit"]
	if !imports["time"] {
		t.Fatal("the code was not found")
	}
	for imported := range imports {
		if !slices.Contains(pure, imported) {
			t.Errorf("imports %s", imported)
		}
	}
	clocks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Local", "LoadLocation"}
	eachFile(t, "../..", "internal/audit", 0, func(pkg string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(clocks, selector.Sel.Name) {
				t.Errorf("%s uses time.%s", pkg, selector.Sel.Name)
			}
			return true
		})
	})
}

// importsUnder is what the packages under a folder of the module import, tests
// aside.
func importsUnder(t *testing.T, root, folder string) map[string]map[string]bool {
	t.Helper()
	imports := map[string]map[string]bool{}
	eachFile(t, root, folder, parser.ImportsOnly, func(pkg string, file *ast.File) {
		if imports[pkg] == nil {
			imports[pkg] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imports[pkg][imported] = true
		}
	})
	return imports
}

func eachFile(t *testing.T, root, folder string, mode parser.Mode, visit func(pkg string, file *ast.File)) {
	t.Helper()
	set := token.NewFileSet()
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, name, nil, mode)
		if errors.Is(err, fs.ErrNotExist) { // gone since it was listed
			return nil
		}
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		visit(path.Dir(filepath.ToSlash(inside)), file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
