package deploy

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/iampolicy"
	"github.com/iam-sleuth/sleuth/internal/test/mototest"
)

// leak is AWS Health's event about a key that was found in public, as
// EventBridge takes it: what is not in detail is beside it.
// https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
func leak(account, key string) map[string]any {
	return map[string]any{
		"Source": "aws.health", "DetailType": "AWS Health Event", "Resources": []string{key},
		"Detail": map[string]any{
			"eventArn":          "arn:aws:health:us-east-1::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_1234",
			"service":           "RISK",
			"eventTypeCode":     "AWS_RISK_CREDENTIALS_EXPOSED",
			"eventTypeCategory": "issue",
			"eventScopeCode":    "ACCOUNT_SPECIFIC",
			"communicationId":   "1234567890abcdef-1",
			"startTime":         "Mon, 16 Nov 2026 09:00:00 GMT",
			"statusCode":        "open",
			"eventRegion":       "us-east-1",
			"eventDescription":  []map[string]string{{"language": "en_US", "latestDescription": "The key was found at https://github.com/example"}},
			"affectedEntities":  []map[string]string{{"entityValue": key}},
			"affectedAccount":   account,
			"page":              "1",
			"totalPages":        "1",
		},
	}
}

// with is an event with another value in one place; in detail if it is there.
func with(event map[string]any, name, value string) map[string]any {
	detail, _ := event["Detail"].(map[string]any)
	if _, inDetail := detail[name]; inDetail {
		detail[name] = value
	} else {
		event[name] = value
	}
	return event
}

// checkLeakRule sends events to the bus and looks at which the rule takes; and
// whether the rule may start what it is to start.
func (p place) checkLeakRule(t *testing.T, rule, target string) {
	t.Helper()
	got := p.caught(t, rule, map[string]map[string]any{
		"a leak":                     leak(p.ID, "AKIAIOSFODNN7EXAMPLE"),
		"a leak, as abuse":           with(leak(p.ID, "AKIAI44QH8DHBEXAMPLE"), "DetailType", "AWS Health Abuse Event"),
		"another risk":               with(leak(p.ID, "AKIA1"), "eventTypeCode", "AWS_RISK_IAM_QUARANTINE"),
		"another service":            with(leak(p.ID, "AKIA2"), "service", "EC2"),
		"another source":             with(leak(p.ID, "AKIA3"), "Source", "example.health"),
		"a call that CloudTrail saw": with(leak(p.ID, "AKIA4"), "DetailType", "AWS API Call via CloudTrail"),
	})
	if want := []string{"a leak", "a leak, as abuse"}; !slices.Equal(got, want) {
		t.Errorf("the rule %s takes %q, want %q", rule, got, want)
	}

	function, alias, _ := strings.Cut(target[strings.Index(target, ":function:")+len(":function:"):], ":")
	described := p.events(t, "DescribeRule", map[string]any{"Name": rule})
	if mayStart := p.permissions(t, function, alias); !slices.ContainsFunc(mayStart, func(s grant) bool {
		return s.Effect == "Allow" && s.Action == "lambda:InvokeFunction" && s.Resource == target &&
			s.Principal["Service"] == "events.amazonaws.com" && s.Condition["ArnLike"]["AWS:SourceArn"] == described["Arn"]
	}) {
		t.Errorf("the rule %v may not start %s: %v", described["Arn"], target, mayStart)
	}

	var listed struct {
		Targets []struct {
			Arn              string
			DeadLetterConfig struct{ Arn string }
			RetryPolicy      struct{ MaximumRetryAttempts int }
		}
	}
	text, err := json.Marshal(p.events(t, "ListTargetsByRule", map[string]any{"Rule": rule}))
	check(t, err)
	check(t, json.Unmarshal(text, &listed))
	if len(listed.Targets) != 1 || listed.Targets[0].Arn != target || listed.Targets[0].RetryPolicy.MaximumRetryAttempts != 185 {
		t.Fatalf("the rule's targets are %+v, want %s alone", listed.Targets, target)
	}
	queue := listed.Targets[0].DeadLetterConfig.Arn
	if kept := p.queuePolicy(t, queue[strings.LastIndex(queue, ":")+1:]); alias != "" && !slices.ContainsFunc(kept, func(s grant) bool {
		return s.Effect == "Allow" && s.Action == "sqs:SendMessage" && s.Resource == queue &&
			s.Principal["Service"] == "events.amazonaws.com" && s.Condition["ArnEquals"]["aws:SourceArn"] == described["Arn"]
	}) {
		t.Errorf("what the rule %v cannot hand over may not be kept in %s: %v", described["Arn"], queue, kept)
	}
}

// grant is a statement of a resource's own policy.
type grant struct {
	Effect, Action, Resource string
	Principal                map[string]string
	Condition                map[string]map[string]string
}

// permissions is who may start a function by an alias, or by its own name.
func (p place) permissions(t *testing.T, function, alias string) []grant {
	t.Helper()
	path := "/2015-03-31/functions/" + function + "/policy"
	if alias != "" {
		path += "?Qualifier=" + alias
	}
	text, _ := p.call(t, "lambda", http.MethodGet, path, "", "")["Policy"].(string)
	return grantsIn(t, text)
}

// queuePolicy is who may put messages into a queue. moto makes no such policy
// from a template.
func (p place) queuePolicy(t *testing.T, name string) []grant {
	t.Helper()
	client := sqs.NewFromConfig(p.config(t))
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: &name})
	check(t, err)
	attributes, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"Policy"}})
	check(t, err)
	return grantsIn(t, attributes.Attributes["Policy"])
}

