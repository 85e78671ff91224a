package slack

import (
	"unicode/utf8"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// What a message may hold, in characters. Slack takes more, but cuts off or
// folds away what is longer: 100 attachments and 40,000 characters a message,
// see https://docs.slack.dev/changelog/2018-truncating-really-long-messages.
const (
	maxAttachments = 20
	maxText        = 12_000
	maxValue       = 3_000 // a title, a text or a field's value
	// maxRepeated is the longest header that is repeated completely in every
	// message that continues its section; of a longer one, the title is.
	maxRepeated = 4_000
	// maxAccount bounds the account's name, which AWS holds to 63 characters.
	maxAccount = 300
)

// compose writes a batch as messages within the limits, in order, and
// mentions everybody who can be.
func compose(b notify.Batch) []notify.Message {
	return composer{}.compose(b)
}

func (c composer) compose(b notify.Batch) []notify.Message {
	c.batch, c.account = b, split(Escape(b.Title()), maxAccount)[0]
	c.begin(nil)
	if b.Announcement != "" {
		for _, piece := range split(escapeLines(b.Announcement), maxValue) {
			c.appendSection(attachment{Text: &piece})
		}
	}
	for _, heading := range b.SharedInstructions() {
		for _, a := range headerOf(heading) {
			c.appendSection(a)
		}
	}
	for _, section := range b.Sections() {
		c.section(section)
	}
	c.end()
	return c.messages
}

// composer fills one message after the other.
type composer struct {
	// channel is the id of the one to post to; a webhook has its own.
	channel string
	// named says whose owner is named rather than mentioned; nil is nobody's.
	named func(notify.Notice) bool

	batch    notify.Batch
	account  string
	messages []notify.Message

	current payload
	size    int             // characters in current
	fresh   int             // attachments that a message starts with
	notices []notify.Notice // those in current
}

// begin starts a message with the header that it continues.
func (c *composer) begin(continued []attachment) {
	c.current = payload{Channel: c.channel, Text: c.account, Attachments: []attachment{}}
	c.size = utf8.RuneCountInString(c.account)
	c.notices = nil
	for _, a := range continued {
		c.add(a)
	}
	c.fresh = len(continued)
}

// end closes the current message, unless it would say nothing.
func (c *composer) end() {
	if len(c.current.Attachments) > c.fresh {
		c.messages = append(c.messages, notify.Message{Body: encode(c.current), Notices: c.notices})
	}
}

func (c *composer) add(a attachment) {
	c.current.Attachments = append(c.current.Attachments, a)
	c.size += a.size()
}

// fit reports whether the attachments have room in the current message.
func (c *composer) fit(attachments ...attachment) bool {
	size := c.size
	for _, a := range attachments {
		size += a.size()
	}
	return size <= maxText && len(c.current.Attachments)+len(attachments) <= maxAttachments
}

// place adds an attachment, in a new message if the current one is full.
func (c *composer) appendSection(a attachment) {
	if !c.fit(a) {
		c.end()
		c.begin(nil)
	}
	c.add(a)
}

// section adds one section. Its header is not left alone at the end of a
// message, and stands again in each message that continues the section.
func (c *composer) section(s notify.Section) {
	header := headerOf(s.Heading)
	if !c.fit(append(header[:len(header):len(header)], c.opening(s.Lists[0]))...) {
		c.end()
		c.begin(nil)
	}
	for _, a := range header {
		c.appendSection(a)
	}
	repeated := repeatedHeader(header)
	for _, list := range s.Lists {
		c.list(list, repeated)
	}
}

// list adds the lines of one list, in as many attachments and messages as they
// need.
func (c *composer) list(list notify.List, continued []attachment) {
	// A title too long for one attachment begins in some of its own; what
	// continues the list has its beginning.
	titles := split(escapeLines(list.Title), maxValue)
	for _, title := range titles[:len(titles)-1] {
		c.appendSection(attachment{Title: &title})
	}
	title := titles[len(titles)-1]
	for entries := c.entriesOf(list.Notices); len(entries) > 0; {
		n := c.room(title, entries)
		if n == 0 {
			c.end()
			c.begin(continued)
			title = titles[0]
			continue
		}
		lines := make([]string, n)
		for i, e := range entries[:n] {
			lines[i] = e.line
			c.notices = append(c.notices, e.notices...)
		}
		c.add(listAttachment(title, list.Urgent, lines))
		entries = entries[n:]
	}
}

// room is how many of the entries one more attachment to the current message
// can take.
func (c *composer) room(title string, entries []entry) int {
	if len(c.current.Attachments) == maxAttachments {
		return 0
	}
	room := min(maxValue, maxText-c.size-listAttachment(title, false, nil).size())
	for i, e := range entries {
		if room -= e.size; room < 0 {
			return i
		}
		room-- // the line break
	}
	return len(entries)
}

// entry is one line of a list. A notice too long for one line has several, and
// counts as sent with the last.
type entry struct {
	line    string
	size    int
	notices []notify.Notice
}

func (c *composer) entriesOf(notices []notify.Notice) []entry {
	entries := make([]entry, 0, len(notices))
	for _, n := range notices {
		for _, piece := range split(c.lineOf(n), maxValue) {
			entries = append(entries, entry{line: piece, size: utf8.RuneCountInString(piece)})
		}
		entries[len(entries)-1].notices = []notify.Notice{n}
	}
	return entries
}

func (c *composer) lineOf(n notify.Notice) string {
	mention, _ := Mention(n.User, n.SlackTag)
	if n.WithoutMention || c.named != nil && c.named(n) {
		mention = Escape(n.User)
	}
	// A template may use markup, but it cannot wake a channel.
	return instructions(c.batch.Line(n, mention, Escape))
}

// opening is the least that a section's first list shows.
func (c *composer) opening(list notify.List) attachment {
	first := c.entriesOf(list.Notices[:1])[0]
	title := split(escapeLines(list.Title), maxValue)[0]
	return listAttachment(title, list.Urgent, []string{first.line})
}

// headerOf is what stands above a section: one attachment with title and text,
// and more if either is too long for one. A heading that is not set is none.
func headerOf(h notify.Heading) []attachment {
	if h.Title == "" && h.Text == "" {
		return nil
	}
	titles := split(Escape(h.Title), maxValue)
	texts := split(instructions(h.Text), maxValue)
	var header []attachment
	for _, title := range titles[:len(titles)-1] {
		header = append(header, attachment{Title: &title})
	}
	header = append(header, attachment{Title: &titles[len(titles)-1], Text: &texts[0]})
	for _, text := range texts[1:] {
		header = append(header, attachment{Text: &text})
	}
	return header
}

// repeatedHeader is what stands above a section that began in an earlier
// message.
func repeatedHeader(header []attachment) []attachment {
	size := 0
	for _, a := range header {
		size += a.size()
	}
	switch {
	case size <= maxRepeated:
		return header
	case *header[0].Title == "": // Slack takes no attachment without a text
		return nil
	}
	return []attachment{{Title: header[0].Title}}
}
