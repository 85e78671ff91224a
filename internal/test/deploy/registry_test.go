package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRegistryLayout: what 'make registry' writes is a module by the registry's
// rules, which needs nothing outside its repository.
// https://developer.hashicorp.com/terraform/registry/modules/publish
func TestRegistryLayout(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "terraform-aws-iam-sleuth")
	command := exec.CommandContext(t.Context(), tool(t, "make"), "registry", "REGISTRY_OUT="+out)
	command.Dir = root
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make registry: %v\n%s", err, said)
	}
	for _, file := range []string{"README.md", "LICENSE", "main.tf", "variables.tf", "outputs.tf", "modules/member-role/main.tf", "examples/single-account/main.tf"} {
		if _, err := os.Stat(filepath.Join(out, file)); err != nil {
			t.Errorf("the module lacks %s", file)
		}
	}
	check(t, filepath.WalkDir(out, func(file string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(file) //nolint:gosec // of our own folder
		for _, link := range regexp.MustCompile(`(?:source\s+= "|\]\()(\.[^")#]*)`).FindAllStringSubmatch(string(content), -1) {
			target := filepath.Join(filepath.Dir(file), link[1])
			if _, missing := os.Stat(target); missing != nil || !strings.HasPrefix(target, out) {
				t.Errorf("%s names %s, which is not in the module", file, link[1])
			}
		}
		return err
	}))
	if page := read(t, "terraform/README.md"); !strings.Contains(page, "](../docs/") {
		t.Error("terraform/README.md has no link out of the module: this test shows nothing")
	}
	w := workspace{folder: out}
	w.init(t)
	w.run(t, "validate")
}
