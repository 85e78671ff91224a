package callers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// How many callers a message shows and the ledger keeps, and how many actions of
// each.
const (
	Shown       = 3
	KeptActions = 10
)

// shownActions is how many actions of a caller are shown.
const shownActions = 3

// Uses is what CloudTrail shows of the calls that were made with a key. The zero
// Uses says that it was not looked up.
type Uses struct {
	// At is when it was looked up, and Since how far back (UTC).
	At    time.Time `json:"at,omitzero"`
	Since time.Time `json:"since,omitzero"`
	// Calls is how many were counted. More: there are older ones that were not.
	Calls int  `json:"calls"`
	More  bool `json:"more,omitempty"`
	// Callers are the most frequent ones, and Others how many more there are.
	Callers []Caller `json:"callers,omitempty"`
	Others  int      `json:"other_callers,omitempty"`
	// Regions is how many regions were looked at, and Unread those that could not
	// be, or not in time.
	Regions int      `json:"regions"`
	Unread  []string `json:"regions_not_looked_up,omitempty"`
}

// LookedUp reports whether anything was looked up.
func (u Uses) LookedUp() bool { return !u.At.IsZero() && u.Regions > 0 }

// Top leaves so many callers, and of each so many actions.
func (u Uses) Top(callers, actions int) Uses {
	u.Others += max(0, len(u.Callers)-callers)
	u.Callers = slices.Clone(u.Callers[:min(callers, len(u.Callers))])
	for i, c := range u.Callers {
		u.Callers[i].OtherActions += max(0, len(c.Actions)-actions)
		u.Callers[i].Actions = c.Actions[:min(actions, len(c.Actions))]
	}
	return u
}

// Blind is what CloudTrail's event history does not show.
const Blind = "CloudTrail's event history does not show data events (reads and writes of S3 objects and DynamoDB items, Lambda invocations), " +
	"nor calls by sessions that were made from the key, and it is up to 15 minutes late."

// NotLookedUp says that nothing was looked up.
const NotLookedUp = "Who uses the key was not looked up."

// Heading says in one sentence what stands below it.
func (u Uses) Heading() string {
	if !u.LookedUp() {
		return NotLookedUp
	}
	period := fmt.Sprintf("between %s and %s", text.Date(u.Since), text.Date(u.At))
	if u.Calls == 0 {
		return "CloudTrail shows no call with the key " + period + u.where() + "; it may be in use all the same."
	}
	return "CloudTrail shows these callers " + period + u.where() + ":"
}

// where says which regions are missing.
func (u Uses) where() string {
	if len(u.Unread) == 0 {
		return ""
	}
	return fmt.Sprintf(" in %s (%d not looked up)", text.Count(u.Regions, "region"), len(u.Unread))
}

// Remainder says which callers are not shown; empty if all are.
func (u Uses) Remainder() string {
	switch {
	case u.Others > 0 && u.More:
		return fmt.Sprintf("%s, and calls before those that were counted", text.Count(u.Others, "other caller"))
	case u.Others > 0:
		return text.Count(u.Others, "other caller")
	case u.More:
		return "calls before those that were counted"
	}
	return ""
}

// Line is a caller in one line, without its advice. More says that there are
// older calls that were not counted. Clean is applied to what others wrote.
func (c Caller) Line(more bool, clean func(string) string) string {
	source := ""
	if c.Place != Service {
		source = " from " + clean(c.Source)
	}
	least := ""
	if more {
		least = "at least "
	}
	return fmt.Sprintf("%s%s (%s, %s%s, last on %s)", clean(c.Client), source, c.actions(clean), least, text.Count(c.Calls, "call"), text.Date(c.Last))
}

// actions names the most frequent actions, and the errors.
func (c Caller) actions(clean func(string) string) string {
	var names []string
	seen := map[string]bool{}
	for _, a := range c.Actions {
		if !seen[a.Name] {
			names = append(names, clean(a.Name))
		}
		seen[a.Name] = true
	}
	said := text.First(shownActions, names, ", ")
	failed := c.errorsOf()
	for i, code := range sortedErrors(failed) {
		if i == shownActions {
			break
		}
		said += fmt.Sprintf("; %s %s", text.Count(failed[code], "time"), clean(code))
	}
	return said
}

// Paragraph is all of it for the owner, in several lines. Clean is applied to what
// others wrote.
func (u Uses) Paragraph(clean func(string) string) string {
	lines := []string{u.Heading()}
	for _, c := range u.Callers {
		lines = append(lines, strings.TrimSpace("- "+c.Line(u.More, clean)+". "+c.Advice()))
	}
	if rest := u.Remainder(); rest != "" {
		lines = append(lines, "- "+rest)
	}
	if u.LookedUp() {
		lines = append(lines, Blind)
	}
	return strings.Join(lines, "\n")
}

// Sources are the addresses that Paragraph shows.
func (u Uses) Sources() []string {
	var sources []string
	for _, c := range u.Callers {
		if c.Place != Service && !slices.Contains(sources, c.Source) {
			sources = append(sources, c.Source)
		}
	}
	return sources
}

// WithoutSources leaves out the addresses.
func (u Uses) WithoutSources() Uses {
	u.Callers = slices.Clone(u.Callers)
	for i := range u.Callers {
		if u.Callers[i].Place != Service {
			u.Callers[i].Source = ""
		}
	}
	return u
}

// Brief is the most frequent caller in one line, for a list; empty if there is
// none.
func (u Uses) Brief(clean func(string) string) string {
	if len(u.Callers) == 0 {
		return ""
	}
	return "Used by " + u.Callers[0].Line(u.More, clean) + strings.TrimRight(" "+u.others(), " ") + "."
}

func (u Uses) others() string {
	if others := len(u.Callers) - 1 + u.Others; others > 0 {
		return "and by " + text.Count(others, "other caller")
	}
	return ""
}
