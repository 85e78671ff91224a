package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/lambdaruntime"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Of the accounts of the organization, by their numbers: one denies the role,
// one is suspended, one is in a unit that is not covered.
const (
	memberAccounts = 20
	denies         = 3
	isSuspended    = 7
	isElsewhere    = 11
)

// estate is an organization of twenty accounts in moto, behind a proxy that
// does what moto does not: it denies a role, and hands what Lambda is asked for
// to the program that was deployed.
type estate struct {
	t     *testing.T
	moto  *mototest.Moto
	url   string // of the proxy
	slack *channeltest.SlackServer
	unit  string
	// accounts are by number; keys by the account's number and the user's name.
	accounts []*mototest.Account
	keys     map[string]string

	mu          sync.Mutex
	invocations map[string]int // by account
	function    func(payload []byte) ([]byte, *lambdaruntime.FunctionError)
	policy      string            // of the results bucket
	afterUpdate func(user string) // called once IAM has disabled a key
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	e := &estate{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port), keys: map[string]string{}, invocations: map[string]int{}}
	e.moto = mototest.Start(t, mototest.ExecuteStateMachines(), mototest.CallbackPort(port))
	target, err := url.Parse(e.moto.URL)
	check(t, err)
	proxy := &http.Server{Handler: e.proxy(withAliases(httputil.NewSingleHostReverseProxy(target))), ReadHeaderTimeout: time.Minute}
	go func() { _ = proxy.Serve(listener) }()
	t.Cleanup(func() { _ = proxy.Close() })

	e.slack, err = channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
	check(t, err)
	t.Cleanup(e.slack.Close)
	_, err = ssm.NewFromConfig(e.moto.Config(t.Context())).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/sleuth/slack-url"), Value: aws.String(e.slack.URL()), Type: ssmtypes.ParameterTypeSecureString,
	})
	check(t, err)
	e.populate()
	return e
}

// populate makes the accounts and their users. Ann has keys in several.
func (e *estate) populate() {
	ctx, client := e.t.Context(), organizations.NewFromConfig(e.moto.Config(e.t.Context()))
	_, err := client.CreateOrganization(ctx, &organizations.CreateOrganizationInput{})
	check(e.t, err)
	roots, err := client.ListRoots(ctx, &organizations.ListRootsInput{})
	check(e.t, err)
	root := roots.Roots[0].Id
	unit := func(parent *string, name string) *string {
		made, err := client.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: parent, Name: &name})
		check(e.t, err)
		return made.OrganizationalUnit.Id
	}
	covered, elsewhere := unit(root, "covered"), unit(root, "elsewhere")
	nested := unit(covered, "nested")
	e.unit = *covered
	now := time.Now()
	for i := range memberAccounts {
		name := fmt.Sprintf("account-%d", i)
		made, err := client.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: &name, Email: aws.String(name + "@example.com")})
		check(e.t, err)
		id := made.CreateAccountStatus.AccountId
		into := []*string{covered, nested}[i%2]
		if i == isElsewhere {
			into = elsewhere
		}
		_, err = client.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: id, SourceParentId: root, DestinationParentId: into})
		check(e.t, err)
		if i == isSuspended {
			_, err = client.CloseAccount(ctx, &organizations.CloseAccountInput{AccountId: id})
			check(e.t, err)
		}
		account := e.moto.Member(e.t, *id)
		e.accounts = append(e.accounts, account)
		users := []mototest.User{
			{Name: fmt.Sprintf("ann-%d", i), Tags: map[string]string{"Slack": "UANN00001"}, Keys: []mototest.Key{{Active: true, Created: now.Add(-time.Duration(70+i) * day), LastUsed: now}}},
			{Name: fmt.Sprintf("bob-%d", i), Tags: map[string]string{"Slack": fmt.Sprintf("UBOB%05d", i)}, Keys: []mototest.Key{{Active: true, Created: now.Add(-time.Duration(84+i) * day), LastUsed: now}}},
			{Name: fmt.Sprintf("exempt-%d", i), Tags: map[string]string{"KeyAutoExpire": "False"}, Keys: []mototest.Key{{Active: true, Created: now.Add(-500 * day)}}},
		}
		for _, user := range account.AddUsers(e.t, users) {
			e.keys[user.Name] = user.Keys[0].ID
		}
	}
}

var (
	assumedRole = regexp.MustCompile(`RoleArn=arn%3Aaws%3Aiam%3A%3A([0-9]{12})`)
	updatedUser = regexp.MustCompile(`UserName=([^&]+)`)
)

