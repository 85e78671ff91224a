package notify

import (
	"cmp"
	"slices"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// Account is the AWS account a bulletin is about.
type Account struct {
	ID    string `json:"id"`
	Alias string `json:"alias,omitempty"`
}

// String names the account as every message's header does.
func (a Account) String() string {
	if a.Alias == "" {
		return "AWS account " + a.ID
	}
	return "AWS account " + a.ID + " (" + a.Alias + ")"
}

// Heading is the title and the instructions set above the notices of one
// reason. They are the administrator's own words.
type Heading struct{ Title, Text string }

// Bulletin is everything that one run has to tell through one channel.
type Bulletin struct {
	Account    Account
	Creation   Heading
	Inactivity Heading
	// Announcement is something to be said about the run as a whole.
	Announcement string
	Notices      []Notice
}

// Empty reports whether there is nothing to say, so that nothing is sent.
func (b Bulletin) Empty() bool { return b.Announcement == "" && len(b.Notices) == 0 }

// Section is the part of a bulletin under one heading.
type Section struct {
	Reason  audit.Reason
	Heading Heading
	Lists   []List
}

// List is the notices of one kind within a section, ordered by user.
type List struct {
	Title   string
	Urgent  bool // disabled or past the limit, rather than a warning
	Notices []Notice
}

// Sections groups the notices as they are shown: by reason, creation age
// first, and within it by kind, warnings first. Groups with nothing in them
// are left out.
func (b Bulletin) Sections() []Section {
	var sections []Section
	for _, s := range []Section{
		{Reason: audit.CreationAge, Heading: b.Creation},
		{Reason: audit.Inactivity, Heading: b.Inactivity},
	} {
		for _, kind := range []Kind{Expiring, PastLimit, Disabled} {
			if list := b.list(s.Reason, kind); len(list.Notices) > 0 {
				s.Lists = append(s.Lists, list)
			}
		}
		if len(s.Lists) > 0 {
			sections = append(sections, s)
		}
	}
	return sections
}

func (b Bulletin) list(reason audit.Reason, kind Kind) List {
	list := List{Title: listTitle(reason, kind), Urgent: kind != Expiring}
	for _, n := range b.Notices {
		if n.Reason == reason && n.Kind == kind {
			list.Notices = append(list.Notices, n)
		}
	}
	slices.SortStableFunc(list.Notices, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	return list
}

// listTitle is what stands above a list. The first line of the inactivity
// warning, its line break included, is the original's own.
func listTitle(reason audit.Reason, kind Kind) string {
	remedy := "Please rotate the key"
	if reason == audit.Inactivity {
		remedy = "Please login to AWS"
	}
	switch kind {
	case Disabled:
		return "IAM users with access keys disabled due to " + reason.String() + ". \n This is the final notice"
	case PastLimit:
		return "IAM users with access keys past their limit due to " + reason.String() + ". \n " + remedy + "; the key is still active"
	}
	return "IAM users with access keys expiring due to " + reason.String() + ". \n " + remedy + " to prevent key from being disabled"
}
