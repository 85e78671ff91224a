package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
	"github.com/iam-sleuth/sleuth/internal/test/lambdaruntime"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
	"github.com/iam-sleuth/sleuth/internal/test/program"
)

// shortLife is what the Lambda of these tests may take. All of it passes where
// something hangs, so it is much less than in production.
const shortLife = 15 * time.Second

// sendInTime is send to a Lambda that is ended after shortLife.
func (d *deployed) sendInTime(t *testing.T, event string) (result map[string]any, failure *lambdaruntime.FunctionError) {
	t.Helper()
	ctx, kill := context.WithTimeout(t.Context(), shortLife)
	defer kill()
	payload, err := d.runtime.Invoke(ctx, []byte(event), shortLife)
	if failure, ok := errors.AsType[*lambdaruntime.FunctionError](err); ok {
		return nil, failure
	}
	if err != nil {
		t.Fatalf("Lambda ended the function before it had a result: %v; the log:\n%s", err, d.logs)
	}
	if err := json.Unmarshal(payload, &result); err != nil {
		t.Fatalf("the result is no JSON: %v: %s", err, payload)
	}
	return result, nil
}

func (d *deployed) wantLogged(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if !d.logs.wait(ctx, text) {
		t.Errorf("the log has no %s:\n%s", text, d.logs)
	}
}

// hangs makes Slack answer nothing.
func hangs(d *deployed) {
	d.slack.Next(slices.Repeat([]channeltest.Answer{{Kind: channeltest.Hanging}}, 100)...)
}

