package report_test

import (
	"slices"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// TestNoteLastUses: what is shown from the credential report says as of when.
func TestNoteLastUses(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 2, 11, 0, 0, 0, time.UTC)
	row := func(made time.Time) report.Row {
		return report.RowOf(audit.User{Name: "ann"}, audit.Key{ID: "AKIA1", UseRead: true, UseAsOf: made}, audit.Verdict{})
	}
	found := report.Report{Rows: []report.Row{row(time.Time{})}}
	found.NoteLastUses()
	if len(found.Notes) != 0 || found.Rows[0].LastUsedAsOf != nil {
		t.Errorf("notes %q of last uses that were read live", found.Notes)
	}
	found.Rows = append(found.Rows, row(made), row(made))
	found.NoteLastUses()
	want := []string{"the last use of 2 keys is as of Monday 2 March 2026, 11:00 UTC, by the account's credential report; a later use would not change their states"}
	if !slices.Equal(found.Notes, want) || !found.Rows[1].LastUsedAsOf.Equal(made) {
		t.Errorf("notes %q, want %q", found.Notes, want)
	}
}
