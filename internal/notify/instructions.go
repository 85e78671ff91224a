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
	switch {
	case !slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Reason == reason && n.Kind != Deleting && n.Kind != Deleted }):
		advice = "Create a new key if the access of one that is deleted is still needed."
	case reason == audit.Inactivity:
		advice = "Use a key that is still needed, and delete one that is not."
	}
	if slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Reason == reason && n.NeverUsed }) {
		advice += " Delete a key that was never used."
	}
	of := func(kind Kind) func(Notice) bool {
		return func(n Notice) bool { return n.Reason == reason && n.Kind == kind }
	}
	if at := slices.IndexFunc(b.Notices, of(Disabled)); at >= 0 {
		later := "is not deleted"
		if b.Notices[at].Deletes {
			later = "is deleted later, after a warning"
		}
		advice += " A disabled key " + later + ": an administrator can enable it again for a week with sleuth reactivate KEY --grace 7d."
	}
	if slices.ContainsFunc(b.Notices, of(Deleting)) {
		advice += " " + howToKeep
	}
	return advice + "\nIAM console: " + audit.ConsoleOf(b.Notices[0].Partition) + "#/users"
}

// howToKeep says how to stop the deletion of a disabled key.
const howToKeep = "To keep a key that will be deleted, set its user's tag KeyAutoExpire to False, or have an administrator enable the key again; " +
	"nothing brings a deleted key back."

// instructionsTo are the instructions for one person: the administrator's for
// the reasons of the notices, and the default ones for reasons without, to which
// clean is applied. Notices have at least one element.
func (b Batch) instructionsTo(notices []Notice, clean Escaper) []Heading {
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
	if steps := stepsFor(without, clean); steps != "" {
		return append(given, Heading{Title: "What to do:", Text: steps + "\n" + linksTo(notices)})
	}
	return append(given, Heading{Text: linksTo(notices)})
}

// stepsFor are the steps to take about one person's keys, a line each, and below each
// the commands to take it with. A command is not repeated.
func stepsFor(notices []Notice, clean Escaper) string {
	var lines []string
	shown := map[string]bool{}
	for _, n := range notices {
		step, commands := stepFor(n)
		if step == "" {
			continue
		}
		lines = append(lines, "- "+clean(step))
		for _, command := range commands {
			if !shown[command] {
				lines = append(lines, "  "+clean(command))
			}
			shown[command] = true
		}
	}
	return strings.Join(lines, "\n")
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

// stepFor is what to do about a key, and the commands of the AWS CLI for it.
func stepFor(n Notice) (step string, commands []string) {
	inactive := n.Kind == Disabled
	retire := audit.RetireCommands(n.User, n.KeyID, inactive)
	switch {
	case n.Kind == Deleting:
		return "If nothing needs " + n.KeyID + ", there is nothing to do. To keep it, set your user's tag KeyAutoExpire to False, or ask an administrator to enable the key again.", nil
	case n.Kind == Deleted:
		return "If you still need the access of " + n.KeyID + ", create a new key.", nil
	case n.Reason == audit.Exposure: // LeakInstructions has them
		return "", nil
	case n.NeverUsed:
		return "Delete " + n.KeyID + ": it was never used.", retire
	case n.Reason == audit.Inactivity && !inactive:
		return "Use " + n.KeyID + " if you still need it. If you do not, delete it.", retire
	}
	pair := Pair{}
	if n.Pair != nil {
		pair = *n.Pair
	}
	return rotateStep(n.KeyID, inactive, pair), audit.RotateCommands(n.User, n.KeyID, inactive, pair.OtherKey, pair.Rotation)
}

// rotateStep is how to replace a key.
func rotateStep(key string, inactive bool, pair Pair) string {
	switch pair.Rotation {
	case audit.NotSwitched, audit.Switching:
		return "Switch to " + pair.OtherKey + " wherever " + key + " is used, then delete " + key + "."
	case audit.Replaced:
		return "Delete " + key + " if nothing needs it; make it Inactive first to find out."
	case audit.SelfInactive:
		return "If you still need the access of " + key + ", switch to " + pair.OtherKey + ". Then delete " + key + "."
	}
	create := "Create a new key, switch to it"
	switch pair.Rotation {
	case audit.OtherInactive, audit.BothInactive:
		create = "Delete " + pair.OtherKey + ", which is Inactive, create a new key, switch to it"
	case audit.OlderInUse, audit.OlderReplaced:
		create = "Delete " + pair.OtherKey + " once nothing uses it, create a new key, switch to it"
	}
	if inactive && pair.OtherKey == "" {
		return "If you still need the access of " + key + ", create a new key and switch to it. Then delete " + key + "."
	}
	return create + " wherever " + key + " is used, then delete " + key + "."
}

// ConsoleURL is the page of the IAM console with the keys of the notice's user.
func (n Notice) ConsoleURL() string { return audit.ConsoleURL(n.Partition, n.User) }
