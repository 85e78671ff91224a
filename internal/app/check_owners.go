package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// CheckOwner is who would be notified about the keys of a user.
type CheckOwner struct {
	Account string `json:"account"`
	User    string `json:"user"`
	// Notified are those who would be; none if no channel can reach anybody.
	Notified []CheckRecipient `json:"notified"`
	// Refused are addresses outside SLEUTH_EMAIL_DOMAIN, with the tag of each.
	Refused []CheckRefused `json:"refused,omitempty"`
}

// CheckRefused is an address that gets no mail, and the tag that it is from.
type CheckRefused struct {
	Address string `json:"address"`
	From    string `json:"from"`
}

// CheckRecipient is one who would be notified: by a channel, at an address, an id or
// a channel in Slack, which is from a tag. The list of all keys has neither.
type CheckRecipient struct {
	Channel string `json:"channel,omitempty"`
	To      string `json:"to,omitempty"`
	// From is the name of the tag, or "the user name".
	From string `json:"from,omitempty"`
}

// isPerson reports whether it is more than a list of all keys.
func (r CheckRecipient) isPerson() bool { return r.To != "" }

func (r CheckRecipient) String() string {
	if !r.isPerson() {
		return r.Channel
	}
	return fmt.Sprintf("%s %s (%s)", r.Channel, text.OneLine(r.To), inWords(r.From))
}

// inWords says where an address is from.
func inWords(from string) string {
	if from == audit.UserName {
		return from
	}
	return "tag " + from
}

func (o CheckOwner) line(several bool) string {
	words := make([]string, len(o.Notified))
	for i, r := range o.Notified {
		words[i] = r.String()
	}
	said := strings.Join(words, ", ")
	if said == "" {
		said = "nobody"
	}
	for _, r := range o.Refused {
		said += fmt.Sprintf("; not %s (%s), which is outside SLEUTH_EMAIL_DOMAIN", text.OneLine(r.Address), inWords(r.From))
	}
	if several {
		return fmt.Sprintf("%s, account %s: %s", o.User, o.Account, said)
	}
	return o.User + ": " + said
}

// OwnerLines are the owners in a line each.
func (r CheckResult) OwnerLines() []string {
	lines := make([]string, len(r.Owners))
	for i, owner := range r.Owners {
		lines[i] = owner.line(r.Owners[0].Account != r.Owners[len(r.Owners)-1].Account)
	}
	return lines
}

// owners shows who would be notified about the keys of each user.
func (k *checker) owners(cfg config.Config, holders []holder, channels []notify.Channel) {
	if len(channels) == 0 || len(holders) == 0 {
		return
	}
	result := CheckResult{Status: CheckOK, Check: "owners"}
	personal, nobody := 0, 0
	for _, h := range holders {
		owner := ownerOf(cfg.Owners, h, channels)
		result.Owners = append(result.Owners, owner)
		switch {
		case len(owner.Notified) == 0:
			nobody++
		case slices.ContainsFunc(owner.Notified, CheckRecipient.isPerson):
			personal++
		}
	}
	lists := len(holders) - personal - nobody
	result.Text = fmt.Sprintf("%s with an active key: %d reached in person, by group or by team, %d only by lists of all keys, %d not at all",
		text.Count(len(holders), "user"), personal, lists, nobody)
	if nobody > 0 {
		result.Status = CheckNote
		result.Text += ", and the keys of those would not be disabled"
	}
	k.each(result)
}

// ownerOf finds who would be notified, without asking anybody.
func ownerOf(owners audit.Owners, h holder, channels []notify.Channel) CheckOwner {
	found := owners.Of(h.user)
	notice := notify.About(h.user, audit.Key{}, found)
	shown := CheckOwner{Account: h.account.ID, User: h.user.Name, Notified: []CheckRecipient{}}
	for _, c := range channels {
		if _, forPrograms := c.(notify.MachineChannel); !forPrograms && notify.Accepts(c, notice) {
			shown.Notified = append(shown.Notified, recipient(c.Name(), owners, found))
		}
	}
	for _, refused := range found.Refused {
		shown.Refused = append(shown.Refused, CheckRefused{refused.Address, refused.From})
	}
	return shown
}

// recipient is the person or list that a channel writes to about an owner's
// keys.
func recipient(channel string, owners audit.Owners, found audit.Owner) CheckRecipient {
	_, mentioned := slack.Mention("", found.Slack)
	switch channel {
	case email.Name:
		return CheckRecipient{channel, found.Email, found.EmailFrom}
	case slack.TeamName:
		return CheckRecipient{channel, found.TeamChannel, owners.TeamTag}
	case slack.DirectName:
		if mentioned {
			return CheckRecipient{channel, found.Slack, found.SlackFrom}
		}
		return CheckRecipient{channel, found.Email, found.EmailFrom} // Slack is asked who has it
	case slack.Name, slack.ChannelName:
		// The app's list names people, and mentions groups.
		if mentioned && (channel == slack.Name || strings.HasPrefix(found.Slack, "subteam-")) {
			return CheckRecipient{channel, found.Slack, found.SlackFrom}
		}
	}
	return CheckRecipient{Channel: channel}
}
