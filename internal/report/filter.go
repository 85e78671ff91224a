package report

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Filter says which keys a report is to show. The zero Filter shows all.
type Filter struct {
	// Users are names or globs; a key is shown if its user matches one. As
	// in IAM, two names never differ in case alone.
	Users []string `json:"users,omitempty"`
	// States are the states to show.
	States []audit.State `json:"states,omitempty"`
	// DaysLeft is the most days left to a key's first limit; keys without a
	// limit, the exempt and the disabled, are left out.
	DaysLeft *int `json:"days_left,omitempty"`
}

// CheckUserGlob says what is wrong with a name or glob of Filter.Users.
func CheckUserGlob(glob string) error {
	if strings.TrimSpace(glob) == "" {
		return fmt.Errorf("%q names no user; give a name, or a glob such as 'ci-*'", glob)
	}
	if _, err := path.Match(glob, ""); err != nil {
		return fmt.Errorf("%q is not a valid glob: a bracket is not closed, or nothing follows a backslash", glob)
	}
	return nil
}

// IsZero reports whether the filter shows all.
func (f Filter) IsZero() bool {
	return len(f.Users) == 0 && len(f.States) == 0 && f.DaysLeft == nil
}

// String says what is shown.
func (f Filter) String() string {
	var parts []string
	if len(f.Users) > 0 {
		parts = append(parts, "user "+strings.Join(f.Users, " or "))
	}
	if len(f.States) > 0 {
		names := make([]string, len(f.States))
		for i, state := range f.States {
			names[i] = state.String()
		}
		parts = append(parts, "state "+strings.Join(names, " or "))
	}
	if f.DaysLeft != nil {
		parts = append(parts, "at most "+text.Count(*f.DaysLeft, "day")+" left")
	}
	return strings.Join(parts, "; ")
}

// Shows reports whether the filter lets a row through.
func (f Filter) Shows(row Row) bool { return f.shows(row.User, row.State, row.DaysLeft) }

func (f Filter) shows(user string, state audit.State, daysLeft *int) bool {
	matches := func(glob string) bool {
		matched, err := path.Match(strings.ToLower(glob), strings.ToLower(user))
		return err == nil && matched
	}
	switch {
	case len(f.Users) > 0 && !slices.ContainsFunc(f.Users, matches):
		return false
	case len(f.States) > 0 && !slices.Contains(f.States, state):
		return false
	case f.DaysLeft != nil && (daysLeft == nil || *daysLeft > *f.DaysLeft):
		return false
	}
	return true
}

// Only returns the report with the keys and other credentials that the filter
// shows, counted again:
// users are then those who are left. Problems are all kept, as what could not
// be read might have been shown.
func (r Report) Only(f Filter) Report {
	if f.IsZero() {
		return r
	}
	r.Filter = &f
	all := r.Rows
	r.Rows, r.Tally = []Row{}, NewTally()
	users := map[string]bool{}
	for _, row := range all {
		if !f.Shows(row) {
			continue
		}
		r.Rows = append(r.Rows, row)
		users[row.User] = true
		r.Keys++
		r.States[row.State]++
		if row.Exempt {
			r.Exempt++
		}
	}
	r.Users = len(users)
	r.Credentials = slices.DeleteFunc(slices.Clone(r.Credentials), func(c Credential) bool { return !f.shows(c.User, c.State, c.DaysLeft) })
	return r
}
