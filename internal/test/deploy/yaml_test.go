package deploy

import (
	"errors"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// documents reads the YAML documents in a file, with CloudFormation's short
// forms written out.
func documents(t *testing.T, path string) []map[string]any {
	t.Helper()
	var found []map[string]any
	decoder := yaml.NewDecoder(strings.NewReader(read(t, path)))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found
		}
		var document map[string]any
		if err == nil {
			writeOut(&node)
			err = node.Decode(&document)
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if document != nil {
			found = append(found, document)
		}
	}
}

// writeOut makes {"Ref": "A"} of !Ref A, and {"Fn::If": [...]} of !If [...].
func writeOut(node *yaml.Node) {
	for _, inside := range node.Content {
		writeOut(inside)
	}
	name, short := strings.CutPrefix(node.Tag, "!")
	if !short || strings.HasPrefix(name, "!") {
		return
	}
	if name != "Ref" {
		name = "Fn::" + name
	}
	value := *node
	value.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[node.Kind]
	*node = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, &value}}
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
