package org

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Summary is what one run over several accounts found and did. Times are UTC.
type Summary struct {
	Schema       int       `json:"schema"`
	Run          string    `json:"run"`
	Organization string    `json:"organization,omitempty"`
	At           time.Time `json:"at"`
	Finished     time.Time `json:"finished"`
	DryRun       bool      `json:"dry_run"`
	Totals       Totals    `json:"totals"`
	// Accounts has the summary of each account's run, in order. One that could
	// not be entered has only its problem.
	Accounts []run.Summary `json:"accounts"`
	// Problems are those of no single account, such as a digest that was not
	// delivered.
	Problems []account.Problem `json:"problems"`

	homeOnly bool // the account is that of the credentials, as the settings name none
}

// Totals are sums over the accounts.
type Totals struct {
	Accounts int `json:"accounts"` // covered, entered or not
	// NotStarted counts the accounts that could not be entered, or that another
	// run was at work on; AccountsFailed those with any problem, these included.
	NotStarted     int `json:"not_started"`
	AccountsFailed int `json:"accounts_failed"`
	// Skipped counts the accounts that another run has done meanwhile.
	Skipped   int `json:"skipped"`
	Suspended int `json:"suspended"`
	Excluded  int `json:"excluded"`
	report.Tally
	account.Counts
	APICalls  int `json:"api_calls"`
	Throttles int `json:"throttles"`
}

// NewSummary begins the summary of a run over the members.
func NewSummary(id string, members Members, at time.Time, dryRun bool) *Summary {
	return &Summary{
		Schema: report.Schema, Run: id, Organization: members.Organization, At: at.UTC(), DryRun: dryRun,
		Totals:   Totals{Tally: report.NewTally(), Suspended: members.Suspended, Excluded: members.Excluded},
		Accounts: []run.Summary{},
		Problems: []account.Problem{},
		homeOnly: members.HomeOnly,
	}
}

// Add takes in the run on one account.
func (s *Summary) Add(one run.Summary) {
	t := &s.Totals
	t.Accounts++
	switch {
	case one.Skipped != "":
		t.Skipped++
	case !one.Started:
		t.NotStarted++
	}
	if one.Failed > 0 {
		t.AccountsFailed++
	}
	addTally(&t.Tally, one.Tally)
	t.Add(one.Counts)
	t.APICalls += one.APICalls
	t.Throttles += one.Throttles
	one.Rows, one.DisabledRows = nil, nil
	s.Accounts = append(s.Accounts, one)
}

func addTally(sum *report.Tally, one report.Tally) {
	sum.Users += one.Users
	sum.Keys += one.Keys
	sum.Exempt += one.Exempt
	for state, n := range one.States {
		sum.States[state] += n
	}
}

// Deliver adds the results of the digest.
func (s *Summary) Deliver(d Delivered) {
	s.Totals.NoticesSent += d.NoticesSent
	s.Totals.NoticesFailed += d.NoticesFailed
	s.Totals.MessagesSent += d.MessagesSent
	for i := range s.Accounts {
		settled := d.Settled[s.Accounts[i].Account.ID]
		s.Accounts[i].NoticesPending -= settled
		s.Totals.NoticesPending -= settled
	}
	s.Problems = append(s.Problems, d.Problems...)
}

// NotEntered is the summary of an account that could not be entered.
func NotEntered(acct account.Account, runID string, at time.Time, why error) run.Summary {
	return run.Summary{
		Schema: report.Schema, Run: runID, Account: acct, At: at.UTC(), Finished: at.UTC(),
		Tally: report.NewTally(), Counts: account.Counts{Failed: 1},
		DisabledKeys: []account.KeyRef{}, UnreadableTags: []string{},
		Problems: []account.Problem{{Text: awserr.Message(why)}},
	}
}

var errIncomplete = errors.New("the run did not complete")