func grantsIn(t *testing.T, document string) []grant {
	t.Helper()
	var written struct{ Statement []grant }
	if document != "" {
		check(t, json.Unmarshal([]byte(document), &written))
	}
	return written.Statement
}

func (p place) events(t *testing.T, action string, input map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(input)
	check(t, err)
	answer := p.call(t, "events", http.MethodPost, "/", "AWSEvents."+action, string(body))
	if answer["status"] != float64(http.StatusOK) {
		t.Fatalf("%s: %v", action, answer)
	}
	return answer
}

// caught is the names of those events that a rule hands on.
func (p place) caught(t *testing.T, rule string, events map[string]map[string]any) []string {
	t.Helper()
	witness := p.watch(t, rule)
	names := map[string]string{} // by key
	for name, event := range events {
		resources, _ := event["Resources"].([]string)
		names[resources[0]] = name
		p.publish(t, event)
	}
	var caught []string
	for _, text := range witness() {
		var event struct{ Resources []string }
		check(t, json.Unmarshal([]byte(text), &event))
		caught = append(caught, names[event.Resources[0]])
	}
	slices.Sort(caught)
	return caught
}

func (p place) publish(t *testing.T, event map[string]any) {
	t.Helper()
	entry := maps.Clone(event)
	detail, err := json.Marshal(event["Detail"])
	check(t, err)
	entry["Detail"] = string(detail)
	if sent := p.events(t, "PutEvents", map[string]any{"Entries": []any{entry}}); sent["FailedEntryCount"] != 0.0 {
		t.Fatalf("the event was not taken: %v", sent)
	}
}

// watch makes a queue the target of a rule, instead of what is: moto starts no
// function. What it returns takes that back, and is the events that the rule
// has handed on.
func (p place) watch(t *testing.T, rule string) func() []string {
	t.Helper()
	client := sqs.NewFromConfig(p.config(t))
	made, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("witness")})
	check(t, err)
	attributes, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"}})
	check(t, err)
	targets := p.events(t, "ListTargetsByRule", map[string]any{"Rule": rule})["Targets"]
	p.events(t, "RemoveTargets", map[string]any{"Rule": rule, "Ids": []string{"function"}})
	p.events(t, "PutTargets", map[string]any{"Rule": rule, "Targets": []map[string]string{{"Id": "witness", "Arn": attributes.Attributes["QueueArn"]}}})
	return func() []string {
		t.Helper()
		received, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: made.QueueUrl, MaxNumberOfMessages: 10})
		check(t, err)
		var events []string
		for _, message := range received.Messages {
			events = append(events, *message.Body)
		}
		p.events(t, "RemoveTargets", map[string]any{"Rule": rule, "Ids": []string{"witness"}})
		p.events(t, "PutTargets", map[string]any{"Rule": rule, "Targets": targets})
		_, err = client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
		check(t, err)
		return events
	}
}

// inAnotherRegion is a deployment in one region, and what sends on the events
// that come in another.
const inAnotherRegion = `
provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

variable "zip_file" {
  type = string
}

module "sleuth" {
  source = "../.."

  zip_file      = var.zip_file
  leak_response = "disable"
  allow_silent  = true # the test is of the rule alone
}

module "leak_events" {
  source    = "../../modules/leak-events"
  providers = { aws = aws.us_east_1 }

  event_bus_arn = module.sleuth.leak_bus_arn
}

output "function_name" {
  value = module.sleuth.function_name
}
`

// AWS Health's events come in us-east-1, wherever the function is.
func TestLeaksAreSentOnToTheFunctionsRegion(t *testing.T) {
	t.Parallel()
	tool(t, "terraform")
	account := mototest.Shared(t).Account(t)
	here, health := place{account, "eu-west-1"}, place{account, "us-east-1"}
	w := newWorkspace(t, filepath.Join("examples", "single-account"), append(account.Env(), "AWS_ENDPOINT_URL="+serveAliases(t, mototest.Shared(t).URL)))
	check(t, os.WriteFile(filepath.Join(w.folder, "main.tf"), []byte(inAnotherRegion), 0o600))
	w.init(t)
	zip := "-var=zip_file=" + lambdaZip(t)
	w.run(t, "apply", zip)
	if said, status := w.try(t, "plan", "-detailed-exitcode", zip); status != 0 {
		t.Errorf("a second plan is not empty: exit status %d\n%s", status, said)
	}

	witness := here.watch(t, "iam-sleuth-leaks")
	health.publish(t, leak(account.ID, "AKIAIOSFODNN7EXAMPLE"))
	health.publish(t, with(leak(account.ID, "AKIAI44QH8DHBEXAMPLE"), "eventTypeCode", "AWS_RISK_IAM_QUARANTINE"))
	if caught := witness(); len(caught) != 1 || !strings.Contains(caught[0], "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("the function's region got %q", caught)
	}
	role, err := iam.NewFromConfig(here.config(t)).GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("iam-sleuth-leak-events"), PolicyName: aws.String("send")})
	check(t, err)
	want := iampolicy.Document{Version: "2012-10-17", Statement: []iampolicy.Statement{{
		Sid: "SendOn", Effect: "Allow", Action: []string{"events:PutEvents"}, Resource: []string{"arn:aws:events:eu-west-1:" + account.ID + ":event-bus/default"},
	}}}
	if diff := cmp.Diff(want, documentIn(t, asJSON(t, *role.PolicyDocument))); diff != "" {
		t.Errorf("what sends them on may (-want +got):\n%s", diff)
	}
}
