package shoutrrr

// Quiet is quiet, for the tests of what chats show.
var Quiet = quiet

// Limit is how many bytes of text a message to a kind of service holds.
func Limit(name string) int { return kinds[name].maxBytes }
