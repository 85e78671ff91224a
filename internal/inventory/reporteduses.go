package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
)

const (
	// worthAReport is how many users an account has at least if its credential
	// report is to spare calls: reading the last uses of fewer takes no longer
	// than waiting for the report.
	worthAReport = 100
	// bulkWait is how long what is read in bulk is waited for at most. Reading
	// the last uses of a full account takes longer.
	bulkWait = 10 * time.Second
	// bulkShare is the part of the time that is left for reading that the wait
	// may take at most: one in so many.
	bulkShare = 10
	// oldestReport is how old a report may be whose last uses are shown, so
	// that ages in whole days are right within a day.
	oldestReport = 24 * time.Hour
)

// reportedUses are the last uses in the account's credential report. They are
// never later than the truth, so a key that is good by them is good. A report
// that is missing, old or not understood costs only the calls that it would
// have saved.
type reportedUses struct {
	report *CredentialReport // nil: none is asked for
	now    time.Time

	mu    sync.Mutex // guards what follows; held while the report is fetched
	asked bool
	made  time.Time
	rows  map[string]ReportRow
}

// settle rules the report out for an account that is too small for it. Of a
// list of users that goes on, only the first page is known.
func (u *reportedUses) settle(users int, more bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if users < worthAReport && !more {
		u.asked = true
	}
}

// giveUp rules out that the report is asked for, if it was not yet.
func (u *reportedUses) giveUp() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = true
}

// keep takes over the row of a user from a report that was read already.
func (u *reportedUses) keep(row ReportRow, made time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = true
	if u.now.Sub(made) > oldestReport {
		return
	}
	if u.rows == nil {
		u.rows = map[string]ReportRow{}
	}
	u.made, u.rows[row.User] = made, row
}

// get has the report at hand, if it is to be had.
func (u *reportedUses) get(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.asked && u.report != nil {
		u.asked = true
		u.fetch(ctx)
	}
}

// of returns what the report says of the user's keys, by key id, and when the
// report was made. A key is left out if the report does not say beyond doubt
// what is known of it.
func (u *reportedUses) of(ctx context.Context, user audit.User, keys []Key) (map[string]ReportKey, time.Time) {
	u.get(ctx)
	u.mu.Lock()
	defer u.mu.Unlock()
	row, found := u.rows[user.Name]
	if !found || row.ARN != user.ARN || !row.Created.Equal(user.Created) {
		return nil, u.made
	}
	return row.identify(keys, u.made, u.now), u.made
}

// password is what the report says of the user's console password. It is asked for
// only if that is worth it, and the report is not there yet.
func (u *reportedUses) password(ctx context.Context, user audit.User, worth bool) audit.Known {
	if worth {
		u.get(ctx)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if row, found := u.rows[user.Name]; found && row.ARN == user.ARN && row.Created.Equal(user.Created) {
		return row.Password
	}
	return audit.NotKnown
}

// fetch gets the report. The lock is held, so that the users whose keys' last
// uses matter wait for it.
func (u *reportedUses) fetch(ctx context.Context) {
	waiting, cancel := context.WithTimeout(ctx, waitFor(ctx))
	defer cancel()
	report := *u.report
	report.Patience = bulkWait
	text, err := report.get(waiting)
	if err == nil {
		err = u.understand(text)
	}
	if err != nil && ctx.Err() == nil {
		u.report.Log.InfoContext(ctx, "the last use of every key is read on its own rather than from the credential report", "because", awserr.Message(err))
	}
}

// waitFor is how long to wait for something that is read in bulk.
func waitFor(ctx context.Context) time.Duration {
	if deadline, limited := ctx.Deadline(); limited {
		return min(bulkWait, time.Until(deadline)/bulkShare)
	}
	return bulkWait
}

// understand takes over the rows of a report: all of them, or none.
func (u *reportedUses) understand(text reportText) error {
	if err := checkDate(text.made, u.now); err != nil {
		return fmt.Errorf("when the report was made: %w", err)
	}
	if age := u.now.Sub(text.made); age > oldestReport {
		return fmt.Errorf("the report is %s old", age.Round(time.Hour))
	}
	rows := map[string]ReportRow{}
	for row, err := range ParseReport(text.content) {
		if err != nil {
			return err
		}
		if _, twice := rows[row.User]; twice {
			return fmt.Errorf("the report names user %s twice", row.User)
		}
		rows[row.User] = row
	}
	if len(rows) == 0 {
		return errors.New("the report has no users")
	}
	u.rows, u.made = rows, text.made
	return nil
}

// identify finds the report's columns of the user's keys, which have no ids
// there. A key can be in every column whose last change is not before its
// creation. So the newest key has the fewest to choose from; if it has one
// only, that is no other key's.
//
// A column is returned only if its key was never changed after it was created,
// so that the two dates are the same: it then cannot be another user's who had
// the same name.
func (row ReportRow) identify(keys []Key, made, now time.Time) map[string]ReportKey {
	if row.Doubt != nil {
		return nil
	}
	newestFirst := slices.SortedFunc(slices.Values(keys), func(a, b Key) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	columns := slices.Clone(row.Keys)
	identified := map[string]ReportKey{}
	for _, key := range newestFirst {
		possible := func(column ReportKey) bool { return !column.Changed.Before(key.Created) }
		at := slices.IndexFunc(columns, possible)
		switch {
		case at < 0 && key.Created.Before(made.Add(-reportSlack)):
			return nil // the report should have the key
		case at < 0:
			continue // the key is younger than the report
		case slices.ContainsFunc(columns[at+1:], possible):
			return identified // and the older keys can be in any of them as well
		}
		if column := columns[at]; column.Changed.Equal(key.Created) && column.plausible(made, now) {
			identified[key.ID] = column
		}
		columns = slices.Delete(columns, at, at+1)
	}
	return identified
}

// showIn sets the last use of a key to what a report says that was made then.
func (key ReportKey) showIn(shown *audit.Key, made time.Time) {
	shown.LastUsed, shown.Service, shown.Region = key.LastUsed, key.Service, key.Region
	shown.UseRead, shown.UseAsOf = true, made
}

// plausible reports whether a key can have been used last when the report says.
func (key ReportKey) plausible(made, now time.Time) bool {
	if key.LastUsed.IsZero() {
		return true
	}
	return !key.LastUsed.Before(key.Changed) && !key.LastUsed.After(made.Add(reportSlack)) && checkDate(key.LastUsed, now) == nil
}