// nothing answers any request.
func nothing(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is a client noticed that goes away
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestLambdaEndsInTime: whatever hangs, an invocation has its result and its
// line in the log before Lambda ends it, and the rest is done.
func TestLambdaEndsInTime(t *testing.T) {
	t.Parallel()
	const schedule = `{}`
	bus := "SLEUTH_EVENT_BUS=arn:aws:events:us-east-1:" + awsfake.DefaultHome + ":event-bus/keys"
	for _, c := range []struct {
		name     string
		event    string
		settings []string
		hang     func(d *deployed)
		says     string // the error
		logs     string
		notified bool // the topic's subscribers are
	}{
		{"Slack", schedule, nil, hangs, "notify on slack about key KEY1", `"msg":"run ends"`, true},
		{"Slack, for a leaked key", healthEvent(awsfake.DefaultHome, "AKIALEAKED0000000001"), []string{"SLEUTH_LEAK_RESPONSE=disable"}, hangs, "notify on slack", `"msg":"responded to leaked keys"`, true},
		{"Slack, for a digest", schedule, []string{"SLEUTH_ACCOUNTS=" + awsfake.DefaultHome, "SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_NOTIFY_MODE=digest"}, hangs, "notify on slack about key KEY1", `"msg":"run over several accounts ends"`, true},
		{"the bus of a failed run", schedule, []string{bus}, func(d *deployed) {
			d.aws.Inject(awsfake.Fault{Action: "PutEvents", Hang: true})
			d.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "locked", Code: "AccessDenied"})
		}, "user locked", `"msg":"run ends"`, true},
		{"Security Hub", schedule, []string{"SLEUTH_SECURITY_HUB=securityhub"}, func(d *deployed) {
			d.aws.Inject(awsfake.Fault{Action: "GetFindings", Hang: true})
		}, "Security Hub", `"msg":"run ends"`, true},
		{"the bucket of evidence", schedule, []string{"SLEUTH_EVIDENCE=s3://bucket", "AWS_ENDPOINT_URL_S3={nothing}"}, nil, "leave the evidence of the run", `"msg":"run ends"`, true},
		{"who we are", schedule, []string{bus}, func(d *deployed) {
			d.aws.Inject(awsfake.Fault{Action: "GetCallerIdentity", Hang: true})
		}, "GetCallerIdentity", "", false},
		{"the state", schedule, []string{"SLEUTH_STATE=dynamodb:sleuth-state", "AWS_ENDPOINT_URL_DYNAMODB={nothing}", bus}, nil, "sleuth-state", "", false},
		{"IAM", schedule, nil, func(d *deployed) {
			d.aws.Inject(awsfake.Fault{Action: "ListUsers", Hang: true})
		}, "list users", `"msg":"run ends"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var settings []string
			for _, setting := range c.settings {
				if strings.Contains(setting, "{nothing}") {
					setting = strings.ReplaceAll(setting, "{nothing}", nothing(t))
				}
				settings = append(settings, setting)
			}
			d := deploy(t, append(settings, "SLACK_URL={webhook}", "SNS_TOPIC={topic}")...)
			home := d.aws.Home()
			home.AddBus("keys")
			home.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(85)}}})
			home.AddUser(awsfake.User{Name: "locked", Keys: []awsfake.Key{{ID: "AKIALEAKED0000000001", Active: true, Created: daysAgo(5)}}})
			if c.hang != nil {
				c.hang(d)
			}
			result, failure := d.sendInTime(t, c.event)
			if failure == nil || !strings.Contains(failure.Message, c.says) {
				t.Errorf("result %v, error %v, want %q in it", result, failure, c.says)
			}
			d.wantLogged(t, c.logs)
			if got := len(home.Published()) > 0; got != c.notified {
				t.Errorf("the topic has %v", home.Published())
			}
		})
	}
}

// TestSummarizeEndsInTime with its digest sent to the channel that answers, and
// its result, although Slack does not answer.
func TestSummarizeEndsInTime(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	const bucket = "steps-in-time"
	if _, err := s3.NewFromConfig(moto.Config(t.Context()), func(o *s3.Options) { o.UsePathStyle = true }).
		CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, "SLEUTH_ACCOUNTS="+awsfake.DefaultHome, "SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_NOTIFY_MODE=digest", "SLEUTH_STATE=file:"+t.TempDir()+"/state",
		"SLACK_URL={webhook}", "SNS_TOPIC={topic}", "SLEUTH_RESULTS_BUCKET="+bucket, "AWS_ENDPOINT_URL_S3="+moto.URL)
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(85)}}})
	listed, failure := d.send(t, `{"action":"list"}`)
	if failure != nil {
		t.Fatal(failure)
	}
	step := func(action, more string) string {
		return fmt.Sprintf(`{"action":%q,"run":%q,"began":%q%s}`, action, listed["run"], listed["began"], more)
	}
	if _, failure := d.send(t, step("account", fmt.Sprintf(`,"account":%q`, home.ID()))); failure != nil {
		t.Fatal(failure)
	}
	hangs(d)
	result, failure := d.sendInTime(t, step("summarize", ""))
	if failure != nil || result["complete"] != false || !strings.Contains(fmt.Sprint(result["error"]), "notify on slack about key KEY1") {
		t.Errorf("result %v, error %v", result, failure)
	}
	if len(home.Published()) != 1 {
		t.Errorf("the topic has %v", home.Published())
	}
	d.wantLogged(t, `"msg":"run over several accounts ends"`)
}

// TestADoubledScheduleIsNoFailure: the second of two events that ask for the
// same run finds it made, and says so; nobody need ask again.
func TestADoubledScheduleIsNoFailure(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	const bucket = "doubled-steps"
	if _, err := s3.NewFromConfig(moto.Config(t.Context()), func(o *s3.Options) { o.UsePathStyle = true }).
		CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	evidence := t.TempDir()
	d := deploy(t, "SLEUTH_ACCOUNTS="+awsfake.DefaultHome, "SLEUTH_MEMBER_ROLE=sleuth-member", "SLEUTH_NOTIFY_MODE=digest", "SLEUTH_STATE=file:"+t.TempDir()+"/state", "SLEUTH_EVIDENCE=file:"+evidence,
		"SNS_TOPIC={topic}", "SLEUTH_RESULTS_BUCKET="+bucket, "AWS_ENDPOINT_URL_S3="+moto.URL)
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(85)}}})
	var lists []map[string]any
	for range 2 {
		listed, failure := d.send(t, `{"action":"list"}`)
		if failure != nil {
			t.Fatal(failure)
		}
		lists = append(lists, listed)
	}
	for i, listed := range lists {
		step := func(action, more string) map[string]any {
			t.Helper()
			result, failure := d.send(t, fmt.Sprintf(`{"action":%q,"run":%q,"began":%q%s}`, action, listed["run"], listed["began"], more))
			if failure != nil {
				t.Fatalf("run %d: %v", i, failure)
			}
			return result
		}
		if result := step("account", fmt.Sprintf(`,"account":%q`, home.ID())); result["failed"] != 0.0 {
			t.Errorf("run %d: %v", i, result)
		}
		result := step("summarize", "")
		totals, _ := result["totals"].(map[string]any)
		if result["complete"] != true || totals["skipped"] != float64(i) || totals["not_started"] != 0.0 {
			t.Errorf("run %d: %v", i, result)
		}
	}
	if len(home.Published()) != 1 {
		t.Errorf("the topic has %v", home.Published())
	}
	if found := program.Evidence(t, evidence); len(found) != 1 || !found[home.ID()].Run.Complete() {
		t.Errorf("the evidence is %v", found)
	}
}
