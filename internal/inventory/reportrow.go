package inventory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// ReportRow is what the credential report says of one user. Times are UTC.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
type ReportRow struct {
	User    string
	ARN     string
	Created time.Time
	Keys    []ReportKey // those that the user has
	// Password is whether the user can sign in to the console.
	Password audit.Known
	// Doubt is set if a cell that decides about the user cannot be read.
	// The user's name can, so the user can still be read live.
	Doubt error
}

// ReportKey is what the credential report says of one access key. It has no
// id there.
type ReportKey struct {
	Active bool
	// Changed is when the key was made, or last activated or deactivated:
	// never a creation date, only the latest that one can be. Zero is N/A.
	Changed time.Time
	// LastUsed is never later than the truth. Zero is N/A: no use is known.
	// Service and Region are those of the use, if known.
	LastUsed        time.Time
	Service, Region string
}

// rootUser stands in the report for the root user.
const rootUser = audit.RootUser

// notApplicable is the report's word for no value.
const notApplicable = "N/A"

// ParseReport reads a credential report, a row at a time. Columns are found by
// name, so that added or moved ones do no harm. An error ends the rows: the
// report, or the row it names, cannot be understood, and no more of it can be
// relied on.
func ParseReport(text []byte) iter.Seq2[ReportRow, error] {
	return func(yield func(ReportRow, error) bool) {
		lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
		lines.ReuseRecord = true
		header, err := lines.Read()
		if err != nil {
			yield(ReportRow{}, fmt.Errorf("read the credential report's column names: %w", err))
			return
		}
		columns, err := columnsOf(header)
		if err != nil {
			yield(ReportRow{}, err)
			return
		}
		for {
			cells, err := lines.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(ReportRow{}, fmt.Errorf("read the credential report: %w", err))
				return
			}
			name := cells[columns.user]
			switch name {
			case rootUser:
				continue
			case "":
				line, _ := lines.FieldPos(columns.user)
				yield(ReportRow{}, fmt.Errorf("read the credential report: line %d has no user name", line))
				return
			}
			if !yield(columns.row(cells), nil) {
				return
			}
		}
	}
}

// columns is where in a row the cells are that matter.
type columns struct {
	user, arn, created int
	password           int // below zero if the report does not have it
	keys               []keyColumns
}

// keyColumns are those of one key; region and service are below zero if the
// report does not have them.
type keyColumns struct{ active, changed, lastUsed, region, service int }

func columnsOf(header []string) (columns, error) {
	at := make(map[string]int, len(header))
	for i, name := range header {
		name = strings.TrimSpace(name)
		if _, twice := at[name]; twice && name != "" {
			return columns{}, fmt.Errorf("read the credential report: it has two columns called %q", name)
		}
		at[name] = i
	}
	var missing []string
	find := func(name string) int {
		i, found := at[name]
		if !found {
			missing = append(missing, name)
		}
		return i
	}
	c := columns{user: find("user"), arn: find("arn"), created: find("user_creation_time"), password: optional(at, "password_enabled")}
	for n := 1; ; n++ {
		prefix := fmt.Sprintf("access_key_%d_", n)
		if _, more := at[prefix+"active"]; !more && n > 2 { // should IAM ever allow a third
			break
		}
		c.keys = append(c.keys, keyColumns{
			active: find(prefix + "active"), changed: find(prefix + "last_rotated"), lastUsed: find(prefix + "last_used_date"),
			region: optional(at, prefix+"last_used_region"), service: optional(at, prefix+"last_used_service"),
		})
	}
	if len(missing) > 0 {
		return columns{}, fmt.Errorf("read the credential report: it has no column %s", strings.Join(missing, ", "))
	}
	return c, nil
}

// optional is where a column is; below zero if the report does not have it.
func optional(at map[string]int, name string) int {
	if i, found := at[name]; found {
		return i
	}
	return -1
}

func (c columns) row(cells []string) ReportRow {
	// Cloned, as a name would keep all of its line in memory.
	row := ReportRow{User: strings.Clone(cells[c.user]), ARN: strings.Clone(cells[c.arn])}
	var doubts []error
	moment := func(column int) time.Time {
		text := cells[column]
		if text == notApplicable {
			return time.Time{}
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			doubts = append(doubts, fmt.Errorf("%q is not a time", text))
		} else if err := checkDate(t, time.Time{}); err != nil {
			doubts = append(doubts, err)
		}
		return t.UTC()
	}
	if c.password >= 0 {
		if has, err := strconv.ParseBool(cells[c.password]); err == nil {
			row.Password = audit.KnownToBe(has)
		}
	}
	row.Created = moment(c.created)
	if row.Created.IsZero() && len(doubts) == 0 {
		doubts = append(doubts, errors.New("the user has no creation time"))
	}
	for _, at := range c.keys {
		active, err := strconv.ParseBool(cells[at.active])
		if err != nil {
			doubts = append(doubts, fmt.Errorf("%q is neither true nor false", cells[at.active]))
		}
		key := ReportKey{Active: active, Changed: moment(at.changed), LastUsed: moment(at.lastUsed)}
		key.Region, key.Service = used(cells, at.region), used(cells, at.service)
		for _, with := range []string{key.Region, key.Service} {
			if key.LastUsed.IsZero() && with != "" {
				doubts = append(doubts, fmt.Errorf("a key was last used with %q, and the report does not say when", with))
			}
		}
		if key != (ReportKey{}) {
			row.Keys = append(row.Keys, key)
		}
	}
	if len(doubts) > 0 {
		row.Doubt = fmt.Errorf("the credential report's row of user %s: %w", row.User, errors.Join(doubts...))
	}
	return row
}

// used is the region or service of a last use; empty if the report does not have
// it. There are few, so that each is kept in memory once.
func used(cells []string, column int) string {
	if column < 0 || cells[column] == notApplicable {
		return ""
	}
	return unique.Make(cells[column]).Value()
}
