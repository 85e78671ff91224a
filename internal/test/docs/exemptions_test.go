package docs_test

import (
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

func TestExemptionsPageShowsWhichTagApplies(t *testing.T) {
	t.Parallel()
	rules := audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	key := audit.Key{ID: "AKIAEXAMPLE", Status: audit.Active, Created: now.AddDate(0, 0, -400)}
	for _, row := range rowsOf(t, read(t, "docs/exemptions.md"), "Which tag applies", 3) {
		user := audit.User{Name: "tfunke"}
		for i, name := range []string{"KeyAutoExpire", "KeyAutoExpire:" + key.ID} {
			if row[i] != "none" {
				user.Tags = append(user.Tags, audit.Tag{Key: name, Value: row[i]})
			}
		}
		verdict := audit.Judge(key, audit.ExemptionOf(user, key.ID), rules, now)
		got := "not exempt"
		switch {
		case verdict.Doubt:
			got = "unreadable"
		case verdict.Exempt:
			got = "exempt"
		}
		if got != row[2] {
			t.Errorf("with %q and %q the key is %s, and docs/exemptions.md says %s", row[0], row[1], got, row[2])
		}
	}
}
