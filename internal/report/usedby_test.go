package report_test

import (
	"strings"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
)

// TestThePageSaysWhoUsesAKey, and whatever a caller calls itself is text.
func TestThePageSaysWhoUsesAKey(t *testing.T) {
	t.Parallel()
	r := reportOf(audited)
	row := pairRow(audit.User{Name: "ann"}, pairKey("AKIAOLD", 85, 2), audit.Key{})
	row.Uses = &callers.Uses{
		At: audited, Since: audited.AddDate(0, 0, -90), Calls: 3, Regions: 1, Others: 1,
		Callers: []callers.Caller{{Client: "<script>alert(1)</script>", Source: "203.0.113.7", Calls: 3, First: audited, Last: audited, Actions: []callers.Action{{Name: "s3:ListBuckets", Calls: 3}}}},
	}
	r.Rows = append(r.Rows, row)
	page := htmlOf(t, r)
	if want := "Used by &lt;script&gt;alert(1)&lt;/script&gt; from 203.0.113.7 (s3:ListBuckets, 3 calls, last on "; !strings.Contains(page, want) {
		t.Errorf("the page does not say %q", want)
	}
	if strings.Contains(page, "<script>alert") {
		t.Error("the page runs what a caller calls itself")
	}
}
