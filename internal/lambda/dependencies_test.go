package lambda

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheLambdaHasNoDemoAndNoTerminal: what is not needed in Lambda costs its
// zip size and its start time. (golang.org/x/term is there for shoutrrr's sake.)
func TestTheLambdaHasNoDemoAndNoTerminal(t *testing.T) {
	t.Parallel()
	const module = "github.com/iam-sleuth/sleuth/"
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc", module+"cmd/sleuth-lambda")
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(output))
	for _, unwanted := range []string{
		module + "internal/cli", // prompts, completion, man page, demo
		module + "internal/awsfake",
		module + "internal/test",
		module + "internal/tools",
		"testing",
	} {
		for _, name := range packages {
			if name == unwanted || strings.HasPrefix(name, unwanted+"/") {
				t.Errorf("the Lambda needs %s", name)
			}
		}
	}
	if len(packages) < 100 {
		t.Errorf("only %d packages were listed", len(packages))
	}
}
