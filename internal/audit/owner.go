package audit

import (
	"regexp"
	"slices"
	"strings"
)

// Owners says how the owner of a user's keys is found. The zero Owners takes the tags
// Email and Slack, and lets mail go to any address.
type Owners struct {
	// EmailTags and SlackTags are names of tags, in the order in which they are
	// tried.
	EmailTags, SlackTags []string
	// Domains are those that mail may go to; none is any. The first completes a
	// name that is not an address.
	Domains []string
	// TeamTag is the tag that names the team of a user; empty is none. The channel
	// of a team is the one in TeamChannels or, if that is empty, the one that the
	// tag's value names.
	TeamTag      string
	TeamChannels map[string]string
}

// Owner is the person or team that a user's keys belong to, as far as the tags and the name of the
// user say.
type Owner struct {
	// Email is the person's address, and EmailFrom the name of the tag that it is
	// from, or UserName; empty if there is none.
	Email, EmailFrom string
	// Slack is the id to mention, unchecked, and SlackFrom the name of the tag.
	Slack, SlackFrom string
	// Refused are the addresses outside the domains.
	Refused []RefusedAddress
	// Team is the value of the team's tag, and TeamChannel the team's channel in
	// Slack; empty if there is none.
	Team, TeamChannel string
}

// UserName is the source of an address that is the user's name.
const UserName = "the user name"

// RefusedAddress is an address that no mail goes to, and the tag that it is from.
type RefusedAddress struct{ From, Address string }

// Of finds the owner of a user's keys. The first tag that has a usable value counts;
// the user's name is taken for an address only if the user has none of the tags.
func (o Owners) Of(user User) Owner {
	var owner Owner
	owner.Slack, owner.SlackFrom = o.slack(user.Tags)
	if o.TeamTag != "" {
		team, _ := user.Tags.Value(o.TeamTag)
		owner.Team = strings.TrimSpace(team)
		owner.TeamChannel = o.channelOf(owner.Team)
	}
	tagged := false
	for _, name := range orDefault(o.EmailTags, TagEmail) {
		value, found := user.Tags.Value(name)
		tagged = tagged || found
		if found && owner.Email == "" {
			o.takeAddress(&owner, name, value)
		}
	}
	if !tagged {
		o.takeAddress(&owner, UserName, user.Name)
	}
	return owner
}

func (o Owners) takeAddress(owner *Owner, from, text string) {
	address := o.complete(strings.TrimSpace(text))
	switch {
	case address == "":
	case o.Allows(address):
		owner.Email, owner.EmailFrom = address, from
	default:
		owner.Refused = append(owner.Refused, RefusedAddress{from, address})
	}
}

// complete returns the text if it is an address, or the address that it is the
// beginning of; else nothing.
func (o Owners) complete(text string) string {
	if len(o.Domains) > 0 && !strings.Contains(text, "@") {
		text += "@" + o.Domains[0]
	}
	return addressIn(text)
}

// Allows reports whether mail may go to an address.
func (o Owners) Allows(address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return len(o.Domains) == 0 || slices.ContainsFunc(o.Domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// channelOf is the channel of a team; empty if there is none.
func (o Owners) channelOf(team string) string {
	for name, channel := range o.TeamChannels {
		if strings.EqualFold(name, team) {
			return channel
		}
	}
	switch {
	case len(o.TeamChannels) > 0:
		return ""
	case slackChannelID.MatchString(team):
		return team
	case slackChannelName.MatchString(team):
		return "#" + team // IAM takes no # in a tag
	}
	return ""
}

// slack is the first tag that has the form of an id, or else the first that is
// not empty.
func (o Owners) slack(tags Tags) (id, from string) {
	for _, name := range orDefault(o.SlackTags, TagSlack) {
		value, _ := tags.Value(name)
		value = strings.TrimSpace(value)
		if slackID.MatchString(value) {
			return value, name
		}
		if id == "" && value != "" {
			id, from = value, name
		}
	}
	return id, from
}

// slackID is the form of the id of a member of Slack, or of a group.
var slackID = regexp.MustCompile(`^([UW]|subteam-S)[A-Z0-9]+$`)

// The forms of the id and of the name of a channel in Slack.
var (
	slackChannelID   = regexp.MustCompile(`^[CG][A-Z0-9]+$`)
	slackChannelName = regexp.MustCompile(`^[a-z0-9_-]+$`)
)

func orDefault(names []string, byDefault string) []string {
	if len(names) == 0 {
		return []string{byDefault}
	}
	return names
}

// IsDomain reports whether a text has the form of the domain of a mail address.
func IsDomain(text string) bool { return addressIn("a@"+text) != "" }

// Email is the user's mail address: the Email tag, or a user name that is an
// address. Empty if neither is one.
func (u User) Email() string { return Owners{}.Of(u).Email }

// Slack is the Slack tag without surrounding space: whom to mention.
func (u User) Slack() string { return Owners{}.Of(u).Slack }

// addressIn returns the text if it has the form of a mail address and
// nothing else.
func addressIn(text string) string {
	text = strings.TrimSpace(text)
	local, domain, found := strings.Cut(text, "@")
	if !found || local == "" || strings.ContainsFunc(local, notInAddress) || !strings.Contains(domain, ".") {
		return ""
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.ContainsFunc(label, notInDomain) {
			return ""
		}
	}
	return text
}

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// What IAM lets stand in a user name, which is all a mail address needs.
func notInAddress(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("+=._-", r) }

func notInDomain(r rune) bool { return !isAlphanumeric(r) && r != '-' }
