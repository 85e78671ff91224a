package lambda

import (
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

var clientMethod = regexp.MustCompile(`service/iam\.\(\*Client\)\.([A-Z]\w*)\n`)

// TestTheProgramHasOnlyTheCallsThatItMakes: one client of the SDK's that is put
// into an interface brings all of its service's calls into the program.
func TestTheProgramHasOnlyTheCallsThatItMakes(t *testing.T) {
	t.Parallel()
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", program.Build(t, "sleuth-lambda")).Output()
	if err != nil {
		t.Fatal(err)
	}
	methods := clientMethod.FindAllStringSubmatch(string(symbols), -1)
	if len(methods) < 5 {
		t.Fatalf("only %d calls of IAM were found", len(methods))
	}
	for _, method := range methods {
		if _, made := reflect.TypeFor[*awsclient.IAM]().MethodByName(method[1]); !made && method[1] != "Options" {
			t.Errorf("the program can call iam:%s: use awsclient.NewIAM rather than iam.NewFromConfig", method[1])
		}
	}
}

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
