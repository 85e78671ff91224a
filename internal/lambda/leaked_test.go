package lambda

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const healthARN = "arn:aws:health:global::event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_1"

// healthEvent is AWS Health's word, as EventBridge brings it, that keys of an
// account were found in public.
func healthEvent(account string, keys ...string) string {
	type entity struct {
		Value  string `json:"entityValue"`
		Status string `json:"status"`
	}
	var entities []entity
	for _, key := range keys {
		entities = append(entities, entity{key, "IMPAIRED"})
	}
	text, _ := json.Marshal(map[string]any{
		"version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602",
		"detail-type": "AWS Health Event", "source": "aws.health",
		"account": account, "time": "2026-03-02T12:00:00Z", "region": "us-east-1", "resources": []string{},
		"detail": map[string]any{
			"eventArn": healthARN, "service": "RISK", "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED",
			"eventTypeCategory": "issue", "eventScopeCode": "ACCOUNT_SPECIFIC", "statusCode": "open",
			"startTime": "Mon, 02 Mar 2026 11:59:00 GMT", "page": "1", "totalPages": "1", "affectedAccount": account,
			"eventDescription": []any{map[string]string{"language": "en_US", "latestDescription": "A key was found."}},
			"affectedEntities": entities,
		},
	})
	return string(text)
}

// TestLambdaAnswersALeak: the released program, in Lambda, on AWS Health's word.
func TestLambdaAnswersALeak(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SLEUTH_LEAK_RESPONSE=disable", "SLACK_URL={webhook}", "SNS_TOPIC={topic}")
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"Slack": "U1"}, Keys: []awsfake.Key{
		{ID: "AKIAANN0000000000001", Active: true, Created: daysAgo(3)}, {ID: "AKIAANN0000000000002", Active: true, Created: daysAgo(3)}}})
	home.AddUser(awsfake.User{Name: "bob", Keys: []awsfake.Key{{ID: "AKIABOB0000000000001", Active: true, Created: daysAgo(3)}}})

	result, failure := d.send(t, healthEvent("123456789012", "AKIAANN0000000000001", "AKIABOB0000000000001"))
	if failure != nil {
		t.Fatalf("the invocation failed: %v", failure)
	}
	var answer struct {
		Event string `json:"event"`
		Keys  []struct{ User, Outcome string }
		Sent  int `json:"notices_sent"`
	}
	encoded, _ := json.Marshal(result)
	if err := json.Unmarshal(encoded, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Keys) != 2 || answer.Keys[0].Outcome != "disabled" || answer.Keys[1].User != "bob" || answer.Sent != 4 || answer.Event != healthARN {
		t.Errorf("the answer is %s", encoded)
	}
	for id, wantActive := range map[string]bool{"AKIAANN0000000000001": false, "AKIABOB0000000000001": false, "AKIAANN0000000000002": true} {
		if key, _ := home.Key(id); key.Active != wantActive {
			t.Errorf("key %s is active: %t", id, key.Active)
		}
	}
	if messages := d.slack.Received(); len(messages) != 1 || !strings.Contains(messages[0], "<@U1>'s key AKIAANN0000000000001 was found in public and is disabled.") {
		t.Errorf("Slack received %q", messages)
	}

	// Events about other things are ignored; those of other accounts are
	// said.
	other := strings.ReplaceAll(healthEvent("123456789012", "AKIAANN0000000000002"), "AWS_RISK_CREDENTIALS_EXPOSED", "AWS_RISK_IAM_QUARANTINE")
	if result, failure := d.send(t, other); failure != nil || !strings.Contains(result["ignored"].(string), "AWS_RISK_IAM_QUARANTINE") {
		t.Errorf("another event: %v, %v", result, failure)
	}
	if result, failure := d.send(t, healthEvent("999999999999", "AKIAELSEWHERE0000001")); failure != nil || !strings.Contains(d.slack.Received()[1], "AKIAELSEWHERE0000001") {
		t.Errorf("another account's event: %v, %v; Slack received %q", result, failure, d.slack.Received())
	}
	if key, _ := home.Key("AKIAANN0000000000002"); !key.Active {
		t.Error("a key that nobody found was disabled")
	}
	if result, failure := d.send(t, `{"source":"aws.health","detail-type":"AWS Health Event","account":1}`); failure == nil || !strings.Contains(failure.Message, "cannot be understood") {
		t.Errorf("a malformed event: %v, %v", result, failure)
	}
}

