package slack

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// What a message of blocks may hold, in characters, see
// https://docs.slack.dev/reference/block-kit/blocks. One of the 50 blocks is
// kept for who can't be reached directly.
const (
	maxBlocks   = 49
	maxHeader   = 150
	maxSection  = 3_000
	maxFallback = 4_000 // of the text for notifications and screen readers
)

// directPayload is a message to one person for chat.postMessage.
type directPayload struct {
	// Channel is the person's id. If that is not known yet, Email is where
	// they get mail. User is the names of the IAM users that the message is
	// about. Slack is sent neither of these two.
	Channel string `json:"channel,omitempty"`
	Email   string `json:"email,omitempty"`
	User    string `json:"user,omitempty"`
	// Sources are addresses in the text that are not for a channel. Slack is not
	// sent them apart.
	Sources []string `json:"sources,omitempty"`
	// Text is what notifications and screen readers say instead of the blocks.
	Text   string  `json:"text"`
	Blocks []block `json:"blocks"`
}

type block struct {
	Type string    `json:"type"`
	Text blockText `json:"text"`
}

type blockText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func header(text string) block { return block{"header", blockText{"plain_text", text}} }

func section(text string) block { return block{"section", blockText{"mrkdwn", text}} }

// to is the message as it is sent to a conversation.
func (p directPayload) to(conversation string) string {
	p.Channel, p.Email, p.User, p.Sources = conversation, "", "", nil
	return encode(p)
}

// inChannel is the message as it is posted in a channel for somebody who can't be
// reached: with their mention, or their user name for lack of an id.
func (p directPayload) inChannel(channel, why string) string {
	reader := Escape(p.User)
	if p.Channel != "" {
		reader = "<@" + p.Channel + ">"
	}
	line := split("For "+reader+", who can't be reached by direct message: "+why+".", maxSection)[0]
	p.Text = line + "\n" + p.withoutSources(p.Text)
	blocks := []block{section(line)}
	for _, b := range p.Blocks {
		b.Text.Text = p.withoutSources(b.Text.Text)
		blocks = append(blocks, b)
	}
	p.Blocks = blocks
	return p.to(channel)
}

// withoutSources takes the addresses of callers out of a text.
func (p directPayload) withoutSources(text string) string {
	for _, source := range p.Sources {
		text = strings.ReplaceAll(text, " from "+Escape(source)+" (", " (")
	}
	return text
}

// sourcesOf are the addresses in a letter that are not for a channel.
func sourcesOf(b notify.Batch, dm notify.DirectMessage) []string {
	if b.UsesInLists {
		return nil
	}
	var sources []string
	for _, n := range dm.Notices {
		if n.Uses != nil {
			sources = append(sources, n.Uses.Sources()...)
		}
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

// asMarkup prepares the administrator's own words for Slack: the titles are
// bold, the texts may use Slack's markup.
func asMarkup(b notify.Batch) notify.Batch {
	for _, h := range []*notify.Heading{&b.Creation, &b.Inactivity, &b.Leak} {
		if h.Title = strings.TrimSpace(Escape(h.Title)); h.Title != "" {
			h.Title = "*" + h.Title + "*"
		}
		h.Text = instructions(h.Text)
	}
	return b
}

// composeDirectMessage writes a letter as one message, or, if that is too much for
// one, as several.
func composeDirectMessage(b notify.Batch, dm notify.DirectMessage) []notify.Message {
	subject := instructions(b.Templates.Subject(b, dm, Escape))
	// What a template holds beside its fields may use markup as well, and may
	// wake a channel as little.
	text := strings.TrimSpace(instructions(b.Templates.Personal(b, dm, Escape)))
	blocks := directBlocks(subject, text)
	if fits(blocks) {
		return []notify.Message{directMessage(b, dm, subject, text, blocks, dm.Notices)}
	}
	if half := len(dm.Notices) / 2; half > 0 {
		first, second := dm, dm
		first.Notices, second.Notices = dm.Notices[:half], dm.Notices[half:]
		return append(composeDirectMessage(b, first), composeDirectMessage(b, second)...)
	}
	var messages []notify.Message
	for len(blocks) > 0 {
		n := room(blocks)
		var told []notify.Notice // with the last of the messages
		if n == len(blocks) {
			told = dm.Notices
		}
		messages = append(messages, directMessage(b, dm, subject, textOf(blocks[:n]), blocks[:n], told))
		blocks = blocks[n:]
	}
	return messages
}

func directMessage(b notify.Batch, dm notify.DirectMessage, subject, text string, blocks []block, told []notify.Notice) notify.Message {
	p := directPayload{
		User: usersOf(dm.Notices), Sources: sourcesOf(b, dm),
		Text:   split(strings.TrimSpace(subject+"\n\n"+text), maxFallback)[0],
		Blocks: blocks,
	}
	if memberID.MatchString(dm.To) {
		p.Channel = dm.To
	} else {
		p.Email = dm.To
	}
	return notify.Message{Subject: "to " + dm.To, Body: encode(p), Notices: told}
}

// usersOf names the users that notices are about.
func usersOf(notices []notify.Notice) string {
	var users []string
	for _, n := range notices {
		if user := text.OneLine(n.User); !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return strings.Join(users, ", ")
}

// directBlocks are the subject as a header, and the text with a section for each
// of its paragraphs.
func directBlocks(subject, text string) []block {
	pieces := split(subject, maxHeader)
	var blocks []block
	if strings.TrimSpace(pieces[0]) != "" {
		blocks = append(blocks, header(pieces[0]))
	}
	for _, piece := range slices.Concat(pieces[1:], sectionsOf(text)) {
		if strings.TrimSpace(piece) != "" {
			blocks = append(blocks, section(piece))
		}
	}
	return blocks
}

const fence = "```"

// sectionsOf takes a text apart at its empty lines, and elsewhere if a
// paragraph is too long for a section. A code block that is taken apart is one
// in each part.
func sectionsOf(text string) []string {
	var sections []string
	for _, paragraph := range paragraphs(text) {
		open := false
		for _, piece := range split(paragraph, maxSection-2*len(fence+"\n")) {
			if open {
				piece = fence + "\n" + piece
			}
			if open = strings.Count(piece, fence)%2 == 1; open {
				piece = strings.TrimSuffix(piece, "\n") + "\n" + fence
			}
			sections = append(sections, strings.Trim(piece, "\n"))
		}
	}
	return sections
}

// paragraphs takes a text apart at its empty lines, but for those within a code
// block.
func paragraphs(text string) []string {
	var whole []string
	open := false
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if open {
			whole[len(whole)-1] += "\n\n" + paragraph
		} else {
			whole = append(whole, paragraph)
		}
		open = open != (strings.Count(paragraph, fence)%2 == 1)
	}
	return whole
}

func fits(blocks []block) bool { return room(blocks) == len(blocks) }

// room is how many of the blocks one message can take: one at least.
func room(blocks []block) int {
	size := 0
	for i, b := range blocks {
		size += utf8.RuneCountInString(b.Text.Text)
		if i > 0 && (size > maxText || i >= maxBlocks) {
			return i
		}
	}
	return len(blocks)
}

func textOf(blocks []block) string {
	texts := make([]string, len(blocks))
	for i, b := range blocks {
		texts[i] = b.Text.Text
	}
	return strings.Join(texts, "\n\n")
}
