package notify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// DirectMessage is the message to one person about their own keys. Each of its
// notices has its account.
type DirectMessage struct {
	// To is the person's address in the channel.
	To      string
	Name    string // the person's, as it was found
	Notices []Notice
}

// DirectMessages groups the notices by recipient, which address returns; notices
// without one ("") are left out. The messages are ordered by address, the notices
// in them as in the batch's lists.
func (b Batch) DirectMessages(address func(Notice) string) []DirectMessage {
	byAddress := map[string]*DirectMessage{}
	for _, section := range b.Sections() {
		for _, list := range section.Lists {
			for _, n := range list.Notices {
				to := address(n)
				if to == "" {
					continue
				}
				if n.Account == (account.Account{}) {
					n.Account = b.Account
				}
				if byAddress[to] == nil {
					byAddress[to] = &DirectMessage{To: to, Name: n.DisplayName()}
				}
				byAddress[to].Notices = append(byAddress[to].Notices, n)
			}
		}
	}
	messages := make([]DirectMessage, 0, len(byAddress))
	for _, dm := range byAddress {
		messages = append(messages, *dm)
	}
	slices.SortFunc(messages, func(a, b DirectMessage) int { return cmp.Compare(a.To, b.To) })
	return messages
}

// Personal is the text of a direct message. clean is not applied to the instructions
// that the administrator wrote.
func (w Templates) Personal(b Batch, dm DirectMessage, clean Escaper) string {
	return strings.TrimSpace(render(w.personal, defaults().personal, b.directMessageFields(dm, clean))) + "\n"
}

// Subject is the subject of a direct message, on one line.
func (w Templates) Subject(b Batch, dm DirectMessage, clean Escaper) string {
	return strings.TrimSpace(text.OneLine(render(w.subject, defaults().subject, b.directMessageFields(dm, clean))))
}

func (b Batch) directMessageFields(dm DirectMessage, clean Escaper) DirectMessageFields {
	fields := DirectMessageFields{Name: clean(dm.Name), Instructions: b.instructionsTo(dm.Notices, clean)}
	for _, n := range dm.Notices {
		key := KeyFields{LineFields: n.fields(clean(n.DisplayName()), clean), Created: text.Date(n.Created)}
		if n.Pair != nil {
			key.Pair = clean(n.Pair.Text)
		}
		if n.Uses != nil {
			key.Callers = n.Uses.Paragraph(clean)
		}
		fields.Keys = append(fields.Keys, key)
		fields.Disables = fields.Disables || n.Kind == Expiring && n.Disables
	}
	return fields
}
