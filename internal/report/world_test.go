package report_test

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// audited is when the reports of these tests are from: a Monday.
var audited = time.Date(2026, time.October, 5, 14, 3, 0, 0, time.UTC)

var limits = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 45, InactivityWarningAge: 30}

// one is a user with one key, made and last used so many days before the
// audit; used is -1 for never.
type one struct {
	user        string
	age, used   int
	inactive    bool
	exempt      string
	because     string
	name, slack string
}

func (o one) row(at time.Time) (report.Row, audit.Verdict) {
	ago := func(days int) time.Time { return audited.AddDate(0, 0, -days).Add(-time.Hour) }
	user := audit.User{Name: o.user}
	for tag, value := range map[string]string{"Name": o.name, "Slack": o.slack, "KeyAutoExpire": o.exempt, "KeyAutoExpireReason": o.because} {
		if value != "" {
			user.Tags = append(user.Tags, audit.Tag{Key: tag, Value: value})
		}
	}
	key := audit.Key{ID: keyIDOf(o.user), Status: audit.Active, Created: ago(o.age)}
	if o.used >= 0 {
		key.LastUsed = ago(o.used)
	}
	if o.inactive {
		key.Status = audit.Inactive
	}
	v := audit.Judge(key, audit.ExemptionOf(user, key.ID), limits, at)
	return report.RowOf(user, key, v), v
}

// keyIDOf is an id that looks like one.
func keyIDOf(user string) string {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(user))
	return fmt.Sprintf("AKIA%016X", hash.Sum64())
}

// reportOf judges keys at a moment.
func reportOf(at time.Time, keys ...one) report.Report {
	r := report.New(account.Account{ID: "123456789012", Alias: "acme"}, at, report.Rules(limits))
	for _, key := range keys {
		row, verdict := key.row(at)
		r.Users++
		r.Count(verdict)
		r.Rows = append(r.Rows, row)
	}
	return r
}

// everyState holds a key in each state, and each kind of exemption.
func everyState(at time.Time) report.Report {
	return reportOf(at,
		one{user: "amara", age: 12, used: 0, name: "Amara Okafor", slack: "U01AMARA"},
		one{user: "backup", age: 412, used: 0, exempt: "False", because: "cannot take a role"},
		one{user: "bjorn", age: 83, used: 1},
		one{user: "chen", age: 97, used: 2},
		one{user: "data", age: 130, used: 0, exempt: "False until 2026-10-20"},
		one{user: "dolores", age: 60, used: 38},
		one{user: "emeka", age: 70, used: 52},
		one{user: "grace", age: 210, used: 150, inactive: true},
		one{user: "priya", age: 20, used: -1},
		one{user: "tom", age: 55, used: 3, exempt: "flase"},
	)
}
