package deploy

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

const template = "deploy/cloudformation.yaml"

func TestTemplateIsClean(t *testing.T) {
	t.Parallel()
	lint := exec.CommandContext(t.Context(), tool(t, "cfn-lint"), "--non-zero-exit-code", "informational", filepath.Join(root, template))
	if said, err := lint.CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, said)
	}
}

// singleAccountSettings are the settings except for those of several accounts,
// which the template does not cover.
func singleAccountSettings() []string {
	several := []string{"SLEUTH_NOTIFY_MODE", "SLEUTH_RESULTS_BUCKET"}
	for _, s := range settingsOf(reflect.TypeFor[config.Accounts]()) {
		several = append(several, s.variable)
	}
	return slices.DeleteFunc(settingNames(), func(name string) bool { return slices.Contains(several, name) })
}

// templateParameter is a parameter that hands a setting on.
var templateParameter = regexp.MustCompile(`(?m)^  ([A-Za-z]+):\n    Type: .*\n    Description: "([A-Z_]+): .*"\n    Default: (.*)$`)

func TestEverySettingIsInTheTemplate(t *testing.T) {
	t.Parallel()
	text := read(t, template)
	_, resources, _ := strings.Cut(text, "        Variables:\n")
	variables, _, _ := strings.Cut(resources, "\n\n")
	var handed []string
	from := map[string]string{}
	for _, entry := range regexp.MustCompile(`(?m)^          ([A-Z_]+): (.*)$`).FindAllStringSubmatch(variables, -1) {
		handed = append(handed, entry[1])
		from[entry[1]] = entry[2]
	}
	slices.Sort(handed)
	if diff := cmp.Diff(singleAccountSettings(), handed); diff != "" {
		t.Errorf("the function's environment (-settings of internal/config +entries):\n%s", diff)
	}

	byVariable := map[string]string{}
	for _, s := range settings() {
		byVariable[s.variable] = s.byDefault
	}
	described := []string{"SLEUTH_STATE"} // the template makes the table itself
	for _, p := range templateParameter.FindAllStringSubmatch(text, -1) {
		name, variable, byDefault := p[1], p[2], strings.Trim(p[3], `"`)
		described = append(described, variable)
		if want, known := byVariable[variable]; !known || byDefault != want {
			t.Errorf("the default of %s is %q, internal/config says %q", name, byDefault, want)
		}
		if !strings.Contains(from[variable], "!Ref "+name) {
			t.Errorf("%s is made from %s, not from %s", variable, from[variable], name)
		}
	}
	slices.Sort(described)
	if diff := cmp.Diff(singleAccountSettings(), described); diff != "" {
		t.Errorf("parameters (-settings of internal/config +parameters):\n%s", diff)
	}
}

// stack makes calls to CloudFormation.
func (p place) stack(t *testing.T, action string, parameters map[string]string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-15"}, "StackName": {"iam-sleuth"}}
	if action == "CreateStack" {
		// moto makes no aliases from a template: there the rule starts the
		// function by its own name.
		form.Set("TemplateBody", strings.ReplaceAll(read(t, template), "${Function.Arn}:leaks", "${Function.Arn}"))
		form.Set("Capabilities.member.1", "CAPABILITY_IAM")
	}
	i := 0
	for name, value := range parameters {
		i++
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", i), name)
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", i), value)
	}
	answer := p.call(t, "cloudformation", http.MethodPost, "/", "", form.Encode())
	if answer["status"] != float64(http.StatusOK) {
		t.Fatalf("%s: %v", action, answer)
	}
	text, _ := answer["text"].(string)
	return text
}

