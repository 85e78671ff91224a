package browser

import (
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

// today is when the reports of these tests are from.
var today = time.Date(2026, time.October, 5, 14, 3, 0, 0, time.UTC) // a Monday

var rules = audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 45, InactivityWarningAge: 30}

// person is a user with one key: how many days ago it was made and last used,
// where never is -1.
type person struct {
	name, display  string
	age, idle      int
	inactive       bool
	exempt, reason string
}

const never = -1

// reportOf judges the people's keys as of a moment.
func reportOf(people []person, at time.Time) report.Report {
	r := report.New(account.Account{ID: "123456789012", Alias: "acme-production"}, at, report.Rules(rules))
	for i, p := range people {
		user := audit.User{Name: p.name, Tags: audit.Tags{{Key: "Name", Value: p.display}, {Key: "Slack", Value: fmt.Sprintf("U%08d", 1000+37*i)}}}
		if p.exempt != "" {
			user.Tags = append(user.Tags, audit.Tag{Key: "KeyAutoExpire", Value: p.exempt})
		}
		if p.reason != "" {
			user.Tags = append(user.Tags, audit.Tag{Key: "KeyAutoExpireReason", Value: p.reason})
		}
		key := audit.Key{ID: fmt.Sprintf("AKIA%016X", 0x5E3A91C7D+uint64(i)*0x9E3779B97F4A7), Status: audit.Active, Created: daysAgo(p.age)}
		if p.idle != never {
			key.LastUsed = daysAgo(p.idle)
		}
		if p.inactive {
			key.Status = audit.Inactive
		}
		verdict := audit.Judge(key, audit.ExemptionOf(user, key.ID), rules, at)
		r.Users++
		r.Count(verdict)
		r.Rows = append(r.Rows, report.RowOf(user, key, verdict))
	}
	r.SortBy(report.MostUrgent())
	return r
}

func daysAgo(days int) time.Time { return today.AddDate(0, 0, -days).Add(-3 * time.Hour) }

// company is an account such as one might have.
func company() []person {
	people := []person{
		{name: "chen.wei", display: "Chen Wei", age: 97, idle: 2},
		{name: "legacy-reports", display: "Legacy reports", age: 366, idle: 9},
		{name: "emeka.nwosu", display: "Emeka Nwosu", age: 70, idle: 52},
		{name: "bjorn.lindqvist", display: "Björn Lindqvist", age: 83, idle: 1},
		{name: "ivan.petrov", display: "Ivan Petrov", age: 82, idle: 40},
		{name: "ci-deploy", display: "CI deploy", age: 86, idle: 0},
		{name: "dolores.reyes", display: "Dolores Reyes", age: 60, idle: 38},
		{name: "priya.raman", display: "Priya Raman", age: 31, idle: never},
		{name: "backup-agent", display: "Backup agent", age: 412, idle: 0, exempt: "False", reason: "Appliance cannot take a role. Owner: storage team"},
		{name: "data-import", display: "Data import", age: 130, idle: 0, exempt: "False until 2026-11-04", reason: "Vendor moves to OIDC in November"},
		{name: "sftp-bridge", display: "SFTP bridge", age: 204, idle: 61, exempt: "False until 2026-12-31"},
		{name: "tom.keller", display: "Tom Keller", age: 55, idle: 3, exempt: "flase"},
		{name: "grace.hall", display: "Grace Hall", age: 210, idle: 150, inactive: true},
		{name: "old-crawler", display: "Old crawler", age: 512, idle: 398, inactive: true},
		{name: "noor.haddad", display: "Noor Haddad", age: 121, idle: 44, inactive: true},
	}
	first := []string{"amara", "diego", "fatima", "hana", "jonas", "kofi", "lena", "mateo", "nadia", "oscar", "paula", "quinn", "rosa", "samir", "tessa", "umar", "vera", "wanda", "yusuf", "zoe"}
	last := []string{"okafor", "alvarez", "zahra", "sato", "berg", "mensah", "vogt"}
	for i := range 47 {
		f, l := first[i%len(first)], last[(i*5+i/len(first))%len(last)]
		people = append(people, person{
			name: f + "." + l, display: title(f) + " " + title(l),
			age: (i*i*7 + i*13) % 78, idle: min((i*i*7+i*13)%78, i*3%17),
		})
	}
	return people
}

func title(name string) string { return string(name[0]-'a'+'A') + name[1:] }