func (e *estate) proxy(moto http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		text := string(body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocations"):
			e.invoked(w, body)
		case r.URL.Query().Has("policy"):
			e.bucketPolicy(w, r.Method, text)
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ValidateStateMachineDefinition"):
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"result":"OK","diagnostics":[],"truncated":false}`)
		case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListStateMachineVersions"):
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"stateMachineVersions":[]}`)
		case strings.Contains(text, "Action=AssumeRole&") && e.denied(text):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`)
		default:
			moto.ServeHTTP(w, r)
			if strings.Contains(text, "Action=UpdateAccessKey&") {
				e.mu.Lock()
				hook := e.afterUpdate
				e.mu.Unlock()
				if user := updatedUser.FindStringSubmatch(text); hook != nil && user != nil {
					hook(user[1])
				}
			}
		}
	}
}

// bucketPolicy keeps the results bucket's policy from moto, which reads no
// conditions: it would deny what does not come over TLS, and so everything.
func (e *estate) bucketPolicy(w http.ResponseWriter, method, policy string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch method {
	case http.MethodPut:
		e.policy = policy
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet:
		_, _ = io.WriteString(w, e.policy)
	}
}

func (e *estate) denied(body string) bool {
	role := assumedRole.FindStringSubmatch(body)
	return role != nil && role[1] == e.accounts[denies].ID
}

func (e *estate) invoked(w http.ResponseWriter, payload []byte) {
	e.mu.Lock()
	function := e.function
	e.mu.Unlock()
	answer, failed := function(payload)
	w.Header().Set("Content-Type", "application/json")
	if failed != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer, _ = json.Marshal(map[string]string{"errorType": failed.Type, "errorMessage": failed.Message})
	}
	_, _ = w.Write(answer)
}

// env reaches the home account through the proxy.
func (e *estate) env() []string { return append(e.moto.Env(), "AWS_ENDPOINT_URL="+e.url) }

// found is what became of the organization: whose keys are disabled, and what
// Slack received, with the accounts by their numbers.
type found struct {
	Disabled []string
	Received []string
	Mentions int // of ann
}

var noticeLine = regexp.MustCompile(`(?:<@)?([A-Za-z0-9-]+)>?'s key (is disabled|expires in [0-9]+ days?) due to [a-z ]+\.`)

func (e *estate) found() found {
	e.t.Helper()
	f := found{}
	for i, account := range e.accounts {
		users, err := iam.NewFromConfig(account.Config(e.t.Context())).ListUsers(e.t.Context(), &iam.ListUsersInput{})
		check(e.t, err)
		for _, user := range users.Users {
			keys, err := iam.NewFromConfig(account.Config(e.t.Context())).ListAccessKeys(e.t.Context(), &iam.ListAccessKeysInput{UserName: user.UserName})
			check(e.t, err)
			for _, key := range keys.AccessKeyMetadata {
				if key.Status == "Inactive" {
					f.Disabled = append(f.Disabled, fmt.Sprintf("%02d %s", i, *user.UserName))
				}
			}
		}
	}
	// Slack takes some twenty lists a message.
	if messages := len(e.slack.Received()); messages > 4 {
		e.t.Errorf("the digest went out in %d messages", messages)
	}
	for _, message := range e.slack.Received() {
		f.Mentions += strings.Count(message, "<@UANN00001>")
		f.Received = append(f.Received, noticeLine.FindAllString(message, -1)...)
	}
	slices.Sort(f.Received)
	return f
}

// wanted is what must become of it.
func (e *estate) wanted() found {
	f := found{Mentions: 1}
	mentioned := false
	order := make([]int, memberAccounts) // as the digest shows them
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(e.accounts[a].ID, e.accounts[b].ID) })
	for _, i := range order {
		if i == denies || i == isSuspended || i == isElsewhere {
			continue
		}
		for name, age := range map[string]int{"ann": 70 + i, "bob": 84 + i} {
			who := fmt.Sprintf("%s-%d", name, i)
			shown := who
			if name == "bob" {
				shown = fmt.Sprintf("<@UBOB%05d>", i)
			} else if age >= 80 && !mentioned {
				shown, mentioned = "<@UANN00001>", true
			}
			switch {
			case age >= 90:
				f.Disabled = append(f.Disabled, fmt.Sprintf("%02d %s", i, who))
				f.Received = append(f.Received, shown+"'s key is disabled due to creation age.")
			case age >= 80:
				f.Received = append(f.Received, fmt.Sprintf("%s's key expires in %s due to creation age.", shown, text.Count(90-age, "day")))
			}
		}
	}
	slices.Sort(f.Disabled)
	slices.Sort(f.Received)
	return f
}

