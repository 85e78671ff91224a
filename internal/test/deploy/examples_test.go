package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// TestOrganizationExample applies the example in the order of its page, the role
// in the member account before there is a deployment, and runs it.
func TestOrganizationExample(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	moto := mototest.Start(t)
	home := place{moto.Home, mototest.Region}
	home.organize(t)
	accounts, err := organizations.NewFromConfig(home.config(t)).ListAccounts(t.Context(), &organizations.ListAccountsInput{})
	check(t, err)
	other := slices.IndexFunc(accounts.Accounts, func(a orgtypes.Account) bool { return *a.Id != home.ID })
	member := place{moto.Member(t, *accounts.Accounts[other].Id), mototest.Region}
	slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
	check(t, err)
	t.Cleanup(slack.Close)
	home.keep(t, "ssm:/sleuth/slack-url", slack.URL())

	w := newWorkspace(t, filepath.Join("examples", "organization"), append(home.env(), "AWS_ENDPOINT_URL="+serveAliases(t, moto.URL)))
	variables := []string{"-var=zip_file=" + lambdaZip(t), "-var=external_id=handshake", "-var=member_account=" + member.ID}
	w.run(t, append([]string{"apply", "-target=module.member"}, variables...)...)
	if got := rolesOf(t, member); !slices.Contains(got, "sleuth-member") {
		t.Fatalf("the member account has the roles %v", got)
	}
	if got := rolesOf(t, home); slices.Contains(got, "iam-sleuth") {
		t.Fatalf("the home account has the roles %v already", got)
	}
	w.run(t, append([]string{"apply"}, variables...)...)
	if said, status := w.try(t, append([]string{"plan", "-detailed-exitcode"}, variables...)...); status != 0 {
		t.Errorf("a second plan is not empty: exit status %d\n%s", status, said)
	}

	member.AddUsers(t, []mototest.User{{Name: "tfunke", Tags: map[string]string{"Slack": "UPML12345"}, Keys: []mototest.Key{{Active: true, Created: time.Now().Add(-200 * day)}}}})
	outputs := w.outputs(t)
	function := home.function(t, outputs["function_name"])
	checkPolicy(t, home, function, environment(t, function))
	a := home.invoke(t, home.FunctionZip(t, home.region, outputs["function_name"]), environment(t, function))
	if a.err != nil {
		t.Fatalf("the run failed: %v\n%v", a.err, a.log)
	}
	if got := statusOf(t, iam.NewFromConfig(member.config(t)), "tfunke"); got != types.StatusTypeInactive {
		t.Errorf("the key of 200 days is %s", got)
	}
	if received := strings.Join(slack.Received(), "\n"); !strings.Contains(received, "<@UPML12345>'s key is disabled due to creation age") {
		t.Errorf("Slack received: %q", received)
	}
}

func rolesOf(t *testing.T, p place) (names []string) {
	t.Helper()
	listed, err := iam.NewFromConfig(p.config(t)).ListRoles(t.Context(), &iam.ListRolesInput{})
	check(t, err)
	for _, role := range listed.Roles {
		names = append(names, *role.RoleName)
	}
	return names
}

// modulePages show the module, or what belongs to a deployment of it.
func modulePages(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "terraform/README.md", "terraform/examples/*/main.tf", "deploy/*.yaml", "deploy/*/*"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		check(t, err)
		for _, file := range files {
			name, err := filepath.Rel(root, file)
			check(t, err)
			pages[name] = read(t, name)
		}
	}
	return pages
}

// TestNamesAreTheSameEverywhere: who goes from one page to another finds what they
// have made.
func TestNamesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	parameter := regexp.MustCompile(`(?:ssm:|--name )/([\w-]+)/([\w-]+)`)
	label := regexp.MustCompile(`module "(\w+)" {\n\s+source\s+= "(?:\.\./\.\.|github.com/iam-sleuth/sleuth//terraform[^/"]*)"`)
	seen := 0
	for name, page := range modulePages(t) {
		for _, found := range parameter.FindAllStringSubmatch(page, -1) {
			seen++
			if found[1] != "sleuth" && found[1] != "parameter" || strings.Contains(found[2], "_") {
				t.Errorf("%s names the parameter /%s/%s", name, found[1], found[2])
			}
		}
		for _, found := range label.FindAllStringSubmatch(page, -1) {
			seen++
			if found[1] != "sleuth" {
				t.Errorf("%s calls the module %s", name, found[1])
			}
		}
		for _, function := range regexp.MustCompile(`--function-name ([\w-]+)`).FindAllStringSubmatch(page, -1) {
			if function[1] != "iam-sleuth" && function[1] != "NAME" {
				t.Errorf("%s calls the function %s", name, function[1])
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d names were found", seen)
	}
}

// TestExamplesGiveTheOutputsThatPagesUse: "terraform output -raw NAME" works in a
// copy of any example, and its function has the name that pages say.
func TestExamplesGiveTheOutputsThatPagesUse(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"function_name": true}
	for _, page := range modulePages(t) {
		for _, found := range regexp.MustCompile(`terraform output -raw (\w+)`).FindAllStringSubmatch(page, -1) {
			used[found[1]] = true
		}
	}
	if len(used) < 3 {
		t.Errorf("pages use only %v", used)
	}
	folders, err := os.ReadDir(filepath.Join(root, "terraform/examples"))
	check(t, err)
	for _, folder := range folders {
		example := filepath.Join("terraform/examples", folder.Name())
		given := map[string]bool{}
		for _, output := range readModule(t, example).outputs {
			given[output.name] = true
		}
		for name := range used {
			if !given[name] {
				t.Errorf("%s has no output %s", example, name)
			}
		}
		if text := read(t, filepath.Join(example, "main.tf")); strings.Contains(text, "\nresource \"aws_iam_user\"") {
			t.Errorf("%s makes users", example)
		}
	}
}

