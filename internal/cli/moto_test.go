package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// estateKey is one key of a kind of user, and what must become of it under
// the rules of TestRunAgainstMoto. Ages are days.
type estateKey struct {
	age      int
	used     int // never where it is zero
	inactive bool

	wantInactive bool
	// wantLine is what its owner receives: @ stands for the person, KEY for the
	// key's id. "" is nothing.
	wantLine string
	// calls is how many calls it takes beyond the one that lists the user's
	// keys: the last use where the age alone leaves the verdict open, and four
	// to read again and disable.
	calls int
}

// estate is the kinds of users in the account. It says by itself what must
// become of each, without any code of ours.
var estate = []struct {
	kind string
	tags map[string]string
	// tagCalls is 1 where the user's tags matter to somebody.
	tagCalls int
	keys     []estateKey
}{
	{"empty", nil, 0, nil},
	{"fresh", nil, 0, []estateKey{{age: 5}}},
	{"almost-idle", nil, 0, []estateKey{{age: 29}}},
	{"in-use", nil, 0, []estateKey{{age: 60, used: 2, calls: 1}}},
	{"off", nil, 0, []estateKey{{age: 200, inactive: true, wantInactive: true}}},
	{"idle", map[string]string{"Slack": "U1IDLE"}, 1, []estateKey{
		{age: 60, used: 35, calls: 1, wantLine: "@'s key expires in 10 days due to inactivity."}}},
	{"never-used", map[string]string{"Slack": "U1NEVER"}, 1, []estateKey{
		{age: 30, calls: 1, wantLine: "@'s key expires in 15 days due to inactivity."}}},
	{"old", map[string]string{"Slack": "subteam-S1OLD"}, 1, []estateKey{
		{age: 80, used: 1, calls: 1, wantLine: "@'s key expires in 10 days due to creation age."}}},
	{"last-day", nil, 1, []estateKey{
		{age: 89, used: 1, calls: 1, wantLine: "@'s key expires in 1 day due to creation age."}}},
	{"too-idle", map[string]string{"Slack": "W1TOOIDLE"}, 1, []estateKey{
		{age: 60, used: 45, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to inactivity."}}},
	{"too-old", map[string]string{"Slack": "U1TOOOLD"}, 1, []estateKey{
		{age: 90, used: 1, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to creation age."}}},
	{"exempt", map[string]string{"KeyAutoExpire": "False"}, 1, []estateKey{{age: 300}}},
	{"exempt-for-now", map[string]string{"KeyAutoExpire": "false until 2999-01-01"}, 1, []estateKey{{age: 300}}},
	{"exempt-no-more", map[string]string{"KeyAutoExpire": "False until 2020-01-01"}, 1, []estateKey{
		{age: 300, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to creation age."}}},
	{"in-doubt", map[string]string{"KeyAutoExpire": "maybe"}, 1, []estateKey{
		{age: 300, calls: 1, wantLine: "@'s key is past its limit due to creation age. It was not disabled: its KeyAutoExpire tag is unreadable."}}},
	{"rotating", map[string]string{"Slack": "U1ROTATING"}, 1, []estateKey{
		{age: 120, used: 3, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to creation age. It is key KEY."}, {age: 2}}},
	{"careless", map[string]string{"Slack": "U1CARELESS"}, 1, []estateKey{
		{age: 120, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to creation age. It is key KEY."},
		{age: 70, used: 70, calls: 5, wantInactive: true, wantLine: "@'s key is disabled due to inactivity. It is key KEY."}}},
}

// TestRunAgainstMoto runs the released binary against an account of 300 users
// in an emulator that nobody here wrote, and then asks IAM, Slack and the
// topic's subscriber what came of it.
func TestRunAgainstMoto(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	account := moto.Account(t)
	const users = 300
	wanted := make([]mototest.User, users)
	now := time.Now().UTC()
	for i := range wanted {
		kind := estate[i%len(estate)]
		wanted[i] = mototest.User{Name: fmt.Sprintf("%s-%03d", kind.kind, i), Tags: kind.tags}
		for _, k := range kind.keys {
			key := mototest.Key{Active: !k.inactive, Created: now.AddDate(0, 0, -k.age)}
			if k.used > 0 {
				key.LastUsed = now.AddDate(0, 0, -k.used)
			}
			wanted[i].Keys = append(wanted[i].Keys, key)
		}
	}
	made := account.AddUsers(t, wanted)
	topic, queue := subscribedTopic(t, account)
	slack, err := channeltest.StartSlack(t.Context(), channeltest.SlackOptions{Interval: 900 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	keepSecret(t, account, "/sleuth/slack-url", slack.URL())
	tap := startTap(t, moto.URL)

	process := exec.CommandContext(t.Context(), program.Build(t, "sleuth"), "run")
	process.Dir = t.TempDir()
	process.Env = slices.Concat(program.Environment(t.TempDir()), account.Env(), []string{
		"AWS_ENDPOINT_URL=" + tap.url,
		"ENABLE_AUTO_EXPIRE=true", "EXPIRATION_AGE=90", "WARNING_AGE=80", "INACTIVITY_AGE=45", "INACTIVITY_WARNING_AGE=30",
		"SLACK_URL=ssm:/sleuth/slack-url", "SNS_TOPIC=" + topic, "SLEUTH_LINE_TEMPLATE=original",
	})
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if err := process.Run(); err != nil {
		t.Fatalf("sleuth run: %v\n%s\n%s", err, &stdout, &stderr)
	}
	if found := program.SecretIn(stdout.String()+stderr.String(), append(slack.Secrets(), account.SecretAccessKey)); found != "" {
		t.Errorf("the output gives a secret away: %q", found)
	}

	wantStatus, wantSlack, wantSNS, budget := expectations(made)
	if diff := cmp.Diff(wantStatus, statuses(t, account)); diff != "" {
		t.Errorf("what IAM says of the keys (-want +got):\n%s", diff)
	}
	var inSlack []string
	for _, m := range slack.Messages() {
		if !strings.Contains(m.Text, account.ID) {
			t.Errorf("a message does not name the account: %q", m.Text)
		}
		for _, a := range m.Attachments {
			for _, f := range a.Fields {
				inSlack = append(inSlack, strings.Split(f.Value, "\n")...)
			}
		}
	}
	slices.Sort(inSlack)
	if diff := cmp.Diff(wantSlack, inSlack); diff != "" {
		t.Errorf("what Slack received (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantSNS, linesReceived(t, account, queue)); diff != "" {
		t.Errorf("what the topic's subscriber received (-want +got):\n%s", diff)
	}

	calls, most := tap.iam()
	total := 0
	for _, n := range calls {
		total += n
	}
	total -= calls["ListAccountAliases"] // part of every message
	if limit := 1 + users + budget; total > limit {
		t.Errorf("%d calls to IAM, at most %d can matter: %v", total, limit, calls)
	}
	if most < 2 {
		t.Errorf("never more than %d call under way", most)
	}
	t.Logf("%d users: %d calls to IAM of %d that can matter, up to %d at once: %v", users, total, 1+users+budget, most, calls)
}

// expectations reads off the estate what must have become of the users.
func expectations(made []mototest.User) (status map[string]string, inSlack, inSNS []string, calls int) {
	status = map[string]string{}
	for i, user := range made {
		kind := estate[i%len(estate)]
		calls += kind.tagCalls
		for j, k := range kind.keys {
			id := user.Keys[j].ID
			calls += k.calls
			status[user.Name+" "+id] = "Active"
			if k.wantInactive {
				status[user.Name+" "+id] = "Inactive"
			}
			if k.wantLine == "" {
				continue
			}
			line := strings.ReplaceAll(k.wantLine, "key KEY.", "key "+id+".")
			mention := user.Name
			if slack := kind.tags["Slack"]; strings.HasPrefix(slack, "subteam-") {
				mention += " (<!subteam^" + strings.TrimPrefix(slack, "subteam-") + ">)"
			} else if slack != "" {
				mention = "<@" + slack + ">"
			}
			inSlack = append(inSlack, strings.Replace(line, "@", mention, 1))
			inSNS = append(inSNS, strings.Replace(line, "@", user.Name, 1))
		}
	}
	slices.Sort(inSlack)
	slices.Sort(inSNS)
	return status, inSlack, inSNS, calls
}

// statuses asks IAM for every user's keys.
func statuses(t *testing.T, account *mototest.Account) map[string]string {
	t.Helper()
	client := iam.NewFromConfig(account.Config(t.Context()))
	found := map[string]string{}
	users := iam.NewListUsersPaginator(client, &iam.ListUsersInput{})
	for users.HasMorePages() {
		page, err := users.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range page.Users {
			keys, err := client.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: user.UserName})
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys.AccessKeyMetadata {
				found[*user.UserName+" "+*key.AccessKeyId] = string(key.Status)
			}
		}
	}
	return found
}

// subscribedTopic makes a topic with a queue behind it.
func subscribedTopic(t *testing.T, account *mototest.Account) (topic, queue string) {
	t.Helper()
	config := account.Config(t.Context())
	topics, queues := sns.NewFromConfig(config), sqs.NewFromConfig(config)
	madeTopic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("keys")})
	if err != nil {
		t.Fatal(err)
	}
	madeQueue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("keys")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = topics.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: madeTopic.TopicArn,
		Protocol: aws.String("sqs"),
		Endpoint: aws.String(fmt.Sprintf("arn:aws:sqs:%s:%s:keys", mototest.Region, account.ID)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return *madeTopic.TopicArn, *madeQueue.QueueUrl
}

// keepSecret puts a text where a setting can point to it.
func keepSecret(t *testing.T, account *mototest.Account, name, text string) {
	t.Helper()
	_, err := ssm.NewFromConfig(account.Config(t.Context())).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: &name, Value: &text, Type: ssmtypes.ParameterTypeSecureString,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// linesReceived reads the queue to its end: the lines about keys, sorted.
func linesReceived(t *testing.T, account *mototest.Account, queue string) (lines []string) {
	t.Helper()
	client := sqs.NewFromConfig(account.Config(t.Context()))
	for {
		received, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 600,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(received.Messages) == 0 {
			slices.Sort(lines)
			return lines
		}
		for _, m := range received.Messages {
			var envelope struct{ Subject, Message string }
			if err := json.Unmarshal([]byte(*m.Body), &envelope); err != nil {
				t.Fatalf("the queue holds no notification: %v: %s", err, *m.Body)
			}
			if !strings.Contains(envelope.Subject, account.ID) || !strings.HasPrefix(envelope.Message, "AWS account "+account.ID) {
				t.Errorf("a message does not name the account: %q: %.80q", envelope.Subject, envelope.Message)
			}
			for line := range strings.Lines(envelope.Message) {
				if line = strings.TrimSpace(line); strings.Contains(line, "'s key ") {
					lines = append(lines, line)
				}
			}
		}
	}
}

// tap passes calls on to AWS and counts them.
type tap struct {
	url string

	mu      sync.Mutex
	actions map[string]int // of IAM
	now     int            // calls to IAM under way
	most    int
}

func startTap(t *testing.T, to string) *tap {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	tap := &tap{actions: map[string]int{}}
	// The host stays the one that was signed.
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer tap.count(r)()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	tap.url = server.URL
	return tap
}

// count takes a call in; what it returns lets it out.
func (p *tap) count(r *http.Request) (done func()) {
	if !strings.Contains(r.Header.Get("Authorization"), "/iam/aws4_request") {
		return func() {}
	}
	body, _ := io.ReadAll(r.Body) // what is missing, AWS refuses
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.actions[form.Get("Action")]++
	p.now++
	p.most = max(p.most, p.now)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.now--
	}
}

// iam is the calls to IAM by action, and how many were under way at once.
func (p *tap) iam() (actions map[string]int, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.actions, p.most
}
