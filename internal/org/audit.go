package org

import (
	"fmt"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/report"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Audit is what an audit found in several accounts. Times are UTC.
type Audit struct {
	Schema       int         `json:"schema"`
	Organization string      `json:"organization,omitempty"`
	At           time.Time   `json:"at"`
	Totals       AuditTotals `json:"totals"`
	// Accounts has the report of each account, in order. One that could not be
	// entered has only its problem.
	Accounts []report.Report `json:"accounts"`
}

// AuditTotals are sums over the accounts.
type AuditTotals struct {
	Accounts       int `json:"accounts"` // covered, entered or not
	NotEntered     int `json:"not_entered"`
	AccountsFailed int `json:"accounts_failed"` // those with any problem
	Suspended      int `json:"suspended"`
	Excluded       int `json:"excluded"`
	report.Tally
}

// NewAudit begins the audit of the members.
func NewAudit(members Members, at time.Time) *Audit {
	return &Audit{
		Schema: report.Schema, Organization: members.Organization, At: at.UTC(),
		Totals:   AuditTotals{Tally: report.NewTally(), Suspended: members.Suspended, Excluded: members.Excluded},
		Accounts: []report.Report{},
	}
}

// Add takes in the report of one account.
func (a *Audit) Add(one report.Report, entered bool) {
	t := &a.Totals
	t.Accounts++
	if !entered {
		t.NotEntered++
	}
	if len(one.Problems) > 0 {
		t.AccountsFailed++
	}
	addTally(&t.Tally, one.Tally)
	a.Accounts = append(a.Accounts, one)
}

// String is the totals for people.
func (t AuditTotals) String() string {
	var b strings.Builder
	b.WriteString(text.Count(t.Accounts, "account"))
	for _, c := range []struct {
		n    int
		what string
	}{{t.NotEntered, "not entered"}, {t.Suspended, "suspended"}, {t.Excluded, "excluded"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %d %s", c.n, c.what)
		}
	}
	return b.String() + "\n" + t.Tally.String() + "\n"
}

// NotAudited is the report of an account that could not be entered.
func NotAudited(acct account.Account, rules report.Rules, at time.Time, why error) report.Report {
	none := report.New(acct, at, rules)
	none.Problems = append(none.Problems, account.Problem{Text: awserr.Message(why)})
	return none
}
