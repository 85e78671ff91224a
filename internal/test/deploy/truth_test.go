package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/mail"
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
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// witness stands before an AWS and writes down which actions are called on
// what: the truth that policies are held against.
type witness struct {
	mu    sync.Mutex
	calls map[string]map[string]bool // action to resources; "" if it takes none
}

// serve passes every call on to the AWS at a URL.
func (w *witness) serve(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse(to)
	check(t, err)
	pass := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		w.note(request, string(body))
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
		pass.ServeHTTP(response, request)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// signedFor is the service in a signature's scope.
var signedFor = regexp.MustCompile(`Credential=[^/]+/[0-9]+/[^/]+/([^/]+)/aws4_request`)

func (w *witness) note(request *http.Request, body string) {
	service := "unsigned"
	if scope := signedFor.FindStringSubmatch(request.Header.Get("Authorization")); scope != nil {
		service = scope[1]
	}
	action, resource := "", ""
	if name := restAction(service, request); name != "" {
		action, resource = name, restResource(service, request, body)
	} else if _, target, found := strings.Cut(request.Header.Get("X-Amz-Target"), "."); found {
		action = target
		for _, name := range []string{"TableName", "Name", "SecretId", "EventBusName"} {
			if at := regexp.MustCompile(`"` + name + `":"([^"]*)"`).FindStringSubmatch(body); at != nil {
				resource = at[1]
			}
		}
	} else if form, err := url.ParseQuery(body); err == nil {
		action = form.Get("Action")
		resource = form.Get("TopicArn") + form.Get("RoleArn")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[string]map[string]bool{}
	}
	name := service + ":" + action
	if w.calls[name] == nil {
		w.calls[name] = map[string]bool{}
	}
	w.calls[name][resource] = true
}

// restAction is the action of a service whose actions are methods and paths.
func restAction(service string, request *http.Request) string {
	switch call := request.Method + " " + request.URL.Path; {
	case service == "s3" && request.Method == http.MethodPut:
		return "PutObject"
	case service == "s3" && request.Method == http.MethodGet && strings.Count(request.URL.Path, "/") > 1:
		return "GetObject"
	case service == "s3":
		return call // none that is allowed
	case service == "ses" && call == "POST /v2/email/outbound-emails":
		return "SendEmail"
	case service == "securityhub" && call == "POST /findings":
		return "GetFindings"
	case service == "securityhub" && call == "POST /findings/import":
		return "BatchImportFindings"
	}
	return ""
}

var productARN = regexp.MustCompile(`"ProductArn":"([^"]*)"`)

func restResource(service string, request *http.Request, body string) string {
	switch service {
	case "s3":
		return "arn:aws:s3:::" + strings.TrimPrefix(request.URL.Path, "/")
	case "ses":
		var asked struct{ FromEmailAddress string }
		if err := json.Unmarshal([]byte(body), &asked); err != nil {
			return err.Error() // which no policy covers
		}
		from, err := mail.ParseAddress(asked.FromEmailAddress)
		if err != nil {
			return err.Error()
		}
		return "identity/" + from.Address
	case "securityhub":
		if product := productARN.FindStringSubmatch(body); product != nil {
			return product[1]
		}
	}
	return ""
}

// covers reports whether a resource in a policy is that of a call, of which
// only the name may be known.
func covers(resource, called string) bool {
	pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(resource))
	whole, _ := regexp.MatchString("^"+pattern+"$", called)
	return whole || strings.Contains(strings.TrimSuffix(resource, "-??????"), called)
}

// actions is every action that was called.
func (w *witness) actions() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.calls))
}

