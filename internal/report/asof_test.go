package report_test

import (
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/report"
)

// TestNoteLastUses: what is shown from the credential report says as of when.
func TestNoteLastUses(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)
	row := report.Row{User: "ann", KeyID: "AKIA1"}
	found := report.Report{Rows: []report.Row{row.AsOf(time.Time{})}}
	found.NoteLastUses()
	if len(found.Notes) != 0 || found.Rows[0].LastUsedAsOf != nil {
		t.Errorf("notes %q of last uses that were read live", found.Notes)
	}
	found.Rows = append(found.Rows, row.AsOf(made), row.AsOf(made))
	found.NoteLastUses()
	want := []string{"the last use of 2 keys is as of Monday 2 March 2026, 11:00 UTC, by the account's credential report; these keys are good or disabled in any case"}
	if !slices.Equal(found.Notes, want) || !found.Rows[1].LastUsedAsOf.Equal(made) {
		t.Errorf("notes %q, want %q", found.Notes, want)
	}
}
