package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/slackmatch"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// holder is a user with an active key.
type holder struct {
	account     account.Account
	user        audit.User
	slack, name bool // which tags are lacking
}

func (h holder) lacksTag() bool { return h.slack || h.name }

func holderOf(owners audit.Owners, account account.Account, s inventory.UserKeys) (h holder, ok bool) {
	active := slices.ContainsFunc(s.Keys, func(key inventory.Key) bool { return key.Status == audit.Active })
	if s.Err != nil || !active {
		return holder{}, false
	}
	_, mentioned := slack.Mention(s.User.Name, owners.Of(s.User).Slack)
	return holder{account: account, user: s.User, slack: !mentioned, name: s.User.NameTag() == ""}, true
}

// tags lists the users whom no message can mention or call by their name, with
// the tags to give them if Slack has a matching user.
func (k *checker) tags(holders []holder, o CheckOptions, home aws.Config) {
	lacking := slices.DeleteFunc(slices.Clone(holders), func(h holder) bool { return !h.lacksTag() })
	if k.readFailed {
		k.note("tags", "not known of users who could not be read")
	} else if len(lacking) == 0 {
		k.ok("tags", "every user with an active key has a Slack and a Name tag")
	}
	if len(lacking) == 0 {
		return
	}
	noSlack, noName := 0, 0
	for _, u := range lacking {
		if u.slack {
			noSlack++
		}
		if u.name {
			noName++
		}
	}
	directory, known := k.directory(o, home)
	var notes []CheckResult
	if noSlack > 0 {
		notes = append(notes, CheckResult{Status: CheckNote, Check: "Slack tags",
			Text: text.Count(noSlack, "user") + " with an active key can't be mentioned; messages show the plain user name"})
	}
	if noName > 0 {
		notes = append(notes, CheckResult{Status: CheckNote, Check: "Name tags",
			Text: text.Count(noName, "user") + " with an active key can't be called by name; messages to them show the user name"})
	}
	last := &notes[len(notes)-1]
	last.Suggestions = suggestions(lacking, directory, o.Terraform)
	if !known {
		last.Suggestions = append(last.Suggestions, "With SLEUTH_SLACK_TOKEN or SLEUTH_SLACK_API_TOKEN the values are suggested; 'sleuth slack-users' lists them.")
	}
	for _, note := range notes {
		k.each(note)
	}
}

// suggestions are lines to copy, those of each account below its name if there
// are several.
func suggestions(lacking []holder, directory slackmatch.Index, terraform bool) []string {
	several := lacking[0].account.ID != lacking[len(lacking)-1].account.ID
	account := ""
	var lines []string
	for _, u := range lacking {
		if several && u.account.ID != account {
			account = u.account.ID
			lines = append(lines, u.account.String()+":")
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(u.suggestion(directory, terraform), "\n"), "\n")...)
	}
	return lines
}

// suggestion is what to paste in order to give a user the tags that are
// lacking.
func (h holder) suggestion(directory slackmatch.Index, terraform bool) string {
	person, _ := directory.Find(h.user)
	var tags []audit.Tag
	if h.name {
		tags = append(tags, audit.Tag{Key: audit.TagName, Value: cmp.Or(tagText(cmp.Or(person.RealName, person.DisplayName)), "...")})
	}
	if h.slack {
		tags = append(tags, audit.Tag{Key: audit.TagSlack, Value: cmp.Or(person.ID, "U...")})
	}
	var out strings.Builder
	if terraform {
		fmt.Fprintf(&out, "  # into the tags of the aws_iam_user with name = %q\n", h.user.Name)
		for _, tag := range tags {
			fmt.Fprintf(&out, "  %-5s = %q\n", tag.Key, tag.Value)
		}
		return out.String()
	}
	fmt.Fprintf(&out, "  aws iam tag-user --user-name %s --tags", shellWord(h.user.Name))
	for _, tag := range tags {
		out.WriteString(" " + shellWord("Key="+tag.Key+",Value="+tag.Value))
	}
	return out.String() + "\n"
}

// tagText leaves of a text what IAM takes in a tag's value: letters, digits,
// spaces and _.:/=+-@, see
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html.
func tagText(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if slackmatch.IsWord(r) || strings.ContainsRune(" _.:/=+-@", r) {
			return r
		}
		return -1
	}, text))
}

// directory reads Slack's users if a token is set.
func (k *checker) directory(o CheckOptions, home aws.Config) (d slackmatch.Index, ok bool) {
	api := o.SlackAPI
	if !api.SlackAPIToken.IsSet() && !k.slackTokenRejected {
		api = config.SlackAPI{SlackAPIToken: o.SlackToken}
	}
	if !api.SlackAPIToken.IsSet() {
		return slackmatch.Index{}, false
	}
	token, apiURL, err := config.CheckSlackAPI(api, o.SlackHost)
	if err == nil {
		token, err = token.Fetch(k.ctx, awsclient.Fetchers(home))
	}
	if err != nil {
		k.failed("Slack users", err)
		return slackmatch.Index{}, false
	}
	listing, err := slack.NewUsers(token.Value, slack.UsersOptions{APIURL: apiURL}).List(k.ctx, slack.Filter{})
	if err != nil {
		k.failed("Slack users", err)
	}
	return slackmatch.NewIndex(listing.Users), len(listing.Users) > 0
}

// shellWord quotes what a shell would take apart.
func shellWord(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-@+,=", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
