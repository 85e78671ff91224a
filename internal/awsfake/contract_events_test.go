package awsfake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	cloudpkg "github.com/iam-sleuth/sleuth/internal/awsclient"
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
func finding(account, id string) map[string]any {
	return map[string]any{
		"SchemaVersion": "2018-10-08", "Id": id, "GeneratorId": "test", "AwsAccountId": account,
		"ProductArn": "arn:aws:securityhub:us-east-1:" + account + ":product/" + account + "/default",
		"CreatedAt":  "2025-01-02T03:04:05Z", "UpdatedAt": "2025-01-02T03:04:05Z",
		"Severity": map[string]any{"Label": "LOW"}, "Title": "a title", "Description": "a description",
		"Compliance": map[string]any{"Status": "FAILED"}, "RecordState": "ACTIVE", "Workflow": map[string]any{"Status": "NEW"},
		"Resources": []any{map[string]any{"Type": "Other", "Id": "it"}},
	}
}

type imported struct {
	FailedCount, SuccessCount int
	FailedFindings            []struct{ ID, ErrorCode, ErrorMessage string }
}

type found struct {
	Findings []struct {
		ID, Title, RecordState string
		Workflow               struct{ Status string }
	}
	NextToken string
}

func TestContractFindings(t *testing.T) {
	contract(t, func(t *testing.T, c *cloud) {
		hub := cloudpkg.NewService(c.config, "securityhub", "SecurityHub")
		send := func(findings ...any) (out imported, err error) {
			err = hub.Post(t.Context(), "BatchImportFindings", "/findings/import", map[string]any{"Findings": findings}, &out)
			return out, err
		}
		get := func(in map[string]any) (out found, err error) {
			err = hub.Post(t.Context(), "GetFindings", "/findings", in, &out)
			return out, err
		}
		if c.unlessMoto(t, "it takes findings where Security Hub is not turned on") {
			_, err := send(finding(c.account, "one"))
			wantCode(t, "not turned on", err, "InvalidAccessException")
			_, err = get(map[string]any{})
			wantCode(t, "not turned on", err, "InvalidAccessException")
		}
		if err := hub.Post(t.Context(), "EnableSecurityHub", "/accounts", map[string]any{}, &map[string]any{}); err != nil {
			t.Fatal(err)
		}

		if out, err := send(finding(c.account, "one"), finding(c.account, "two")); err != nil || out.SuccessCount != 2 || out.FailedCount != 0 {
			t.Fatalf("two findings: %+v, %v", out, err)
		}
		bare := finding(c.account, "bare")
		bare["Resources"] = []any{}
		if out, err := send(bare, finding(c.account, "one")); err != nil || out.FailedCount != 1 || out.SuccessCount != 1 || out.FailedFindings[0].ID != "bare" || out.FailedFindings[0].ErrorCode != "InvalidInput" {
			t.Errorf("one without resources: %+v, %v", out, err)
		}
		changed := finding(c.account, "one")
		changed["Title"], changed["RecordState"] = "another title", "ARCHIVED"
		if _, err := send(changed); err != nil {
			t.Error(err)
		}

		// Pages.
		titles, pages := map[string]string{}, 0
		for token := ""; pages == 0 || token != ""; pages++ {
			in := map[string]any{"MaxResults": 1}
			if token != "" {
				in["NextToken"] = token
			}
			out, err := get(in)
			if err != nil || len(out.Findings) > 1 || pages > 5 {
				t.Fatalf("page %d: %+v, %v", pages, out, err)
			}
			for _, f := range out.Findings {
				titles[f.ID] = f.Title + " " + f.RecordState
			}
			token = out.NextToken
		}
		if len(titles) != 2 || titles["one"] != "another title ARCHIVED" || titles["two"] != "a title ACTIVE" || pages != 2 {
			t.Errorf("found %v on %d pages", titles, pages)
		}
		_, err := get(map[string]any{"MaxResults": 101})
		wantCode(t, "a large page", err, "InvalidInputException")

		if !c.unlessMoto(t, "it does not filter, takes any finding with a resource, and overwrites what is the customer's") {
			return
		}
		active := map[string]any{"RecordState": []any{map[string]any{"Value": "ACTIVE", "Comparison": "EQUALS"}}}
		if out, err := get(map[string]any{"Filters": active}); err != nil || len(out.Findings) != 1 || out.Findings[0].ID != "two" {
			t.Errorf("active ones: %+v, %v", out, err)
		}
		foreign := finding("210000000000", "foreign")
		if out, err := send(foreign); err != nil || out.FailedCount != 1 {
			t.Errorf("another account's: %+v, %v", out, err)
		}
		long := finding(c.account, "long")
		long["Title"] = strings.Repeat("x", 257)
		if out, err := send(long); err != nil || out.FailedCount != 1 {
			t.Errorf("a long title: %+v, %v", out, err)
		}
		many := make([]any, 101)
		for i := range many {
			many[i] = finding(c.account, "many")
		}
		_, err = send(many...)
		wantCode(t, "too many at once", err, "InvalidInputException")
	})
}

// TestWorkflowIsTheCustomers: a finding that is sent again leaves it alone, and
// one that fails again begins anew.
func TestWorkflowIsTheCustomers(t *testing.T) {
	t.Parallel()
	server := start(t)
	home := server.Home()
	home.EnableSecurityHub()
	id, secret := home.Credentials()
	hub := cloudpkg.NewService(configFor(server.URL(), id, secret, ""), "securityhub", "SecurityHub")
	send := func(state, compliance string) {
		t.Helper()
		f := finding(home.ID(), "one")
		f["RecordState"], f["Compliance"], f["UpdatedAt"] = state, map[string]any{"Status": compliance}, time.Now().UTC().Format(time.RFC3339)
		if err := hub.Post(t.Context(), "BatchImportFindings", "/findings/import", map[string]any{"Findings": []any{f}}, &imported{}); err != nil {
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
