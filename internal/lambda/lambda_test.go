package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/lambdaruntime"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// deployed is the built program under the name that Lambda runs it by, with an
// AWS and a Slack around it.
type deployed struct {
	runtime *lambdaruntime.Runtime
	aws     *awsfake.Server
	slack   *channeltest.SlackServer
	topic   string
	logs    *logs
}

// logs is what the program wrote, as CloudWatch would have it.
type logs struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed by the next write; nil while nobody waits
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.text.Write(p)
}

// wait reports whether text is written, now or before ctx ends: a line may come
// a little later than the result.
func (l *logs) wait(ctx context.Context, text string) bool {
	for {
		l.mu.Lock()
		if strings.Contains(l.text.String(), text) {
			l.mu.Unlock()
			return true
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// deploy starts the program as Lambda does. {webhook} and {topic} in settings
// stand for the ones around it.
func deploy(t *testing.T, settings ...string) *deployed {
	t.Helper()
	d := &deployed{logs: &logs{}}
	var err error
	if d.aws, err = awsfake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.aws.Close)
	d.aws.Home().SetAlias("acme")
	d.topic = d.aws.Home().AddTopic("keys")
	if d.slack, err = channeltest.StartSlack(t.Context(), channeltest.SlackOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.slack.Close)
	if d.runtime, err = lambdaruntime.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.runtime.Close)

	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	copyExecutable(t, program.Build(t, "sleuth-lambda"), bootstrap)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	process := exec.CommandContext(ctx, bootstrap)
	process.Dir = t.TempDir()
	process.Stdout, process.Stderr = d.logs, d.logs
	process.Env = append(program.Environment(t.TempDir()), d.runtime.Env()...)
	process.Env = append(process.Env,
		"AWS_ENDPOINT_URL="+d.aws.URL(),
		"AWS_ACCESS_KEY_ID=ASIALAMBDASROLE00000",
		"AWS_SECRET_ACCESS_KEY="+program.Secret,
		"AWS_SESSION_TOKEN="+program.Secret,
		"AWS_REGION=us-east-1",
	)
	around := strings.NewReplacer("{webhook}", d.slack.URL(), "{topic}", d.topic)
	for _, setting := range settings {
		process.Env = append(process.Env, around.Replace(setting))
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = process.Wait() // it was asked to end
		secrets := append(d.slack.Secrets(), strings.TrimPrefix(d.slack.URL(), "http://"), program.Secret)
		if found := program.SecretIn(d.logs.String(), secrets); found != "" {
			t.Errorf("the log gives a secret away: %q", found)
		}
	})
	return d
}

func copyExecutable(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	// A process that another test begins meanwhile would inherit the open file,
	// and a program that is open for writing cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		t.Fatal(err)
	}
}

// invoke sends the schedule's event, and reads the result where there is one.
func (d *deployed) invoke(t *testing.T) (result map[string]any, failure *lambdaruntime.FunctionError) {
	t.Helper()
	return d.send(t, `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`)
}

// send is invoke with any event.
func (d *deployed) send(t *testing.T, event string) (result map[string]any, failure *lambdaruntime.FunctionError) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	payload, err := d.runtime.Invoke(ctx, []byte(event), 5*time.Minute)
	if failure, ok := errors.AsType[*lambdaruntime.FunctionError](err); ok {
		return nil, failure
	}
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, d.logs)
	}
	if err := json.Unmarshal(payload, &result); err != nil {
		t.Fatalf("the result is no JSON: %v: %s", err, payload)
	}
	return result, nil
}

func daysAgo(n int) time.Time { return time.Now().UTC().AddDate(0, 0, -n) }

