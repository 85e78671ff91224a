package sns

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// What a message may hold, in bytes. SNS takes 256 KiB for message, subject and
// attributes together, see
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html; the rest is room
// for the header, and for what a subscription wraps around a message.
const (
	maxBody = 240 * 1024
	// maxHeading is the longest heading that is repeated whole in every part
	// that continues its section; of a longer one, the title is, up to this.
	maxHeading = 64 * 1024
	maxSubject = 100
)

// compose writes a bulletin as plain text, in as many parts as it needs.
func compose(b notify.Bulletin) []notify.Message {
	c := composer{words: b.Words}
	if b.Announcement != "" {
		c.text(notify.Lines(b.Announcement))
		c.text("")
	}
	for _, heading := range b.Preface() {
		if text := headingOf(heading); text != "" {
			c.text(text)
		}
	}
	for _, s := range b.Sections() {
		c.section(s)
	}
	c.end()
	subject := subjectOf(b)
	messages := make([]notify.Message, len(c.parts))
	for i, p := range c.parts {
		header := notify.OneLine(b.Title())
		if len(c.parts) > 1 {
			header += fmt.Sprintf(", part %d of %d", i+1, len(c.parts))
		}
		messages[i] = notify.Message{
			Subject: subject,
			Body:    header + "\n\n" + strings.TrimRight(p.body, "\n") + "\n",
			Notices: p.notices,
		}
	}
	return messages
}

// part is one message without its header.
type part struct {
	body    string
	notices []notify.Notice
}

// composer fills one part after the other, line by line.
type composer struct {
	words   notify.Words
	parts   []part
	body    strings.Builder
	notices []notify.Notice
	// above is what a further part of the list at hand begins with; fresh is
	// how much of the body is that.
	above string
	fresh int
}

// text adds whole lines.
func (c *composer) text(lines string) {
	for line := range strings.SplitSeq(lines, "\n") {
		c.line(line)
	}
}

// line adds one line, in a new part where the current one is full. A line that
// no part could hold goes over several.
func (c *composer) line(line string) {
	for {
		room := maxBody - c.body.Len() - 1
		if len(line) <= room {
			break
		}
		if c.body.Len() > c.fresh {
			c.end()
			continue
		}
		cut := wholeRunes(line, room)
		c.body.WriteString(line[:cut] + "\n")
		line = line[cut:]
	}
	c.body.WriteString(line + "\n")
}

// end closes the current part, unless it would say nothing, and begins the next.
func (c *composer) end() {
	if body := c.body.String(); strings.TrimSpace(body[c.fresh:]) != "" {
		c.parts = append(c.parts, part{body, c.notices})
	}
	c.body.Reset()
	c.body.WriteString(c.above)
	c.fresh, c.notices = len(c.above), nil
}

// section adds one section: its heading, then list by list, a line each notice.
func (c *composer) section(s notify.Section) {
	c.above = ""
	heading := headingOf(s.Heading)
	if c.body.Len()+len(heading) > maxBody/2 && c.body.Len() > 0 {
		c.end() // rather than a heading at the end of one part and its lists in the next
	}
	if heading != "" {
		c.text(heading)
	}
	for _, list := range s.Lists {
		title := listTitle(list)
		c.text(title)
		c.above = repeated(s.Heading) + title + "\n"
		for _, n := range list.Notices {
			c.line(c.words.Line(n, notify.OneLine(n.User), notify.OneLine))
			c.notices = append(c.notices, n)
		}
		c.above = ""
		c.line("")
	}
}

// headingOf is a heading and the empty line below it, without the last line
// break; empty where the heading is not set.
func headingOf(h notify.Heading) string {
	var out strings.Builder
	for _, text := range []string{notify.OneLine(h.Title), notify.Lines(h.Text)} {
		if text != "" {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

// repeated is what of a heading stands in a part that continues its section.
func repeated(h notify.Heading) string {
	if heading := headingOf(h); len(heading) <= maxHeading {
		if heading == "" {
			return ""
		}
		return heading + "\n"
	}
	title := notify.OneLine(h.Title)
	return title[:wholeRunes(title, maxHeading)] + "\n\n"
}

// listTitle is a list's title with its lines set flush.
func listTitle(list notify.List) string {
	lines := strings.Split(list.Title, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// wholeRunes is the length of the longest beginning of text, of at most limit
// bytes, that ends with a whole character.
func wholeRunes(text string, limit int) int {
	if len(text) <= limit {
		return len(text)
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return limit
}

// subjectOf sums a bulletin up within SNS's rules: at most 100 characters of
// printable ASCII on one line.
func subjectOf(b notify.Bulletin) string {
	subject := "Sleuth: " + summaryOf(b.Notices) + " " + b.Title()
	subject = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, notify.OneLine(subject))
	if len(subject) > maxSubject {
		subject = subject[:maxSubject-3] + "..."
	}
	return subject
}

func summaryOf(notices []notify.Notice) string {
	counts := map[notify.Kind]int{}
	for _, n := range notices {
		counts[n.Kind]++
	}
	var said []string
	for _, kind := range []struct {
		kind      notify.Kind
		one, many string
	}{
		{notify.Exposed, "found in public", "found in public"},
		{notify.Leaked, "found in public and disabled", "found in public and disabled"},
		{notify.Expiring, "expires", "expire"},
		{notify.PastLimit, "past its limit", "past their limit"},
		{notify.Disabled, "disabled", "disabled"},
	} {
		n := counts[kind.kind]
		fate, key := kind.many, " keys"
		if n == 1 {
			fate, key = kind.one, " key"
		}
		if len(said) > 0 {
			key = "" // said once
		}
		if n > 0 {
			said = append(said, fmt.Sprintf("%d%s %s", n, key, fate))
		}
	}
	if len(said) == 0 {
		return "a word on"
	}
	return strings.Join(said, ", ") + " in"
}
