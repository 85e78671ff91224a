package notify

import (
	"slices"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/audit"
)

// headingOf is the heading above the notices of one reason, with the default
// instructions if the administrator gave none.
func (b Batch) headingOf(reason audit.Reason) Heading {
	h := b.heading(reason)
	if strings.TrimSpace(h.Text) == "" && !b.Templates.original {
		h.Text = b.instructionsToMany(reason)
	}
	return h
}

// instructionsToMany are the default instructions above a list. They name no key,
// as the list has many.
func (b Batch) instructionsToMany(reason audit.Reason) string {
	if reason == audit.Exposure {
		return ""
	}
	advice := "Create a new key, switch to it, then delete the old one."
	if reason == audit.Inactivity {
		advice = "Use a key that is still needed, and delete one that is not."
	}
	if slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Reason == reason && n.NeverUsed }) {
		advice += " Delete a key that was never used."
	}
	if slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Reason == reason && n.Kind == Disabled }) {
		advice += " A disabled key is not deleted: an administrator can enable it again for a week with sleuth reactivate KEY --grace 7d."
	}
	return advice + "\nIAM console: " + audit.ConsoleOf(b.Notices[0].Partition) + "#/users"
}

// instructionsTo are the instructions for one person: the administrator's for
// the reasons of the notices, and the default ones for reasons without. Notices
// have at least one element.
func (b Batch) instructionsTo(notices []Notice) []Heading {
	var given []Heading
	var without []Notice
	seen := map[audit.Reason]bool{}
	for _, n := range notices {
		h := b.heading(n.Reason)
		if strings.TrimSpace(h.Text) == "" {
			without = append(without, n)
		} else if !seen[n.Reason] {
			given = append(given, h)
		}
		seen[n.Reason] = true
	}
	if steps := stepsFor(without); steps != "" {
		return append(given, Heading{Title: "What to do:", Text: steps + "\n" + linksTo(notices)})
	}
	return append(given, Heading{Text: linksTo(notices)})
}

// stepsFor are the steps to take about one person's keys, a line each.
func stepsFor(notices []Notice) string {
	var steps []string
	for _, n := range notices {
		if step := stepFor(n); step != "" {
			steps = append(steps, "- "+step)
		}
	}
	return strings.Join(steps, "\n")
}

// linksTo are the pages of the IAM console with a person's keys, a line each.
func linksTo(notices []Notice) string {
	var links []string
	for _, n := range notices {
		links = append(links, "- Your keys in the IAM console: "+n.ConsoleURL())
	}
	slices.Sort(links)
	return strings.Join(slices.Compact(links), "\n")
}

func stepFor(n Notice) string {
	switch {
	case n.Reason == audit.Exposure: // LeakInstructions has them
		return ""
	case n.NeverUsed:
		return "Delete " + n.KeyID + ": it was never used."
	case n.Kind == Disabled:
		return "If you still need the access of " + n.KeyID + ", create a new key and switch to it. Then delete " + n.KeyID + "."
	case n.Reason == audit.Inactivity:
		return "Use " + n.KeyID + " if you still need it. If you do not, delete it."
	}
	return "Create a new key, switch to it wherever " + n.KeyID + " is used, then delete " + n.KeyID + "."
}

// ConsoleURL is the page of the IAM console with the keys of the notice's user.
func (n Notice) ConsoleURL() string { return audit.ConsoleURL(n.Partition, n.User) }
