package report_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

var tool = report.Tool{Version: "v1.2.3"}

// findingsSchema is one of our own making, from the published facts: what is
// required, of which type, and which names there are at all.
func findingsSchema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// written is what a format's writer writes, checked against its schema.
func written(t *testing.T, format string, reports ...report.Report) []byte {
	t.Helper()
	write := report.WriteOCSF
	if format == "sarif" {
		write = report.WriteSARIF
	}
	var out bytes.Buffer
	if err := write(&out, tool, reports...); err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := findingsSchema(t, format+".schema.json").Validate(value); err != nil {
		t.Errorf("%s is not valid: %v\n%s", format, err, &out)
	}
	return out.Bytes()
}

// hostile has names that try to be more than names.
func hostile() report.Report {
	r := reportOf(audited,
		one{user: "../../etc/passwd", age: 95}, one{user: "..", age: 96}, one{user: "[click](https://example.invalid) \\ `x`", age: 97},
		one{user: "a b%2f?#&\u202e\x00\n", age: 98}, one{user: "\xff\xfe", age: 99}, one{user: `"}],{"`, age: 100},
	)
	r.Account.Alias = "<b>[x](1)</b>"
	r.Problems = append(r.Problems, account.Problem{Text: "[link](1)\x1b[31m"})
	return r
}

func TestFindingsAreValid(t *testing.T) {
	t.Parallel()
	forecast := evidence(audited.AddDate(0, 0, 30))
	forecast.Forecast = report.NewForecast(audited)
	other := evidence(audited)
	other.Account = account.Account{ID: "210987654321"}
	for _, format := range []string{"ocsf", "sarif"} {
		for name, reports := range map[string][]report.Report{
			"everything":       {evidence(audited)},
			"forecast":         {forecast},
			"several accounts": {evidence(audited), other},
			"nothing":          {reportOf(audited)},
			"hostile names":    {hostile()},
		} {
			t.Run(format+" "+name, func(t *testing.T) {
				t.Parallel()
				text := written(t, format, reports...)
				if name == "forecast" && !strings.Contains(string(text), "FORECAST for Wednesday 4 November 2026") {
					t.Error("nothing says that it is a forecast")
				}
			})
		}
	}
}

func TestFindingsSchemasRefuse(t *testing.T) {
	t.Parallel()
	for format, text := range map[string]string{
		"ocsf":  `[{"class_uid": 2003}]`,
		"sarif": `{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil || findingsSchema(t, format+".schema.json").Validate(value) == nil {
			t.Errorf("%s takes %s", format, text)
		}
	}
}

type ocsfEvent struct {
	SeverityID int    `json:"severity_id"`
	StatusID   int    `json:"status_id"`
	Time       int64  `json:"time"`
	Message    string `json:"message"`
	FindingUID struct {
		UID string `json:"uid"`
	} `json:"finding_info"`
	Compliance struct {
		StatusID int    `json:"status_id"`
		Code     string `json:"status_code"`
	} `json:"compliance"`
	Resources []struct{ UID string } `json:"resources"`
}

func TestOCSFNamesWhatIsDue(t *testing.T) {
	t.Parallel()
	var events []ocsfEvent
	if err := json.Unmarshal(written(t, "ocsf", evidence(audited)), &events); err != nil {
		t.Fatal(err)
	}
	byUID := map[string]ocsfEvent{}
	for _, e := range events {
		byUID[e.FindingUID.UID] = e
		if e.Time != audited.UnixMilli() {
			t.Errorf("%s is of %d", e.FindingUID.UID, e.Time)
		}
	}
	if len(byUID) != 9 || len(events) != 9 { // bjorn, chen, dolores, emeka; backup, data exempt; a root key and two passwords
		t.Errorf("%d findings, %d names", len(events), len(byUID))
	}
	key := func(user string) string { return "sleuth/123456789012/" + keyIDOf(user) }
	for uid, want := range map[string]struct {
		severity, status, compliance int
		code                         string
	}{
		key("chen"):   {4, 1, 3, "expire"},
		key("emeka"):  {4, 1, 3, "stagnant_expire"},
		key("bjorn"):  {3, 1, 2, "old"},
		key("backup"): {4, 3, 3, "expire"},
		"sleuth/123456789012/root-access-key-1/<root_account>": {5, 1, 3, "expire"},
		"sleuth/123456789012/console-password/emeka":           {3, 1, 2, "stagnant"},
	} {
		got, found := byUID[uid]
		if !found || got.SeverityID != want.severity || got.StatusID != want.status || got.Compliance.StatusID != want.compliance || got.Compliance.Code != want.code {
			t.Errorf("%s: %+v, want %+v", uid, got, want)
		}
	}
	if m := byUID[key("chen")].Message; m != "Access key "+keyIDOf("chen")+" of user chen in AWS account 123456789012 (acme) is 97 days old; the limit is 90 days." {
		t.Errorf("says %q", m)
	}
}

type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Rules []struct{ ID string } `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Invocations []struct {
			ExecutionSuccessful bool `json:"executionSuccessful"`
		} `json:"invocations"`
		Results []struct {
			RuleID    string `json:"ruleId"`
			RuleIndex int    `json:"ruleIndex"`
			Level     string `json:"level"`
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI string } `json:"artifactLocation"`
				} `json:"physicalLocation"`
			} `json:"locations"`
			PartialFingerprints map[string]string `json:"partialFingerprints"`
		} `json:"results"`
	} `json:"runs"`
}

