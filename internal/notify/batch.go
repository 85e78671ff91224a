package notify

import (
	"cmp"
	"iter"
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
	for _, reason := range reasonsInOrder {
		if slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Reason == reason }) {
			headings = append(headings, b.headingOf(reason))
		}
	}
	return headings
}

// reasonsInOrder and kindsInOrder are the order in which notices are shown.
var (
	reasonsInOrder = []audit.Reason{audit.Exposure, audit.CreationAge, audit.Inactivity}
	kindsInOrder   = []Kind{LeakedActive, LeakedDisabled, Expiring, PastLimit, Disabled, Deleting, Deleted}
)

// order compares notices by the order in which they are shown: in a digest by
// account, then by reason, by kind, and by user.
func (b Batch) order(x, y Notice) int {
	accounts := 0
	if b.Digest != "" {
		accounts = cmp.Compare(x.Account.ID, y.Account.ID)
	}
	return cmp.Or(accounts,
		cmp.Compare(slices.Index(reasonsInOrder, x.Reason), slices.Index(reasonsInOrder, y.Reason)),
		cmp.Compare(slices.Index(kindsInOrder, x.Kind), slices.Index(kindsInOrder, y.Kind)),
		cmp.Compare(x.User, y.User), cmp.Compare(x.KeyID, y.KeyID))
}

// InOrder returns the batch with its notices in the order in which they are shown.
func (b Batch) InOrder() Batch {
	if !slices.IsSortedFunc(b.Notices, b.order) {
		b.Notices = slices.Clone(b.Notices)
		slices.SortStableFunc(b.Notices, b.order)
	}
	return b
}

// Sections groups the notices as they are shown: by reason, leaked keys first
// and then creation age, and within it by kind, warnings first. In a digest a
// section is an account, with the lists of all reasons. The lists share the
// notices of the batch if those are in order, as in a digest they are many.
func (b Batch) Sections() []Section {
	var sections []Section
	for ofSection := range runsOf(b.InOrder().Notices, b.inOneSection) {
		section := Section{Heading: Heading{Title: ofSection[0].Account.String()}}
		if b.Digest == "" {
			section.Reason = ofSection[0].Reason
			section.Heading = b.headingOf(section.Reason)
		}
		for ofList := range runsOf(ofSection, inOneList) {
			section.Lists = append(section.Lists, b.listOf(ofList))
		}
		sections = append(sections, section)
	}
	return sections
}

// runsOf yields the runs of notices that belong together.
func runsOf(notices []Notice, together func(a, b *Notice) bool) iter.Seq[[]Notice] {
	return func(yield func([]Notice) bool) {
		for start, end := 0, 1; start < len(notices); end++ {
			if end < len(notices) && together(&notices[start], &notices[end]) {
				continue
			}
			if !yield(notices[start:end:end]) {
				return
			}
			start = end
		}
	}
}

func (b Batch) inOneSection(x, y *Notice) bool {
	if b.Digest == "" {
		return x.Reason == y.Reason
	}
	return x.Account == y.Account
}

func inOneList(a, b *Notice) bool { return a.Reason == b.Reason && a.Kind == b.Kind }

func (b Batch) listOf(notices []Notice) List {
	first := notices[0]
	return List{
		Title: b.Templates.ListTitle(first.Reason, first.Kind, len(notices)), Urgent: first.Kind.Urgent(), Notices: notices,
	}
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

// MentionOnce puts the notices in the order in which they are shown. Each person
// is mentioned in the first of theirs and only named in the others, as every
// mention notifies them. The notices are changed in place.
func (b Batch) MentionOnce() {
	slices.SortStableFunc(b.Notices, b.order)
	mentioned := map[string]bool{}
	for i := range b.Notices {
		n := &b.Notices[i]
		n.WithoutMention = mentioned[n.SlackTag]
		mentioned[n.SlackTag] = true
	}
}
