package notify

import (
	"cmp"
	"maps"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Heading is the title and the instructions above the notices of one reason, as
// the administrator wrote them.
type Heading struct{ Title, Text string }

// LeakInstructions says what to do about a key that was found in public. It is
// the default of SLEUTH_LEAK_NOTIFICATION_TEXT.
const LeakInstructions = "Anybody may have this key. Find out what it was used for since it came out (CloudTrail shows it), " +
	"create a new key and switch to it, delete the leaked one, and remove it from wherever it was published. " +
	"Disabling or deleting the key does not end the sessions that were made from it, which live for up to 36 hours: " +
	"an administrator ends them with a policy on the user that denies requests by older sessions (aws:TokenIssueTime). " +
	"AWS may have attached a policy named AWSCompromisedKeyQuarantine to the user, which lets the owner neither disable a key nor create one: " +
	"an administrator has to do both."

// Batch is everything that one run sends through one channel. A digest is a batch
// of the notices of several accounts.
type Batch struct {
	Account account.Account
	// Run is the id of the run that sends the batch; it may be empty.
	Run string
	// Digest is the title of a digest, in place of the account. Each of its notices
	// has its own account.
	Digest     string
	Creation   Heading
	Inactivity Heading
	Leak       Heading
	// Templates turn the notices into text.
	Templates Templates
	// UsesInLists: lists say who used a key, with addresses.
	UsesInLists bool
	// Announcement is a general message about the run.
	Announcement string
	Notices      []Notice
}

// Title is the title of every message: the account, or the digest's title.
func (b Batch) Title() string {
	if b.Digest != "" {
		return b.Digest
	}
	return b.Account.String()
}

// Empty reports whether the batch has nothing to send.
func (b Batch) Empty() bool { return b.Announcement == "" && len(b.Notices) == 0 }

// Section is the part of a batch under one heading.
type Section struct {
	Reason  audit.Reason // of all lists; not set in a digest
	Heading Heading
	Lists   []List
}

// List is the notices of one kind within a section, ordered by user.
type List struct {
	Title   string
	Urgent  bool // disabled or past the limit, rather than a warning
	Notices []Notice
}

// SharedInstructions are the headings before all sections of a digest: the totals,
// and the instructions for each reason, which are not repeated for each account.
func (b Batch) SharedInstructions() []Heading {
	if b.Digest == "" {
		return nil
	}
	var headings []Heading
	if len(b.Notices) > 0 {
		headings = append(headings, b.totals())
	}
	for _, s := range b.byReason() {
		headings = append(headings, s.Heading)
	}
	return headings
}

// Sections groups the notices as they are shown: by reason, leaked keys first
// and then creation age, and within it by kind, warnings first. In a digest a
// section is an account, with the lists of all reasons. Empty groups are left out.
func (b Batch) Sections() []Section {
	if b.Digest == "" {
		return b.byReason()
	}
	accounts := map[account.Account][]Notice{}
	for _, n := range b.Notices {
		accounts[n.Account] = append(accounts[n.Account], n)
	}
	var sections []Section
	for _, account := range slices.SortedFunc(maps.Keys(accounts), func(a, b account.Account) int { return cmp.Compare(a.ID, b.ID) }) {
		section := Section{Heading: Heading{Title: account.String()}}
		for _, s := range (Batch{Notices: accounts[account], Templates: b.Templates}).byReason() {
			section.Lists = append(section.Lists, s.Lists...)
		}
		delete(accounts, account) // of a large organization they are many
		sections = append(sections, section)
	}
	return sections
}

func (b Batch) byReason() []Section {
	var sections []Section
	for _, reason := range []audit.Reason{audit.Exposure, audit.CreationAge, audit.Inactivity} {
		s := Section{Reason: reason}
		var notices []Notice
		for _, kind := range []Kind{LeakedActive, LeakedDisabled, Expiring, PastLimit, Disabled} {
			if list := b.list(s.Reason, kind); len(list.Notices) > 0 {
				s.Lists = append(s.Lists, list)
				notices = append(notices, list.Notices...)
			}
		}
		if len(s.Lists) > 0 {
			s.Heading = b.headingOf(reason, notices)
			sections = append(sections, s)
		}
	}
	return sections
}

// heading is the title and the instructions for one reason.
func (b Batch) heading(r audit.Reason) Heading {
	switch r {
	case audit.Exposure:
		return b.Leak
	case audit.CreationAge:
		return b.Creation
	case audit.Inactivity:
		return b.Inactivity
	}
	return Heading{}
}

// Line is the notice in one line. mention is the owner as the channel mentions
// them. clean is applied to everything but the mention.
func (b Batch) Line(n Notice, mention string, clean Escaper) string {
	if n.Account == (account.Account{}) {
		n.Account = b.Account
	}
	if !b.UsesInLists {
		n.Uses = nil
	}
	return b.Templates.Line(n, mention, clean)
}

func (b Batch) list(reason audit.Reason, kind Kind) List {
	list := List{Urgent: kind.Urgent()}
	for _, n := range b.Notices {
		if n.Reason == reason && n.Kind == kind {
			list.Notices = append(list.Notices, n)
		}
	}
	list.Title = b.Templates.ListTitle(reason, kind, len(list.Notices))
	slices.SortStableFunc(list.Notices, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	return list
}

// MentionOnce returns the notices in the order in which they are shown. Each person
// is mentioned in the first of theirs and only named in the others, as every
// mention notifies them.
func (b Batch) MentionOnce() []Notice {
	mentioned := map[string]bool{}
	shown := make([]Notice, 0, len(b.Notices))
	for _, section := range b.Sections() {
		for _, list := range section.Lists {
			for _, n := range list.Notices {
				n.WithoutMention = mentioned[n.SlackTag]
				mentioned[n.SlackTag] = true
				shown = append(shown, n)
			}
		}
	}
	return shown
}
