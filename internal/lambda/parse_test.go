package lambda

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const runInEvents = "20260302T120000Z-abcdef"

var began = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func TestParseEvent(t *testing.T) {
	t.Parallel()
	ofList := `"run":"` + runInEvents + `","began":"2026-03-02T12:00:00Z"`
	for _, c := range []struct {
		payload string
		want    event
	}{
		{`{}`, event{Action: actionRun}},
		{`{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, event{Action: actionRun}},
		{`{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`, event{Action: actionRun}},
		{`{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","account":"123456789012","time":"2026-03-02T12:00:00Z",` +
			`"region":"us-east-1","resources":["arn:aws:events:us-east-1:123456789012:rule/x"],"detail": { },"replay-name":"r"}`, event{Action: actionRun}},
		{`{"action":"run"}`, event{Action: actionRun}},
		{`{"action":"run","dry_run":true,"account":"123456789012"}`, event{Action: actionRun, DryRun: true, Account: "123456789012"}},
		{`{"action":"list","dry_run":true}`, event{Action: actionList, DryRun: true}},
		{`{"action":"account","account":"123456789012",` + ofList + `}`, event{Action: actionAccount, Account: "123456789012", Run: runInEvents, Began: began}},
		{`{"action":"summarize",` + ofList + `}`, event{Action: actionSummarize, Run: runInEvents, Began: began}},
	} {
		got, err := parseEvent([]byte(c.payload))
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v, -want +got:\n%s", c.payload, err, diff)
		}
	}
	for _, c := range []struct{ payload, want string }{
		{``, "not a JSON object"},
		{`null`, "not a JSON object: it is null; send {}"},
		{`[]`, "not a JSON object"},
		{`{"action":"run"`, "not a JSON object"},
		{`{"detail-type":"Another Event","source":"aws.ec2"}`, "neither a schedule's, nor AWS Health's"},
		{`{"detail-type":"AWS Health Event","source":"aws.health"}`, "has no eventTypeCode"},
		{`{"detail-type":"Scheduled Event","source":"aws.health"}`, "is not from AWS Health"},
		{`{"action":"leaked"}`, `the action "leaked"`},
		{`{"account":"123456789012"}`, "neither a schedule's"},
		{`{"action":"destroy"}`, `the action "destroy"`},
		{`{"action":""}`, `the action ""`},
		{`{"action":null}`, `the action ""`},
		// Ours in an event that is not, or beside it: somebody expects a dry run.
		{`{"source":"aws.events","detail-type":"Scheduled Event","dry_run":true,"detail":{}}`, `unknown field "dry_run"`},
		{`{"source":"aws.events","detail-type":"Scheduled Event","detail":{"dry_run":true}}`, `"dry_run" in its detail`},
		{`{"source":"aws.events","detail-type":"Scheduled Event","detail":{"DryRun":true}}`, `"DryRun" in its detail`},
		{`{"source":"aws.events","detail-type":"Scheduled Event","detail":{"note":1}}`, `a "detail" with something in it`},
		{`{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{\"dry_run\":true}"}`, `a "detail" with something in it`},
		{`{"source":"aws.events","detail-type":"Scheduled Event","run":"x"}`, `unknown field "run"`},
		{`{"source":"aws.events","detail-type":"Scheduled Event","Detail":{}}`, `unknown field "Detail"`},
		{strings.Replace(healthEvent("123456789012", "AKIAIOSFODNN7EXAMPLE"), `{`, `{"dry_run":true,`, 1), `unknown field "dry_run"`},
		{strings.Replace(healthEvent("123456789012", "AKIAIOSFODNN7EXAMPLE"), `"detail":{`, `"detail":{"dry_run":true,`, 1), `"dry_run" in its detail`},
		{strings.Replace(healthEvent("123456789012", "AKIAIOSFODNN7EXAMPLE"), `"detail":{`, `"detail":{"action":"notify",`, 1), `"action" in its detail`},
		{`{"action":"run","DRY_RUN":true}`, `unknown field "DRY_RUN"`},
		{`{"action":"run","dry_run":true,"dry_run":false}`, `"dry_run" twice`},
		{`{"dry_run":true}`, "neither a schedule's"},

		{`{"action":"run","enable_auto_expire":true}`, "unknown field"},
		{`{"action":"run","SLEUTH_MAX_DISABLE":"100%"}`, "unknown field"},
		{`{"action":"run","account":"12"}`, "12 digits"},
		{`{"action":"run","dry_run":"yes"}`, "cannot be understood"},
		{`{"action":"run","run":"` + runInEvents + `"}`, `has "run"`},
		{`{"action":"list","account":"123456789012"}`, `has "account"`},
		{`{"action":"account",` + ofList + `}`, `lacks "account"`},
		{`{"action":"account","account":"123456789012","began":"2026-03-02T12:00:00Z"}`, `lacks "run"`},
		{`{"action":"summarize","run":"` + runInEvents + `"}`, `lacks "began"`},
		{`{"action":"summarize","run":"../../other","began":"2026-03-02T12:00:00Z"}`, "what the action list has returned"},
	} {
		if _, err := parseEvent([]byte(c.payload)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", c.payload, err, c.want)
		}
	}
}

// FuzzParseEvent: whatever comes in, what comes out is complete, names nothing
// that could be another place, and reads the same once more.
func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"action":"run"}`, `{"action":"run","dry_run":true,"account":"123456789012"}`,
		`{"action":"account","account":"123456789012","run":"` + runInEvents + `","began":"2026-03-02T12:00:00Z"}`,
		healthEvent("123456789012", "AKIAIOSFODNN7EXAMPLE"),
		`{"detail-type":"Scheduled Event"}`, `{"action":"summarize","run":"../x","began":"2026-03-02T12:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := parseEvent(payload)
		if err != nil {
			return
		}
		if e.Account != "" && !accountID.MatchString(e.Account) || e.Run != "" && !runName.MatchString(e.Run) {
			t.Errorf("%q is taken for %+v", payload, e)
		}
		if e.Action == actionLeaked {
			if !accountID.MatchString(e.Leak.Account) {
				t.Errorf("%q is taken for %+v", payload, e)
			}
			return
		}
		if (e.Run == "") != (e.Action == actionRun || e.Action == actionList) {
			t.Errorf("%q is taken for %+v", payload, e)
		}
		if e.Action == actionRun && !e.DryRun && e.Account == "" {
			return // as a schedule's
		}
		fields := map[string]any{"action": e.Action, "dry_run": e.DryRun}
		if e.Account != "" {
			fields["account"] = e.Account
		}
		if e.Run != "" {
			fields["run"], fields["began"] = e.Run, e.Began
		}
		encoded, err := json.Marshal(fields)
		if err != nil {
			t.Skip() // a year that JSON does not write
		}
		if again, err := parseEvent(encoded); err != nil || !again.Began.Equal(e.Began) || again.Run != e.Run || again.Account != e.Account || again.DryRun != e.DryRun {
			t.Errorf("%q is taken for %+v, and written again for %+v (%v)", payload, e, again, err)
		}
	})
}
