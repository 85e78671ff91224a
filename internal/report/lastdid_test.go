package report_test

import (
	"bytes"
	"html"
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// TestEveryReportSaysWhatTheKeyLastDid: service and region of the last use, the
// key's description and the page of the console, in the account's partition.
func TestEveryReportSaysWhatTheKeyLastDid(t *testing.T) {
	t.Parallel()
	user := audit.User{Name: "ann", ARN: "arn:aws-us-gov:iam::123456789012:user/ann", Tags: audit.Tags{{Key: "AKIAANN", Value: "=build server"}}}
	key := audit.Key{ID: "AKIAANN", Status: audit.Active, Created: audited.AddDate(0, 0, -97), LastUsed: audited.AddDate(0, 0, -2), UseRead: true, Service: "s3", Region: "us-gov-east-1"}
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
	r := reportOf(audited)
	v := audit.Judge(key, audit.Exemption{}, rules, audited)
	r.Rows = []report.Row{report.RowOf(user, key, v)}
	r.Count(v)
	const console = "https://console.amazonaws-us-gov.com/iam/home#/users/details/ann?section=security_credentials"
	written := func(write func(*bytes.Buffer) error) string {
		t.Helper()
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	csv := written(func(b *bytes.Buffer) error { return report.WriteReportCSV(b, r) })
	for format, shown := range map[string]string{
		"wide table": tableOn(t, report.Screen{Wide: true, Width: 60}, r),
		"JSON":       written(func(b *bytes.Buffer) error { return report.WriteJSON(b, r) }),
		"CSV":        csv,
		"HTML":       html.UnescapeString(htmlOf(t, r)),
		"Markdown":   markdownOf(t, r),
		"OCSF":       written(func(b *bytes.Buffer) error { return report.WriteOCSF(b, report.Tool{}, r) }),
		"SARIF":      written(func(b *bytes.Buffer) error { return report.WriteSARIF(b, report.Tool{}, r) }),
	} {
		for _, want := range []string{"s3", "us-gov-east-1", "=build server", console} {
			if !strings.Contains(shown, want) {
				t.Errorf("%s does not say %q:\n%s", format, want, shown)
			}
		}
	}
	if !strings.Contains(csv, ",'=build server,") {
		t.Errorf("a spreadsheet runs the description as a formula: %s", csv)
	}
	if narrow := tableOn(t, report.Screen{}, r); strings.Contains(narrow, "build server") {
		t.Errorf("the table is wide without being asked:\n%s", narrow)
	}
}
