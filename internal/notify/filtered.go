package notify

import "slices"

// Filtered is a channel that reaches only some people, such as those whose
// address it knows. It ignores announcements, which have no owner.
type Filtered interface {
	// Accepts reports whether the channel can deliver a notice. It does no I/O.
	Accepts(Notice) bool
}

// Accepts reports whether a channel can deliver a notice.
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

// CountsAsWarning reports whether the owner of a key counts as warned once taker
// has accepted the warning. A machine channel counts only if no channel for people
// delivers the notice.
func CountsAsWarning(channels []Channel, taker Channel, n Notice) bool {
	if _, isForPrograms := unwrapped(taker).(MachineChannel); !isForPrograms {
		return true
	}
	return !slices.ContainsFunc(channels, func(c Channel) bool {
		_, isForPrograms := unwrapped(c).(MachineChannel)
		return !isForPrograms && Delivers(c) && Accepts(c, n)
	})
}

// For is the part of the batch for a channel: all of it, or, for a Filtered one, the
// notices that it accepts.
func (b Batch) For(c Channel) Batch {
	s, ok := filteredIn(c)
	if !ok {
		return b
	}
	b.Announcement = ""
	b.Notices = slices.DeleteFunc(slices.Clone(b.Notices), func(n Notice) bool { return !s.Accepts(n) })
	return b
}

// Recipients are the ids of the channels that a notice is due on: those that
// deliver it.
func Recipients(channels []Channel, n Notice) []string {
	var ids []string
	for _, c := range channels {
		if Delivers(c) && Accepts(c, n) {
			ids = append(ids, c.ID())
		}
	}
	return ids
}

// CanReach reports whether at least one channel would deliver a notice. If all
// channels only print, as in a dry run, printing counts.
func CanReach(channels []Channel, n Notice) bool {
	printing := !slices.ContainsFunc(channels, Delivers)
	return slices.ContainsFunc(channels, func(c Channel) bool { return (printing || Delivers(c)) && Accepts(c, n) })
}
