package lambda

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// failures are the accounts of the events of failed runs on the bus, in order.
func (d *deployed) failures(t *testing.T) (accounts []string) {
	t.Helper()
	for _, e := range d.aws.Home().Events() {
		var detail struct{ Account struct{ ID string } }
		if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
			t.Fatal(err)
		}
		if e.DetailType == "Sleuth Run Failed" {
			accounts = append(accounts, detail.Account.ID)
		}
	}
	slices.Sort(accounts)
	return accounts
}

// TestLambdaPublishesAFailedRun, and one without errors has no such event.
func TestLambdaPublishesAFailedRun(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SLEUTH_EVENT_BUS=arn:aws:events:us-east-1:"+awsfake.DefaultHome+":event-bus/keys")
	home := d.aws.Home()
	home.AddBus("keys")
	home.AddUser(awsfake.User{Name: "locked", Keys: []awsfake.Key{{ID: "KEY1", Active: true, Created: daysAgo(5)}}})
	if _, failure := d.invoke(t); failure != nil || len(home.Events()) > 0 {
		t.Fatalf("a run without errors failed with %v, and has the events %v", failure, home.Events())
	}
	d.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "locked", Code: "AccessDenied"})
	if _, failure := d.invoke(t); failure == nil {
		t.Fatal("the run had no error: this tests nothing")
	}
	if events := home.Events(); len(events) != 1 || events[0].DetailType != "Sleuth Run Failed" || !strings.Contains(events[0].Detail, "user locked") {
		t.Errorf("the events are %v", events)
	}
}

// TestStepsPublishEachFailedRunOnce: that of an account which was entered from
// its own invocation, and that of any other, such as one whose invocation died,
// from the last step. The results lie in moto's S3.
func TestStepsPublishEachFailedRunOnce(t *testing.T) {
	t.Parallel()
	moto := mototest.Shared(t)
	const bucket = "events-of-steps"
	if _, err := s3.NewFromConfig(moto.Config(t.Context()), func(o *s3.Options) { o.UsePathStyle = true }).
		CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	d := deploy(t, "SLEUTH_EVENT_BUS=arn:aws:events:us-east-1:"+awsfake.DefaultHome+":event-bus/keys", "SLEUTH_ACCOUNTS=organization", "SLEUTH_MEMBER_ROLE=sleuth-member",
		"SLEUTH_RESULTS_BUCKET="+bucket, "AWS_ENDPOINT_URL_S3="+moto.URL)
	d.aws.Home().AddBus("keys")
	organization := d.aws.Organize()
	for _, id := range []string{"300000000001", "300000000002", "300000000003"} {
		organization.Join(d.aws.Account(id), organization.Root(), "account")
	}
	d.aws.Account("300000000001").AddUser(awsfake.User{Name: "locked"})
	d.aws.Inject(awsfake.Fault{Action: "ListAccessKeys", User: "locked", Code: "AccessDenied"})
	d.aws.Account("300000000002").DenyAssume(true)

	listed, failure := d.send(t, `{"action":"list"}`)
	if failure != nil {
		t.Fatal(failure)
	}
	step := func(action, more string) {
		t.Helper()
		if _, failure := d.send(t, fmt.Sprintf(`{"action":%q,"run":%q,"began":%q%s}`, action, listed["run"], listed["began"], more)); failure != nil {
			t.Fatal(failure)
		}
	}
	for _, id := range []string{awsfake.DefaultHome, "300000000001", "300000000002"} { // and not the third
		step("account", fmt.Sprintf(`,"account":%q`, id))
	}
	if got, want := d.failures(t), []string{"300000000001"}; !slices.Equal(got, want) {
		t.Errorf("before the last step, events of failed runs are of %q, want %q", got, want)
	}
	step("summarize", "")
	if got, want := d.failures(t), []string{"300000000001", "300000000002", "300000000003"}; !slices.Equal(got, want) {
		t.Errorf("events of failed runs are of %q, want %q", got, want)
	}
}
