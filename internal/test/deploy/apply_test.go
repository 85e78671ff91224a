package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

const day = 24 * time.Hour

// example is one of the module's examples, and what must come of it.
type example struct {
	folder string
	region string
	// webhook is where the webhook is kept, in the words of SLACK_URL.
	webhook string
	// disables: the keys past their limit are Inactive after a run.
	disables bool
	// receives: a queue gets the notices too.
	receives bool
}

var examples = []example{
	{folder: "single-account", region: "us-east-1", webhook: "ssm:/sleuth/slack-url"},
	{folder: "with-sns", region: "us-east-1", webhook: "secretsmanager:sleuth/slack-url", disables: true, receives: true},
	{folder: "govcloud", region: "us-gov-west-1", webhook: "ssm:/sleuth/slack-url", disables: true},
}

// Each example is applied, planned again, run by the zip and the environment
// that AWS was given, and destroyed. Unless everything is required, that is done
// with one of them, and the others are planned.
func TestExamples(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	moto := mototest.Shared(t)
	for _, e := range examples {
		t.Run(e.folder, func(t *testing.T) {
			t.Parallel()
			slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
			check(t, err)
			t.Cleanup(slack.Close)
			p := place{moto.Account(t), e.region}
			before := p.everything(t)
			p.keep(t, e.webhook, slack.URL())

			w := newWorkspace(t, filepath.Join("examples", e.folder), append(p.env(), "AWS_ENDPOINT_URL="+serveAliases(t, moto.URL)))
			if e.folder == "single-account" { // applying validates as well
				w.run(t, "validate")
			}
			variable := "-var=zip_file=" + lambdaZip(t)
			if os.Getenv("SLEUTH_REQUIRE_ALL") != "1" && e.folder != "with-sns" {
				w.run(t, "plan", variable)
				return
			}
			w.run(t, "apply", variable)
			if said, status := w.try(t, "plan", "-detailed-exitcode", variable); status != 0 {
				t.Errorf("a second plan is not empty: exit status %d\n%s", status, said)
			}

			outputs := w.outputs(t)
			function := p.function(t, outputs["function_name"])
			variables := environment(t, function)
			checkFunction(t, function, variables, e)
			checkPolicy(t, p, function, variables)
			p.checkLeakRule(t, fmt.Sprint(function["FunctionName"])+"-leaks", fmt.Sprint(function["FunctionArn"])+":leaks")
			p.runDeployed(t, e, outputs, variables, slack)

			p.dropUsers(t)
			w.run(t, "destroy", "-refresh=false", variable)
			if diff := cmp.Diff(before, p.everything(t)); diff != "" {
				t.Errorf("destroying leaves something behind (-before +after):\n%s", diff)
			}
		})
	}
}

// keep puts the webhook where the example says that it is.
func (p place) keep(t *testing.T, reference, webhook string) {
	t.Helper()
	keeper, name, _ := strings.Cut(reference, ":")
	var err error
	if keeper == "ssm" {
		_, err = ssm.NewFromConfig(p.config(t)).PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &webhook, Type: ssmtypes.ParameterTypeSecureString})
	} else {
		_, err = secretsmanager.NewFromConfig(p.config(t)).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &webhook})
	}
	check(t, err)
}

func checkFunction(t *testing.T, function map[string]any, variables map[string]string, e example) {
	t.Helper()
	if function["Runtime"] != "provided.al2023" || function["Handler"] != "bootstrap" {
		t.Errorf("the function is %v, %v", function["Runtime"], function["Handler"])
	}
	if variables["SLACK_URL"] != e.webhook {
		t.Errorf("SLACK_URL = %q, want %q", variables["SLACK_URL"], e.webhook)
	}
	if _, err := checked(variables); err != nil {
		t.Errorf("the function's environment: %v", err)
	}
}

// checkPolicy holds the role to what 'sleuth iam-policy' prints.
func checkPolicy(t *testing.T, p place, function map[string]any, variables map[string]string) {
	t.Helper()
	cfg, err := checked(variables)
	check(t, err)
	want := iampolicy.ForRun(cfg, iampolicy.Target{Partition: iampolicy.PartitionOf(p.region), Account: p.ID, Region: p.region})
	name, _ := function["FunctionName"].(string)
	if diff := cmp.Diff(inOrder(want), inOrder(p.rolePolicy(t, name, "sleuth"))); diff != "" {
		t.Errorf("the role's policy is not what 'sleuth iam-policy' prints (-want +got):\n%s", diff)
	}
}

// people are the users of a deployment: the one of aws-iam-sleuth's sample, and
// a group's.
var people = map[string]string{"tfunke": "UPML12345", "jenkins": "subteam-SP12345"}

