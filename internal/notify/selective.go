package notify

import "slices"

// Selective is a channel that tells only some people, such as those whose
// address it knows. Of anything that is for no person it tells nothing.
type Selective interface {
	// Tells reports whether a notice is one for this channel. It does no I/O.
	Tells(Notice) bool
}

// Tells reports whether a channel is to be given a notice.
func Tells(c Channel, n Notice) bool {
	s, ok := selective(c)
	return !ok || s.Tells(n)
}

func selective(c Channel) (Selective, bool) {
	s, ok := unwrapped(c).(Selective)
	return s, ok
}

func unwrapped(c Channel) Channel {
	if p, ok := c.(Preview); ok {
		return p.Channel
	}
	return c
}

// ForPrograms is a channel that programs listen to rather than people.
type ForPrograms interface {
	Channel
	// ForPrograms marks it.
	ForPrograms()
}

// Warns reports whether the owner of a key counts as warned once the channel of
// that name has taken the warning: not where programs listen to it and people to
// another.
func Warns(channels []Channel, name string, n Notice) bool {
	toPeople, programs := false, false
	for _, c := range channels {
		_, isForPrograms := unwrapped(c).(ForPrograms)
		programs = programs || isForPrograms && c.Name() == name
		toPeople = toPeople || !isForPrograms && TellsPeople(c) && Tells(c, n)
	}
	return !programs || !toPeople
}

// For is the part of the bulletin that is for the channel: all of it, or, for
// a Selective one, the notices that it tells.
func (b Bulletin) For(c Channel) Bulletin {
	s, ok := selective(c)
	if !ok {
		return b
	}
	b.Announcement = ""
	b.Notices = slices.DeleteFunc(slices.Clone(b.Notices), func(n Notice) bool { return !s.Tells(n) })
	return b
}

// Owed are the names of the channels that a notice is owed by: those that
// reach people, and this one.
func Owed(channels []Channel, n Notice) map[string]bool {
	names := map[string]bool{}
	for _, c := range channels {
		if TellsPeople(c) && Tells(c, n) {
			names[c.Name()] = true
		}
	}
	return names
}

// Unreachable are the notices that nobody tells although some channels reach
// people: their owners are not among those whom these can tell.
func Unreachable(channels []Channel, notices []Notice) []Notice {
	if !slices.ContainsFunc(channels, TellsPeople) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(notices), func(n Notice) bool { return len(Owed(channels, n)) > 0 })
}

// NoWay says why an Unreachable notice is not told, and what to do.
const NoWay = "no channel can reach its owner; give the user a Slack or an Email tag, or set a channel that tells of all keys"
