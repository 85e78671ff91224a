package main

import (
	"fmt"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// fiveRules are rules for kinds of users: one goes by tags, one by a group with many
// members, three by what the list of users says.
const fiveRules = `{"rules": [
	{"name": "machines", "match": {"tags": {"Kind": "machine"}}, "expiration_age": 365, "warning_age": 335},
	{"name": "contractors", "match": {"group": "` + ruledGroup + `"}, "expiration_age": 60, "warning_age": 50},
	{"name": "service", "match": {"path": "/service/"}, "expiration_age": 180, "warning_age": 170},
	{"name": "robots", "match": {"user": "robot-*"}, "expiration_age": 120, "warning_age": 110},
	{"name": "sandbox", "match": {"account": "999999999999"}, "expiration_age": 30, "warning_age": 20}]}`

const (
	ruledGroup   = "contractors"
	ruledMembers = 1100 // or all users
)

// underRules are the settings of a run under five rules.
func underRules() []string { return []string{"SLEUTH_RULES=" + fiveRules} }

// fillGroup puts users into the group that the rules name.
func fillGroup(account *awsfake.Account, users int) {
	var members []string
	for i := range min(users, ruledMembers) {
		members = append(members, nameOf(i))
	}
	account.SetGroup(ruledGroup, members...)
}

func nameOf(i int) string { return fmt.Sprintf("user-%05d", i) }
