package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestStyleOfMessages checks the texts in the code against docs/style.md, as far
// as a program can.
func TestStyleOfMessages(t *testing.T) {
	t.Parallel()
	for _, text := range textsInCode(t, "../../../cmd", "../../../internal") {
		for _, fault := range text.faults() {
			t.Errorf("%s: %q %s: see docs/style.md", text.at, text.said, fault)
		}
	}
}

// TestStyleFaultsAreFound checks that the test above can fail.
func TestStyleFaultsAreFound(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`errors.New("Read the key")`:                                  "begins with a capital",
		`errors.New("read the key.")`:                                 "ends like a sentence",
		`errors.New("no key")`:                                        "",
		`errors.New("AWS has no key")`:                                "",
		`errors.New("ENABLE_AUTO_EXPIRE is not true")`:                "",
		`fmt.Errorf("%w: allow iam:ListUsers", err)`:                  "has what to do after a colon",
		`fmt.Errorf("%w; allow iam:ListUsers", err)`:                  "",
		`fmt.Errorf("%w: %d of %d", err, 1, 2)`:                       "",
		`fmt.Errorf("unreadable. Use " + "True")`:                     "is more than one sentence",
		`log.WarnContext(ctx, "The key is disabled")`:                 "begins with a capital",
		`when.Format(time.RFC3339)`:                                   "is a date for programs",
		`when.Format("2006-01-02 15:04")`:                             "is a date without its weekday",
		`when.Format("Monday 2 January 2006")`:                        "",
		"struct{ A string `help:\"Read the key.\"` }{}":               "",
		"struct{ A string `help:\"read the key\"` }{}":                "is no sentence",
		`fmt.Errorf("users after the first %d, %w; so", 1, err)`:      "",
		`slog.String("error", "Whatever. Names are not judged here")`: "",
	} {
		const name = "internal/run/a.go"
		file, err := parser.ParseFile(token.NewFileSet(), name, "package a\nvar _ = "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, text := range textsIn(token.NewFileSet(), name, file) {
			got = append(got, text.faults()...)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}

// use is the purpose of a text in the code.
type use int

const (
	forPeople use = iota // somewhere in a message, a report, a page
	forError
	forLog
	forHelp
	forDates // the layout of a date
)

// text is a text in the code.
type text struct {
	at   string
	said string
	use  use
}

// properNouns are names that may begin an error.
var properNouns = []string{"Slack", "Sleuth", "Security", "SES", "Step", "Lambda", "EventBridge"}

// peopleOnly are packages whose dates only people read. Everywhere else, a date
// that is a standard layout or has no space is for a program: a tag's value, a
// field of JSON, a file's name.
var peopleOnly = []string{"internal/notify/", "internal/text/", "internal/outbox/", "internal/run/", "internal/org/", "internal/leak/"}

func isForPeopleOnly(file string) bool {
	return slices.ContainsFunc(peopleOnly, func(folder string) bool { return strings.HasPrefix(file, folder) })
}

func (s text) faults() (faults []string) {
	say := func(is bool, fault string) {
		if is {
			faults = append(faults, fault)
		}
	}
	switch s.use {
	case forDates:
		standard := strings.HasPrefix(s.said, "time.RFC") || s.said == "time.DateOnly"
		written := strings.Contains(s.said, "2006") && !strings.Contains(s.said, "Mon")
		people := isForPeopleOnly(s.at)
		say(standard && people, "is a date for programs")
		say(written && (people || strings.Contains(s.said, " ")), "is a date without its weekday")
		return faults
	case forError, forLog:
		word, _, _ := strings.Cut(s.said, " ")
		say(len(word) > 1 && word[0] >= 'A' && word[0] <= 'Z' && word != strings.ToUpper(word) && !slices.Contains(properNouns, strings.TrimRight(word, "'s:")), "begins with a capital")
		say(strings.HasSuffix(s.said, ".") && !strings.HasSuffix(s.said, "...") || strings.HasSuffix(s.said, "!"), "ends like a sentence")
		say(regexp.MustCompile(`[a-z]\. [A-Z]`).MatchString(s.said), "is more than one sentence")
		say(regexp.MustCompile(`%w: [a-z]`).MatchString(s.said), "has what to do after a colon")
	case forHelp:
		say(!regexp.MustCompile(`^[A-Z'"][^\n]*\.$`).MatchString(s.said), "is no sentence")
	}
	return faults
}

// notForPeople are folders whose texts only developers read.
var notForPeople = []string{"awsfake", "test", "tools", "testdata"}

func textsInCode(t *testing.T, roots ...string) (texts []text) {
	t.Helper()
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && slices.Contains(notForPeople, entry.Name()):
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			source, err := os.ReadFile(path) //nolint:gosec // our own code
			if err != nil {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, source, 0)
			if err != nil {
				return err
			}
			texts = append(texts, textsIn(files, strings.TrimPrefix(filepath.ToSlash(path), "../../../"), file)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(texts) < 500 {
		t.Fatalf("found %d texts: the code is elsewhere", len(texts))
	}
	return texts
}

func textsIn(files *token.FileSet, path string, file *ast.File) (texts []text) {
	add := func(at ast.Node, said string, for_ use) {
		texts = append(texts, text{fmt.Sprintf("%s:%d", path, files.Position(at.Pos()).Line), said, for_})
	}
	judged := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				judged[n.Tag] = true
				tag, _ := strconv.Unquote(n.Tag.Value)
				if help, has := reflect.StructTag(tag).Lookup("help"); has {
					add(n, help, forHelp)
				}
			}
		case *ast.CallExpr:
			argument, for_ := textOfCall(n)
			if argument == nil {
				return true
			}
			said, ok := literal(argument)
			if ok {
				add(argument, said, for_)
				ast.Inspect(argument, func(part ast.Node) bool { judged[part] = true; return true })
			}
		case *ast.BasicLit:
			if said, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && !judged[n] {
				add(n, said, forPeople)
			}
		}
		return true
	})
	return texts
}

// textOfCall returns the argument of a call that is a text, and its use.
func textOfCall(call *ast.CallExpr) (ast.Expr, use) {
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return nil, forPeople
	}
	of, _ := function.X.(*ast.Ident)
	switch name := function.Sel.Name; {
	case of != nil && (of.Name == "fmt" && name == "Errorf" || of.Name == "errors" && name == "New"):
		return call.Args[0], forError
	case name == "Format" && len(call.Args) == 1:
		return call.Args[0], forDates
	case strings.HasSuffix(name, "Context") && len(call.Args) > 1 && slices.Contains([]string{"DebugContext", "InfoContext", "WarnContext", "ErrorContext"}, name):
		return call.Args[1], forLog
	case slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, name):
		return call.Args[0], forLog
	}
	return nil, forPeople
}

// literal returns a string that is written out, in one part or several.
func literal(of ast.Expr) (said string, ok bool) {
	switch of := of.(type) {
	case *ast.BasicLit:
		said, err := strconv.Unquote(of.Value)
		return said, err == nil
	case *ast.BinaryExpr:
		before, someBefore := literal(of.X)
		after, someAfter := literal(of.Y)
		return before + after, someBefore || someAfter
	case *ast.SelectorExpr:
		if from, ok := of.X.(*ast.Ident); ok && from.Name == "time" {
			return "time." + of.Sel.Name, true
		}
	}
	return "", false
}