// compare holds a policy against what was seen: nothing else may be called,
// and nothing may be allowed that was not.
func (w *witness) compare(t *testing.T, doc iampolicy.Document, spare ...string) {
	t.Helper()
	allowed := map[string][]string{}
	for _, s := range doc.Statement {
		for _, action := range s.Action {
			allowed[action] = append(allowed[action], s.Resource...)
		}
	}
	for _, action := range w.actions() {
		if allowed[action] == nil {
			t.Errorf("%s was called, and is not allowed", action)
			continue
		}
		for resource := range w.calls[action] {
			if !slices.ContainsFunc(allowed[action], func(arn string) bool { return covers(arn, resource) }) {
				t.Errorf("%s was called on %s, and is allowed on %v only", action, resource, allowed[action])
			}
		}
	}
	for action := range allowed {
		if w.calls[action] == nil && !slices.Contains(spare, action) {
			t.Errorf("%s is allowed, and was never called", action)
		}
	}
}

// The program that Lambda runs is given settings in which all that a policy can
// allow is used, and what it calls is held against the policy.
func TestPolicyIsWhatIsCalled(t *testing.T) {
	t.Parallel()
	const table, parameter, kept, urls = "sleuth-state", "/sleuth/slack-url", "sleuth/slack", "sleuth/urls"
	tests := map[string]struct {
		settings map[string]string
		topic    bool // SNS_TOPIC is set
		fake     bool // the AWS in the process, which has IAM, STS and SNS, instead of moto
		several  bool // an organization of two accounts; {root} in settings is its root
		leaked   bool // the event says that a key was found in public
		rules    bool // SLEUTH_RULES is kept in AWS; {bucket} in it is the bucket's name
		crowd    int  // so many more users, in the AWS in the process
		// spare is what is allowed for when something goes wrong, and was not
		// needed.
		spare []string
	}{
		"nothing but reading": {settings: map[string]string{}},
		"disabling, a parameter, a topic, a table": {
			settings: map[string]string{"ENABLE_AUTO_EXPIRE": "true", "SLACK_URL": "ssm:" + parameter, "SLEUTH_STATE": "dynamodb:" + table},
			topic:    true,
		},
		"a secret, by credential report": {
			settings: map[string]string{"SLACK_URL": "secretsmanager:" + kept, "SLEUTH_INVENTORY": "credential-report"},
		},
		"mail, another service, evidence of all credentials": {
			settings: map[string]string{
				"SLEUTH_EMAIL_FROM": "Sleuth <keys@example.com>", "SLEUTH_NOTIFY_URLS": "secretsmanager:" + urls, "SLEUTH_EVIDENCE": "s3://{bucket}/iam/keys",
			},
		},
		"evidence of keys alone": {
			settings: map[string]string{"SLEUTH_EVIDENCE": "s3://{bucket}", "SLEUTH_CREDENTIALS": "access-keys"},
		},
		"a leaked key is only notified about": {
			settings: map[string]string{"SLEUTH_STATE": "dynamodb:" + table, "SLACK_URL": "ssm:" + parameter},
			leaked:   true,
			spare:    []string{"dynamodb:DeleteItem", "dynamodb:Scan", "iam:ListUsers"}, // a run's
		},
		"a leaked key is disabled": {
			settings: map[string]string{"SLEUTH_STATE": "dynamodb:" + table, "SLACK_URL": "ssm:" + parameter, "SLEUTH_LEAK_RESPONSE": "disable"},
			leaked:   true,
			spare:    []string{"dynamodb:DeleteItem", "dynamodb:Scan", "iam:ListUsers"},
		},
		"events": {
			settings: map[string]string{"SLEUTH_EVENT_BUS": "{bus}", "ENABLE_AUTO_EXPIRE": "true"},
		},
		"findings": {
			settings: map[string]string{"SLEUTH_SECURITY_HUB": "securityhub"},
		},
		"rules in a parameter": {
			settings: map[string]string{"SLEUTH_RULES": "ssm:/sleuth/rules", "ENABLE_AUTO_EXPIRE": "true", "SLEUTH_ALLOW_SILENT": "true", "SLEUTH_STATE": "dynamodb:" + table},
			rules:    true,
			spare:    []string{"dynamodb:DeleteItem", "iam:UpdateAccessKey"}, // nobody was warned yet
		},
		"rules in a bucket": {
			settings: map[string]string{"SLEUTH_RULES": "s3://{bucket}/sleuth/rules.yaml"},
			rules:    true,
		},
		"rules over an organization": {
			settings: map[string]string{"SLEUTH_RULES": "ssm:/sleuth/rules", "SLEUTH_ACCOUNTS": "organization", "SLEUTH_MEMBER_ROLE": "sleuth-member"},
			several:  true, rules: true,
		},
		"an organization": {
			settings: map[string]string{"SLEUTH_ACCOUNTS": "organization", "SLEUTH_MEMBER_ROLE": "sleuth-member"},
			several:  true,
			spare:    []string{"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"},
		},
		"a part of an organization": {
			settings: map[string]string{"SLEUTH_ACCOUNTS": "organization", "SLEUTH_MEMBER_ROLE": "sleuth-member", "SLEUTH_OUS": "{root}"},
			several:  true,
			spare:    []string{"organizations:ListAccounts"},
		},
		"the AWS in the process, reading":              {settings: map[string]string{}, fake: true},
		"the AWS in the process, by credential report": {settings: map[string]string{"SLEUTH_INVENTORY": "credential-report"}, fake: true, spare: []string{"iam:ListUsers"}},
		"the AWS in the process, many users":           {settings: map[string]string{}, fake: true, crowd: 150},
		"the AWS in the process, disabling":            {settings: map[string]string{"ENABLE_AUTO_EXPIRE": "true"}, fake: true, topic: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := maps.Clone(tt.settings)
			settings["SLEUTH_CONCURRENCY"] = "4"
			settings["INACTIVITY_AGE"], settings["INACTIVITY_WARNING_AGE"] = "30", "20"
			w := &witness{}
			var environment []string
			payload := []byte("{}")
			if tt.fake {
				environment = inProcess(t, w, settings, tt.topic, tt.crowd)
			} else {
				var p place
				p, environment = onMoto(t, w, settings, tt.topic, table, parameter, kept)
				p.receive(t, settings, urls)
				if tt.leaked {
					payload = p.wordOfLeak(t, "past")
				}
				if tt.rules {
					p.keepRules(t, settings, p.organize(t))
				} else if tt.several {
					settings["SLEUTH_OUS"] = strings.ReplaceAll(settings["SLEUTH_OUS"], "{root}", p.organize(t))
				}
			}
			a := serveOnce(t, function(t), append(environment, entries(settings)...), payload)
			if a.err != nil {
				t.Fatalf("the run failed: %v\n%v", a.err, a.log)
			}
			cfg, err := checked(settings)
			check(t, err)
			spare := tt.spare
			if tt.crowd == 0 {
				spare = append(spare, inBulk...)
			}
			w.compare(t, iampolicy.ForRun(cfg, iampolicy.Target{}), spare...)
		})
	}
}

