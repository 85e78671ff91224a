package config

// AreSet reports whether any channel is given, for tests.
func (c Channels) AreSet() bool { return c.areSet() }

// Aliases is aliases, for tests.
var Aliases = aliases

// NotSettings is notSettings, for tests.
var NotSettings = notSettings
