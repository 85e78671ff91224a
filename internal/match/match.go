// Package match finds the Slack user that an IAM user most likely is, so that
// a missing Slack tag can be suggested.
package match

import (
	"strings"
	"unicode"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
)

// Directory is a workspace's users, by what they can be found by.
type Directory struct {
	byEmail, byName map[string][]string // Slack ids
}

// NewDirectory indexes Slack users. Deleted users and bots are left out.
func NewDirectory(users []slack.User) Directory {
	d := Directory{byEmail: map[string][]string{}, byName: map[string][]string{}}
	for _, u := range users {
		if u.Deleted || u.Bot {
			continue
		}
		if email := strings.ToLower(u.Email); email != "" {
			d.byEmail[email] = append(d.byEmail[email], u.ID)
		}
		names := map[string]bool{normal(u.Name): true, normal(u.RealName): true, normal(u.DisplayName): true}
		if local, _, found := strings.Cut(u.Email, "@"); found {
			names[normal(local)] = true
		}
		for name := range names {
			if name != "" {
				d.byName[name] = append(d.byName[name], u.ID)
			}
		}
	}
	return d
}

// SlackID suggests the id of a user: by address where the user name is one, or
// by the Name tag or the user name. Where two could be meant, neither is: a
// wrong tag would tell the wrong person.
func (d Directory) SlackID(user audit.User) (id string, found bool) {
	if ids := d.byEmail[strings.ToLower(user.Name)]; len(ids) == 1 {
		return ids[0], true
	}
	local, _, _ := strings.Cut(user.Name, "@")
	for _, name := range []string{user.DisplayName(), user.Name, local} {
		switch ids := d.byName[normal(name)]; {
		case normal(name) == "":
		case len(ids) == 1:
			return ids[0], true
		case len(ids) > 1:
			return "", false
		}
	}
	return "", false
}

// normal is a name as it is compared: its letters and digits, in lower case.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
