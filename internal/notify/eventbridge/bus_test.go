package eventbridge_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

var noon = time.Date(2026, time.November, 30, 12, 0, 0, 123456789, time.FixedZone("east", 3600))

// everyKind is a batch with a notice of every kind, as full as it can be.
func everyKind() notify.Batch {
	b := notify.Batch{Account: account.Account{ID: "123456789012", Alias: "acme"}, Run: "20261130T110000Z-ab12cd", Announcement: "No key was disabled."}
	for _, kind := range []notify.Kind{notify.Expiring, notify.PastLimit, notify.Disabled, notify.LeakedDisabled, notify.LeakedActive} {
		n := notify.Notice{
			KeyID: "AKIA-" + string(kind), User: "tobias", Name: "Tobias Funke", Email: "tobias@example.com", Kind: kind, Reason: audit.CreationAge,
			Created: noon.AddDate(0, 0, -90), LastUsed: noon.AddDate(0, 0, -2), At: noon, Note: "An aside.",
			Uses: &callers.Uses{At: noon.UTC(), Since: noon.UTC().AddDate(0, 0, -90), Calls: 2, Regions: 1, Callers: []callers.Caller{{
				Client: "aws-cli on macOS", Place: callers.Computer, Source: "203.0.113.7", Calls: 2, First: noon.UTC(), Last: noon.UTC(),
				Actions: []callers.Action{{Name: "s3:ListBuckets", Error: "AccessDenied", Calls: 2}},
			}}},
		}
		if kind == notify.LeakedDisabled || kind == notify.LeakedActive {
			n.Reason = audit.Exposure
		}
		if kind == notify.Expiring {
			n.DaysLeft, n.EarlierLimit = 8, &notify.EarlierLimit{Reason: audit.Inactivity, DaysLeft: 2}
		}
		b.Notices = append(b.Notices, n)
	}
	return b
}

// events are the events of messages as a rule's target gets them.
func events(t *testing.T, messages []notify.Message) (all []map[string]any) {
	t.Helper()
	for _, m := range messages {
		for lines := bufio.NewScanner(strings.NewReader(m.Body)); lines.Scan(); {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(lines.Text()))
			if err != nil {
				t.Fatal(err)
			}
			event, _ := value.(map[string]any)
			all = append(all, event)
		}
	}
	return all
}

func quiet(t *testing.T, s *service) *eventbridge.Bus {
	t.Helper()
	clock := channeltest.NewClock()
	return newBus(t, s, retry.Policy{Sleep: clock.Sleep}, clock.Now)
}

// TestEventsKeepToTheirSchema, those of bare notices and digests too.
func TestEventsKeepToTheirSchema(t *testing.T) {
	t.Parallel()
	schema := published(t)
	bus := quiet(t, startService(t))
	bare := everyKind()
	bare.Run, bare.Account.Alias = "", ""
	for i, n := range bare.Notices {
		bare.Notices[i] = notify.Notice{KeyID: n.KeyID, User: n.User, Kind: n.Kind, Reason: n.Reason, At: n.At}
	}
	digest := everyKind()
	digest.Account, digest.Digest = account.Account{}, "AWS organization o-1, 3 accounts"
	for i := range digest.Notices {
		digest.Notices[i].Account = account.Account{ID: "210987654321"}
	}
	for name, batch := range map[string]notify.Batch{"full": everyKind(), "bare": bare, "digest": digest} {
		all := events(t, bus.Compose(batch))
		if len(all) != 6 {
			t.Fatalf("%s: %d events, want 6", name, len(all))
		}
		var types []string
		for _, event := range all {
			types = append(types, event["detail-type"].(string))
			if err := schema.Validate(event); err != nil {
				t.Errorf("%s: %v: %v", name, event, err)
			}
		}
		want := []string{"Sleuth Announcement", "Sleuth Key Warning", "Sleuth Key Past Limit", "Sleuth Key Disabled", "Sleuth Key Leaked And Disabled", "Sleuth Key Leaked And Still Active"}
		if !slices.Equal(types, want) {
			t.Errorf("%s: %q, want %q", name, types, want)
		}
	}
}