func TestTemplateIsDeployed(t *testing.T) {
	t.Parallel()
	slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
	check(t, err)
	t.Cleanup(slack.Close)
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	p.keep(t, "ssm:/sleuth/slack-url", slack.URL())
	bucket := "releases-" + p.ID
	p.upload(t, bucket, "sleuth.zip", lambdaZip(t))
	before := p.everything(t)

	p.stack(t, "CreateStack", map[string]string{
		"CodeBucket": bucket, "CodeKey": "sleuth.zip", "EnableAutoExpire": "true", "SlackUrl": "ssm:/sleuth/slack-url", "Inventory": "live",
	})
	var described struct {
		Status  string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
		Outputs []struct {
			Key   string `xml:"OutputKey"`
			Value string `xml:"OutputValue"`
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	text := p.stack(t, "DescribeStacks", nil)
	check(t, xml.Unmarshal([]byte(text), &described))
	if described.Status != "CREATE_COMPLETE" {
		t.Fatalf("the stack is %s: %s", described.Status, text)
	}
	outputs := map[string]string{}
	for _, o := range described.Outputs {
		outputs[o.Key] = o.Value
	}

	variables := environment(t, p.function(t, outputs["FunctionName"]))
	cfg, err := checked(variables)
	check(t, err)
	if variables["SLEUTH_STATE"] != outputs["State"] {
		t.Errorf("SLEUTH_STATE = %q, the output says %q", variables["SLEUTH_STATE"], outputs["State"])
	}
	want := iampolicy.ForRun(cfg, iampolicy.Target{Partition: "aws", Account: p.ID, Region: p.region})
	if diff := cmp.Diff(inOrder(want), inOrder(p.policiesOf(t, outputs["RoleName"]))); diff != "" {
		t.Errorf("the role's policy is not what 'sleuth iam-policy' prints (-want +got):\n%s", diff)
	}

	now := time.Now()
	p.AddUsers(t, []mototest.User{{
		Name: "tfunke", Tags: map[string]string{"Name": "Tobias Funke", "Slack": "UPML12345"},
		Keys: []mototest.Key{{Active: true, Created: now.Add(-200 * day), LastUsed: now.Add(-day)}},
	}})
	a := p.invoke(t, p.FunctionZip(t, p.region, outputs["FunctionName"]), variables)
	if a.err != nil || a.metrics(t)["Disabled"] != 1.0 {
		t.Fatalf("the run: %v %v\n%v", a.result, a.err, a.log)
	}
	client := iam.NewFromConfig(p.config(t))
	if got := statusOf(t, client, "tfunke"); got != types.StatusTypeInactive {
		t.Errorf("the key of 200 days is %s", got)
	}
	if received := strings.Join(slack.Received(), "\n"); !strings.Contains(received, "<@UPML12345>'s key is disabled due to creation age") {
		t.Errorf("Slack received: %q", received)
	}

	p.stack(t, "DeleteStack", nil)
	after := slices.DeleteFunc(p.everything(t), func(name string) bool { return name == "user tfunke" })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("deleting leaves something behind (-before +after):\n%s", diff)
	}
}

// allParameters turns on whatever asks for a permission, beside the channels.
var allParameters = map[string]string{
	"EnableAutoExpire": "true", "DeleteAfterDays": "90", "LeakResponse": "disable",
	"SlackChannel": "C0123456789", "Evidence": "s3://proof/iam/keys", "SecurityHub": "securityhub", "Trace": "true", "Rules": everyRule,
}

func TestTemplateWithEveryPermission(t *testing.T) {
	t.Parallel()
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	bucket := "releases-" + p.ID
	p.upload(t, bucket, "sleuth.zip", lambdaZip(t))
	before := p.everything(t)
	parameters := maps.Clone(allParameters)
	parameters["CodeBucket"], parameters["CodeKey"] = bucket, "sleuth.zip"
	for _, channel := range deployedChannels(t) {
		parameters[channel.Parameter()] = channel.sample()
	}
	for name := range parameters { // moto ignores one that the template does not have
		if !strings.Contains(read(t, template), "\n  "+name+":\n    Type: ") {
			t.Errorf("the template has no parameter %s", name)
		}
	}
	p.stack(t, "CreateStack", parameters)

	functions, roles := p.made(t, before, "function"), p.made(t, before, "role")
	if len(functions) != 1 || len(roles) != 2 {
		t.Fatalf("the stack has the functions %q and the roles %q", functions, roles)
	}
	configuration := p.function(t, functions[0])
	variables := environment(t, configuration)
	cfg, err := checked(variables)
	check(t, err)
	_, role, _ := strings.Cut(fmt.Sprint(configuration["Role"]), ":role/")
	want := iampolicy.ForRun(cfg, iampolicy.Target{Partition: "aws", Account: p.ID, Region: p.region})
	if diff := cmp.Diff(inOrder(want), inOrder(p.policiesOf(t, role))); diff != "" {
		t.Errorf("the role's policy is not what 'sleuth iam-policy' prints (-want +got):\n%s", diff)
	}
	if rules := p.made(t, before, "rule"); len(rules) != 1 {
		t.Errorf("the stack has the rules %q", rules)
	} else {
		p.checkLeakRule(t, rules[0], fmt.Sprint(configuration["FunctionArn"]))
	}
	p.stack(t, "DeleteStack", nil)
}

// made is the names of what there is of a kind that was not there before.
func (p place) made(t *testing.T, before []string, kind string) []string {
	t.Helper()
	var names []string
	for _, entry := range p.everything(t) {
		if name, is := strings.CutPrefix(entry, kind+" "); is && !slices.Contains(before, entry) {
			names = append(names, name)
		}
	}
	return names
}

func (p place) upload(t *testing.T, bucket, key, path string) {
	t.Helper()
	client := s3.NewFromConfig(p.config(t), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	check(t, err)
	file, err := os.Open(path)
	check(t, err)
	defer func() { _ = file.Close() }()
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: file})
	check(t, err)
}

// policiesOf is what the template's policies for Sleuth allow together.
func (p place) policiesOf(t *testing.T, role string) iampolicy.Document {
	t.Helper()
	listed, err := iam.NewFromConfig(p.config(t)).ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	check(t, err)
	var whole iampolicy.Document
	for _, name := range listed.PolicyNames {
		if strings.HasPrefix(name, "sleuth") {
			part := p.rolePolicy(t, role, name)
			whole.Version = part.Version
			whole.Statement = append(whole.Statement, part.Statement...)
		}
	}
	return whole
}