func TestLambdaAnswersWithTheSummary(t *testing.T) {
	t.Parallel()
	d := deploy(t, "ENABLE_AUTO_EXPIRE=true", "SLACK_URL={webhook}", "SNS_TOPIC={topic}")
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"Slack": "U1"}, Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(95)}}})
	home.AddUser(awsfake.User{Name: "bob", Tags: map[string]string{"Slack": "U2"}, Keys: []awsfake.Key{
		{ID: "KEY2", Active: true, Created: daysAgo(85)}, {ID: "KEY3", Active: true, Created: daysAgo(1)}}})
	home.AddUser(awsfake.User{Name: "cid", Tags: map[string]string{"KeyAutoExpire": "False"}, Keys: []awsfake.Key{{Active: true, Created: daysAgo(200)}}})
	home.AddUser(awsfake.User{Name: "dan", Keys: []awsfake.Key{{Active: false, Created: daysAgo(300)}}})

	result, failure := d.invoke(t)
	if failure != nil {
		t.Fatalf("the invocation failed: %v", failure)
	}
	want := map[string]any{
		"account": map[string]any{"id": "123456789012", "alias": "acme"},
		"users":   4.0,
		"keys":    5.0,
		"states": map[string]any{
			"good": 2.0, "stagnant": 0.0, "old": 1.0, "stagnant_expire": 0.0, "expire": 1.0, "disabled": 1.0,
		},
		"exempt":         1.0,
		"warned":         1.0,
		"disabled":       1.0,
		"failed":         0.0,
		"notices_sent":   4.0,
		"notices_failed": 0.0,
		"disabled_keys":  []any{map[string]any{"user": "ann", "key_id": "KEY1"}},
		"problems":       []any{},
	}
	got := map[string]any{}
	for field := range want {
		got[field] = result[field]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the result (-want +got):\n%s", diff)
	}
	if key, _ := home.Key("KEY1"); key.Active {
		t.Error("KEY1 is still active")
	}
	if key, _ := home.Key("KEY2"); !key.Active {
		t.Error("KEY2 was disabled")
	}
	if messages := d.slack.Received(); len(messages) != 1 || !strings.Contains(messages[0], "<@U1>'s key is disabled due to creation age.") {
		t.Errorf("Slack received %q", messages)
	}
	if published := home.Published(); len(published) != 1 || !strings.Contains(published[0].Message, "ann's key is disabled due to creation age.") {
		t.Errorf("SNS received %v", published)
	}

	// The same process serves the next day's event.
	again, failure := d.invoke(t)
	if failure != nil || again["disabled"] != 0.0 || again["warned"] != 1.0 {
		t.Errorf("the second invocation: %v, %v", again, failure)
	}
	if again["run"] == result["run"] {
		t.Errorf("two invocations are both called %v", again["run"])
	}
}

// TestLambdaRefusesUnknownVariables: a typo in a setting's name fails the
// invocation, and no key is disabled.
func TestLambdaRefusesUnknownVariables(t *testing.T) {
	t.Parallel()
	d := deploy(t, "ENABLE_AUTO_EXPIRE=true", "SLACK_URL={webhook}", "SLEUTH_MAX_DISABLED=1")
	d.aws.Home().AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(95)}}})
	_, failure := d.invoke(t)
	if text := fmt.Sprint(failure); !strings.Contains(text, "SLEUTH_MAX_DISABLED") || !strings.Contains(text, "did you mean SLEUTH_MAX_DISABLE?") {
		t.Errorf("failure %v", failure)
	}
	if key, found := d.aws.Home().Key("KEY1"); !found || !key.Active {
		t.Error("a key was disabled")
	}
}

// TestLambdaAnswersOfTheLastDayThereIs: no date that a tag can hold keeps the
// result from being written.
func TestLambdaAnswersOfTheLastDayThereIs(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{{}, {"SLEUTH_MAX_EXEMPTION_DAYS=30", "SLEUTH_STATE=file:" + t.TempDir() + "/state.db"}} {
		d := deploy(t, append(settings, "ENABLE_AUTO_EXPIRE=true", "SLACK_URL={webhook}")...)
		d.aws.Home().AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"KeyAutoExpire": "False until 9999-12-31"},
			Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(95)}}})
		for range 2 {
			result, failure := d.invoke(t)
			if failure != nil || result["keys"] != 1.0 || result["disabled"] != 0.0 {
				t.Errorf("%v: %v, %v", settings, failure, result)
			}
		}
	}
}

