package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/report"
)

func usersOf(r report.Report) string {
	names := make([]string, len(r.Rows))
	for i, row := range r.Rows {
		names[i] = row.User
	}
	return strings.Join(names, " ")
}

func daysLeft(n int) *int { return &n }

func TestFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		filter report.Filter
		want   string
	}{
		{"nothing", report.Filter{}, "amara backup bjorn chen data dolores emeka grace priya tom"},
		{"a name", report.Filter{Users: []string{"chen"}}, "chen"},
		{"a name in another case", report.Filter{Users: []string{"ChEn"}}, "chen"},
		{"part of a name", report.Filter{Users: []string{"che"}}, ""},
		{"a glob, and a name", report.Filter{Users: []string{"d*", "tom"}}, "data dolores tom"},
		{"a state", report.Filter{States: []audit.State{audit.Expired, audit.IdleExpired}}, "chen emeka"},
		{"good is exempt too", report.Filter{States: []audit.State{audit.Good}}, "amara backup data priya tom"},
		{"days left", report.Filter{DaysLeft: daysLeft(7)}, "bjorn chen dolores emeka"},
		{"past a limit", report.Filter{DaysLeft: daysLeft(0)}, "chen emeka"},
		{"all at once", report.Filter{Users: []string{"*e*"}, States: []audit.State{audit.Idle}, DaysLeft: daysLeft(10)}, "dolores"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := everyState(audited)
			all.Problems = []account.Problem{{User: "zoe", Text: "could not be read"}}
			left := all.Only(c.filter)
			if got := usersOf(left); got != c.want {
				t.Errorf("shows %q, want %q", got, c.want)
			}
			sum := 0
			for _, n := range left.States {
				sum += n
			}
			if n := len(left.Rows); left.Keys != n || left.Users != n || sum != n {
				t.Errorf("counts %d keys, %d users, %d by state, for %d rows", left.Keys, left.Users, sum, n)
			}
			if len(left.Problems) != 1 {
				t.Error("a filter hides what could not be read")
			}
			if (left.Filter == nil) != c.filter.IsZero() {
				t.Errorf("marked as filtered: %v", left.Filter)
			}
			if all.Keys != 10 || len(all.Rows) != 10 {
				t.Error("the whole report was changed")
			}
		})
	}
}

func TestFilterCounts(t *testing.T) {
	t.Parallel()
	left := everyState(audited).Only(report.Filter{Users: []string{"backup", "chen"}})
	if left.States[audit.Expired] != 1 || left.States[audit.Good] != 1 || left.Exempt != 1 || left.HasState([]audit.State{audit.IdleExpired}) {
		t.Errorf("counted %+v", left.Tally)
	}
}

func TestUserGlobs(t *testing.T) {
	t.Parallel()
	for glob, good := range map[string]bool{"ci-*": true, "a.b": true, "[ab]*": true, "": false, " ": false, "[ab": false, `a\`: false} {
		if err := report.CheckUserGlob(glob); (err == nil) != good {
			t.Errorf("%q: %v", glob, err)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for order, want := range map[string]string{
		"user":       "amara backup bjorn chen data dolores emeka grace priya tom",
		"-user":      "tom priya grace emeka dolores data chen bjorn backup amara",
		"age":        "amara priya tom dolores emeka bjorn chen data grace backup",
		"-age":       "backup grace data chen bjorn emeka dolores tom priya amara",
		"last-used":  "priya grace emeka dolores tom chen bjorn amara backup data", // never before all others
		"days-left":  "chen emeka bjorn dolores priya tom amara backup data grace", // no limit last
		"-days-left": "amara tom priya bjorn dolores chen emeka backup data grace",
		"state":      "amara backup data priya tom dolores bjorn emeka chen grace",
		"-state":     "grace chen emeka bjorn dolores amara backup data priya tom",
	} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			parsed, err := report.ParseOrder(order)
			if err != nil {
				t.Fatal(err)
			}
			r := everyState(audited)
			slices.Reverse(r.Rows)
			r.SortBy(parsed)
			if got := usersOf(r); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
	for _, unknown := range []string{"", "-", "--age", "Age", "name"} {
		if _, err := report.ParseOrder(unknown); err == nil {
			t.Errorf("%q is taken as an order", unknown)
		}
	}
}

func TestAsOf(t *testing.T) {
	t.Parallel()
	elsewhere := audited.In(time.FixedZone("east", 14*60*60)) // already the next day there
	for _, c := range []struct{ text, want string }{
		{"+1d", "2026-10-06T14:03:00Z"},
		{"+30d", "2026-11-04T14:03:00Z"},
		{"2026-11-04", "2026-11-04T14:03:00Z"},
		{" 2027-01-15 ", "2027-01-15T14:03:00Z"},
		{"2026-10-06", "2026-10-06T14:03:00Z"},
		{"2026-10-05", ""}, // today
		{"2026-10-04", ""},
		{"2199-01-01", ""},
		{"2027-02-29", ""},
		{"+0d", ""}, {"+-3d", ""}, {"+30", ""}, {"30d", ""}, {"-30d", ""}, {"+4000d", ""},
		{"tomorrow", ""}, {"", ""}, {"2027-01-15T00:00:00Z", ""},
	} {
		for _, from := range []time.Time{audited, elsewhere} {
			at, err := report.ParseAsOf(c.text, from)
			got := ""
			if err == nil {
				got = at.Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("%q: %q (%v), want %q", c.text, got, err, c.want)
			}
		}
	}
}
