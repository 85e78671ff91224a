package cli

import (
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

// demoCast is the people and bots of the demo's account: every state, a group,
// both kinds of exemption, a missing Slack tag, and two keys on one user.
func demoCast(now time.Time) []awsfake.User {
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days).Add(-time.Hour) }
	used := func(created, lastUsed int) awsfake.Key {
		return awsfake.Key{Active: true, Created: ago(created), LastUsed: ago(lastUsed), Service: "s3", Region: "us-east-1"}
	}
	person := func(user, name, slack string, keys ...awsfake.Key) awsfake.User {
		return awsfake.User{Name: user, Created: ago(900), Keys: keys, Tags: map[string]string{"Name": name, "Slack": slack}}
	}
	tagged := func(user awsfake.User, key, value string) awsfake.User {
		user.Tags[key] = value
		return user
	}
	withoutSlack := func(user awsfake.User) awsfake.User {
		delete(user.Tags, "Slack")
		return user
	}
	disabled := used(210, 150)
	disabled.Active = false

	return []awsfake.User{
		person("amara.okafor", "Amara Okafor", "U01AMARA", used(12, 0)),
		person("bjorn.lindqvist", "Björn Lindqvist", "U02BJORN", used(83, 1)),
		person("chen.wei", "Chen Wei", "U03CHENWEI", used(97, 2)),
		person("dolores.reyes", "Dolores Reyes", "U04DOLORES", used(60, 38)),
		person("emeka.nwosu", "Emeka Nwosu", "U05EMEKA", used(70, 52)),
		// Between two keys: the lines say which one is meant.
		person("fatima.zahra", "Fatima Zahra", "W06FATIMA", used(88, 3), used(4, 1)),
		person("grace.hall", "Grace Hall", "U07GRACE", disabled, used(20, 0)),
		// Old, and to be disabled even sooner unless it is used.
		person("ivan.petrov", "Ivan Petrov", "U08IVAN", used(82, 40)),
		// Bots answer to a group.
		person("ci-deploy", "CI deploy", "subteam-S09PLATFORM", used(86, 0)),
		tagged(person("backup-agent", "Backup agent", "subteam-S09PLATFORM", used(412, 0)), "KeyAutoExpire", "False"),
		tagged(person("data-import", "Data import", "subteam-S10DATA", used(130, 0)), "KeyAutoExpire",
			"False until "+now.AddDate(0, 0, 30).Format(time.DateOnly)),
		withoutSlack(person("legacy-reports", "Legacy reports", "", used(366, 9))),
	}
}

// demoTraced is the user whose key is looked up, for so many days.
const (
	demoTraced    = "bjorn.lindqvist"
	demoTraceDays = 30
)

func keyOfDemoUser(account *awsfake.Account, name string) string {
	user, found := account.User(name)
	if !found || len(user.Keys) == 0 {
		return ""
	}
	return user.Keys[0].ID
}

// demoCalls are the calls that CloudTrail shows of the key that is looked up.
func demoCalls(keyID string, now time.Time) []awsfake.TrailEvent {
	var calls []awsfake.TrailEvent
	for hours := range 37 {
		calls = append(calls, awsfake.TrailEvent{
			At: now.Add(-time.Duration(30+hours) * time.Hour), KeyID: keyID, User: demoTraced, Service: "s3", Name: "ListBuckets",
			Source: "203.0.113.7", UserAgent: "aws-cli/2.22.0 md/awscrt#0.22.0 ua/2.0 os/macos#24.1.0",
		})
	}
	for days := range 6 {
		calls = append(calls, awsfake.TrailEvent{
			At: now.AddDate(0, 0, -2-days), KeyID: keyID, User: demoTraced, Service: "sts", Name: "GetCallerIdentity",
			Source: "198.51.100.23", UserAgent: "aws-sdk-nodejs/2.1 linux/v20 configure-aws-credentials-for-github-actions promise",
		})
	}
	return calls
}
