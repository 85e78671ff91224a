package slack

import (
	"encoding/json"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify"
)

// Block is a part of a message as people see it.
type Block struct {
	Title, Text string
	Yellow, Red bool // the colour of its bar; neither for none
}

// Read returns what people see of a message's body, in order: titles and texts,
// with mentions as Slack writes them. It may be of a list or of a letter.
func Read(body string) ([]Block, error) {
	var message struct {
		payload
		Blocks []block `json:"blocks"`
	}
	if err := json.Unmarshal([]byte(body), &message); err != nil {
		return nil, err
	}
	if len(message.Blocks) > 0 { // the text is for those who cannot see them
		blocks := make([]Block, len(message.Blocks))
		for i, b := range message.Blocks {
			blocks[i] = Block{Text: unescape(b.Text.Text)}
		}
		return blocks, nil
	}
	blocks := []Block{{Title: unescape(message.Text)}}
	for _, a := range message.Attachments {
		b := Block{Yellow: a.Color == yellow, Red: a.Color == red}
		var texts []string
		for _, f := range a.Fields {
			texts = append(texts, f.Value)
		}
		if a.Title != nil {
			b.Title = unescape(*a.Title)
		}
		if a.Text != nil && *a.Text != "" {
			texts = append([]string{*a.Text}, texts...)
		}
		b.Text = unescape(strings.Join(texts, "\n"))
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// unescape takes back what Escape escapes.
func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// read returns what people see of a message, as text.
func read(m notify.Message) string {
	blocks, err := Read(m.Body)
	if err != nil {
		return m.Body
	}
	texts := make([]string, len(blocks))
	for i, b := range blocks {
		texts[i] = strings.TrimSpace(b.Title + "\n" + b.Text)
	}
	return strings.Join(texts, "\n\n")
}

// Read implements notify.Readable.
func (w *Webhook) Read(m notify.Message) string { return read(m) }

// Read implements notify.Readable.
func (c *Channel) Read(m notify.Message) string { return read(m) }

// Read implements notify.Readable.
func (d *Direct) Read(m notify.Message) string { return read(m) }
