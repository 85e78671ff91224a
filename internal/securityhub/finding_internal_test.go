package securityhub

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
)

// TestFindingsSayWhatTheKeyLastDid: service, region, description and the page in
// the console are fields of the finding.
func TestFindingsSayWhatTheKeyLastDid(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
	key := audit.Key{ID: "AKIAANN", Status: audit.Active, Created: noon.AddDate(0, 0, -85), LastUsed: noon, UseRead: true, Service: "s3", Region: "eu-west-1"}
	judged := audit.Judged{
		User: audit.User{Name: "ann", Tags: audit.Tags{{Key: "AKIAANN", Value: "laptop\nof ann"}}}, Key: key,
		Verdict: audit.Judge(key, audit.Exemption{}, rules, noon),
	}
	got := Home{Account: account.Account{ID: "123456789012"}, Partition: "aws-cn"}.finding(judged, noon).ProductFields
	for name, want := range map[string]string{
		"sleuth/last-used-service": "s3", "sleuth/last-used-region": "eu-west-1", "sleuth/description": "laptop of ann",
		"sleuth/console": "https://console.amazonaws.cn/iam/home#/users/details/ann?section=security_credentials",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// TestFindingsNameTheRule whose limits they go by: the finding is from when that warns.
func TestFindingsNameTheRule(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key := audit.Key{ID: "AKIACI", Status: audit.Active, Created: noon.AddDate(0, 0, -340)}
	ages := audit.Rules{ExpirationAge: 365, WarningAge: 335, InactivityAge: 365, InactivityWarningAge: 335}
	for rule, since := range map[string]string{"machines": "2026-11-19T12:00:00Z", "": "2026-11-19T12:00:00Z"} {
		v := audit.Limits{Rule: rule, Ages: ages}.Judge(audit.User{Name: "ci"}, key, audit.ExemptionRules{}, noon)
		f := Home{Account: account.Account{ID: "123456789012"}}.finding(audit.Judged{User: audit.User{Name: "ci"}, Key: key, Verdict: v}, noon)
		if got, found := f.ProductFields["sleuth/rule"]; got != rule || found != (rule != "") {
			t.Errorf("the rule is %q, %t; want %q", got, found, rule)
		}
		if *f.CreatedAt != since {
			t.Errorf("due since %s, want %s", *f.CreatedAt, since)
		}
	}
}
