package audit_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

func TestOwnerOfAUser(t *testing.T) {
	t.Parallel()
	plain := audit.Owners{}
	corporate := audit.Owners{
		EmailTags: []string{"Email", "Owner", "OwnerContact"}, SlackTags: []string{"Slack", "SlackId"},
		Domains: []string{"example.com", "example.org"},
	}
	for _, c := range []struct {
		about  string
		owners audit.Owners
		name   string
		tags   audit.Tags
		want   audit.Owner
	}{
		{"an Email tag", plain, "bot", audit.Tags{{Key: "Email", Value: " a@b.example "}}, audit.Owner{Email: "a@b.example", EmailFrom: "Email"}},
		{"the name is an address", plain, "a@b.example", nil, audit.Owner{Email: "a@b.example", EmailFrom: audit.UserName}},
		{"a tag that is no address hides the name", plain, "a@b.example", audit.Tags{{Key: "Email", Value: "none"}}, audit.Owner{}},
		{"a bare name without a domain", plain, "tobias", nil, audit.Owner{}},
		{"other tags do not count", plain, "bot", audit.Tags{{Key: "Owner", Value: "a@b.example"}, {Key: "SlackId", Value: "U1"}}, audit.Owner{}},

		{"the first tag wins", corporate, "bot", audit.Tags{{Key: "Owner", Value: "o@example.com"}, {Key: "email", Value: "e@example.com"}}, audit.Owner{Email: "e@example.com", EmailFrom: "Email"}},
		{"a later tag", corporate, "bot", audit.Tags{{Key: "OwnerContact", Value: "o@EXAMPLE.org"}}, audit.Owner{Email: "o@EXAMPLE.org", EmailFrom: "OwnerContact"}},
		{"a tag that is no address is passed", corporate, "bot", audit.Tags{{Key: "Email", Value: "the platform team"}, {Key: "Owner", Value: "tobias"}}, audit.Owner{Email: "tobias@example.com", EmailFrom: "Owner"}},
		{"a bare name is completed", corporate, "tobias.funke", nil, audit.Owner{Email: "tobias.funke@example.com", EmailFrom: audit.UserName}},
		{"a tag hides the name", corporate, "tobias", audit.Tags{{Key: "Owner", Value: "nobody in particular"}}, audit.Owner{}},
		{
			"outside", corporate, "tobias", audit.Tags{{Key: "Email", Value: "t@elsewhere.example"}},
			audit.Owner{Refused: []audit.RefusedAddress{{From: "Email", Address: "t@elsewhere.example"}}},
		},
		{
			"outside, and another inside", corporate, "bot", audit.Tags{{Key: "Email", Value: "t@mail.example.com"}, {Key: "Owner", Value: "t@example.com"}},
			audit.Owner{Email: "t@example.com", EmailFrom: "Owner", Refused: []audit.RefusedAddress{{From: "Email", Address: "t@mail.example.com"}}},
		},
		{
			"a name outside", corporate, "t@elsewhere.example", nil,
			audit.Owner{Refused: []audit.RefusedAddress{{From: audit.UserName, Address: "t@elsewhere.example"}}},
		},

		{"the Slack tags in order", corporate, "x y", audit.Tags{{Key: "SlackId", Value: "U2"}, {Key: "Slack", Value: "U1"}}, audit.Owner{Slack: "U1", SlackFrom: "Slack"}},
		{"an id before a name", corporate, "x y", audit.Tags{{Key: "Slack", Value: "tobias"}, {Key: "SlackId", Value: " subteam-S1 "}}, audit.Owner{Slack: "subteam-S1", SlackFrom: "SlackId"}},
		{"no id at all", corporate, "x y", audit.Tags{{Key: "Slack", Value: " "}, {Key: "SlackId", Value: "tobias"}}, audit.Owner{Slack: "tobias", SlackFrom: "SlackId"}},
	} {
		got := c.owners.Of(audit.User{Name: c.name, Tags: c.tags})
		if got.Email != c.want.Email || got.EmailFrom != c.want.EmailFrom || got.Slack != c.want.Slack || got.SlackFrom != c.want.SlackFrom ||
			!slices.Equal(got.Refused, c.want.Refused) {
			t.Errorf("%s: got %+v, want %+v", c.about, got, c.want)
		}
	}
}

// TestNoAddressOutsideTheDomains: whatever the tags and the name are, an address
// that is used is in one of the domains, and what is refused is in none.
func TestNoAddressOutsideTheDomains(t *testing.T) {
	t.Parallel()
	used, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.SampledFrom([]string{"a", "a@example.com", "a@EXAMPLE.com", "a@example.com.evil.example", "a@evil.example", "a@b@example.com", "@example.com", "a@sub.example.com", "a@evil.example,b@example.com", "a@example.com ", "a\n@example.com", ""}),
			rapid.String(),
		)
		o := audit.Owners{EmailTags: []string{"Email", "Owner"}, Domains: []string{"example.com"}}
		user := audit.User{Name: text.Draw(t, "name")}
		for _, name := range []string{"Email", "Owner"} {
			if rapid.Bool().Draw(t, name) {
				user.Tags = append(user.Tags, audit.Tag{Key: name, Value: text.Draw(t, "value")})
			}
		}
		owner := o.Of(user)
		if owner.Email != "" {
			used++
			local, found := strings.CutSuffix(strings.ToLower(owner.Email), "@example.com")
			if !found || local == "" || strings.ContainsAny(local, "@, \n\r<>\"") {
				t.Errorf("mail would go to %q", owner.Email)
			}
		}
		for _, r := range owner.Refused {
			refused++
			if o.Allows(r.Address) {
				t.Errorf("%q is refused", r.Address)
			}
		}
	})
	if used == 0 || refused == 0 {
		t.Error("nothing was shown")
	}
}

func TestTheChannelOfATeam(t *testing.T) {
	t.Parallel()
	mapped := audit.Owners{TeamTag: "Team", TeamChannels: map[string]string{"platform": "C1", "data": "#data"}}
	byValue := audit.Owners{TeamTag: "Team"}
	for _, c := range []struct {
		owners     audit.Owners
		team, want string
	}{
		{mapped, " Platform ", "C1"}, {mapped, "data", "#data"}, {mapped, "C9", ""}, {mapped, "", ""},
		{byValue, "C0123456789", "C0123456789"}, {byValue, "data-alerts", "#data-alerts"}, {byValue, "Data Team", ""}, {byValue, "U1@x", ""}, {byValue, "", ""},
		{audit.Owners{}, "C1", ""},
	} {
		user := audit.User{Name: "bot", Tags: audit.Tags{{Key: "team", Value: c.team}}}
		if got := c.owners.Of(user).TeamChannel; got != c.want {
			t.Errorf("%v: the channel of %q is %q, want %q", c.owners.TeamChannels, c.team, got, c.want)
		}
	}
}