// Finish ends the summary. What is of no single account is of an account alone.
func (s *Summary) Finish(at time.Time) {
	s.Finished = at.UTC()
	s.Totals.Failed += len(s.Problems)
	if s.homeOnly {
		one := &s.Accounts[0]
		one.Fail(s.Problems...)
		one.NoticesSent, one.NoticesFailed, one.MessagesSent = s.Totals.NoticesSent, s.Totals.NoticesFailed, s.Totals.MessagesSent
	}
}

// Shown is the summary as it is shown: that of the account, if the settings name
// no accounts, else that of all of them.
func (s *Summary) Shown() fmt.Stringer {
	if s.homeOnly {
		return s.Accounts[0]
	}
	return s
}

// Err returns an error that says what was not done, as far as a reader can take
// it in; nil if all was.
func (s *Summary) Err() error {
	switch {
	case s.homeOnly:
		return s.Accounts[0].Err()
	case s.Totals.Failed == 0:
		return nil
	}
	const most = 5
	var texts []string
	for _, problem := range s.Problems {
		texts = append(texts, problem.Text)
	}
	for _, acct := range s.Accounts {
		for _, problem := range acct.Problems {
			texts = append(texts, acct.Account.ID+": "+problem.Text)
		}
	}
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%w: %d of %s; %s", errIncomplete, s.Totals.AccountsFailed, text.Count(s.Totals.Accounts, "account"), strings.Join(texts, "; "))
}

// failures are all problems, those of no single account first.
func (s Summary) failures() []report.Failure {
	failures := report.FailuresOf("", s.Problems)
	for _, one := range s.Accounts {
		failures = append(failures, report.FailuresOf(one.Account.ID, one.Problems)...)
	}
	return failures
}

// String is the summary for people: what failed, a row for each account, then
// the totals.
func (s Summary) String() string {
	var b strings.Builder
	if failed := report.Failures(s.failures()); failed != "" {
		b.WriteString(failed + "\n")
	}
	rows := make([][]string, len(s.Accounts))
	for i, one := range s.Accounts {
		rows[i] = cells(one)
	}
	warned, disabled := "Warned", "Disabled"
	if s.DryRun {
		warned, disabled = "Would Warn", "Would Disable"
	}
	_ = report.WriteColumns(&b, []string{"Account", "Name", "Users", "Keys", "Warn", "Past Limit", warned, disabled, "Failed"}, rows) // a Builder takes all
	t := s.Totals
	fmt.Fprintf(&b, "\n%s", text.Count(t.Accounts, "account"))
	for _, c := range []struct {
		n    int
		what string
	}{{t.NotStarted, "not entered"}, {t.Skipped, "done by another run"}, {t.Suspended, "suspended"}, {t.Excluded, "excluded"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %d %s", c.n, c.what)
		}
	}
	warned, disabled, deleted := "warned", "disabled", "deleted"
	if s.DryRun {
		warned, disabled, deleted = "would warn", "disable", "delete"
	}
	fmt.Fprintf(&b, "\n%s\n%s %d, %s %d", t.Tally, warned, t.Warned, disabled, t.Disabled)
	if t.Deleted > 0 {
		fmt.Fprintf(&b, ", %s %d", deleted, t.Deleted)
	}
	for _, c := range []struct {
		n    int
		what string
	}{{t.Held, "held"}, {t.Changed, "changed meanwhile"}, {t.NoticesSent, "notices sent"}, {t.Failed, "failed"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %s %d", c.what, c.n)
		}
	}
	b.WriteString("\n")
	if slices.ContainsFunc(s.Accounts, func(one run.Summary) bool { return one.Silent }) {
		b.WriteString(run.SilentLine)
	}
	return b.String()
}

func cells(one run.Summary) []string {
	row := []string{one.Account.ID, one.Account.Called()}
	for _, n := range []int{
		one.Users, one.Keys,
		one.States[audit.Aging] + one.States[audit.Idle],
		one.States[audit.Expired] + one.States[audit.IdleExpired],
		one.Warned, one.Disabled, one.Failed,
	} {
		row = append(row, fmt.Sprint(n))
	}
	return row
}