// oneProcess runs the command over the organization.
func (e *estate) oneProcess(binary string) (status int, stdout string) {
	e.t.Helper()
	var out, log bytes.Buffer
	command := exec.CommandContext(e.t.Context(), binary, "run")
	command.Env = append(e.env(), "HOME="+e.t.TempDir(), "SLEUTH_ACCOUNTS=organization", "SLEUTH_OUS="+e.unit, "SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_EXTERNAL_ID=handshake",
		"SLEUTH_NOTIFY_MODE=digest", "ENABLE_AUTO_EXPIRE=true", "SLACK_URL=ssm:/sleuth/slack-url")
	command.Stdout, command.Stderr = &out, &log
	_ = command.Run() // the status says it
	if status = command.ProcessState.ExitCode(); status > 1 {
		e.t.Fatalf("exit status %d: %s", status, log.String())
	}
	return status, out.String()
}

func TestOneProcessOverAnOrganization(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	status, stdout := e.oneProcess(program.Build(t, "sleuth"))
	if status != 1 || !strings.Contains(stdout, "\n18 accounts, 1 not entered, 1 suspended\n") {
		t.Errorf("exit status %d:\n%s", status, stdout)
	}
	if diff := cmp.Diff(e.wanted(), e.found()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestStateMachineOverAnOrganization: the state machine that Terraform deployed,
// interpreted by moto, its Lambda invocations made by the program deployed, one
// of which dies midway.
func TestStateMachineOverAnOrganization(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	e := newEstate(t)
	p := place{e.moto.Home, "us-east-1"}
	w := newWorkspace(t, ".", append(p.env(), "AWS_ENDPOINT_URL="+e.url))
	variables := []string{
		"-var=zip_file=" + lambdaZip(t), `-var=accounts=["organization"]`, fmt.Sprintf(`-var=ous=["%s"]`, e.unit),
		"-var=member_role=sleuth-member", "-var=external_id=handshake", "-var=notify_mode=digest", "-var=enable_auto_expire=true",
		"-var=slack_url=ssm:/sleuth/slack-url", "-var=step_functions=true", "-var=lease_seconds=1", "-var=invocations_at_once=4",
	}
	providers := "provider \"aws\" {\n  s3_use_path_style = true\n}\n"
	check(t, os.WriteFile(filepath.Join(w.folder, "provider.tf"), []byte(providers), 0o600))
	w.run(t, append([]string{"apply"}, variables...)...)
	if said, status := w.try(t, append([]string{"plan", "-detailed-exitcode"}, variables...)...); status != 0 {
		t.Errorf("a second plan is not empty: exit status %d\n%s", status, said)
	}
	outputs := w.outputs(t)
	function := p.function(t, outputs["function_name"])
	environment := environment(t, function)
	checkPolicy(t, p, function, environment)
	e.serveFunction(unpacked(t, p.FunctionZip(t, p.region, outputs["function_name"])), environment)

	status, cause := e.execute(p, outputs["state_machine_arn"])
	for i, account := range e.accounts {
		wanted := 1
		switch i {
		case isSuspended, isElsewhere:
			wanted = 0
		case 12: // the first died
			wanted = 2
		}
		if got := e.invocations[account.ID]; got < wanted || wanted < 2 && got != wanted {
			t.Errorf("account %d had %d invocations, want %d", i, got, wanted)
		}
	}
	if status != "FAILED" || !strings.Contains(cause, "1 of 18 accounts") || !strings.Contains(cause, e.accounts[denies].ID) {
		t.Errorf("the execution ended %s: %s", status, cause)
	}
	if diff := cmp.Diff(e.wanted(), e.found()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// serveFunction makes Lambda's invocations with the program, in the function's
// environment. The first invocation that disables a key of account 12 dies
// right after.
func (e *estate) serveFunction(bootstrap string, variables map[string]string) {
	var once sync.Once
	var mu sync.Mutex
	stops := map[string]context.CancelFunc{} // by account
	e.mu.Lock()
	defer e.mu.Unlock()
	e.afterUpdate = func(user string) {
		if user != "bob-12" {
			return
		}
		once.Do(func() {
			mu.Lock()
			defer mu.Unlock()
			stops[e.accounts[12].ID]()
		})
	}
	e.function = func(payload []byte) ([]byte, *lambdaruntime.FunctionError) {
		var event struct{ Account string }
		_ = json.Unmarshal(payload, &event) // the program says what is wrong with it
		ctx, stop := context.WithTimeout(e.t.Context(), 2*time.Minute)
		defer stop()
		mu.Lock()
		stops[event.Account] = stop
		e.invocations[event.Account]++
		mu.Unlock()
		answer, err := invokeOnce(ctx, bootstrap, append(e.env(), entries(variables)...), payload)
		return answer, err
	}
}

// invokeOnce runs the program behind the runtime API for one event.
func invokeOnce(ctx context.Context, bootstrap string, environment []string, payload []byte) ([]byte, *lambdaruntime.FunctionError) {
	exited := func(err error) *lambdaruntime.FunctionError {
		return &lambdaruntime.FunctionError{Type: "Runtime.ExitError", Message: fmt.Sprint(err)}
	}
	runtimeAPI, err := lambdaruntime.Start(ctx)
	if err != nil {
		return nil, exited(err)
	}
	defer runtimeAPI.Close()
	process := exec.CommandContext(ctx, bootstrap)
	process.Env = append(runtimeAPI.Env(), environment...)
	if err := process.Start(); err != nil {
		return nil, exited(err)
	}
	defer func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}()
	answer, err := runtimeAPI.Invoke(ctx, payload, 5*time.Minute)
	if failed, ok := err.(*lambdaruntime.FunctionError); ok { //nolint:errorlint // as Invoke returns it
		return nil, failed
	}
	if err != nil {
		return nil, exited(err)
	}
	return answer, nil
}

// execute runs the state machine to its end.
func (e *estate) execute(p place, machine string) (status, cause string) {
	e.t.Helper()
	started := p.call(e.t, "states", http.MethodPost, "/", "AWSStepFunctions.StartExecution",
		fmt.Sprintf(`{"stateMachineArn":%q,"input":"{}"}`, machine))
	execution, ok := started["executionArn"].(string)
	if !ok {
		e.t.Fatalf("it did not start: %v", started)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		<-tick.C
		described := p.call(e.t, "states", http.MethodPost, "/", "AWSStepFunctions.DescribeExecution", fmt.Sprintf(`{"executionArn":%q}`, execution))
		if described["status"] != "RUNNING" {
			return fmt.Sprint(described["status"]), fmt.Sprint(described["error"], ": ", described["cause"])
		}
	}
	e.t.Fatal("the execution does not end")
	return "", ""
}

// The role in each account: from CloudFormation's template and from the
// submodule the same, and just what 'sleuth iam-policy --for member' prints.
func TestMemberRole(t *testing.T) {
	t.Parallel()
	const memberTemplate, homeRole = "deploy/member-role.yaml", "arn:aws:iam::123456789012:role/iam-sleuth"
	lint := exec.CommandContext(t.Context(), tool(t, "cfn-lint"), "--non-zero-exit-code", "informational", filepath.Join(root, memberTemplate))
	if said, err := lint.CombinedOutput(); err != nil {
		t.Errorf("cfn-lint: %v\n%s", err, said)
	}
	tool(t, "terraform")
	moto := mototest.Shared(t)
	for _, all := range []bool{false, true} {
		environment, region := map[string]string{}, ""
		path, boundary := "/", ""
		if all {
			path, boundary = "/security/", "arn:aws:iam::aws:policy/PowerUserAccess"
			region = "eu-west-1"
			environment = map[string]string{
				"ENABLE_AUTO_EXPIRE": "true", "SLEUTH_DELETE_AFTER_DAYS": "90", "SLEUTH_STATE": "dynamodb:state", "SLACK_URL": "test", "SLEUTH_LEAK_RESPONSE": "disable",
				"SLEUTH_EVIDENCE": "s3://proof", "SLEUTH_SECURITY_HUB": "securityhub", "SLEUTH_TRACE": "true", "SLEUTH_RULES": everyRule,
			}
		}
		cfg, err := checked(environment)
		check(t, err)

		stacked := place{moto.Account(t), mototest.Region}
		form := url.Values{"Action": {"CreateStack"}, "Version": {"2010-05-15"}, "StackName": {"member"}, "TemplateBody": {read(t, memberTemplate)}, "Capabilities.member.1": {"CAPABILITY_NAMED_IAM"}}
		for i, parameter := range [][2]string{{"FunctionRoleArn", homeRole}, {"ExternalId", "handshake"}, {"DisableLeaked", fmt.Sprint(all)}, {"EnableAutoExpire", fmt.Sprint(all)}, {"DeleteDisabled", fmt.Sprint(all)}, {"SecurityHubRegion", region}, {"Trace", fmt.Sprint(all)}, {"ListApiKeys", fmt.Sprint(all)}, {"Rules", fmt.Sprint(all)}, {"RolePath", path}, {"PermissionsBoundary", boundary}} {
			form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", i+1), parameter[0])
			form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", i+1), parameter[1])
		}
		if answer := stacked.call(t, "cloudformation", http.MethodPost, "/", "", form.Encode()); answer["status"] != float64(http.StatusOK) {
			t.Fatalf("create the stack: %v", answer)
		}

		applied := place{moto.Account(t), mototest.Region}
		w := newWorkspace(t, filepath.Join("modules", "member-role"), applied.env())
		given := []string{"apply", "-var=function_role_arn=" + homeRole, "-var=external_id=handshake", "-var=path=" + path}
		if boundary != "" {
			given = append(given, "-var=permissions_boundary="+boundary)
		}
		w.run(t, append(given, fmt.Sprintf("-var=disable_leaked=%t", all), fmt.Sprintf("-var=enable_auto_expire=%t", all), fmt.Sprintf("-var=delete_disabled=%t", all), "-var=security_hub_region="+region, fmt.Sprintf("-var=trace=%t", all), fmt.Sprintf("-var=list_api_keys=%t", all), fmt.Sprintf("-var=rules=%t", all))...)
		if got, want := w.outputs(t)["member_role"], strings.TrimPrefix(path, "/")+"sleuth-member"; got != want {
			t.Errorf("SLEUTH_MEMBER_ROLE is to be %q, want %q", got, want)
		}

		for _, p := range []place{stacked, applied} {
			want := iampolicy.ForMember(cfg, iampolicy.Target{Partition: "aws", Account: p.ID, Region: region})
			if diff := cmp.Diff(inOrder(want), inOrder(p.memberPolicy(t))); diff != "" {
				t.Errorf("the role's policy is not what 'sleuth iam-policy --for member' prints (-want +got):\n%s", diff)
			}
			role, err := iam.NewFromConfig(p.config(t)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("sleuth-member")})
			check(t, err)
			text := asJSON(t, *role.Role.AssumeRolePolicyDocument)
			var trust struct {
				Statement []struct {
					Effect, Action string
					Principal      map[string]string
					Condition      map[string]map[string]string
				}
			}
			if err := json.Unmarshal([]byte(text), &trust); err != nil || len(trust.Statement) != 1 {
				t.Fatalf("%v in %s", err, text)
			}
			// By its name: as a principal the role would have to exist.
			if s := trust.Statement[0]; s.Principal["AWS"] != "arn:aws:iam::123456789012:root" || len(s.Principal) != 1 || s.Action != "sts:AssumeRole" ||
				s.Condition["ArnEquals"]["aws:PrincipalArn"] != homeRole || s.Condition["StringEquals"]["sts:ExternalId"] != "handshake" {
				t.Errorf("the role trusts %s", text)
			}
			if got := aws.ToString(role.Role.Path); got != path {
				t.Errorf("the role's path is %q, want %q", got, path)
			}
			got := ""
			if bound := role.Role.PermissionsBoundary; bound != nil {
				got = aws.ToString(bound.PermissionsBoundaryArn)
			}
			if got != boundary {
				t.Errorf("the role is bounded by %q, want %q", got, boundary)
			}
		}
	}
}

func (p place) memberPolicy(t *testing.T) iampolicy.Document {
	t.Helper()
	out, err := iam.NewFromConfig(p.config(t)).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("sleuth-member"), PolicyName: aws.String("sleuth")})
	check(t, err)
	return documentIn(t, asJSON(t, *out.PolicyDocument))
}

// asJSON is a policy document as IAM writes it. Of what CloudFormation made,
// moto writes Python's form, with other quotes, and a None where the template
// leaves an entry out.
func asJSON(t *testing.T, document string) string {
	t.Helper()
	text, err := url.QueryUnescape(document)
	check(t, err)
	if strings.HasPrefix(text, "{'") {
		text = strings.NewReplacer("'", `"`, ", None", "").Replace(text)
	}
	return text
}