// TestSchemaRefuses what a careless change would make of an event.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := published(t)
	for name, spoil := range map[string]func(event, detail map[string]any){
		"another source":      func(event, _ map[string]any) { event["source"] = "sleuth" },
		"an unknown type":     func(event, _ map[string]any) { event["detail-type"] = "Sleuth Key Warned" },
		"another version":     func(_, detail map[string]any) { detail["schema"] = json.Number("2") },
		"no key":              func(_, detail map[string]any) { delete(detail, "key_id") },
		"no account":          func(_, detail map[string]any) { delete(detail, "account") },
		"no days left":        func(_, detail map[string]any) { detail["days_left"] = nil },
		"no date":             func(_, detail map[string]any) { delete(detail, "disables_at") },
		"another kind":        func(_, detail map[string]any) { detail["kind"] = "disabled" },
		"a date of no zone":   func(_, detail map[string]any) { detail["created"] = "2026-11-30T12:00:00" },
		"a date of some zone": func(_, detail map[string]any) { detail["created"] = "2026-11-30T12:00:00+01:00" },
	} {
		event := events(t, quiet(t, startService(t)).Compose(everyKind()))[1]
		spoil(event, event["detail"].(map[string]any))
		if schema.Validate(event) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestEventsKeepAddressesToThemselves, unless channels may have them.
func TestEventsKeepAddressesToThemselves(t *testing.T) {
	t.Parallel()
	for _, shown := range []bool{false, true} {
		b := everyKind()
		b.UsesInLists = shown
		for _, m := range quiet(t, startService(t)).Compose(b)[:1] {
			if strings.Contains(m.Body, "203.0.113.7") != shown || !strings.Contains(m.Body, "aws-cli on macOS") {
				t.Errorf("addresses shown: %t, in %s", !shown, m.Body)
			}
		}
	}
	if got := everyKind().Notices[0].Uses.Callers[0].Source; got != "203.0.113.7" {
		t.Errorf("the notice itself lost its address: %q", got)
	}
}

func TestWarningSaysAllThereIs(t *testing.T) {
	t.Parallel()
	event := events(t, quiet(t, startService(t)).Compose(everyKind()))[1]
	detail := event["detail"].(map[string]any)
	for name, want := range map[string]any{
		"run": "20261130T110000Z-ab12cd", "user": "tobias", "name": "Tobias Funke", "email": "tobias@example.com", "key_id": "AKIA-expiring",
		"kind": "expiring", "reason": "creation age", "days_left": json.Number("8"),
		"disables_at": "2026-11-30T11:00:00Z", "created": "2026-09-01T11:00:00Z", "last_used": "2026-11-28T11:00:00Z", "note": "An aside.",
	} {
		if detail[name] != want {
			t.Errorf("%s is %v, want %v", name, detail[name], want)
		}
	}
	if account := detail["account"].(map[string]any); account["id"] != "123456789012" || account["alias"] != "acme" {
		t.Errorf("account %v", account)
	}
}

// TestAnEventNamesTheRule that the key's limits are from; none if they are the settings'.
func TestAnEventNamesTheRule(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"machines", ""} {
		batch := everyKind()
		batch.Notices = batch.Notices[:1]
		batch.Notices[0].Rule = rule
		detail := events(t, quiet(t, startService(t)).Compose(batch))[1]["detail"].(map[string]any)
		if got, found := detail["rule"]; found != (rule != "") || found && got != rule {
			t.Errorf("the rule is %v, want %q", got, rule)
		}
	}
}

