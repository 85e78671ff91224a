package docs_test

import (
	"regexp"
	"testing"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

var tagInCell = regexp.MustCompile("([A-Za-z]+)` = `([^`]+)")

func TestOwnersPageShowsTheOwners(t *testing.T) {
	t.Parallel()
	owners := audit.Owners{EmailTags: []string{"Email", "Owner", "OwnerContact"}, Domains: []string{"example.com"}}
	for _, row := range rowsOf(t, read(t, "docs/owners.md"), "Mail addresses", 3) {
		user := audit.User{Name: row[1]}
		for _, tag := range tagInCell.FindAllStringSubmatch(row[0], -1) {
			user.Tags = append(user.Tags, audit.Tag{Key: tag[1], Value: tag[2]})
		}
		owner := owners.Of(user)
		got := owner.Email
		switch {
		case len(owner.Refused) > 0 && got == "":
			got = "nobody; it is reported"
		case got == "":
			got = "nobody"
		}
		if got != row[2] {
			t.Errorf("with %s, %s: %q, and docs/owners.md says %q", row[0], row[1], got, row[2])
		}
	}
}
