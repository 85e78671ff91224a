package notify

import "slices"

// Filtered is a channel that reaches only some people, such as those whose
// address it knows. Of anything that is for no person it tells nothing.
type Filtered interface {
	// Accepts reports whether a notice is one for this channel. It does no I/O.
	Accepts(Notice) bool
}

// Accepts reports whether a channel takes a notice.
func Accepts(c Channel, n Notice) bool {
	s, ok := filteredIn(c)
	return !ok || s.Accepts(n)
}

func filteredIn(c Channel) (Filtered, bool) {
	s, ok := unwrapped(c).(Filtered)
	return s, ok
}

func unwrapped(c Channel) Channel {
	if p, ok := c.(Preview); ok {
		return p.Channel
	}
	return c
}

// MachineChannel is a channel whose messages are read by programs, not people.
type MachineChannel interface {
	Channel
	// ForPrograms marks it.
	ForPrograms()
}

// CountsAsWarning reports whether the owner of a key counts as warned once this
// channel has accepted the warning: not if programs listen to it and people to
// another.
func CountsAsWarning(channels []Channel, taker Channel, n Notice) bool {
	if _, isForPrograms := unwrapped(taker).(MachineChannel); !isForPrograms {
		return true
	}
	return !slices.ContainsFunc(channels, func(c Channel) bool {
		_, isForPrograms := unwrapped(c).(MachineChannel)
		return !isForPrograms && Delivers(c) && Accepts(c, n)
	})
}

// For is the part of the batch that is for the channel: all of it, or, for
// a Filtered one, the notices that it accepts.
func (b Batch) For(c Channel) Batch {
	s, ok := filteredIn(c)
	if !ok {
		return b
	}
	b.Announcement = ""
	b.Notices = slices.DeleteFunc(slices.Clone(b.Notices), func(n Notice) bool { return !s.Accepts(n) })
	return b
}

// Recipients are the identities of the channels that a notice is due on: those
// that deliver it to somebody.
func Recipients(channels []Channel, n Notice) []string {
	var ids []string
	for _, c := range channels {
		if Delivers(c) && Accepts(c, n) {
			ids = append(ids, c.ID())
		}
	}
	return ids
}

// CanReach reports whether some channel would deliver a notice. A channel that
// only prints counts if no channel delivers anything, as in a dry run.
func CanReach(channels []Channel, n Notice) bool {
	printing := !slices.ContainsFunc(channels, Delivers)
	return slices.ContainsFunc(channels, func(c Channel) bool { return (printing || Delivers(c)) && Accepts(c, n) })
}