func (p place) runDeployed(t *testing.T, e example, outputs, variables map[string]string, slack *channeltest.SlackServer) {
	t.Helper()
	client := iam.NewFromConfig(p.config(t))
	now := time.Now()
	keys := map[string]string{}
	for name, tag := range people {
		_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Tags: []types.Tag{
			{Key: aws.String("Name"), Value: aws.String("The " + name)}, {Key: aws.String("Slack"), Value: aws.String(tag)},
		}})
		check(t, err)
		made, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
		check(t, err)
		keys[name] = *made.AccessKey.AccessKeyId
	}
	mototest.Shared(t).Backdate(t, keys["tfunke"], now.Add(-200*day), now.Add(-day))
	mototest.Shared(t).Backdate(t, keys["jenkins"], now.Add(-83*day), now.Add(-day))

	zipped := p.FunctionZip(t, p.region, outputs["function_name"])
	a := p.invoke(t, zipped, variables)
	if a.err != nil {
		t.Fatalf("the run failed: %v\n%v", a.err, a.log)
	}
	wantStatus, disabled := types.StatusTypeActive, 0.0
	if e.disables {
		wantStatus, disabled = types.StatusTypeInactive, 1.0
	}
	if got := statusOf(t, client, "tfunke"); got != wantStatus {
		t.Errorf("the key of 200 days is %s, want %s", got, wantStatus)
	}
	if got := statusOf(t, client, "jenkins"); got != types.StatusTypeActive {
		t.Errorf("the key of 83 days is %s", got)
	}
	if a.result["disabled"] != disabled || a.result["failed"] != 0.0 {
		t.Errorf("the result is %v", a.result)
	}

	received := strings.Join(slack.Received(), "\n")
	for _, mention := range []string{"<@UPML12345>", "<!subteam^SP12345>"} {
		if !strings.Contains(received, mention) {
			t.Errorf("Slack did not receive %s: %q", mention, received)
		}
	}
	if e.disables != strings.Contains(received, "is disabled due to creation age") {
		t.Errorf("Slack received: %q", received)
	}
	if e.receives {
		p.checkQueue(t, outputs["queue_url"])
	}

	m := a.metrics(t)
	if m["Account"] != p.ID || m["Disabled"] != disabled || m["Keys"] != 2.0 || m["KeysExpire"] != 1.0 || m["NoticesPending"] != 0.0 {
		t.Errorf("the metrics are %v", m)
	}
	if calls, _ := m["APICalls"].(float64); calls < 6 {
		t.Errorf("the metrics say %v calls", m["APICalls"])
	}

	_, table, _ := strings.Cut(variables["SLEUTH_STATE"], ":")
	items, err := dynamodb.NewFromConfig(p.config(t)).Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	check(t, err)
	records := map[string]bool{}
	for _, item := range items.Items {
		if name, ok := item["item"].(*dynamodbtypes.AttributeValueMemberS); ok {
			records[name.Value] = true
		}
	}
	for _, key := range keys {
		if !records["key#"+key] {
			t.Errorf("the table holds no record of key %s: %v", key, records)
		}
	}
	if records["lease"] {
		t.Error("the lease was not given back")
	}

	// A second run has nothing new to say where it reminds by a ladder, and
	// never disables or announces twice.
	again := p.invoke(t, zipped, variables)
	if again.err != nil || again.result["disabled"] != 0.0 {
		t.Errorf("the second run: %v %v", again.result, again.err)
	}
}

func statusOf(t *testing.T, client *iam.Client, user string) types.StatusType {
	t.Helper()
	out, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
	check(t, err)
	if len(out.AccessKeyMetadata) != 1 {
		t.Fatalf("%s has %d keys", user, len(out.AccessKeyMetadata))
	}
	return out.AccessKeyMetadata[0].Status
}

func (p place) checkQueue(t *testing.T, queue string) {
	t.Helper()
	out, err := sqs.NewFromConfig(p.config(t)).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10})
	check(t, err)
	var bodies []string
	for _, m := range out.Messages {
		bodies = append(bodies, *m.Body)
	}
	for _, line := range []string{"tfunke's key is disabled due to creation age", "jenkins's key expires in 7 days due to creation age"} {
		if !strings.Contains(strings.Join(bodies, "\n"), line) {
			t.Errorf("the queue did not receive %q: %q", line, bodies)
		}
	}
}

// dropUsers removes what the test has made, so that what Terraform leaves is
// seen. Terraform itself cannot remove a user with keys.
func (p place) dropUsers(t *testing.T) {
	t.Helper()
	client := iam.NewFromConfig(p.config(t))
	for name := range people {
		keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &name})
		check(t, err)
		for _, k := range keys.AccessKeyMetadata {
			_, err := client.DeleteAccessKey(t.Context(), &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId})
			check(t, err)
		}
		_, err = client.DeleteUser(t.Context(), &iam.DeleteUserInput{UserName: &name})
		check(t, err)
	}
}
