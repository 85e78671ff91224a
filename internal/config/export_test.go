package config

// Aliases is aliases, for tests.
var Aliases = aliases