func TestLambdaFailsIfARunFailed(t *testing.T) {
	t.Parallel()
	d := deploy(t, "ENABLE_AUTO_EXPIRE=true", "SLACK_URL={webhook}")
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "locked", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(95)}}})
	home.AddUser(awsfake.User{Name: "zoe", Tags: map[string]string{"Slack": "U2"}, Keys: []awsfake.Key{{ID: "KEY2", Active: true, Created: daysAgo(95)}}})
	d.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "locked", Code: "AccessDenied"})

	result, failure := d.invoke(t)
	if failure == nil {
		t.Fatalf("the invocation succeeded: %v", result)
	}
	for _, part := range []string{"the run did not complete", "user locked", "AccessDenied"} {
		if !strings.Contains(failure.Message, part) {
			t.Errorf("the error does not say %q: %s", part, failure.Message)
		}
	}
	if key, _ := home.Key("KEY2"); key.Active {
		t.Error("one unreadable user kept another's key from being disabled")
	}
	if messages := d.slack.Received(); len(messages) != 1 {
		t.Errorf("Slack received %q", messages)
	}
}

// What did not begin has no summary that explains it.
func TestLambdaSaysWhatToDoIfARunDidNotStart(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SNS_TOPIC={topic}")
	d.aws.Inject(awsfake.Fault{Action: "GetCallerIdentity", Code: "ExpiredToken"})

	result, failure := d.invoke(t)
	if failure == nil {
		t.Fatalf("the invocation succeeded: %v", result)
	}
	if !strings.Contains(failure.Message, "ExpiredToken") || !strings.HasSuffix(failure.Message, "; the AWS credentials have expired: sign in again") ||
		strings.Contains(failure.Message, "operation error") {
		t.Errorf("the error is not as people are to read it: %s", failure.Message)
	}
}

func TestLambdaFailsOnAChannelWithoutItsURL(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SLACK_URL={webhook}", "SNS_TOPIC={topic}")
	d.aws.Home().AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"Slack": "U1"}, Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(85)}}})
	d.slack.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: "channel_is_archived"})

	result, failure := d.invoke(t)
	if failure == nil {
		t.Fatalf("the invocation succeeded: %v", result)
	}
	if !strings.Contains(failure.Message, "notify on slack about key KEY1 of user ann") {
		t.Errorf("the error does not name what was not delivered: %s", failure.Message)
	}
	if found := program.SecretIn(failure.Message, d.slack.Secrets()); found != "" {
		t.Errorf("the error gives a secret away: %q", found)
	}
	if published := d.aws.Home().Published(); len(published) != 1 {
		t.Errorf("SNS received %v", published)
	}
}

func TestLambdaReportsBadSettingsForEachEvent(t *testing.T) {
	t.Parallel()
	d := deploy(t, "EXPIRATION_AGE=ninety", "INACTIVITY_AGE=30", "SLACK_URL=no url, topSecretOfTheStory")
	for range 2 { // the process lives on, and says it again
		result, failure := d.invoke(t)
		if failure == nil {
			t.Fatalf("the invocation succeeded: %v", result)
		}
		for _, part := range []string{`EXPIRATION_AGE="ninety"`, "INACTIVITY_WARNING_AGE is not set", "SLACK_URL"} {
			if !strings.Contains(failure.Message, part) {
				t.Errorf("the error does not say %q: %s", part, failure.Message)
			}
		}
		if found := program.SecretIn(failure.Message, []string{program.Secret}); found != "" {
			t.Errorf("the error gives a secret away: %q", found)
		}
	}
	if calls := d.aws.Calls(); len(calls) != 0 {
		t.Errorf("%d calls were made, the first %s", len(calls), calls[0].Action)
	}
}