// inBulk is what is called only if it saves calls: in a larger account.
var inBulk = []string{"iam:GetAccountAuthorizationDetails", "iam:GenerateCredentialReport", "iam:GetCredentialReport"}

// The commands that people run have policies of their own.
func TestPolicyOfCommandsIsWhatTheyCall(t *testing.T) {
	t.Parallel()
	const table = "sleuth-state"
	w := &witness{}
	settings := map[string]string{"SLEUTH_STATE": "dynamodb:" + table, "SLEUTH_CREDENTIALS": "access-keys"}
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	p.makeTable(t, table)
	users := p.AddUsers(t, []mototest.User{
		{Name: "active", Keys: []mototest.Key{{Active: true, Created: time.Now().Add(-85 * day)}}},
		{Name: "disabled", Keys: []mototest.Key{{Created: time.Now().Add(-200 * day)}}},
	})
	environment := append(p.env(), "AWS_ENDPOINT_URL="+w.serve(t, *p.config(t).BaseEndpoint), "HOME="+t.TempDir())
	command := func(arguments ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), arguments...)
		c.Env = append(environment, entries(settings)...)
		if said, err := c.CombinedOutput(); err != nil {
			t.Fatalf("sleuth %v: %v\n%s", arguments, err, said)
		}
	}
	command("audit")
	w.compare(t, iampolicy.ForAudit(config.Config{}, iampolicy.Target{}), inBulk...)

	*w = witness{}
	settings["SLEUTH_CREDENTIALS"] = "all"
	cfg, err := checked(settings)
	check(t, err)
	command("audit")
	w.compare(t, iampolicy.ForAudit(cfg, iampolicy.Target{}), inBulk[0])

	*w = witness{}
	statePutter := ledger.NewDynamoDB(dynamodb.NewFromConfig(p.config(t)), table)
	disabled := ledger.New(p.ID, users[1].Keys[0].ID, "disabled")
	disabled.Intend(ledger.Intent{At: time.Now().Add(-day), Run: "run-1", Due: ledger.Due{Silent: true}})
	check(t, disabled.MarkDisabled(time.Now().Add(-day), "run-1", nil))
	check(t, statePutter.Put(t.Context(), &disabled))
	command("reactivate", "--run", "run-1", "--grace", "7d", "--yes")
	w.compare(t, iampolicy.ForReactivate(cfg.State, iampolicy.Target{}))
}