// TestOnlyWhatFailedIsPutAgain, and once it is taken the message is.
func TestOnlyWhatFailedIsPutAgain(t *testing.T) {
	t.Parallel()
	s := startService(t, []string{"", "ThrottlingException", "", "InternalFailure"}, []string{"InternalException"})
	bus := quiet(t, s)
	if err := bus.Send(t.Context(), bus.Compose(channeltest.Crowd(4))[0]); err != nil {
		t.Fatal(err)
	}
	calls := s.called()
	if len(calls) != 3 || len(calls[0]) != 4 || len(calls[1]) != 2 || len(calls[2]) != 1 {
		t.Fatalf("%d calls: %v", len(calls), calls)
	}
	if calls[1][0] != calls[0][1] || calls[1][1] != calls[0][3] || calls[2][0] != calls[1][0] {
		t.Error("other events were put again than those that failed")
	}
	for _, e := range calls[0] {
		if e.EventBusName != busARN || e.Source != "iam-sleuth" {
			t.Errorf("put as %s on %s", e.Source, e.EventBusName)
		}
	}
}

// TestAnEventThatIsRefusedFailsItsMessage, while what may be taken is tried
// again all the same.
func TestAnEventThatIsRefusedFailsItsMessage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		codes [][]string
		calls int
		want  []string
	}{
		"for good":            {[][]string{{"", "MalformedDetail"}}, 1, []string{"1 of 3 events: MalformedDetail: as asked"}},
		"with a remedy":       {[][]string{{"AccessDeniedException"}}, 1, []string{"allow events:PutEvents"}},
		"one, another later":  {[][]string{{"InvalidArgument", "ThrottlingException"}}, 2, []string{"1 of 3 events: InvalidArgument"}},
		"again and again":     {slices.Repeat([][]string{{"ThrottlingException"}}, 9), 5, []string{"after 5 attempts", "1 of 3 events: ThrottlingException"}},
		"by what is unknown":  {[][]string{{"Whatever"}}, 2, nil},
		"of a bus that's not": {[][]string{{"ResourceNotFoundException"}}, 1, []string{"check the ARN in SLEUTH_EVENT_BUS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startService(t, test.codes...)
			bus := quiet(t, s)
			err := bus.Send(t.Context(), bus.Compose(channeltest.Crowd(3))[0])
			if (err != nil) != (test.want != nil) {
				t.Fatalf("Send returned %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
			if got := len(s.called()); got != test.calls {
				t.Errorf("%d calls, want %d", got, test.calls)
			}
		})
	}
}

// TestBatchesAreSmallEnough even for asides that no run writes.
func TestBatchesAreSmallEnough(t *testing.T) {
	t.Parallel()
	b := channeltest.Crowd(25)
	for i := range b.Notices {
		b.Notices[i].Note = strings.Repeat("x", 60<<10)
	}
	s := startService(t)
	bus := quiet(t, s)
	messages := bus.Compose(b)
	for _, m := range messages {
		if err := bus.Send(t.Context(), m); err != nil {
			t.Error(err)
		}
		if len(m.Notices) > 4 {
			t.Errorf("%d events of 60 KB in a message", len(m.Notices))
		}
	}
	if len(messages) != 7 {
		t.Errorf("%d messages, want 7", len(messages))
	}
}

// What is too long for one event is split, and nothing of it is lost.
func TestALongAnnouncementIsSplit(t *testing.T) {
	t.Parallel()
	schema, said := published(t), strings.Repeat("<an account & what was said of it>\n", 20_000)
	batch := everyKind()
	batch.Announcement = said
	s := startService(t)
	bus := quiet(t, s)
	for _, m := range bus.Compose(batch) {
		if err := bus.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	parts := 0
	for _, event := range events(t, bus.Compose(batch)) {
		if err := schema.Validate(event); err != nil {
			t.Error(err)
		}
		if event["detail-type"] != eventbridge.Announcement {
			continue
		}
		detail := event["detail"].(map[string]any)
		text.WriteString(detail["text"].(string))
		if parts++; fmt.Sprint(detail["part"]) != fmt.Sprint(parts) {
			t.Errorf("part %d says that it is part %v", parts, detail["part"])
		}
	}
	if parts < 2 || text.String() != said {
		t.Errorf("%d parts with %d bytes, want several with all %d", parts, text.Len(), len(said))
	}
}

// A note cannot keep its event from being taken.
func TestALongNoteIsShortened(t *testing.T) {
	t.Parallel()
	batch := everyKind()
	batch.Notices[0].Note = strings.Repeat("<", 300_000)
	bus := quiet(t, startService(t))
	for _, m := range bus.Compose(batch) {
		if err := bus.Send(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
}

func TestPutFailure(t *testing.T) {
	t.Parallel()
	s := startService(t)
	bus := quiet(t, s)
	failure := eventbridge.Failure{
		Run: "a-run", Account: account.Account{ID: "123456789012"}, At: noon, Started: true, Failed: 7, Users: 3, Keys: 4, Warned: 1, Disabled: 2, NoticesPending: 1,
		Problems: []string{"one\nwith\x1b lines", strings.Repeat("é", 5000), "3", "4", "5", "6", "7"},
	}
	if err := bus.PutFailure(t.Context(), failure); err != nil {
		t.Fatal(err)
	}
	if err := bus.PutFailure(t.Context(), eventbridge.Failure{At: noon, Failed: 1, Problems: []string{"no credentials"}}); err != nil {
		t.Fatal(err)
	}
	schema := published(t)
	for _, call := range s.called() {
		detail, err := jsonschema.UnmarshalJSON(strings.NewReader(call[0].Detail))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(map[string]any{"source": call[0].Source, "detail-type": call[0].DetailType, "detail": detail}); err != nil {
			t.Errorf("%s: %v", call[0].Detail, err)
		}
	}
	first := s.called()[0][0]
	for _, part := range []string{`"run":"a-run"`, `"id":"123456789012"`, `"at":"2026-11-30T11:00:00Z"`, `"started":true`, `"failed":7`, `"disabled":2`, `"one with lines"`, `"5"]`} {
		if !strings.Contains(first.Detail, part) {
			t.Errorf("the event lacks %s: %.300s", part, first.Detail)
		}
	}
	if len(first.Detail) > 4096 {
		t.Errorf("the event has %d bytes", len(first.Detail))
	}
	refused := startService(t, []string{"AccessDeniedException"})
	if err := quiet(t, refused).PutFailure(t.Context(), failure); err == nil || !strings.Contains(err.Error(), "put 1 event on bus "+busARN) {
		t.Errorf("a refusal became %v", err)
	}
}

func TestNewChecksTheBus(t *testing.T) {
	t.Parallel()
	for _, bus := range []string{"", "keys", "arn:aws:sns:eu-west-1:123456789012:keys", "arn:aws:events:eu-west-1:123456789012:rule/keys", "arn:aws:events::123456789012:event-bus/keys"} {
		if _, err := eventbridge.New(bus, nil, eventbridge.Options{}); err == nil {
			t.Errorf("%q is taken", bus)
		}
	}
	for bus, want := range map[string]string{busARN: "eu-west-1", "arn:aws-cn:events:cn-north-1:123456789012:event-bus/a/b": "cn-north-1"} {
		if got, err := eventbridge.RegionOf(bus); err != nil || got != want {
			t.Errorf("%s lies in %s, %v; want %s", bus, got, err, want)
		}
	}
}

// TestTheExamplesInTheDocsKeepToTheSchema, and there is one of every event.
func TestTheExamplesInTheDocsKeepToTheSchema(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	schema, seen := published(t), map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(block[1]))
		if err != nil {
			t.Errorf("%v in %s", err, block[1])
			continue
		}
		event, _ := value.(map[string]any)
		kind, isEvent := event["detail-type"].(string)
		if !isEvent { // a rule's pattern
			continue
		}
		seen[kind]++
		if err := schema.Validate(event); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, kind := range []string{
		eventbridge.KeyWarning, eventbridge.KeyPastLimit, eventbridge.KeyDisabled, eventbridge.KeyLeakedDisabled, eventbridge.KeyLeakedActive,
		eventbridge.Announcement, eventbridge.RunFailed,
	} {
		if seen[kind] != 1 {
			t.Errorf("%d examples of %s, want 1", seen[kind], kind)
		}
	}
}
