package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// failures are the accounts of the events of failed runs on our bus, in order.
func (m *manyAccounts) failures() (accounts []string) {
	m.t.Helper()
	for _, e := range m.aws.Home().Events() {
		var detail struct{ Account struct{ ID string } }
		if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
			m.t.Fatal(err)
		}
		if e.DetailType == "Sleuth Run Failed" {
			accounts = append(accounts, detail.Account.ID)
		}
	}
	slices.Sort(accounts)
	return accounts
}

// TestEventsAndFindingsOfAnOrganization: findings are in each account's own
// Security Hub, events on the one bus; what fails is of that account alone.
func TestEventsAndFindingsOfAnOrganization(t *testing.T) {
	t.Parallel()
	m := newManyAccounts(t)
	bus := m.aws.Home().AddBus("keys")
	m.env = append(m.env, "SLEUTH_EVENT_BUS="+bus, "SLEUTH_SECURITY_HUB=securityhub", "ENABLE_AUTO_EXPIRE=false")
	for _, i := range covered {
		if i != 7 {
			m.accounts[i].EnableSecurityHub()
		}
	}
	status, stdout, _ := m.run("run")
	if status != exitIncomplete || !strings.Contains(stdout, "failed: 300000000007: read the findings that Security Hub has: ") || strings.Contains(stdout, "not published") {
		t.Errorf("exit status %d:\n%s", status, stdout)
	}
	for i, account := range m.accounts {
		var ids []string
		for _, f := range account.Findings() {
			ids = append(ids, f.Text("Id")+" "+f.Text("AwsAccountId")+" "+f.Text("RecordState"))
		}
		var want []string
		if slices.Contains(covered, i) && i != 7 {
			for _, age := range []int{85, 95} {
				want = append(want, fmt.Sprintf("iam-sleuth/%s/AKIA%dOF%d %s ACTIVE", account.ID(), age, i, account.ID()))
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("account %d has the findings %q, want %q", i, ids, want)
		}
	}
	if got, want := m.failures(), []string{"300000000003", "300000000007"}; !slices.Equal(got, want) {
		t.Errorf("events of failed runs are of %q, want %q", got, want)
	}
	if got, want := len(m.aws.Home().Events()), 2*len(covered)+2; got != want {
		t.Errorf("%d events, want %d: two keys an account, and two failures", got, want)
	}
}

// TestARunOverAccountsThatFailsBeforeAnyAccount has an event of the account that it is
// made from, whether it could not begin or its digest was not sent.
func TestARunOverAccountsThatFailsBeforeAnyAccount(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]awsfake.Fault{
		"no list of accounts": {Action: "ListAccountsForParent", Code: "AccessDeniedException"},
		"no digest":           {Action: "Publish", Code: "AuthorizationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManyAccounts(t)
			m.env = append(m.env, "SLEUTH_EVENT_BUS="+m.aws.Home().AddBus("keys"), "SLEUTH_NOTIFY_MODE=digest", "SLEUTH_EXCLUDE_ACCOUNTS=300000000003,300000000006")
			m.aws.Inject(fault)
			if status, _, stderr := m.run("run"); status != exitIncomplete {
				t.Errorf("exit status %d: %s", status, stderr)
			}
			if got := m.failures(); !slices.Equal(got, []string{m.accounts[0].ID()}) {
				t.Errorf("events of failed runs are of %q, want one of our own account", got)
			}
		})
	}
}