// function is what is in the zip.
func function(t *testing.T) string {
	t.Helper()
	zipped, err := os.ReadFile(lambdaZip(t))
	check(t, err)
	return unpacked(t, zipped)
}

func (p place) makeTable(t *testing.T, name string) {
	t.Helper()
	_, err := dynamodb.NewFromConfig(p.config(t)).CreateTable(t.Context(), ledger.TableDefinition(name))
	check(t, err)
}

// onMoto is an account in which every call has a reason to be made.
func onMoto(t *testing.T, w *witness, settings map[string]string, topic bool, table, parameter, kept string) (place, []string) {
	t.Helper()
	slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{})
	check(t, err)
	t.Cleanup(slack.Close)
	p := place{mototest.Shared(t).Account(t), mototest.Region}
	p.makeTable(t, table)
	p.keep(t, "ssm:"+parameter, slack.URL())
	p.keep(t, "secretsmanager:"+kept, slack.URL())
	if topic {
		made, err := sns.NewFromConfig(p.config(t)).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("keys")})
		check(t, err)
		settings["SNS_TOPIC"] = *made.TopicArn
	}
	now := time.Now()
	p.AddUsers(t, []mototest.User{
		{Name: "past", Tags: map[string]string{"Email": "past@example.com"}, Keys: []mototest.Key{{Active: true, Created: now.Add(-200 * day), LastUsed: now.Add(-day)}}},
		{Name: "soon", Keys: []mototest.Key{{Active: true, Created: now.Add(-85 * day), LastUsed: now.Add(-day)}}},
		{Name: "idle", Keys: []mototest.Key{{Active: true, Created: now.Add(-60 * day), LastUsed: now.Add(-25 * day)}}},
	})
	return p, append(p.env(), "AWS_ENDPOINT_URL="+w.serve(t, *p.config(t).BaseEndpoint))
}

