package teams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/plain"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// What a message may hold, in bytes. Teams takes 28 KB, see
// https://learn.microsoft.com/microsoftteams/limits-specifications-teams.
const (
	// maxBody is for a card's elements as JSON. A title of maxTitle and all else
	// around them have less than 2 KB.
	maxBody = 25_000
	// maxPiece is for the text of one element, which as JSON may be twice as
	// long.
	maxPiece = 4_000
	// maxTitle is for the card's title, and for what is repeated of a longer
	// heading or list title.
	maxTitle = 500
	// maxRepeated is for a heading, as JSON, that is repeated in every card that
	// continues its section; of a longer one, the title is.
	maxRepeated = maxBody / 4
)

// message is what a workflow takes.
type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

// card is an Adaptive Card: https://adaptivecards.io/explorer/AdaptiveCard.html.
// It has no msteams.entities, without which nothing in it mentions anybody.
type card struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Body    []json.RawMessage `json:"body"`
	Teams   struct {
		Width string `json:"width"`
	} `json:"msteams"`
}

// textBlock is text in which Teams' Markdown works: the administrator's own.
type textBlock struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Wrap    bool   `json:"wrap"`
	Spacing string `json:"spacing"`
}

// richTextBlock is text that is shown as it is: unlike a textBlock's, it is not
// read as Markdown.
type richTextBlock struct {
	Type    string    `json:"type"`
	Inlines []textRun `json:"inlines"`
	Spacing string    `json:"spacing"`
}

type textRun struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Size     string `json:"size,omitempty"`
	Weight   string `json:"weight,omitempty"`
	Color    string `json:"color,omitempty"`
	FontType string `json:"fontType,omitempty"`
}

// Words of the Adaptive Card schema.
const (
	bolder = "Bolder"
	large  = "Large"
	medium = "Medium"
	small  = "Small"
)

// exact is an element with a text that is shown as it is.
func exact(run textRun, spacing string) json.RawMessage {
	run.Type = "TextRun"
	return encode(richTextBlock{"RichTextBlock", []textRun{run}, spacing})
}

// lineElements are a text on one line, as several elements if it is too long for
// one.
func lineElements(run textRun, content, spacing string) []json.RawMessage {
	var elements []json.RawMessage
	for _, piece := range text.Pieces(content, maxPiece) {
		if strings.TrimSpace(piece) != "" {
			run.Text = piece
			elements = append(elements, exact(run, spacing))
			spacing = small
		}
	}
	return elements
}

const fence = "```"

// instructions are the administrator's own text, an element for each line. Teams
// has no code blocks: a line that is one is shown in their type.
func instructions(content string) []json.RawMessage {
	var elements []json.RawMessage
	spacing := medium
	for line := range strings.SplitSeq(text.Lines(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			spacing = medium
			continue
		}
		if code := strings.TrimSuffix(strings.TrimPrefix(line, fence), fence); len(line)-len(code) == 2*len(fence) && code != "" {
			elements = append(elements, lineElements(textRun{FontType: "Monospace"}, code, spacing)...)
		} else {
			for _, piece := range text.Pieces(line, maxPiece) {
				elements = append(elements, encode(textBlock{"TextBlock", piece, true, spacing}))
			}
		}
		spacing = small
	}
	return elements
}

// compose writes a batch as cards within the limits, in order.
func compose(b notify.Batch) []notify.Message {
	c := composer{batch: b}
	if b.Announcement != "" {
		for line := range strings.SplitSeq(text.Lines(b.Announcement), "\n") {
			c.add(lineElements(textRun{}, line, small)...)
		}
	}
	for _, heading := range b.SharedInstructions() {
		c.add(headingOf(heading)...)
	}
	for _, section := range b.Sections() {
		c.section(section)
	}
	c.end()
	messages := make([]notify.Message, len(c.parts))
	for i, p := range c.parts {
		title := text.Shorten(text.OneLine(b.Title()), maxTitle)
		if len(c.parts) > 1 {
			title += fmt.Sprintf(", part %d of %d", i+1, len(c.parts))
		}
		heading := exact(textRun{Text: title, Size: large, Weight: bolder}, small)
		messages[i] = notify.Message{
			Subject: plain.Subject(b),
			Body:    string(encode(messageOf(append([]json.RawMessage{heading}, p.elements...)))),
			Notices: p.notices,
		}
	}
	return messages
}

