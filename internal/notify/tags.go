package notify

import (
	"cmp"
	"slices"
)

// TagReader is a channel whose messages show tags of a key's owner, besides using
// some to find the owner.
type TagReader interface {
	// TagProblems returns the tags of a notice's owner that this channel would
	// use and cannot. It does no I/O.
	TagProblems(Notice) []TagProblem
}

// TagProblem is a tag of a user that is missing or cannot be used.
type TagProblem struct {
	User, Tag, Value string
	// Text says what the message shows instead, and what to set the tag to.
	Text string
}

// TagProblems returns the problems that the channels have with the owners of
// notices: each tag of a user once, ordered by user and tag. A channel is asked
// only about the notices that it delivers.
func TagProblems(channels []Channel, notices []Notice) []TagProblem {
	var problems []TagProblem
	for _, c := range channels {
		reader, ok := unwrapped(c).(TagReader)
		if !ok {
			continue
		}
		for _, n := range notices {
			if Accepts(c, n) {
				problems = append(problems, reader.TagProblems(n)...)
			}
		}
	}
	slices.SortStableFunc(problems, func(a, b TagProblem) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Tag, b.Tag))
	})
	return slices.CompactFunc(problems, func(a, b TagProblem) bool { return a.User == b.User && a.Tag == b.Tag })
}

// MissingName is the TagProblems of a channel that greets people by name.
func MissingName(n Notice) []TagProblem {
	if n.Name != "" {
		return nil
	}
	return []TagProblem{{
		User: n.User, Tag: "Name",
		Text: "the Name tag is missing, so messages to the person begin with the user name; set it to the person's name",
	}}
}