// TestLambdaIsNotLedByAForgedEvent: what lacks what AWS sends is refused, a
// field that would have no effect as well, and what looks like AWS's disables no
// more than the cap.
func TestLambdaIsNotLedByAForgedEvent(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SLEUTH_LEAK_RESPONSE=disable", "ENABLE_AUTO_EXPIRE=true", "SLEUTH_LEAK_MAX_DISABLE=1", "SLACK_URL={webhook}")
	home := d.aws.Home()
	ids := []string{"AKIAANN0000000000001", "AKIAANN0000000000002"}
	home.AddUser(awsfake.User{Name: "ann", Tags: map[string]string{"KeyAutoExpire": "False"}, Keys: []awsfake.Key{
		{ID: ids[0], Active: true, Created: daysAgo(3)}, {ID: ids[1], Active: true, Created: daysAgo(3)}}})
	home.AddUser(awsfake.User{Name: "bob", Keys: []awsfake.Key{{ID: "AKIABOB0000000000001", Active: true, Created: daysAgo(95)}}})
	event := healthEvent("123456789012", ids...)
	for name, c := range map[string]struct{ event, want string }{
		"no ARN":                      {strings.Replace(event, healthARN, "", 1), "lacks an eventArn"},
		"no id":                       {strings.Replace(event, "7bf73129-1428-4cd3-a780-95db273d1602", "", 1), "lacks an eventArn, an id"},
		"no time":                     {strings.Replace(event, "2026-03-02T12:00:00Z", "", 1), "or a time"},
		"a dry run beside a leak":     {strings.Replace(event, "{", `{"dry_run":true,`, 1), "unknown field"},
		"a dry run beside a schedule": {`{"source":"aws.events","detail-type":"Scheduled Event","detail":{},"dry_run":true}`, "unknown field"},
		"a dry run inside a schedule": {`{"source":"aws.events","detail-type":"Scheduled Event","detail":{"dry_run":true}}`, "in its detail"},
	} {
		if result, failure := d.send(t, c.event); failure == nil || !strings.Contains(failure.Message, c.want) {
			t.Errorf("%s: %v, %v; want an error with %q", name, result, failure, c.want)
		}
	}
	if n := d.aws.Count("UpdateAccessKey"); n != 0 || len(d.slack.Received()) != 0 {
		t.Errorf("%d keys were changed, and Slack received %q", n, d.slack.Received())
	}
	if result, failure := d.send(t, event); failure == nil || !strings.Contains(failure.Message, "SLEUTH_LEAK_MAX_DISABLE=1 allows no more") {
		t.Errorf("an event of two keys: %v, %v", result, failure)
	}
	if n := d.aws.Count("UpdateAccessKey"); n != 1 {
		t.Errorf("%d keys were disabled, want 1", n)
	}
}

// TestLambdaFailsWhereALeakIsNotAnswered: an error has EventBridge send the
// event again, and that finishes what was started.
func TestLambdaFailsWhereALeakIsNotAnswered(t *testing.T) {
	t.Parallel()
	d := deploy(t, "SLEUTH_LEAK_RESPONSE=disable", "SLACK_URL={webhook}")
	home := d.aws.Home()
	home.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIAANN0000000000001", Active: true, Created: daysAgo(3)}}})
	event := healthEvent("123456789012", "AKIAANN0000000000001")

	d.aws.Inject(awsfake.Fault{Action: "UpdateAccessKey", Times: 1, Code: "AccessDenied"})
	result, failure := d.send(t, event)
	if failure == nil || !strings.Contains(failure.Message, "disable key AKIAANN0000000000001 of user ann") {
		t.Fatalf("the invocation: %v, %v", result, failure)
	}
	if messages := d.slack.Received(); len(messages) != 1 || !strings.Contains(messages[0], "still active. Sleuth tried to disable it and could not") {
		t.Errorf("Slack received %q", messages)
	}
	d.slack.Next(channeltest.Answer{Kind: channeltest.Refusing, Reason: "channel_is_archived"})
	if result, failure := d.send(t, event); failure == nil || !strings.Contains(failure.Message, "notify on slack") {
		t.Errorf("the second invocation: %v, %v", result, failure)
	}
	if key, _ := home.Key("AKIAANN0000000000001"); key.Active {
		t.Error("the key is still active")
	}
	// Without state it is unknown that the owner was not notified: notified once more.
	if result, failure := d.send(t, event); failure != nil {
		t.Errorf("the third invocation: %v, %v", result, failure)
	}
	if messages := d.slack.Received(); !strings.Contains(messages[len(messages)-1], "was found in public and is disabled") {
		t.Errorf("Slack received %q", messages)
	}
}

// TestLambdaAnswersForAMember: in an organization's view of AWS Health, the
// event comes to the account of the function and is about a key of another.
func TestLambdaAnswersForAMember(t *testing.T) {
	t.Parallel()
	const member = "300000000001"
	d := deploy(t, "SLEUTH_LEAK_RESPONSE=disable", "SLACK_URL={webhook}", "SLEUTH_ACCOUNTS=organization", "SLEUTH_MEMBER_ROLE=sleuth-member")
	organization := d.aws.Organize()
	account := d.aws.Account(member)
	organization.Join(account, organization.Root(), "account")
	account.AddUser(awsfake.User{Name: "ann", Keys: []awsfake.Key{{ID: "AKIAANN0000000000001", Active: true, Created: daysAgo(3)}}})

	event := strings.Replace(healthEvent(member, "AKIAANN0000000000001"), `"account":"`+member+`"`, `"account":"123456789012"`, 1)
	if result, failure := d.send(t, event); failure != nil {
		t.Fatalf("%v, %v", result, failure)
	}
	if key, _ := account.Key("AKIAANN0000000000001"); key.Active {
		t.Error("the key is still active")
	}
	if messages := d.slack.Received(); len(messages) != 1 || !strings.Contains(messages[0], "ann's key AKIAANN0000000000001 was found in public and is disabled.") {
		t.Errorf("Slack received %q", messages)
	}

	// A member that cannot be entered is reported, and the event is sent again.
	account.DenyAssume(true)
	result, failure := d.send(t, event)
	if failure == nil || !strings.Contains(failure.Message, "enter account "+member) {
		t.Errorf("%v, %v", result, failure)
	}
	if messages := d.slack.Received(); len(messages) != 2 || !strings.Contains(messages[1], "Found in public: access keys of this account (AKIAANN0000000000001)") {
		t.Errorf("Slack received %q", messages)
	}
}
