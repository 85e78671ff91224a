package awsfake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	hubtypes "github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

func TestContractPutEvents(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		client := eventbridge.NewFromConfig(c.config)
		bus := *check[*eventbridge.CreateEventBusOutput](t)(client.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("keys")})).EventBusArn
		if want := "arn:aws:events:us-east-1:" + c.account + ":event-bus/keys"; bus != want {
			t.Errorf("bus %s, want %s", bus, want)
		}
		entry := func(bus, source, detail string) types.PutEventsRequestEntry {
			return types.PutEventsRequestEntry{EventBusName: &bus, Source: &source, DetailType: aws.String("Test"), Detail: &detail}
		}
		put := func(entries ...types.PutEventsRequestEntry) (*eventbridge.PutEventsOutput, error) {
			return client.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
		}
		good := entry(bus, "test", `{"a":{"b":[1,"ü"]}}`)
		out := check[*eventbridge.PutEventsOutput](t)(put(good, entry(bus, "test", `{"a":`), entry(bus, "", `{}`), good))
		if out.FailedEntryCount != 2 || len(out.Entries) != 4 {
			t.Fatalf("%d of %d entries failed, want 2 of 4", out.FailedEntryCount, len(out.Entries))
		}
		for i, code := range []string{"", "MalformedDetail", "InvalidArgument", ""} {
			if got := aws.ToString(out.Entries[i].ErrorCode); got != code || (aws.ToString(out.Entries[i].EventId) == "") != (code != "") {
				t.Errorf("entry %d: code %q, id %q, want code %q", i, got, aws.ToString(out.Entries[i].EventId), code)
			}
		}
		_, err := put(good, good, good, good, good, good, good, good, good, good, good)
		wantCode(t, "eleven entries", err, "ValidationException")
		_, err = put(entry(bus+"-gone", "test", `{}`))
		wantCode(t, "an unknown bus", err, "ResourceNotFoundException")
		if c.unlessMoto(t, "it takes events of any size, and of AWS's own sources") {
			_, err = put(entry(bus, "test", `{"a":"`+strings.Repeat("x", 256<<10)+`"}`))
			wantCode(t, "a large entry", err, "ValidationException")
			out = check[*eventbridge.PutEventsOutput](t)(put(entry(bus, "aws.iam", `{}`)))
			if aws.ToString(out.Entries[0].ErrorCode) != "NotAuthorizedForSourceException" {
				t.Errorf("an event of AWS's own: %+v", out.Entries[0])
			}
		}
	})
}

// finding is one that has all that Security Hub requires.
func finding(account, id string) hubtypes.AwsSecurityFinding {
	at := aws.String("2025-01-02T03:04:05Z")
	return hubtypes.AwsSecurityFinding{
		SchemaVersion: aws.String("2018-10-08"), Id: &id, GeneratorId: aws.String("test"), AwsAccountId: &account,
		ProductArn: aws.String("arn:aws:securityhub:us-east-1:" + account + ":product/" + account + "/default"),
		CreatedAt:  at, UpdatedAt: at,
		Severity: &hubtypes.Severity{Label: hubtypes.SeverityLabelLow}, Title: aws.String("a title"), Description: aws.String("a description"),
		Compliance: &hubtypes.Compliance{Status: hubtypes.ComplianceStatusFailed}, RecordState: hubtypes.RecordStateActive,
		Workflow:  &hubtypes.Workflow{Status: hubtypes.WorkflowStatusNew},
		Resources: []hubtypes.Resource{{Type: aws.String("Other"), Id: aws.String("it")}},
	}
}

