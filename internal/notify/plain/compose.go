// Package plain puts a batch into plain text, for channels that have nothing
// richer.
package plain

import (
	"fmt"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// Layout is what the messages of a channel may hold.
type Layout struct {
	// MaxBytes is the most that the body of one message may have, in bytes of
	// UTF-8; at least 500.
	MaxBytes int
	// Escaper makes one line of text safe for the channel; nil is notify.OneLine,
	// which any other has to include.
	Escaper notify.Escaper
}

// maxPartNumber is room for which part of how many a message is.
const maxPartNumber = len(", part 99999 of 99999")

// Compose writes a batch as plain text, in as many messages as it needs:
// none for one with nothing to say. Nothing is cut.
func (l Layout) Compose(b notify.Batch) []notify.Message {
	if b.Empty() {
		return nil
	}
	if l.Escaper == nil {
		l.Escaper = text.OneLine
	}
	title := text.Shorten(l.Escaper(b.Title()), l.MaxBytes/4)
	maxBody := l.MaxBytes - len(title) - maxPartNumber - len("\n\n\n")
	b = b.InOrder()
	c := composer{batch: b, escaper: l.Escaper, maxBody: maxBody, maxRepeated: maxBody / 4}
	if b.Announcement != "" {
		c.text(c.lines(b.Announcement))
		c.text("")
	}
	for _, heading := range b.SharedInstructions() {
		if text := c.headingOf(heading); text != "" {
			c.text(text)
		}
	}
	for _, s := range b.Sections() {
		c.section(s)
	}
	c.end()
	subject := Subject(b)
	messages := make([]notify.Message, len(c.parts))
	for i, p := range c.parts {
		header := title
		if len(c.parts) > 1 {
			header += fmt.Sprintf(", part %d of %d", i+1, len(c.parts))
		}
		messages[i] = notify.Message{
			Subject: subject,
			Body:    header + "\n\n" + strings.TrimRight(p.body, "\n") + "\n",
			Notices: b.Notices[p.from:p.to:p.to],
		}
	}
	return messages
}

// part is one message without its header.
type part struct {
	body string
	// from and to are where the notices in it are in the batch.
	from, to int
}

// composer fills one part after the other, line by line.
type composer struct {
	batch   notify.Batch
	escaper notify.Escaper
	maxBody int
	// maxRepeated is how many bytes of a heading, and of a list's title, stand
	// in a part that continues them, so that there is room for a line below.
	maxRepeated int

	parts []part
	body  strings.Builder
	// from and to are where the notices in the body are in the batch.
	from, to int
	// above is what a further part of the list at hand begins with; fresh is
	// how much of the body is that.
	above string
	fresh int
}

// text adds complete lines.
func (c *composer) text(lines string) {
	for line := range strings.SplitSeq(lines, "\n") {
		c.line(line)
	}
}

// line adds one line, in a new part if the current one is full. A line that
// no part could hold goes over several.
func (c *composer) line(line string) {
	for {
		room := c.maxBody - c.body.Len() - 1
		if len(line) <= room {
			break
		}
		if c.body.Len() > c.fresh {
			c.end()
			continue
		}
		cut := text.CutAt(line, room)
		c.body.WriteString(line[:cut] + "\n")
		line = line[cut:]
	}
	c.body.WriteString(line + "\n")
}

// end closes the current part, unless it would say nothing, and begins the next.
func (c *composer) end() {
	body := c.body.String()
	blank, last := strings.TrimSpace(body[c.fresh:]) == "", len(c.parts)-1
	switch {
	case !blank, c.to > c.from && last < 0:
		c.parts = append(c.parts, part{body, c.from, c.to})
	case last >= 0: // the rest of a notice's line may be a space
		c.parts[last].to = c.to
	}
	c.body.Reset()
	c.body.WriteString(c.above)
	c.fresh, c.from = len(c.above), c.to
}

// section adds one section: its heading, then list by list, a line each notice.
func (c *composer) section(s notify.Section) {
	c.above = ""
	heading := c.headingOf(s.Heading)
	if c.body.Len()+len(heading) > c.maxBody/2 && c.body.Len() > 0 {
		c.end() // rather than a heading at the end of one part and its lists in the next
	}
	if heading != "" {
		c.text(heading)
	}
	for _, list := range s.Lists {
		title := c.listTitle(list)
		c.above = c.repeated(s.Heading)
		if c.body.Len()+len(title)+1 > c.maxBody && c.body.Len() > c.fresh {
			c.end() // rather than the beginning of a title in one part and its end in the next
		}
		c.text(title)
		c.above = c.repeated(s.Heading) + text.Shorten(title, c.maxRepeated) + "\n"
		for _, n := range list.Notices {
			c.line(c.batch.Line(n, c.escaper(n.User), c.escaper))
			c.to++
		}
		c.above = ""
		c.line("")
	}
}

// lines cleans a text of several lines, line by line.
func (c *composer) lines(content string) string {
	lines := strings.Split(text.Lines(content), "\n")
	for i, line := range lines {
		lines[i] = c.escaper(line)
	}
	return strings.Join(lines, "\n")
}

// headingOf is a heading and the empty line below it, without the last line
// break; empty if the heading is not set.
func (c *composer) headingOf(h notify.Heading) string {
	var out strings.Builder
	for _, text := range []string{c.escaper(h.Title), c.lines(h.Text)} {
		if text != "" {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

// repeated is what of a heading stands in a part that continues its section:
// all of a short one, and of a longer one the title.
func (c *composer) repeated(h notify.Heading) string {
	heading := c.headingOf(h)
	if len(heading) > c.maxRepeated {
		heading = text.Shorten(c.escaper(h.Title), c.maxRepeated) + "\n"
	}
	if strings.TrimSpace(heading) == "" {
		return ""
	}
	return heading + "\n"
}

// listTitle is a list's title with its lines set flush.
func (c *composer) listTitle(list notify.List) string {
	lines := strings.Split(c.lines(list.Title), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}
