// Package report shows what was found and done: as a table, JSON, CSV,
// Markdown or a page of HTML.
package report

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/callers"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/risk"
)

// Schema is the version of the JSON that Report and Summary are written as.
// Fields may be added within a version; none is renamed or removed.
const Schema = 1

// Report is what an audit found in one account. Times are UTC, ages and days
// left are whole days.
type Report struct {
	Schema  int             `json:"schema"`
	Account account.Account `json:"account"`
	At      time.Time       `json:"at"`
	// Forecast is set if At is in the future, and nil otherwise.
	Forecast *Forecast `json:"forecast,omitempty"`
	// Filter is set if it left keys out.
	Filter *Filter `json:"filter,omitempty"`
	// Run is what was done about it, in the evidence that a run leaves; nil
	// for an audit.
	Run   *RunResult `json:"run,omitempty"`
	Rules Rules      `json:"rules"`
	Tally
	Rows []Row `json:"rows"`
	// Scope says whether Credentials were read.
	Scope Scope `json:"scope"`
	// Credentials are those that are no user's access key, as the credential
	// report of CredentialsAsOf shows them.
	Credentials     []Credential `json:"credentials"`
	CredentialsAsOf *time.Time   `json:"credentials_as_of,omitempty"`
	// Changes are what changed since earlier evidence, and Trend the last evidence
	// of each month of a year with this report at its end; nil if the audit was
	// not compared.
	Changes *changes.Changes `json:"changes,omitempty"`
	Trend   []changes.Point  `json:"trend,omitempty"`
	// Notes are what a reader should know and that is not a failure.
	Notes    []string          `json:"notes"`
	Problems []account.Problem `json:"problems"`
}

// Rules are the limits in force, in days.
type Rules struct {
	ExpirationAge        int `json:"expiration_age"`
	WarningAge           int `json:"warning_age"`
	InactivityAge        int `json:"inactivity_age"`
	InactivityWarningAge int `json:"inactivity_warning_age"`
}

// Tally counts users, and keys by state.
type Tally struct {
	Users  int                 `json:"users"`
	Keys   int                 `json:"keys"`
	States map[audit.State]int `json:"states"`
	Exempt int                 `json:"exempt"`
}

// NewTally returns a Tally in which every state has a count, if only zero.
func NewTally() Tally {
	t := Tally{States: map[audit.State]int{}}
	for _, s := range audit.States() {
		t.States[s] = 0
	}
	return t
}

// Count adds one key.
func (t *Tally) Count(v audit.Verdict) {
	t.Keys++
	t.States[v.State]++
	if v.Exempt {
		t.Exempt++
	}
}

// CountPassed adds the keys of a user whom the credential report shows not to
// need a look: Active ones are good.
func (t *Tally) CountPassed(active, inactive int) {
	t.Keys += active + inactive
	t.States[audit.Good] += active
	t.States[audit.Disabled] += inactive
}

// Active counts the keys that are not disabled.
func (t Tally) Active() int { return t.Keys - t.States[audit.Disabled] }

