package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// payload is what an incoming webhook takes, and chat.postMessage with a
// channel, see
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
// https://docs.slack.dev/reference/methods/chat.postMessage and https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.
type payload struct {
	Channel     string       `json:"channel,omitempty"`
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

// attachment is one block of a message. A nil Title or Text is left out; an
// empty one is not, as aws-iam-sleuth sent it so.
type attachment struct {
	Title  *string `json:"title,omitempty"`
	Text   *string `json:"text,omitempty"`
	Color  string  `json:"color,omitempty"`
	Fields []field `json:"fields,omitempty"`
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// The colours of the lists: warnings, and keys that are disabled or past their
// limit.
const (
	yellow = "#ffff00"
	red    = "#ff0000"
)

const fieldTitle = "Users"

// listAttachment is the notices of one kind, a line each.
func listAttachment(title string, urgent bool, lines []string) attachment {
	color := yellow
	if urgent {
		color = red
	}
	return attachment{
		Title:  &title,
		Color:  color,
		Fields: []field{{Title: fieldTitle, Value: strings.Join(lines, "\n")}},
	}
}

// size is how many characters of text the attachment shows.
func (a attachment) size() int {
	size := 0
	for _, text := range []*string{a.Title, a.Text} {
		if text != nil {
			size += utf8.RuneCountInString(*text)
		}
	}
	for _, f := range a.Fields {
		size += utf8.RuneCountInString(f.Title) + utf8.RuneCountInString(f.Value)
	}
	return size
}

// encode writes a message as JSON in which & and < stay readable.
func encode(message any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		panic(fmt.Sprintf("encode a slack message: %v", err)) // strings only: cannot fail
	}
	return strings.TrimSuffix(out.String(), "\n")
}
