package docs_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// A page's blocks marked sh are commands that a reader may copy. Each is run,
// in the order of the page, on an AWS inside the process. Those that need more
// than that, such as an account or a placeholder to fill in, are marked shell.
func TestCommandsInPagesWork(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		blocks := blocksOf(read(t, page), "sh")
		if len(blocks) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			w := newReadersMachine(t)
			for _, block := range blocks {
				w.run(t, block)
			}
		})
	}
}

func TestReadmeBeginsWithTheTwoCommands(t *testing.T) {
	t.Parallel()
	commands := strings.Join(blocksOf(read(t, "README.md"), "sh")[:1], "")
	for _, command := range []string{"make demo", "make test"} {
		if !strings.Contains(commands, command) {
			t.Errorf("README.md's first commands lack %q:\n%s", command, commands)
		}
	}
}

func TestReadmeNamesEveryCommand(t *testing.T) {
	t.Parallel()
	help := exec.CommandContext(t.Context(), filepath.Join(programFolder(t), "sleuth"), "--help")
	printed, err := help.Output()
	if err != nil {
		t.Fatalf("sleuth --help: %v", err)
	}
	_, listed, _ := strings.Cut(string(printed), "\nCommands:\n")
	listed, _, _ = strings.Cut(listed, "\nExamples:\n")
	commands := regexp.MustCompile(`(?m)^  ([a-z][a-z -]*[a-z])(?:  |$)`).FindAllStringSubmatch(listed, -1)
	if len(commands) < 5 {
		t.Fatalf("found only %d commands in the help:\n%s", len(commands), printed)
	}
	for _, command := range commands {
		if !strings.Contains(read(t, "README.md"), "`sleuth "+command[1]+"`") {
			t.Errorf("README.md does not name the command %q", command[1])
		}
	}
}

func TestReadmeDeploysWithVariablesThatExist(t *testing.T) {
	t.Parallel()
	declared := read(t, "terraform/variables.tf") + read(t, "terraform/settings.tf") + read(t, "terraform/messages.tf") + read(t, "terraform/channels.tf")
	given := 0
	for _, block := range blocksOf(read(t, "README.md"), "hcl") {
		for _, argument := range argumentsOfModule(t, block) {
			given++
			if argument != "source" && !strings.Contains(declared, `variable "`+argument+`"`) {
				t.Errorf("README.md gives the module %s, which is no variable of it", argument)
			}
		}
	}
	if given < 2 {
		t.Error("README.md does not show how to deploy")
	}
}

// argumentsOfModule are the names of what a Terraform text gives to modules.
func argumentsOfModule(t *testing.T, text string) (names []string) {
	t.Helper()
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), "README.md", hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	body, _ := file.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		if b.Type == "module" {
			names = slices.AppendSeq(names, maps.Keys(b.Body.Attributes))
		}
	}
	return names
}

// What the README shows of the demo is what the demo prints, shortened: "..."
// stands for lines, or for the rest of one, which may hold the time.
func TestReadmeShowsTheDemoAsItIs(t *testing.T) {
	t.Parallel()
	shown := blocksOf(read(t, "README.md"), "text")
	if len(shown) == 0 {
		t.Fatal("README.md shows nothing of the demo")
	}
	demo := exec.CommandContext(t.Context(), filepath.Join(programFolder(t), "sleuth"), "demo")
	demo.Env = []string{"TMPDIR=" + t.TempDir()}
	printed, err := demo.Output()
	if err != nil {
		t.Fatalf("sleuth demo: %v", err)
	}
	rest := strings.Split(string(printed), "\n")
	for line := range strings.SplitSeq(strings.TrimSpace(shown[0]), "\n") {
		if line == "..." {
			continue
		}
		beginning, shortened := strings.CutSuffix(line, "...")
		at := slices.IndexFunc(rest, func(printed string) bool {
			return printed == line || shortened && strings.HasPrefix(printed, beginning)
		})
		if at < 0 {
			t.Fatalf("README.md shows a line that the demo does not print there: %q\nstill to come:\n%s", line, strings.Join(rest, "\n"))
		}
		rest = rest[at+1:]
	}
}

// readersMachine is a machine with sleuth on the PATH, and an AWS to look at.
type readersMachine struct{ env []string }

func newReadersMachine(t *testing.T) readersMachine {
	t.Helper()
	aws, err := awsfake.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(aws.Close)
	created := time.Now().AddDate(0, 0, -95)
	aws.Home().AddUser(awsfake.User{Name: "tfunke", Created: created, Keys: []awsfake.Key{{Active: true, Created: created}}})
	keyID, secretKey := aws.Home().Credentials()
	home := t.TempDir()
	return readersMachine{env: []string{
		"PATH=" + programFolder(t) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home,
		"XDG_STATE_HOME=" + home,
		"AWS_ENDPOINT_URL=" + aws.URL(),
		"AWS_ACCESS_KEY_ID=" + keyID,
		"AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_REGION=us-east-1",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}}
}

var makeLine = regexp.MustCompile(`^make ([a-z-]+)`)

// run runs a block as a reader would, a line at a time. Targets of make, whose
// work other tests do, are looked for in the Makefile.
func (m readersMachine) run(t *testing.T, block string) {
	t.Helper()
	block = strings.ReplaceAll(block, "\\\n", " ")
	for line := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
		if target := makeLine.FindStringSubmatch(line); target != nil {
			if !regexp.MustCompile(`(?m)^` + target[1] + `:`).MatchString(read(t, "Makefile")) {
				t.Errorf("%q: the Makefile has no such target", line)
			}
			continue
		}
		command := exec.CommandContext(t.Context(), "sh", "-euc", line) //nolint:gosec // our own pages
		command.Env, command.Dir = m.env, t.TempDir()
		if printed, err := command.CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", line, err, printed)
		}
	}
}

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

func programFolder(t *testing.T) string {
	t.Helper()
	return filepath.Dir(program.Build(t, "sleuth"))
}

// pages are the repository's pages, from its root.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/decisions/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), root+"/"))
		}
	}
	if !slices.Contains(found, "README.md") {
		t.Fatalf("found no README.md among %v", found)
	}
	return found
}

// blocksOf are a page's fenced blocks in one language.
func blocksOf(page, language string) []string {
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// TestMakeSaysWhatItDoes: before it compiles, and how to install what is missing.
func TestMakeSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for _, target := range []string{"demo", "test"} {
		_, recipe, _ := strings.Cut(makefile, "\n"+target+": ## ")
		said, _, builds := strings.Cut(recipe, "go build")
		if !builds || !strings.Contains(said, `@echo "`) {
			t.Errorf("make %s says nothing before it compiles", target)
		}
	}
	skipped := regexp.MustCompile(`echo "(skipped: .*)"`).FindAllStringSubmatch(makefile, -1)
	if len(skipped) < 6 {
		t.Errorf("found only %d parts that may be missing", len(skipped))
	}
	for _, line := range skipped {
		if !regexp.MustCompile(`pip install|Debian's package is|/install\)|\.ci/run installs`).MatchString(line[1]) {
			t.Errorf("%q does not say how to install it", line[1])
		}
	}
}
