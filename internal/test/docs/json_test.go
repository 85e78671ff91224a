package docs_test

import (
	"encoding"
	"go/ast"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

func TestJSONPageNamesEveryField(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/json.md")
	everyLevel := func(string) bool { return true }
	for _, c := range []struct {
		section string
		of      any
		descend func(path string) bool
	}{
		{"The report of an audit", report.Report{}, func(path string) bool { return !strings.HasSuffix(path, "[].uses") }},
		{"The summary of a run", sleuth.Summary{}, func(path string) bool { return !strings.HasSuffix(path, "[].uses") }},
		{"The summary of several accounts", org.Summary{}, func(path string) bool { return path != "accounts[]" }},
		{"The report of several accounts", org.Audit{}, func(path string) bool { return path != "accounts[]" }},
		{"The changes between two reports", changes.Diff{}, func(path string) bool { return path != "accounts[]" }},
		{"The response to leaked keys", leak.Response{}, everyLevel},
		{"The checks and the settings", app.CheckReport{}, everyLevel},
		{"The list of Slack users", slack.Listing{}, everyLevel},
		{"Who uses a key", app.Traced{}, func(path string) bool { return path != "earlier" }},
		// Below the first level the record is described in words.
		{"The records of state", ledger.Stored(), func(string) bool { return false }},
	} {
		t.Run(c.section, func(t *testing.T) {
			t.Parallel()
			want := fieldsOf(reflect.TypeOf(c.of), "", c.descend)
			got := firstColumn(t, page, c.section)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("docs/json.md does not name the fields of %T (-missing +unknown):\n%s", c.of, diff)
			}
		})
	}
}

func TestJSONPageNamesEveryFieldOfState(t *testing.T) {
	t.Parallel()
	section := sectionOf(t, read(t, "docs/json.md"), "The records of state")
	for _, of := range []any{audit.History{}, audit.LimitWarning{}, ledger.QueuedWarning{}, ledger.Intent{}, ledger.Disabled{}, ledger.Deletion{}, audit.DeletionWarnings{}, audit.DeletionWarning{}, ledger.Leak{}, ledger.Due{}, ledger.Final{}} {
		for _, field := range fieldsOf(reflect.TypeOf(of), "", func(string) bool { return false }) {
			if !strings.Contains(section, "`"+field+"`") {
				t.Errorf("docs/json.md does not name the field %q of %T", field, of)
			}
		}
	}
}

func TestJSONPageNamesEveryFieldOfTheLog(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, folder := range []string{"cmd", "internal"} {
		for _, file := range parse(t, filepath.Join(root, folder)) {
			logFields(t, file, want)
		}
	}
	if !want["user"] || !want["summary"] {
		t.Fatalf("found no log fields worth the name: %v", want)
	}
	got := firstColumn(t, read(t, "docs/json.md"), "The log")
	for field := range want {
		if !slices.Contains(got, field) {
			t.Errorf("docs/json.md does not name the log's field %q", field)
		}
	}
	for _, field := range got {
		if !want[field] {
			t.Errorf("docs/json.md names a log field that nothing writes: %q", field)
		}
	}
}

// logFields collects the names of the fields in calls such as
// log.InfoContext(ctx, "text", "name", value).
func logFields(t *testing.T, file *ast.File, fields map[string]bool) {
	t.Helper()
	// How many arguments stand before the fields.
	methods := map[string]int{
		"Debug": 1, "Info": 1, "Warn": 1, "Error": 1,
		"DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2,
		"Log": 3, "With": 0,
	}
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !isLogger(method.X) {
			return true
		}
		before, ok := methods[method.Sel.Name]
		if !ok {
			return true
		}
		for i := before; i < len(call.Args); i += 2 {
			name, ok := call.Args[i].(*ast.BasicLit)
			if !ok || name.Kind != token.STRING {
				t.Errorf("a log call with a field whose name is not written out, in package %s", file.Name.Name)
				continue
			}
			field, err := strconv.Unquote(name.Value)
			if err != nil {
				t.Error(err)
			}
			fields[field] = true
		}
		return true
	})
}

func isLogger(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.Ident:
		return strings.EqualFold(e.Name, "log") || strings.EqualFold(e.Name, "logger")
	case *ast.SelectorExpr:
		return isLogger(e.Sel)
	}
	return false
}

// fieldsOf lists the fields that encoding/json writes for a type, as paths.
func fieldsOf(of reflect.Type, prefix string, descend func(path string) bool) []string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	writesItself := of.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || of == reflect.TypeFor[time.Time]()
	switch {
	case writesItself || (prefix != "" && !descend(prefix)):
		return []string{prefix}
	case of == reflect.TypeFor[map[audit.State]int]():
		var paths []string
		for _, s := range audit.States() {
			paths = append(paths, prefix+"."+s.String())
		}
		return paths
	case of.Kind() == reflect.Slice:
		return fieldsOf(of.Elem(), prefix+"[]", descend)
	case of.Kind() != reflect.Struct:
		return []string{prefix}
	}
	var paths []string
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case field.Anonymous && name == "":
			paths = append(paths, fieldsOf(field.Type, prefix, descend)...)
		case prefix == "":
			paths = append(paths, fieldsOf(field.Type, name, descend)...)
		default:
			paths = append(paths, fieldsOf(field.Type, prefix+"."+name, descend)...)
		}
	}
	return paths
}

// sectionOf is what stands under one heading of a page.
func sectionOf(t *testing.T, page, heading string) string {
	t.Helper()
	_, section, found := strings.Cut(page, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the page has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

var (
	firstCell = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|")
	code      = regexp.MustCompile("`([^`]+)`")
)

// firstColumn returns what the first column of a section's tables names; a cell
// may name several.
func firstColumn(t *testing.T, page, heading string) []string {
	t.Helper()
	var cells []string
	for _, row := range firstCell.FindAllStringSubmatch(sectionOf(t, page, heading), -1) {
		for _, cell := range code.FindAllStringSubmatch(row[1], -1) {
			cells = append(cells, cell[1])
		}
	}
	return cells
}
