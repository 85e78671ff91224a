package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// missing skips a test that the machine has not what it takes for, or fails it
// where everything is required.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SLEUTH_REQUIRE_ALL") == "1" {
		t.Fatalf("not installed: %s", what)
	}
	t.Skipf("skipped: not installed: %s", what)
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name)
	}
	return path
}

// providerFolder finds the folder that the AWS provider is installed in, for
// terraform init -plugin-dir: where TF_PLUGIN_DIR says, or one of the usual
// layout (HOST/hashicorp/aws/VERSION/SYSTEM) not far below the root or the
// home folder. "" leaves it to Terraform to fetch the provider.
var providerFolder = sync.OnceValue(func() string {
	if folder := os.Getenv("TF_PLUGIN_DIR"); folder != "" {
		return folder
	}
	layout := filepath.Join("*", "hashicorp", "aws", "*", runtime.GOOS+"_"+runtime.GOARCH, "terraform-provider-aws*")
	const above = 6 // parts of layout
	var starts []string
	if home, err := os.UserHomeDir(); err == nil {
		starts = append(starts, filepath.Join(home, ".terraform.d", "plugins"), filepath.Join(home, ".local", "share", "terraform", "plugins"))
	}
	top, _ := os.ReadDir(string(filepath.Separator))
	for _, entry := range top {
		if entry.IsDir() && !slices.Contains([]string{"proc", "sys", "dev"}, entry.Name()) {
			start := filepath.Join(string(filepath.Separator), entry.Name())
			starts = append(starts, start, filepath.Join(start, "*"), filepath.Join(start, "*", "*"), filepath.Join(start, "*", "*", "*"))
		}
	}
	for _, start := range starts {
		found, _ := filepath.Glob(filepath.Join(start, layout))
		if len(found) > 0 {
			folder := found[0]
			for range above {
				folder = filepath.Dir(folder)
			}
			return folder
		}
	}
	return ""
})

// workspace is a copy of the module with its examples, to run Terraform in.
type workspace struct {
	folder      string // of the configuration that is run
	environment []string
}

// newWorkspace copies the module and prepares one of its folders.
func newWorkspace(t *testing.T, folder string, environment []string) workspace {
	t.Helper()
	tool(t, "terraform")
	copied := filepath.Join(t.TempDir(), "terraform")
	if err := os.CopyFS(copied, onlyConfiguration{os.DirFS(filepath.Join(root, "terraform"))}); err != nil {
		t.Fatal(err)
	}
	w := workspace{filepath.Join(copied, folder), environment}
	w.init(t)
	return w
}

// init installs the provider, and skips the test if that cannot be done.
func (w workspace) init(t *testing.T) {
	t.Helper()
	arguments := []string{"init"}
	if plugins := providerFolder(); plugins != "" {
		arguments = append(arguments, "-plugin-dir="+plugins)
	}
	if said, status := w.try(t, arguments...); status != 0 {
		if providerFolder() == "" {
			missing(t, "the AWS provider of Terraform (name its folder in TF_PLUGIN_DIR), and it cannot be fetched")
		}
		t.Fatalf("terraform init: %s", said)
	}
}

// onlyConfiguration leaves out what earlier uses of Terraform have left.
type onlyConfiguration struct{ fs.FS }

func (o onlyConfiguration) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), ".") || strings.Contains(e.Name(), "tfstate")
	}), err
}

// try runs terraform and returns what it said and its exit status.
func (w workspace) try(t *testing.T, arguments ...string) (said string, status int) {
	t.Helper()
	// Not the test's own context: destroying is part of cleaning up.
	command := exec.CommandContext(context.WithoutCancel(t.Context()), tool(t, "terraform"), append(arguments, options(arguments[0])...)...)
	command.Dir = w.folder
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") && !strings.HasPrefix(variable, "TF_") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	command.Env = append(command.Env, w.environment...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("terraform %s: %v", arguments[0], err)
	}
	return string(output), command.ProcessState.ExitCode()
}

func options(command string) []string {
	switch command {
	case "init", "plan":
		return []string{"-no-color", "-input=false"}
	case "apply", "destroy":
		return []string{"-no-color", "-input=false", "-auto-approve"}
	case "validate":
		return []string{"-no-color"}
	}
	return nil
}

func (w workspace) run(t *testing.T, arguments ...string) string {
	t.Helper()
	said, status := w.try(t, arguments...)
	if status != 0 {
		t.Fatalf("terraform %s: exit status %d\n%s", strings.Join(arguments, " "), status, said)
	}
	return said
}

// output is the outputs that are texts.
func (w workspace) outputs(t *testing.T) map[string]string {
	t.Helper()
	var values map[string]struct{ Value any }
	if err := json.NewDecoder(bytes.NewReader([]byte(w.run(t, "output", "-json")))).Decode(&values); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for name, v := range values {
		if text, ok := v.Value.(string); ok {
			texts[name] = text
		}
	}
	return texts
}

func TestTerraformIsFormatted(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	w := workspace{folder: filepath.Join(root, "terraform")}
	if said, status := w.try(t, "fmt", "-check", "-recursive", "-diff"); status != 0 {
		t.Errorf("run terraform fmt -recursive:\n%s", said)
	}
}
