package report

import (
	"io"
	"slices"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/changes"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// accountLine sums one account up, on a page of several.
type accountLine struct {
	ID, Alias                              string
	Active, Past, Warned, Exempt, Disabled int
	Problems                               int
}

// WriteAccountsHTML is WriteHTML for several accounts: one page, with a line for
// each of them, and their keys in one table. The reports are of one audit.
func WriteAccountsHTML(w io.Writer, reports []Report) error {
	merged, lines := merge(reports)
	p := newPage(merged)
	p.Accounts = lines
	p.Changed = changedIn(reports)
	p.Title = "Access keys of " + text.Count(len(lines), "AWS account")
	if merged.Forecast != nil {
		p.Title = "Forecast: access keys of " + text.Count(len(lines), "AWS account")
	}
	if p.Warning != "" {
		p.Warning = rootWarningOfSeveral
	}
	if len(p.Figures) > 0 {
		p.Figures[0].Note += " in " + text.Count(len(lines), "account")
	}
	return writePage(w, p)
}

const rootWarningOfSeveral = "A root user has an active access key, which nothing can limit: delete it at once."

// merge puts the reports of one audit into one, each row with its account. How
// old the credential reports are differs, and is left out.
func merge(reports []Report) (Report, []accountLine) {
	var all Report
	if len(reports) > 0 {
		first := reports[0]
		all = New(first.Account, first.At, first.Rules)
		all.Account = account.Account{}
	}
	lines := make([]accountLine, 0, len(reports))
	var trends [][]changes.Point
	for _, r := range reports {
		all.At = maxTime(all.At, r.At)
		if r.Forecast != nil {
			all.Forecast = r.Forecast
		}
		if r.Filter != nil {
			all.Filter = r.Filter
		}
		all.Users += r.Users
		all.Keys += r.Keys
		all.Exempt += r.Exempt
		for state, n := range r.States {
			all.States[state] += n
		}
		for _, row := range r.Rows {
			row.Account = r.Account.ID
			all.Rows = append(all.Rows, row)
		}
		for _, c := range r.Credentials {
			c.Account = r.Account.ID
			all.Credentials = append(all.Credentials, c)
		}
		for _, note := range r.Notes {
			all.Notes = append(all.Notes, r.Account.ID+": "+note)
		}
		for _, problem := range r.Problems {
			problem.Text = r.Account.ID + ": " + problem.Text
			all.Problems = append(all.Problems, problem)
		}
		trends = append(trends, r.Trend)
		f := figuresOf(r)
		lines = append(lines, accountLine{
			ID: r.Account.ID, Alias: r.Account.Called(), Active: f.Active, Past: f.Past, Warned: f.Warned,
			Exempt: f.Exempt, Disabled: f.Disabled, Problems: len(r.Problems),
		})
	}
	all.Trend = changes.MergeTrends(trends)
	all.SortBy(MostUrgent())
	slices.SortStableFunc(all.Credentials, byUrgency)
	return all, lines
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