// Read implements notify.Readable: the texts of a card, a line each.
func (w *Workflow) Read(m notify.Message) string {
	var read message
	if err := json.Unmarshal([]byte(m.Body), &read); err != nil {
		return m.Body
	}
	var lines strings.Builder
	for _, a := range read.Attachments {
		for _, raw := range a.Content.Body {
			var element struct {
				Text    string    `json:"text"`
				Inlines []textRun `json:"inlines"`
			}
			_ = json.Unmarshal(raw, &element) // what is not text is not shown
			for _, run := range element.Inlines {
				element.Text += run.Text
			}
			lines.WriteString(element.Text + "\n")
		}
	}
	return lines.String()
}

func messageOf(elements []json.RawMessage) message {
	content := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4", Body: elements,
	}
	content.Teams.Width = "Full"
	return message{"message", []attachment{{"application/vnd.microsoft.card.adaptive", content}}}
}

// part is what one card holds below its title.
type part struct {
	elements []json.RawMessage
	notices  []notify.Notice
}

// composer fills one card after the other.
type composer struct {
	batch notify.Batch
	parts []part

	current part
	size    int // of the current elements, as JSON
	// above is what a further card of the list at hand begins with; fresh is how
	// many of the current elements are that.
	above []json.RawMessage
	fresh int
}

// add adds elements, in a new card if the current one is full.
func (c *composer) add(elements ...json.RawMessage) {
	for _, e := range elements {
		if c.size+sizeOf(e) > maxBody && len(c.current.elements) > c.fresh {
			c.end()
		}
		c.current.elements = append(c.current.elements, e)
		c.size += sizeOf(e)
	}
}

// end closes the current card, unless it would say nothing, and begins the next.
func (c *composer) end() {
	if len(c.current.elements) > c.fresh {
		c.parts = append(c.parts, c.current)
	}
	c.current = part{elements: slices.Clone(c.above)}
	c.fresh, c.size = len(c.above), sizeOf(c.above...)
}

// section adds one section: its heading, then list by list, an element for each
// notice. The heading is not left alone at the end of a card.
func (c *composer) section(s notify.Section) {
	heading := headingOf(s.Heading)
	first := s.Lists[0]
	opening := slices.Concat(heading, titleOf(first), c.lineOf(first.Notices[0]))
	if c.size+sizeOf(opening...) > maxBody {
		c.end()
	}
	c.add(heading...)
	for _, list := range s.Lists {
		title := titleOf(list)
		c.add(title...)
		c.above = slices.Concat(repeatedHeading(s.Heading, heading), repeatedTitle(list, title))
		for _, n := range list.Notices {
			c.add(c.lineOf(n)...)
			c.current.notices = append(c.current.notices, n)
		}
		c.above = nil
	}
}

func (c *composer) lineOf(n notify.Notice) []json.RawMessage {
	line := text.OneLine(c.batch.Line(n, text.OneLine(n.User), text.OneLine))
	return lineElements(textRun{}, line, small)
}

func headingOf(h notify.Heading) []json.RawMessage {
	title := lineElements(textRun{Size: medium, Weight: bolder}, text.OneLine(h.Title), medium)
	return append(title, instructions(h.Text)...)
}

// repeatedHeading is what of a heading stands in a card that continues its
// section.
func repeatedHeading(h notify.Heading, elements []json.RawMessage) []json.RawMessage {
	if sizeOf(elements...) <= maxRepeated {
		return elements
	}
	return headingOf(notify.Heading{Title: text.Shorten(text.OneLine(h.Title), maxTitle)})
}

// titleOf is what stands above a list: yellow above warnings, red above the
// rest.
func titleOf(list notify.List) []json.RawMessage {
	return titleElements(list, strings.Join(strings.Fields(text.OneLine(list.Title)), " "))
}

func titleElements(list notify.List, title string) []json.RawMessage {
	color := "Warning"
	if list.Urgent {
		color = "Attention"
	}
	return lineElements(textRun{Weight: bolder, Color: color}, title, medium)
}

func repeatedTitle(list notify.List, elements []json.RawMessage) []json.RawMessage {
	if len(elements) == 1 && sizeOf(elements...) <= maxRepeated {
		return elements
	}
	return titleElements(list, text.Shorten(strings.Join(strings.Fields(text.OneLine(list.Title)), " "), maxTitle))
}

// sizeOf is how many bytes elements take in a card, with the commas between
// them.
func sizeOf(elements ...json.RawMessage) int {
	size := 0
	for _, e := range elements {
		size += len(e) + 1
	}
	return size
}

// encode writes JSON in which & and < stay readable.
func encode(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("encode a teams message: %v", err)) // strings only: cannot fail
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
