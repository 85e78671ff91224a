package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// showEvents shows what came in on the event bus: the type and the detail of
// each event, in the order of its text.
func showEvents(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "events")
	say(ts, "") // with nothing to show, the last answer must not stand
	var lines []string
	for _, e := range worldOf(ts).aws.Home().Events() {
		var detail bytes.Buffer
		ts.Check(json.Compact(&detail, []byte(e.Detail)))
		lines = append(lines, e.DetailType+" "+detail.String())
	}
	slices.Sort(lines)
	for _, line := range lines {
		say(ts, "%s\n", line)
	}
}

// showFindings shows what Security Hub has: on which key, in which record state
// and compliance, how severe, and the title.
func showFindings(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "findings")
	say(ts, "")
	for _, f := range worldOf(ts).aws.Home().Findings() {
		say(ts, "%s\n", strings.Join([]string{
			f.Text("Resources", 0, "Details", "AwsIamAccessKey", "AccessKeyId"), f.Text("RecordState"), f.Text("Compliance", "Status"),
			f.Text("Severity", "Label"), f.Text("Workflow", "Status"), f.Text("Title"),
		}, " "))
	}
}

// enableHub turns Security Hub on in the account.
func enableHub(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "security-hub")
	worldOf(ts).aws.Home().EnableSecurityHub()
}