func TestContractFindings(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		hub := securityhub.NewFromConfig(c.config)
		send := func(findings ...hubtypes.AwsSecurityFinding) (*securityhub.BatchImportFindingsOutput, error) {
			return hub.BatchImportFindings(t.Context(), &securityhub.BatchImportFindingsInput{Findings: findings})
		}
		get := func(in securityhub.GetFindingsInput) (*securityhub.GetFindingsOutput, error) {
			return hub.GetFindings(t.Context(), &in)
		}
		counts := func(out *securityhub.BatchImportFindingsOutput, taken, failed int32) bool {
			return aws.ToInt32(out.SuccessCount) == taken && aws.ToInt32(out.FailedCount) == failed
		}
		if c.unlessMoto(t, "it takes findings where Security Hub is not turned on") {
			_, err := send(finding(c.account, "one"))
			wantCode(t, "not turned on", err, "InvalidAccessException")
			_, err = get(securityhub.GetFindingsInput{})
			wantCode(t, "not turned on", err, "InvalidAccessException")
		}
		if _, err := hub.EnableSecurityHub(t.Context(), &securityhub.EnableSecurityHubInput{}); err != nil {
			t.Fatal(err)
		}

		if out, err := send(finding(c.account, "one"), finding(c.account, "two")); err != nil || !counts(out, 2, 0) {
			t.Fatalf("two findings: %+v, %v", out, err)
		}
		bare := finding(c.account, "bare")
		bare.Resources = []hubtypes.Resource{}
		if out, err := send(bare, finding(c.account, "one")); err != nil || !counts(out, 1, 1) || aws.ToString(out.FailedFindings[0].Id) != "bare" || aws.ToString(out.FailedFindings[0].ErrorCode) != "InvalidInput" {
			t.Errorf("one without resources: %+v, %v", out, err)
		}
		changed := finding(c.account, "one")
		changed.Title, changed.RecordState = aws.String("another title"), hubtypes.RecordStateArchived
		if _, err := send(changed); err != nil {
			t.Error(err)
		}

		// Pages.
		titles, pages := map[string]string{}, 0
		for token := ""; pages == 0 || token != ""; pages++ {
			in := securityhub.GetFindingsInput{MaxResults: aws.Int32(1)}
			if token != "" {
				in.NextToken = &token
			}
			out, err := get(in)
			if err != nil || len(out.Findings) > 1 || pages > 5 {
				t.Fatalf("page %d: %+v, %v", pages, out, err)
			}
			for _, f := range out.Findings {
				titles[aws.ToString(f.Id)] = aws.ToString(f.Title) + " " + string(f.RecordState)
			}
			token = aws.ToString(out.NextToken)
		}
		if len(titles) != 2 || titles["one"] != "another title ARCHIVED" || titles["two"] != "a title ACTIVE" || pages != 2 {
			t.Errorf("found %v on %d pages", titles, pages)
		}
		_, err := get(securityhub.GetFindingsInput{MaxResults: aws.Int32(101)})
		wantCode(t, "a large page", err, "InvalidInputException")

		if !c.unlessMoto(t, "it does not filter, takes any finding with a resource, and overwrites what is the customer's") {
			return
		}
		active := &hubtypes.AwsSecurityFindingFilters{RecordState: []hubtypes.StringFilter{
			{Value: aws.String("ACTIVE"), Comparison: hubtypes.StringFilterComparisonEquals},
		}}
		if out, err := get(securityhub.GetFindingsInput{Filters: active}); err != nil || len(out.Findings) != 1 || aws.ToString(out.Findings[0].Id) != "two" {
			t.Errorf("active ones: %+v, %v", out, err)
		}
		foreign := finding("210000000000", "foreign")
		if out, err := send(foreign); err != nil || aws.ToInt32(out.FailedCount) != 1 {
			t.Errorf("another account's: %+v, %v", out, err)
		}
		long := finding(c.account, "long")
		long.Title = aws.String(strings.Repeat("x", 257))
		if out, err := send(long); err != nil || aws.ToInt32(out.FailedCount) != 1 {
			t.Errorf("a long title: %+v, %v", out, err)
		}
		many := make([]hubtypes.AwsSecurityFinding, 101)
		for i := range many {
			many[i] = finding(c.account, "many")
		}
		_, err = send(many...)
		wantCode(t, "too many at once", err, "InvalidInputException")
	})
}

// TestWorkflowIsTheCustomers: a finding that is sent again leaves it alone, and
// one that fails again begins again.
func TestWorkflowIsTheCustomers(t *testing.T) {
	t.Parallel()
	server := start(t)
	home := server.Home()
	home.EnableSecurityHub()
	id, secret := home.Credentials()
	hub := securityhub.NewFromConfig(configFor(server.URL(), id, secret, ""))
	send := func(state hubtypes.RecordState, compliance hubtypes.ComplianceStatus) {
		t.Helper()
		f := finding(home.ID(), "one")
		f.RecordState, f.Compliance, f.UpdatedAt = state, &hubtypes.Compliance{Status: compliance}, aws.String(time.Now().UTC().Format(time.RFC3339))
		if _, err := hub.BatchImportFindings(t.Context(), &securityhub.BatchImportFindingsInput{Findings: []hubtypes.AwsSecurityFinding{f}}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(status string) {
		t.Helper()
		if got := home.Findings()[0].Text("Workflow", "Status"); got != status {
			t.Errorf("the workflow's status is %s, want %s", got, status)
		}
	}
	send("ACTIVE", "FAILED")
	want("NEW")
	home.SetWorkflow("one", "SUPPRESSED")
	send("ACTIVE", "FAILED")
	want("SUPPRESSED")
	send("ARCHIVED", "PASSED")
	want("SUPPRESSED")
	send("ACTIVE", "FAILED")
	want("NEW")
}
