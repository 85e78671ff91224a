package config

// AreSet reports whether any channel is given, for tests.
func (s Channels) AreSet() bool { return s.areSet() }

// Aliases is aliases, for tests.
var Aliases = aliases

// NotSettings is notSettings, for tests.
var NotSettings = notSettings
