package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
)

// toJSON is a Python program: its own YAML reader comes with cfn-lint and moto.
const toJSON = `
import json, sys
try:
    import yaml
except ImportError:
    sys.exit(3)
# CloudFormation's short forms are written out.
def written_out(loader, name, node):
    kinds = {"scalar": loader.construct_scalar, "sequence": loader.construct_sequence, "mapping": loader.construct_mapping}
    value = kinds[node.id](node, True) if node.id != "scalar" else loader.construct_scalar(node)
    return {name if name == "Ref" else "Fn::" + name: value}
yaml.SafeLoader.add_multi_constructor("!", written_out)
print(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1])) if d]))
`

// documents reads the YAML documents in a file.
func documents(t *testing.T, path string) []map[string]any {
	t.Helper()
	command := exec.CommandContext(t.Context(), tool(t, "python3"), "-c", toJSON, filepath.Join(root, path))
	var complaints bytes.Buffer
	command.Stderr = &complaints
	text, err := command.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		missing(t, "PyYAML")
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, complaints.String())
	}
	var found []map[string]any
	check(t, json.Unmarshal(text, &found))
	return found
}

// at is what stands in a document under names and positions.
func at(t *testing.T, document any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := document.(map[string]any)
			if !ok || m[step] == nil {
				t.Fatalf("nothing at %v", path)
			}
			document = m[step]
		case int:
			l, ok := document.([]any)
			if !ok || len(l) <= step {
				t.Fatalf("nothing at %v", path)
			}
			document = l[step]
		}
	}
	return document
}
