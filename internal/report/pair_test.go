package report_test

import (
	"bytes"
	"html"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// pairRules are limits at which a key of 85 days is warned about.
var pairRules = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}

// pairKey is a key whose last use was read.
func pairKey(id string, created, used int) audit.Key {
	return audit.Key{ID: id, Status: audit.Active, Created: audited.AddDate(0, 0, -created), LastUsed: audited.AddDate(0, 0, -used), UseRead: true, Service: "s3", Region: "eu-west-1"}
}

func pairRow(user audit.User, key, other audit.Key) report.Row {
	exemption := audit.ExemptionOf(user, key.ID).Apply(audit.ExemptionRules{}, audited)
	row := report.RowOf(user, key, audit.Judge(key, exemption, pairRules, audited))
	row.ShowPair(audit.Pair{Key: key, Other: other}, audited)
	return row
}

// TestEveryReportSaysHowFarARotationIs: in words, and the JSON with the commands.
func TestEveryReportSaysHowFarARotationIs(t *testing.T) {
	t.Parallel()
	user := audit.User{Name: "=a nn"}
	older, newer := pairKey("AKIAOLD", 85, 20), pairKey("AKIANEW", 20, 1)
	r := reportOf(audited)
	r.Rows = []report.Row{pairRow(user, older, newer), pairRow(user, newer, older)}
	var csv, json bytes.Buffer
	if err := report.WriteReportCSV(&csv, r); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteJSON(&json, r); err != nil {
		t.Fatal(err)
	}
	if err := publishedSchema(t).Validate(asRead(t, r)); err != nil {
		t.Error(err)
	}
	for format, shown := range map[string]string{
		"wide table": tableOn(t, report.Screen{Wide: true}, r), "CSV": csv.String(), "JSON": json.String(),
		"HTML": html.UnescapeString(htmlOf(t, r)), "Markdown": markdownOf(t, r),
	} {
		const want = "AKIANEW was created 20 days ago and was last used 1 day ago (s3, eu-west-1); AKIAOLD was last used 20 days ago (s3, eu-west-1). If nothing needs AKIAOLD, it can be deleted."
		if n := strings.Count(shown, want); n != 1 {
			t.Errorf("%s says %d times that the key is replaced:\n%s", format, n, shown)
		}
	}
	if narrow := tableOn(t, report.Screen{}, r); strings.Contains(narrow, "nothing needs") {
		t.Errorf("the table is wide without being asked:\n%s", narrow)
	}
	want := []string{
		"aws iam update-access-key --user-name '=a nn' --access-key-id AKIAOLD --status Inactive",
		"aws iam delete-access-key --user-name '=a nn' --access-key-id AKIAOLD",
	}
	if diff := cmp.Diff(want, r.Rows[0].Rotation.Commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

// TestReportsShowOnlyUnfinishedRotations: nothing of a user whose keys are both good
// and in use, nor of an exempt key.
func TestReportsShowOnlyUnfinishedRotations(t *testing.T) {
	t.Parallel()
	exempt := audit.User{Name: "ann", Tags: audit.Tags{{Key: "KeyAutoExpire", Value: "False"}}}
	inactive := pairKey("AKIAOLD", 60, 3)
	inactive.Status = audit.Inactive
	for name, c := range map[string]struct {
		user       audit.User
		key, other audit.Key
		want       audit.Rotation
	}{
		"both good and in use":   {audit.User{Name: "ann"}, pairKey("AKIAOLD", 60, 3), pairKey("AKIANEW", 20, 1), audit.NoRotation},
		"the newer, both in use": {audit.User{Name: "ann"}, pairKey("AKIANEW", 20, 1), pairKey("AKIAOLD", 60, 3), audit.NoRotation},
		"good and replaced":      {audit.User{Name: "ann"}, pairKey("AKIAOLD", 60, 14), pairKey("AKIANEW", 20, 1), audit.Replaced},
		"due and in use":         {audit.User{Name: "ann"}, pairKey("AKIAOLD", 85, 3), pairKey("AKIANEW", 20, 1), audit.Switching},
		"due, no room":           {audit.User{Name: "ann"}, pairKey("AKIANEW", 85, 3), inactive, audit.OtherInactive},
		"Inactive":               {audit.User{Name: "ann"}, inactive, pairKey("AKIANEW", 20, 1), audit.SelfInactive},
		"exempt":                 {exempt, pairKey("AKIAOLD", 85, 14), pairKey("AKIANEW", 20, 1), audit.NoRotation},
	} {
		got := audit.NoRotation
		if row := pairRow(c.user, c.key, c.other); row.Rotation != nil {
			got = row.Rotation.State
		}
		if got != c.want {
			t.Errorf("%s: rotation %q, want %q", name, got, c.want)
		}
	}
}