// Row is one key.
type Row struct {
	// Account is set if rows of several accounts are in one table.
	Account     string `json:"-"`
	User        string `json:"user"`
	DisplayName string `json:"display_name"`
	// SlackID is the Slack tag, or the user name if there is none, as
	// aws-iam-sleuth shows it.
	SlackID    string      `json:"slack_id"`
	KeyID      string      `json:"key_id"`
	AutoExpire AutoExpire  `json:"auto_expire"`
	State      audit.State `json:"state"`
	// Exempt keys are good; Underlying is what they would be otherwise.
	Exempt bool `json:"exempt"`
	// ExemptUntil is the first moment at which a dated exemption no longer
	// holds; ExemptReason is the KeyAutoExpireReason tag. Of exempt keys, and
	// of those whose exemption is ignored; ExemptIgnored then says why.
	ExemptUntil   *time.Time `json:"exempt_until,omitempty"`
	ExemptReason  string     `json:"exempt_reason,omitempty"`
	ExemptIgnored string     `json:"exempt_ignored,omitempty"`
	// ExemptEnded is the first moment at which a dated exemption did not hold
	// any more; nil if none has ended.
	ExemptEnded *time.Time   `json:"exempt_ended,omitempty"`
	Underlying  audit.State  `json:"underlying"`
	Reason      audit.Reason `json:"reason,omitempty"`
	Age         int          `json:"age_days"`
	IdleAge     int          `json:"last_access_age_days"`
	// DaysLeft is the days to the first of the two limits, below zero past it;
	// null if no limit applies, as the key is exempt or disabled.
	DaysLeft *int       `json:"days_left"`
	Created  time.Time  `json:"created"`
	LastUsed *time.Time `json:"last_used"` // null for a key never used
	// LastUsedAsOf is when the credential report was made that LastUsed and
	// what follows from it is from; nil if it was read live.
	LastUsedAsOf *time.Time `json:"last_used_as_of,omitempty"`
	// LastUsedService and LastUsedRegion are what the key was last used with;
	// empty if not known.
	LastUsedService string `json:"last_used_service,omitempty"`
	LastUsedRegion  string `json:"last_used_region,omitempty"`
	// Description is the key's, as the IAM console shows it, and Console the
	// console's page with the user's keys.
	Description string `json:"description,omitempty"`
	Console     string `json:"console,omitempty"`
	// Rotation is what the key and the user's other one say together; nil if nothing.
	Rotation *Rotation `json:"rotation,omitempty"`
	// Held says why a key past its limit was not disabled, in the evidence of a
	// run; NotBefore is the first moment at which it may be, if that is known.
	Held      string     `json:"held,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	// Uses is who used the key, in the evidence of a run that looked it up.
	Uses *callers.Uses `json:"uses,omitempty"`
	// Risk is what the user's policies may let them do; nil if they were not read.
	Risk *risk.Risk `json:"risk,omitempty"`
	// ExpiresAt and IdleLimitAt are the limits by creation and by last use.
	ExpiresAt   time.Time `json:"expires_at"`
	IdleLimitAt time.Time `json:"idle_limit_at"`
	// Rule is the rule that the limits are from, or "settings"; Limits are those
	// limits, and zero if they are the report's.
	Rule   string `json:"rule"`
	Limits Rules  `json:"-"`
}

// settingsRule is the Rule of a key that no rule is for.
const settingsRule = "settings"

// userRule is the rule for kinds of users that the limits are from; empty for the
// settings.
func (r Row) userRule() string {
	if r.Rule == settingsRule {
		return ""
	}
	return r.Rule
}

// HasRules reports whether some key has the limits of a rule for kinds of users.
func (r Report) HasRules() bool { return hasRules(r.Rows) }

func hasRules(rows []Row) bool {
	return slices.ContainsFunc(rows, func(row Row) bool { return row.userRule() != "" })
}

// limitsOf are the limits of a key.
func (r Report) limitsOf(row Row) Rules { return cmp.Or(row.Limits, r.Rules) }

// AutoExpire is whether a user's keys expire by themselves, as the table says.
type AutoExpire string

// The values of AutoExpire.
const (
	AutoExpireTrue       AutoExpire = "TRUE"
	AutoExpireFalse      AutoExpire = "FALSE"
	AutoExpireUnreadable AutoExpire = "UNREADABLE"
)

// RowOf shows a verdict.
func RowOf(user audit.User, key audit.Key, v audit.Verdict) Row {
	row := Row{
		User:        user.Name,
		DisplayName: user.DisplayName(),
		SlackID:     cmp.Or(user.Slack(), user.Name),
		KeyID:       key.ID,
		AutoExpire:  AutoExpireTrue,
		State:       v.State,
		Exempt:      v.Exempt,
		Underlying:  v.Underlying,
		Reason:      v.State.Reason(),
		Age:         v.Age,
		IdleAge:     v.IdleAge,
		Created:     key.Created,
		ExpiresAt:   v.ExpiresAt,
		IdleLimitAt: v.IdleLimitAt,

		LastUsedService: key.Service, LastUsedRegion: key.Region,
		Description: user.Description(key.ID), Console: audit.ConsoleURL(user.Partition(), user.Name),
		Rule:   cmp.Or(v.Rule, settingsRule),
		Limits: Rules(v.Limits),
	}
	if v.State != audit.Disabled && !v.Exempt {
		left := min(v.ExpiresIn, v.StagnatesIn)
		row.DaysLeft = &left
	}
	if v.Exempt || v.Refused() {
		if end := v.Exemption.End; !end.IsZero() {
			row.ExemptUntil = &end
		}
		row.ExemptReason = v.Exemption.Reason
		row.ExemptIgnored = v.Exemption.Refusal.String()
	}
	if ended(v) {
		end := v.Exemption.End
		row.ExemptEnded = &end
	}
	if !key.LastUsed.IsZero() {
		row.LastUsed = new(key.LastUsed) // copied, as else the row keeps the whole key
	}
	if !key.UseAsOf.IsZero() {
		row.LastUsedAsOf = new(key.UseAsOf)
	}
	switch {
	case v.Doubt:
		row.AutoExpire = AutoExpireUnreadable
	case v.ExemptionActive:
		row.AutoExpire = AutoExpireFalse
	}
	return row
}

// ended reports whether a key was exempt until a day that has passed.
func ended(v audit.Verdict) bool {
	return v.State != audit.Disabled && v.Exemption.Claimed && !v.ExemptionActive && !v.Refused() && !v.Exemption.End.IsZero()
}

// UsedBy is who used the key most, in a sentence; empty if that was not looked up.
func (r Row) UsedBy() string {
	if r.Uses == nil {
		return ""
	}
	return r.Uses.Brief(onOneLine)
}

// UsedWith is the service and the region of the last use; empty if not known.
func (r Row) UsedWith() string {
	if r.LastUsedService == "" || r.LastUsedRegion == "" {
		return r.LastUsedService + r.LastUsedRegion
	}
	return r.LastUsedService + ", " + r.LastUsedRegion
}

// Sort orders the rows by user and key.
func (r *Report) Sort() {
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	slices.SortStableFunc(r.Problems, func(a, b account.Problem) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
}

// Err returns an error if something could not be read; the problems say what.
func (r Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return errors.New("the audit completed with errors; fix the failures listed above and run the audit again")
}

// HasState reports whether some key or other credential has one of the states.
func (r Report) HasState(states []audit.State) bool {
	return slices.ContainsFunc(states, func(s audit.State) bool { return r.States[s] > 0 }) ||
		slices.ContainsFunc(r.Credentials, func(c Credential) bool { return slices.Contains(states, c.State) })
}

// New returns a report in which every list is there, if only empty.
func New(acct account.Account, at time.Time, rules Rules) Report {
	return Report{
		Schema: Schema, Account: acct, At: at.UTC(), Rules: rules, Tally: NewTally(), Scope: AccessKeysOnly,
		// Written as [] rather than null.
		Rows: []Row{}, Credentials: []Credential{}, Notes: []string{}, Problems: []account.Problem{},
	}
}
