package main

type slackUsersCommand struct{}

// Run implements the command.
func (slackUsersCommand) Run(*app) error { return nil }
