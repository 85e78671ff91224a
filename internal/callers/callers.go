// Package callers sums up who used an access key, from the events that CloudTrail
// shows of it. It is pure: it reads no clock and does no I/O.
package callers

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/iam-sleuth/sleuth/internal/text"
)

// maxText is how many bytes of a text that callers chose are kept.
const maxText = 80

// Event is one call that was made with the key.
type Event struct {
	At      time.Time
	Service string // such as s3
	Name    string // such as ListBuckets
	Error   string // the error's code; empty for a call that succeeded
	Source  string // an address, or the name of an AWS service
	Agent   string // the user agent
	InVPC   bool   // it came through a VPC endpoint
}

// Action is what a caller did.
type Action struct {
	Name  string `json:"action"` // such as s3:ListBuckets
	Error string `json:"error,omitempty"`
	Calls int    `json:"calls"`
}

// Caller is one program at one place that used the key. All its texts are one
// line of at most 80 bytes; they are other people's, and a channel escapes them.
type Caller struct {
	Client string    `json:"client"` // such as "aws-cli on macOS"
	Place  Place     `json:"place,omitempty"`
	Source string    `json:"source"` // an address, or the name of an AWS service
	Calls  int       `json:"calls"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	// Actions are what it did, the most frequent first.
	Actions []Action `json:"actions"`
	// OtherActions is how many more there are.
	OtherActions int `json:"other_actions,omitempty"`
}

// Tally groups events by caller. The order in which they are added does not
// matter. The zero Tally is empty.
type Tally struct {
	groups map[caller]*group
	calls  int
}

// caller is what events are grouped by.
type caller struct {
	client string
	place  Place
	source string
}

type action struct{ name, failure string }

type group struct {
	first, last time.Time
	actions     map[action]int
}

// Add counts an event.
func (t *Tally) Add(e Event) {
	client, place := identify(e)
	by := caller{client, place, clean(e.Source)}
	at := e.At.UTC()
	if t.groups == nil {
		t.groups = map[caller]*group{}
	}
	g := t.groups[by]
	if g == nil {
		g = &group{first: at, last: at, actions: map[action]int{}}
		t.groups[by] = g
	}
	if at.Before(g.first) {
		g.first = at
	}
	if at.After(g.last) {
		g.last = at
	}
	g.actions[action{clean(e.Service + ":" + e.Name), clean(e.Error)}]++
	t.calls++
}

// Calls is how many events were added.
func (t *Tally) Calls() int { return t.calls }

// Callers are the callers, the most frequent first.
func (t *Tally) Callers() []Caller {
	all := make([]Caller, 0, len(t.groups))
	for by, g := range t.groups {
		c := Caller{Client: by.client, Place: by.place, Source: by.source, First: g.first, Last: g.last}
		for what, calls := range g.actions {
			c.Actions = append(c.Actions, Action{what.name, what.failure, calls})
			c.Calls += calls
		}
		slices.SortFunc(c.Actions, func(a, b Action) int {
			return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Error, b.Error))
		})
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Caller) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), b.Last.Compare(a.Last), cmp.Compare(a.Client, b.Client),
			cmp.Compare(a.Place, b.Place), cmp.Compare(a.Source, b.Source))
	})
	return all
}

// clean makes one short line of a text that others chose.
func clean(s string) string {
	return text.Shorten(strings.Join(strings.Fields(text.OneLine(s)), " "), maxText)
}

// Parse reads an event as CloudTrail records it. What the record lacks is left
// empty; without a valid record there is only the time.
func Parse(record string, at time.Time) Event {
	var fields struct {
		EventSource, EventName, SourceIPAddress, UserAgent, ErrorCode, VpcEndpointID string
	}
	_ = json.Unmarshal([]byte(record), &fields) // what cannot be read counts as a call by an unknown caller
	service, _, _ := strings.Cut(fields.EventSource, ".")
	return Event{
		At: at, Service: cmp.Or(service, "unknown"), Name: cmp.Or(fields.EventName, "unknown"), Error: fields.ErrorCode,
		Source: cmp.Or(fields.SourceIPAddress, "an unknown address"), Agent: fields.UserAgent, InVPC: fields.VpcEndpointID != "",
	}
}

// isService reports whether an event's source is an AWS service that made the
// call for the user.
func isService(source string) bool {
	return source == "AWS Internal" || strings.HasSuffix(source, ".amazonaws.com") || strings.HasSuffix(source, ".amazonaws.com.cn")
}

// isPublic reports whether a source is an address of the internet.
func isPublic(source string) bool {
	address, err := netip.ParseAddr(source)
	return err == nil && address.IsGlobalUnicast() && !address.IsPrivate()
}

// errorsOf are the errors of a caller's calls, with how often each came.
func (c Caller) errorsOf() map[string]int {
	failed := map[string]int{}
	for _, a := range c.Actions {
		if a.Error != "" {
			failed[a.Error] += a.Calls
		}
	}
	return failed
}

// sortedErrors are the codes of errorsOf, the most frequent first.
func sortedErrors(failed map[string]int) []string {
	return slices.SortedFunc(maps.Keys(failed), func(a, b string) int {
		return cmp.Or(cmp.Compare(failed[b], failed[a]), cmp.Compare(a, b))
	})
}