// TestEventsAndFindingsOnMoto: the released binary's events come through a rule
// such as docs/events.md shows to a queue, as the schema says, and its findings
// are in an emulator's Security Hub that nobody here wrote.
func TestEventsAndFindingsOnMoto(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	account := moto.Account(t)
	now := time.Now().UTC()
	made := account.AddUsers(t, []mototest.User{
		{Name: "ada", Tags: map[string]string{"Name": "Ada"}, Keys: []mototest.Key{{Active: true, Created: now.AddDate(0, 0, -85), LastUsed: now.AddDate(0, 0, -1)}}},
		{Name: "bob", Keys: []mototest.Key{{Active: true, Created: now.AddDate(0, 0, -95), LastUsed: now.AddDate(0, 0, -1)}}},
	})
	bus, queue := watchedBus(t, account)
	hub := securityhub.NewFromConfig(account.Config(t.Context()))
	if _, err := hub.EnableSecurityHub(t.Context(), &securityhub.EnableSecurityHubInput{}); err != nil {
		t.Fatal(err)
	}
	run := func(settings ...string) {
		t.Helper()
		process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run")
		process.Dir = t.TempDir()
		process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(),
			[]string{"AWS_ENDPOINT_URL=" + moto.URL, "SLEUTH_STATE=none", "SLEUTH_EVENT_BUS=" + bus, "SLEUTH_SECURITY_HUB=securityhub"}, settings)
		if said, err := process.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	found := func() map[string]string {
		t.Helper()
		out, err := hub.GetFindings(t.Context(), &securityhub.GetFindingsInput{})
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]string{}
		for _, f := range out.Findings {
			states[aws.ToString(f.Resources[0].Details.AwsIamAccessKey.AccessKeyId)] = string(f.RecordState)
		}
		return states
	}
	ada, bob := made[0].Keys[0].ID, made[1].Keys[0].ID
	run()
	if got := found(); len(got) != 2 || got[ada] != "ACTIVE" || got[bob] != "ACTIVE" {
		t.Errorf("findings %v", got)
	}
	run("ENABLE_AUTO_EXPIRE=true")
	if got := found(); len(got) != 2 || got[ada] != "ACTIVE" || got[bob] != "ARCHIVED" {
		t.Errorf("once a key is disabled, findings %v", got)
	}

	file, err := filepath.Abs("../../docs/schema/event-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, text := range received(t, account, queue) {
		event, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(event); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		fields, _ := event.(map[string]any)
		types = append(types, fmt.Sprint(fields["detail-type"]))
	}
	slices.Sort(types)
	if want := []string{"Sleuth Key Disabled", "Sleuth Key Past Limit", "Sleuth Key Warning", "Sleuth Key Warning"}; !slices.Equal(types, want) {
		t.Errorf("events %q, want %q", types, want)
	}
}

// ruleInDocs is the event pattern that docs/events.md shows for everything.
func ruleInDocs(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\{ "source": .*\}$`).FindString(string(page))
	if found == "" {
		t.Fatal("docs/events.md shows no pattern for all events")
	}
	return found
}

// watchedBus is a bus with a rule that sends all of Sleuth's events to a queue.
func watchedBus(t *testing.T, account *mototest.Account) (bus, queue string) {
	t.Helper()
	config := account.Config(t.Context())
	events, queues := eventbridge.NewFromConfig(config), sqs.NewFromConfig(config)
	madeBus, err := events.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("keys")})
	if err != nil {
		t.Fatal(err)
	}
	madeQueue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("events")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = events.PutRule(t.Context(), &eventbridge.PutRuleInput{
		Name: aws.String("sleuth"), EventBusName: aws.String("keys"), EventPattern: aws.String(ruleInDocs(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{
		Rule: aws.String("sleuth"), EventBusName: aws.String("keys"),
		Targets: []eventtypes.Target{{Id: aws.String("1"), Arn: aws.String(fmt.Sprintf("arn:aws:sqs:%s:%s:events", mototest.Region, account.ID))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *madeBus.EventBusArn, *madeQueue.QueueUrl
}

// received reads a queue to its end.
func received(t *testing.T, account *mototest.Account, queue string) (texts []string) {
	t.Helper()
	client := sqs.NewFromConfig(account.Config(t.Context()))
	for {
		got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 600})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return texts
		}
		for _, m := range got.Messages {
			texts = append(texts, *m.Body)
		}
	}
}
