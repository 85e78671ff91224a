package org_test

import (
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/org"
)

func TestListingCheck(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, time.March, 2, 12, 0, 0, 1, time.UTC)
	listing := org.Listing{Run: "run-1", Began: began, OUs: []string{"ou-1"}}
	scope := config.Scope{Organization: true, OUs: []string{"ou-1"}}
	for name, c := range map[string]struct {
		listing org.Listing
		run     string
		began   time.Time
		now     time.Time
		scope   config.Scope
		want    string // of the error; empty for none
	}{
		"as it was listed":        {listing, "run-1", began, began.Add(time.Minute), scope, ""},
		"after a day":             {listing, "run-1", began, began.Add(24 * time.Hour), scope, ""},
		"after more than a day":   {listing, "run-1", began, began.Add(24*time.Hour + 1), scope, "more than a day old"},
		"a clock behind":          {listing, "run-1", began, began.Add(-5 * time.Minute), scope, ""},
		"of the future":           {listing, "run-1", began, began.Add(-5*time.Minute - 1), scope, "in the future"},
		"another run's":           {listing, "run-2", began, began, scope, `of run "run-1"`},
		"another time":            {listing, "run-1", began.Add(time.Hour), began, scope, "at another time than the event"},
		"no run and no time":      {org.Listing{}, "", time.Time{}, began, config.Scope{}, "more than a day old"},
		"units that were changed": {listing, "run-1", began, began, config.Scope{Organization: true, OUs: []string{"ou-2"}}, "SLEUTH_OUS was changed"},
		"units that were dropped": {listing, "run-1", began, began, config.Scope{Organization: true}, "SLEUTH_OUS was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.listing.Check(c.run, c.began, c.now, c.scope)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