func sarifOf(t *testing.T, reports ...report.Report) sarifLog {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal(written(t, "sarif", reports...), &log); err != nil {
		t.Fatal(err)
	}
	return log
}

func TestSARIFNamesWhatIsDue(t *testing.T) {
	t.Parallel()
	run := sarifOf(t, evidence(audited)).Runs[0]
	levels := map[string]string{}
	prints := map[string]bool{}
	for _, result := range run.Results {
		levels[result.RuleID+" "+result.Locations[0].PhysicalLocation.ArtifactLocation.URI] = result.Level
		prints[result.PartialFingerprints["primaryLocationLineHash"]] = true
		if run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			t.Errorf("rule %s is not number %d", result.RuleID, result.RuleIndex)
		}
	}
	const users = " aws/123456789012/iam/users/"
	for what, level := range map[string]string{
		"expire" + users + "chen": "error", "stagnant_expire" + users + "emeka": "error", "old" + users + "bjorn": "warning",
		"stagnant" + users + "dolores": "warning", "stagnant" + users + "emeka": "warning", "root_access_key aws/123456789012/iam/root": "error",
	} {
		if levels[what] != level {
			t.Errorf("%s: level %q, want %q", what, levels[what], level)
		}
	}
	if len(run.Results) != 7 || len(prints) != 7 {
		t.Errorf("%d results with %d fingerprints: those of exempt keys are left out, all others apart", len(run.Results), len(prints))
	}
	if run.Invocations[0].ExecutionSuccessful {
		t.Error("what could not be read is not said")
	}
}

// TestSARIFFingerprintsLast: code-scanning pages know a key again, however old
// it has become, and tell accounts apart.
func TestSARIFFingerprintsLast(t *testing.T) {
	t.Parallel()
	printOf := func(r report.Report) string {
		return sarifOf(t, r).Runs[0].Results[0].PartialFingerprints["primaryLocationLineHash"]
	}
	bjorn := one{user: "bjorn", age: 83, used: 1}
	now, later := reportOf(audited, bjorn), reportOf(audited.AddDate(0, 0, 20), bjorn)
	elsewhere := reportOf(audited, bjorn)
	elsewhere.Account.ID = "210987654321"
	if printOf(now) != printOf(later) {
		t.Error("20 days later it is another finding")
	}
	if printOf(now) == printOf(elsewhere) {
		t.Error("in another account it is the same finding")
	}
}

func TestSARIFKeepsNamesFromBeingMore(t *testing.T) {
	t.Parallel()
	for _, result := range sarifOf(t, hostile()).Runs[0].Results {
		uri := result.Locations[0].PhysicalLocation.ArtifactLocation.URI
		parsed, err := url.Parse(uri)
		if err != nil || !strings.HasPrefix(parsed.JoinPath().Path, "aws/123456789012/iam/users/") || strings.Count(uri, "/") != 4 {
			t.Errorf("leads to %s: %v", uri, err)
		}
		if strings.Contains(result.Message.Text, "[click](") && !strings.Contains(result.Message.Text, `\[click\](`) {
			t.Errorf("holds a link: %s", result.Message.Text)
		}
	}
}

func TestFindingsFollowTheFilter(t *testing.T) {
	t.Parallel()
	r := evidence(audited).Only(report.Filter{States: []audit.State{audit.Aging}})
	if run := sarifOf(t, r).Runs[0]; len(run.Results) != 1 || run.Results[0].RuleID != "old" {
		t.Errorf("%+v", run.Results)
	}
}
