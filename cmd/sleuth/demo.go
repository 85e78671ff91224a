package main

type demoCommand struct{}

// Run implements the command.
func (demoCommand) Run(*app) error { return nil }
