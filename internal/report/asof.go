package report

import (
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// NoteLastUses adds a note if last uses are those of the credential report.
func (r *Report) NoteLastUses() {
	keys, earliest := 0, time.Time{}
	for _, row := range r.Rows {
		if row.LastUsedAsOf == nil {
			continue
		}
		keys++
		if earliest.IsZero() || row.LastUsedAsOf.Before(earliest) {
			earliest = *row.LastUsedAsOf
		}
	}
	if keys > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the last use of %s is as of %s, by the account's credential report; a later use would not change their states",
			text.Count(keys, "key"), text.Date(earliest)))
	}
}
