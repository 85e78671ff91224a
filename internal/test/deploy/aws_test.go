package deploy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/lambdaruntime"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// place is an account of moto's, in one region.
type place struct {
	*mototest.Account
	region string
}

func (p place) config(t *testing.T) aws.Config {
	t.Helper()
	cfg := p.Config(t.Context())
	cfg.Region = p.region
	return cfg
}

func (p place) env() []string {
	return append(p.Env(), "AWS_REGION="+p.region, "AWS_DEFAULT_REGION="+p.region)
}

// call makes a call that the module has no client for, and reads its answer.
func (p place) call(t *testing.T, service, method, path, target, body string) map[string]any {
	t.Helper()
	cfg := p.config(t)
	request, err := http.NewRequestWithContext(t.Context(), method, *cfg.BaseEndpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	if target != "" {
		request.Header.Set("X-Amz-Target", target)
	} else if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, request, hex.EncodeToString(sum[:]), service, p.region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{"status": float64(response.StatusCode)}
	if err := json.Unmarshal(text, &answer); err != nil {
		answer["text"] = string(text)
	}
	return answer
}

// function is a Lambda function's configuration, as AWS returns it.
func (p place) function(t *testing.T, name string) map[string]any {
	t.Helper()
	answer := p.call(t, "lambda", http.MethodGet, "/2015-03-31/functions/"+name, "", "")
	configuration, found := answer["Configuration"].(map[string]any)
	if !found {
		t.Fatalf("no function %s: %v", name, answer)
	}
	return configuration
}

// environment is a function's own.
func environment(t *testing.T, configuration map[string]any) map[string]string {
	t.Helper()
	variables := map[string]string{}
	e, _ := configuration["Environment"].(map[string]any)
	given, _ := e["Variables"].(map[string]any)
	for name, value := range given {
		variables[name] = fmt.Sprint(value) // moto keeps CloudFormation's numbers as numbers
	}
	if len(variables) == 0 {
		t.Fatalf("the function has no environment: %v", configuration)
	}
	return variables
}

// everything is the names of all there is in the account and region that a
// deployment can make.
func (p place) everything(t *testing.T) []string {
	t.Helper()
	cfg := p.config(t)
	names := []string{}
	add := func(kind, name string) { names = append(names, kind+" "+name) }

	identities := iam.NewFromConfig(cfg)
	roles, err := identities.ListRoles(t.Context(), &iam.ListRolesInput{})
	check(t, err)
	for _, r := range roles.Roles {
		add("role", *r.RoleName)
	}
	policies, err := identities.ListPolicies(t.Context(), &iam.ListPoliciesInput{Scope: "Local"})
	check(t, err)
	for _, r := range policies.Policies {
		add("policy", *r.PolicyName)
	}
	users, err := identities.ListUsers(t.Context(), &iam.ListUsersInput{})
	check(t, err)
	for _, u := range users.Users {
		add("user", *u.UserName)
	}
	tables, err := dynamodb.NewFromConfig(cfg).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	check(t, err)
	for _, name := range tables.TableNames {
		add("table", name)
	}
	queues, err := sqs.NewFromConfig(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	check(t, err)
	for _, name := range queues.QueueUrls {
		add("queue", name)
	}
	topics, err := sns.NewFromConfig(cfg).ListTopics(t.Context(), &sns.ListTopicsInput{})
	check(t, err)
	for _, topic := range topics.Topics {
		add("topic", *topic.TopicArn)
	}
	list := func(kind string, answer map[string]any, under, name string) {
		entries, found := answer[under].([]any)
		if !found {
			t.Fatalf("list each %s: %v", kind, answer)
		}
		for _, entry := range entries {
			add(kind, fmt.Sprint(entry.(map[string]any)[name]))
		}
	}
	list("function", p.call(t, "lambda", http.MethodGet, "/2015-03-31/functions/", "", ""), "Functions", "FunctionName")
	list("log group", p.call(t, "logs", http.MethodPost, "/", "Logs_20140328.DescribeLogGroups", "{}"), "logGroups", "logGroupName")
	list("rule", p.call(t, "events", http.MethodPost, "/", "AWSEvents.ListRules", "{}"), "Rules", "Name")
	list("schedule", p.call(t, "scheduler", http.MethodGet, "/schedules", "", ""), "Schedules", "Name")
	alarms := p.call(t, "monitoring", http.MethodPost, "/", "", url.Values{"Action": {"DescribeAlarms"}, "Version": {"2010-08-01"}}.Encode())
	for part := range strings.SplitSeq(fmt.Sprint(alarms["text"]), "<AlarmName>") {
		if name, _, found := strings.Cut(part, "</AlarmName>"); found {
			add("alarm", name)
		}
	}
	slices.Sort(names)
	return names
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rolePolicy is an inline policy of a role, as AWS has it.
func (p place) rolePolicy(t *testing.T, role, name string) iampolicy.Document {
	t.Helper()
	out, err := iam.NewFromConfig(p.config(t)).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
	check(t, err)
	text := *out.PolicyDocument
	if strings.HasPrefix(text, "%7B") {
		text, err = url.QueryUnescape(text)
		check(t, err)
	}
	return documentIn(t, text)
}

// documentIn reads a policy in which lists of one may stand as the one.
func documentIn(t *testing.T, text string) iampolicy.Document {
	t.Helper()
	var written struct {
		Version   string
		Statement []struct {
			Sid, Effect      string
			Action, Resource any
		}
	}
	if err := json.Unmarshal([]byte(text), &written); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	doc := iampolicy.Document{Version: written.Version}
	for _, s := range written.Statement {
		doc.Statement = append(doc.Statement, iampolicy.Statement{Sid: s.Sid, Effect: s.Effect, Action: listOf(s.Action), Resource: listOf(s.Resource)})
	}
	return doc
}

func listOf(value any) []string {
	if one, ok := value.(string); ok {
		return []string{one}
	}
	var list []string
	entries, _ := value.([]any)
	for _, entry := range entries {
		if entry != nil { // what the template leaves out, moto keeps as nothing
			list = append(list, fmt.Sprint(entry))
		}
	}
	return list
}

// inOrder is a policy in which no order is left to chance.
func inOrder(doc iampolicy.Document) iampolicy.Document {
	for i := range doc.Statement {
		slices.Sort(doc.Statement[i].Action)
		slices.Sort(doc.Statement[i].Resource)
	}
	slices.SortFunc(doc.Statement, func(a, b iampolicy.Statement) int { return strings.Compare(a.Sid, b.Sid) })
	return doc
}

// zipForHere is the Lambda zip for this machine, built once as it is released.
var zipForHere struct {
	once   sync.Once
	folder string
	path   string
	err    error
}

// lambdaArchitecture is this machine's, in Lambda's words.
func lambdaArchitecture() string {
	return map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
}

func lambdaZip(t *testing.T) string {
	t.Helper()
	z := &zipForHere
	z.once.Do(func() {
		arch := lambdaArchitecture()
		if z.folder, z.err = os.MkdirTemp("", "deploytest"); z.err != nil {
			return
		}
		build := exec.CommandContext(t.Context(), "make", "lambda", "LAMBDA_OUT="+z.folder, "LAMBDA_ARCH="+arch, "VERSION=deploytest")
		build.Dir = root
		if said, err := build.CombinedOutput(); err != nil {
			z.err = fmt.Errorf("make lambda: %w\n%s", err, said)
		}
		z.path = filepath.Join(z.folder, "sleuth-lambda-"+arch+".zip")
	})
	check(t, z.err)
	return z.path
}

// atOnce is how many tests may be under way: they wait for others, more than
// they use this machine.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	status := m.Run()
	if zipForHere.folder != "" {
		_ = os.RemoveAll(zipForHere.folder)
	}
	program.Remove()
	os.Exit(status)
}

// answer is what became of one event.
type answer struct {
	result map[string]any
	err    error
	log    []map[string]any // the lines of JSON that the function wrote
}

// unpacked is the program in a zip.
func unpacked(t *testing.T, zipped []byte) string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	check(t, err)
	file, err := archive.Open("bootstrap")
	check(t, err)
	content, err := io.ReadAll(file)
	check(t, err)
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	// A process that another test begins meanwhile would inherit the open file,
	// and a program that is open for writing cannot be run.
	syscall.ForkLock.RLock()
	err = os.WriteFile(bootstrap, content, 0o700) //nolint:gosec // a program
	syscall.ForkLock.RUnlock()
	check(t, err)
	return bootstrap
}

// invoke runs a function as Lambda does: its own zip, with its own environment
// and no other, behind the runtime API.
func (p place) invoke(t *testing.T, zipped []byte, variables map[string]string) answer {
	t.Helper()
	return serveOnce(t, unpacked(t, zipped), append(p.env(), entries(variables)...), []byte("{}"))
}

// entries are variables as a process takes them.
func entries(variables map[string]string) []string {
	var list []string
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	return list
}

// serveOnce runs a program behind the runtime API for one event.
func serveOnce(t *testing.T, bootstrap string, environment []string, payload []byte) answer {
	t.Helper()
	runtimeAPI, err := lambdaruntime.Start(t.Context())
	check(t, err)
	defer runtimeAPI.Close()
	var log bytes.Buffer
	process := exec.CommandContext(t.Context(), bootstrap)
	process.Dir = t.TempDir()
	process.Stdout, process.Stderr = &log, &log
	process.Env = append(runtimeAPI.Env(), environment...)
	check(t, process.Start())
	result, invokeErr := runtimeAPI.Invoke(t.Context(), payload, 5*time.Minute)
	runtimeAPI.Close()
	_ = process.Process.Kill()
	_ = process.Wait()

	a := answer{err: invokeErr}
	if invokeErr == nil {
		check(t, json.Unmarshal(result, &a.result))
	}
	for line := range strings.Lines(log.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil {
			a.log = append(a.log, entry)
		}
	}
	return a
}

// metrics is the line of embedded metrics in the log.
func (a answer) metrics(t *testing.T) map[string]any {
	t.Helper()
	for _, entry := range a.log {
		if entry["_aws"] != nil {
			return entry
		}
	}
	t.Fatalf("no line of metrics in %v", a.log)
	return nil
}