// receive makes what settings send to: a sender of mail, a service, a bucket, a
// bus, a Security Hub. In settings {bucket} and {bus} stand for theirs.
func (p place) receive(t *testing.T, settings map[string]string, urls string) {
	t.Helper()
	if settings["SLEUTH_EMAIL_FROM"] != "" {
		p.call(t, "ses", http.MethodPost, "/", "", url.Values{"Action": {"VerifyDomainIdentity"}, "Version": {"2010-12-01"}, "Domain": {"example.com"}}.Encode())
	}
	if settings["SLEUTH_NOTIFY_URLS"] != "" {
		service := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		t.Cleanup(service.Close)
		p.keep(t, "secretsmanager:"+urls, "generic+"+service.URL+"/keys")
	}
	if report := settings["SLEUTH_EVIDENCE"]; report != "" {
		bucket := "proof-" + p.ID
		settings["SLEUTH_EVIDENCE"] = strings.ReplaceAll(report, "{bucket}", bucket)
		_, err := s3.NewFromConfig(p.config(t), func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
		check(t, err)
	}
	if settings["SLEUTH_EVENT_BUS"] != "" {
		settings["SLEUTH_EVENT_BUS"], _ = p.events(t, "CreateEventBus", map[string]any{"Name": "keys"})["EventBusArn"].(string)
	}
	if settings["SLEUTH_SECURITY_HUB"] != "" {
		p.call(t, "securityhub", http.MethodPost, "/accounts", "", "{}")
	}
}

// wordOfLeak is the event about a user's key, as the rule hands it to Lambda.
func (p place) wordOfLeak(t *testing.T, user string) []byte {
	t.Helper()
	keys, err := iam.NewFromConfig(p.config(t)).ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
	check(t, err)
	published := leak(p.ID, *keys.AccessKeyMetadata[0].AccessKeyId)
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "account": p.ID, "time": time.Now().UTC().Format(time.RFC3339), "region": p.region,
		"source": published["Source"], "detail-type": published["DetailType"], "resources": published["Resources"], "detail": published["Detail"],
	})
	check(t, err)
	return event
}

// keepRules puts rules by group, console password and unit where the settings say that
// they are.
func (p place) keepRules(t *testing.T, settings map[string]string, unit string) {
	t.Helper()
	rules := `rules:
  - {name: machines, match: {group: machines}}
  - {name: people, match: {ou: ` + unit + `, console_password: true}}
`
	bucket, source := "rules-"+p.ID, settings["SLEUTH_RULES"]
	settings["SLEUTH_RULES"] = strings.ReplaceAll(source, "{bucket}", bucket)
	if strings.HasPrefix(source, "ssm:") {
		p.keep(t, source, rules)
		return
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	check(t, os.WriteFile(file, []byte(rules), 0o600))
	p.upload(t, bucket, strings.TrimPrefix(source, "s3://{bucket}/"), file)
}

// organize makes an organization of the account and one more, and returns its
// root.
func (p place) organize(t *testing.T) string {
	t.Helper()
	client := organizations.NewFromConfig(p.config(t))
	_, err := client.CreateOrganization(t.Context(), &organizations.CreateOrganizationInput{})
	check(t, err)
	_, err = client.CreateAccount(t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("other"), Email: aws.String("other@example.com")})
	check(t, err)
	roots, err := client.ListRoots(t.Context(), &organizations.ListRootsInput{})
	check(t, err)
	return *roots.Roots[0].Id
}

// inProcess is the same in the AWS in the process.
func inProcess(t *testing.T, w *witness, settings map[string]string, topic bool, crowd int) []string {
	t.Helper()
	server, err := awsfake.Start()
	check(t, err)
	t.Cleanup(server.Close)
	if topic {
		settings["SNS_TOPIC"] = server.Home().AddTopic("keys")
	}
	now := time.Now()
	for name, age := range map[string]time.Duration{"past": 200, "soon": 85, "idle": 60} {
		server.Home().AddUser(awsfake.User{Name: name, Keys: []awsfake.Key{{Active: true, Created: now.Add(-age * day), LastUsed: now.Add(-25 * day)}}})
	}
	for i := range crowd {
		server.Home().AddUser(awsfake.User{Name: fmt.Sprintf("user-%03d", i), Keys: []awsfake.Key{{Active: true, Created: now.Add(-85 * day), LastUsed: now.Add(-day)}}})
	}
	id, secret := server.Home().Credentials()
	return []string{
		"AWS_ENDPOINT_URL=" + w.serve(t, server.URL()), "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret,
		"AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}
