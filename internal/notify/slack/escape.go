package slack

import (
	"regexp"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

var (
	memberID = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupTag = regexp.MustCompile(`^subteam-(S[A-Z0-9]+)$`)
)

// Mention writes a user the way Slack notifies somebody: as the member or the
// user group that the user's Slack tag names. If the tag names neither, ok
// is false and the mention is the plain user name.
//
// A tag's id is matched whole and in upper case, so that no tag can become
// <!here> or <!channel>.
func Mention(userName, slackTag string) (mention string, ok bool) {
	name := Escape(userName)
	slackTag = strings.TrimSpace(slackTag)
	if memberID.MatchString(slackTag) {
		return "<@" + slackTag + ">", true
	}
	if group := groupTag.FindStringSubmatch(slackTag); group != nil {
		return name + " (<!subteam^" + group[1] + ">)", true
	}
	return name, false
}

// unmentioned is the problem of an owner whom a list cannot mention.
func unmentioned(n notify.Notice) []notify.TagProblem {
	if _, ok := Mention(n.User, n.SlackTag); ok {
		return nil
	}
	return []notify.TagProblem{{
		User: n.User, Tag: "Slack", Value: n.SlackTag,
		Text: "no valid Slack tag: the message shows the user name and mentions nobody; set the tag to U... or W... for a person, or to subteam-S... for a group",
	}}
}

// entities are the three characters that Slack's format reserves, see "Escaping
// text" in https://docs.slack.dev/messaging/formatting-message-text.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Escape makes a text that others wrote, such as a user name, show in Slack as
// it is, on one line.
func Escape(content string) string { return entities.Replace(text.OneLine(content)) }

// escapeLines is Escape for a text of several lines.
func escapeLines(content string) string { return entities.Replace(text.Lines(content)) }

// reference matches what an administrator may write between < and >: a link, a
// member, a user group or a channel, each with or without a label. Everything
// else in angle brackets, <!here> and <!channel> above all, is shown, not obeyed.
var reference = regexp.MustCompile(
	`^<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+|!subteam\^S[A-Z0-9]+|(?:https?://|mailto:)[^\s<>|]+)(?:\|[^<>|\n]*)?>`)

// entity matches a character that is escaped already.
var entity = regexp.MustCompile(`^&(?:amp|lt|gt);`)

// instructions prepares the administrator's own text: Slack's markup stays, as
// far as it cannot mention all of a channel, and stray &, < and > are escaped.
func instructions(content string) string {
	content = text.Lines(content)
	var out strings.Builder
	for content != "" {
		next := strings.IndexAny(content, "&<>")
		if next < 0 {
			break
		}
		out.WriteString(content[:next])
		content = content[next:]
		kept := reference.FindString(content)
		if kept != "" {
			out.WriteString(escapeStrayAmpersands(kept))
		} else if kept = entity.FindString(content); kept != "" {
			out.WriteString(kept)
		} else {
			kept = content[:1]
			out.WriteString(entities.Replace(kept))
		}
		content = content[len(kept):]
	}
	out.WriteString(content)
	return out.String()
}

// escapeStrayAmpersands fixes the & of a link's query, which people paste as
// it is.
func escapeStrayAmpersands(text string) string {
	var out strings.Builder
	for i, r := range text {
		if r == '&' && !entity.MatchString(text[i:]) {
			out.WriteString("&amp;")
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