// planOf plans a configuration that calls the module with further arguments.
func planOf(t *testing.T, arguments string) (resources map[string]map[string]any, outputs map[string]any) {
	t.Helper()
	tool(t, "terraform")
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	w := newWorkspace(t, filepath.Join("examples", "single-account"), p.env())
	text := "module \"sleuth\" {\n  source = \"../..\"\n  zip_s3 = { bucket = \"releases\", key = \"sleuth.zip\" }\n" + arguments + "\n}\n"
	check(t, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(text), 0o600))
	w.init(t)
	return w.planned(t)
}

const stepFunctions = `
  accounts       = ["organization"]
  member_role    = "sleuth-member"
  step_functions = true
`

func TestResultsBucketIsGuarded(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:us-east-1:123456789012:key/ours"
	resources, _ := planOf(t, stepFunctions+fmt.Sprintf("  kms_key_arn = %q\n", key))
	text := fmt.Sprint(resources["module.sleuth.aws_s3_bucket_server_side_encryption_configuration.results[0]"]["rule"])
	if !strings.Contains(text, key) || !strings.Contains(text, "aws:kms") {
		t.Errorf("the bucket is encrypted by %s", text)
	}
	if got := fmt.Sprint(resources["module.sleuth.aws_s3_bucket_versioning.results[0]"]["versioning_configuration"]); !strings.Contains(got, "status:Enabled") {
		t.Errorf("versions: %s", got)
	}
	policy := fmt.Sprint(resources["module.sleuth.aws_s3_bucket_policy.results[0]"]["policy"])
	for _, want := range []string{`"Effect":"Deny"`, `"aws:SecureTransport":"false"`, `"Action":"s3:*"`, `-results-`, `/*"`} {
		if !strings.Contains(strings.Join(strings.Fields(policy), ""), want) {
			t.Errorf("the bucket's policy lacks %s: %s", want, policy)
		}
	}
	if got := fmt.Sprint(resources["module.sleuth.aws_iam_role_policy.state_machine[0]"]["policy"]); got != "<nil>" && !strings.Contains(got, key) {
		t.Errorf("the state machine may not use the key: %s", got)
	}
}

func TestExistingRolesAreUsed(t *testing.T) {
	t.Parallel()
	const prefix = "arn:aws:iam::123456789012:role/teams/"
	resources, _ := planOf(t, stepFunctions+`
  existing_roles = {
    function      = "`+prefix+`function"
    schedule      = "`+prefix+`schedule"
    state_machine = "`+prefix+`steps"
  }
  network_environment = { HTTPS_PROXY = "http://proxy.example.com:3128", AWS_CA_BUNDLE = "/opt/ca.pem" }
  layers              = ["arn:aws:lambda:us-east-1:123456789012:layer:ca:1"]
`)
	for address := range resources {
		if strings.Contains(address, "aws_iam_role") {
			t.Errorf("the module makes %s", address)
		}
	}
	function := resources["module.sleuth.aws_lambda_function.sleuth"]
	if function["role"] != prefix+"function" || resources["module.sleuth.aws_sfn_state_machine.organization[0]"]["role_arn"] != prefix+"steps" {
		t.Errorf("the function has the role %v", function["role"])
	}
	if got := fmt.Sprint(resources["module.sleuth.aws_scheduler_schedule.sleuth"]["target"]); !strings.Contains(got, prefix+"schedule") {
		t.Errorf("the schedule has %s", got)
	}
	if diff := cmp.Diff([]any{"arn:aws:lambda:us-east-1:123456789012:layer:ca:1"}, function["layers"]); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if got := fmt.Sprint(function["environment"]); !strings.Contains(got, "HTTPS_PROXY:http://proxy.example.com:3128") || !strings.Contains(got, "EXPIRATION_AGE:90") {
		t.Errorf("the environment is %s", got)
	}
}
