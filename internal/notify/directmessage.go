package notify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// DirectMessage is the message to one person about their own keys. All its notices have
// the account that they are of.
type DirectMessage struct {
	// To is where the person can be reached, as the channel sees it.
	To      string
	Name    string // the person's, as it was found
	Notices []Notice
}

// Letters sorts the notices by whom they are for, as address says; those for
// whom it says "" are left out. The order is that of the addresses, and within
// a letter that of the batch's lists.
func (b Batch) Letters(address func(Notice) string) []DirectMessage {
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
	letters := make([]DirectMessage, 0, len(byAddress))
	for _, letter := range byAddress {
		letters = append(letters, *letter)
	}
	slices.SortFunc(letters, func(a, b DirectMessage) int { return cmp.Compare(a.To, b.To) })
	return letters
}

// Personal is the text of a letter. Clean is not applied to its instructions:
// they are the administrator's own words, or the default ones.
func (w Templates) Personal(b Batch, letter DirectMessage, clean Escaper) string {
	return strings.TrimSpace(render(w.personal, defaults().personal, b.letterFields(letter, clean))) + "\n"
}

// Subject is the subject of a letter, on one line.
func (w Templates) Subject(b Batch, letter DirectMessage, clean Escaper) string {
	return strings.TrimSpace(text.OneLine(render(w.subject, defaults().subject, b.letterFields(letter, clean))))
}

func (b Batch) letterFields(letter DirectMessage, clean Escaper) DirectMessageFields {
	fields := DirectMessageFields{Name: clean(letter.Name), Instructions: b.instructionsTo(letter.Notices)}
	for _, n := range letter.Notices {
		key := KeyFields{LineFields: n.fields(clean(n.DisplayName()), clean), Created: text.Date(n.Created)}
		if n.Uses != nil {
			key.Callers = n.Uses.Paragraph(clean)
		}
		fields.Keys = append(fields.Keys, key)
		fields.Disables = fields.Disables || n.Kind == Expiring && n.Disables
	}
	return fields
}
