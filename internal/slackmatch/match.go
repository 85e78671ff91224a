// Package slackmatch finds the Slack user that an IAM user most likely is, so that
// a missing Slack tag can be suggested.
package slackmatch

import (
	"strings"
	"unicode"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
)

// Index holds a workspace's users by what they can be found by.
type Index struct {
	byEmail, byName map[string][]slack.User
}

// NewIndex indexes Slack users. Deleted users and bots are left out.
func NewIndex(users []slack.User) Index {
	d := Index{byEmail: map[string][]slack.User{}, byName: map[string][]slack.User{}}
	for _, u := range users {
		if u.Deleted || u.Bot {
			continue
		}
		if email := strings.ToLower(u.Email); email != "" {
			d.byEmail[email] = append(d.byEmail[email], u)
		}
		names := map[string]bool{normal(u.Name): true, normal(u.RealName): true, normal(u.DisplayName): true}
		if local, _, found := strings.Cut(u.Email, "@"); found {
			names[normal(local)] = true
		}
		for name := range names {
			if name != "" {
				d.byName[name] = append(d.byName[name], u)
			}
		}
	}
	return d
}

// Find suggests whom a user is: by address, or by the Name tag or the user
// name. If two could be meant, neither is: a wrong tag would notify the wrong
// person.
func (d Index) Find(user audit.User) (person slack.User, found bool) {
	for _, address := range []string{user.Email(), user.Name} {
		if people := d.byEmail[strings.ToLower(address)]; len(people) == 1 {
			return people[0], true
		}
	}
	local, _, _ := strings.Cut(user.Name, "@")
	for _, name := range []string{user.DisplayName(), user.Name, local} {
		switch people := d.byName[normal(name)]; {
		case normal(name) == "":
		case len(people) == 1:
			return people[0], true
		case len(people) > 1:
			return slack.User{}, false
		}
	}
	return slack.User{}, false
}

// IsWord reports whether a character is a letter or a digit, of any script.
func IsWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// normal is a name as it is compared: its letters and digits, in lower case.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		if !IsWord(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}
