package cli

import "github.com/iam-sleuth/sleuth/internal/awsfake"

// policyLine takes in a line about policies, and reports whether it is one:
//
//	policy NAME DOCUMENT           a managed policy of the account
//	inline NAME DOCUMENT           an inline policy of the user above
//	attach NAME                    a managed policy for the user above
//	members GROUP NAME USER...     a group with a managed policy, and its members
func policyLine(home *awsfake.Account, words []string, users []awsfake.User) bool {
	arn := func(name string) string { return "arn:aws:iam::" + home.ID() + ":policy/" + name }
	switch {
	case words[0] == "policy" && len(words) == 3:
		home.AddPolicy(words[1], words[2])
	case words[0] == "inline" && len(words) == 3 && len(users) > 0:
		users[len(users)-1].Policies = map[string]string{words[1]: words[2]}
	case words[0] == "attach" && len(words) == 2 && len(users) > 0:
		users[len(users)-1].Attached = append(users[len(users)-1].Attached, arn(words[1]))
	case words[0] == "members" && len(words) >= 3:
		home.SetGroup(words[1], words[3:]...)
		home.SetGroupPolicies(words[1], awsfake.GroupPolicies{Attached: []string{arn(words[2])}})
	default:
		return false
	}
	return true
}
