// Package config turns flags and environment variables into a checked Config.
//
// Every setting is declared once, as a field of one of the structs below: its
// flag, its environment variable, its default, what it means. The command
// line, its help, the reference documentation and the deployment modules are
// all held against these declarations.
package config

import (
	"strings"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Settings is every setting as text, before it is checked. Empty is unset.
type Settings struct {
	Limits     `group:"limits"`
	Exemptions `group:"exemptions"`
	Enforce    `group:"enforce"`
	Leaks      `group:"leaks"`
	Reminder   `group:"remind"`
	Wording    `group:"wording"`
	Templates  `group:"wording"`
	Channels   `group:"channels"`
	SlackHost  `group:"channels"`
	Reading    `group:"reading"`
	Estate     `group:"estate"`
	Steps      `group:"estate"`
	Memory     `group:"memory"`
	Elsewhere  `group:"elsewhere"`
	Logging    `group:"logging"`
}

// Limits are the ages that decide a verdict.
type Limits struct {
	ExpirationAge        string `setting:"EXPIRATION_AGE" default:"90" placeholder:"DAYS" help:"Age since creation at which a key is disabled."`
	WarningAge           string `setting:"WARNING_AGE" default:"80" placeholder:"DAYS" help:"Age since creation from which the owner is warned. Lower than EXPIRATION_AGE."`
	InactivityAge        string `setting:"INACTIVITY_AGE" placeholder:"DAYS" help:"Age since last use at which a key is disabled. At most EXPIRATION_AGE, which is also its default. Goes together with INACTIVITY_WARNING_AGE."`
	InactivityWarningAge string `setting:"INACTIVITY_WARNING_AGE" placeholder:"DAYS" help:"Age since last use from which the owner is warned. Lower than INACTIVITY_AGE. Defaults to WARNING_AGE where INACTIVITY_AGE is unset."`
}

// Exemptions are the rules for KeyAutoExpire tags.
type Exemptions struct {
	MaxExemptionDays       string `setting:"MAX_EXEMPTION_DAYS" placeholder:"DAYS" help:"Honour no exemption that has no end, or one more than this many days ahead. Unset: any. A run that disables keys needs STATE with it."`
	RequireExemptionReason Switch `setting:"REQUIRE_EXEMPTION_REASON" default:"false" help:"Honour no exemption without a KeyAutoExpireReason tag. A run that disables keys needs STATE with it."`
}

// Leaks says what becomes of a key that AWS has found in public.
type Leaks struct {
	LeakResponse string `setting:"LEAK_RESPONSE" default:"notify" placeholder:"notify|disable" help:"What to do about a key that AWS has found in public: tell at once, or disable it and tell. Neither age nor an exemption protects it."`
	LeakExempt   Switch `setting:"LEAK_EXEMPT" default:"false" help:"With LEAK_RESPONSE=disable: only tell of the leaked keys of exempt users, and leave them Active."`

	LeakMaxDisable string `setting:"SLEUTH_LEAK_MAX_DISABLE" default:"10" placeholder:"N" help:"With LEAK_RESPONSE=disable: the most leaked keys that one event, and one hour in one account, may disable, 1 to 10000. Beyond it owners are notified, nothing more is disabled, and the event fails. Across events it needs STATE."`
}

// Enforce says what may be done to a key past its limit.
type Enforce struct {
	EnableAutoExpire Switch `setting:"ENABLE_AUTO_EXPIRE" default:"false" help:"Disable keys past a limit: exactly true switches it on. Without it people are only notified."`
	AllowSilent      Switch `setting:"SLEUTH_ALLOW_SILENT" default:"false" help:"Allow disabling keys although no channel is configured, so that nobody is notified. Without it such settings are refused."`
	MaxDisable       string `setting:"MAX_DISABLE" placeholder:"N|N%" help:"Disable nothing, tell the channels and fail where one run would disable more than this many keys, or this share of the Active ones. Unset: no limit."`
	MinNoticeDays    string `setting:"MIN_NOTICE_DAYS" default:"0" placeholder:"DAYS" help:"Disable no key until so many days after its owner's first delivered warning, however old it is. Needs STATE."`
}

// Reminder says how often owners are warned.
type Reminder struct {
	RemindAt string `setting:"REMIND_AT" placeholder:"DAYS,..." help:"Warn only as a key passes each of these days left, such as 30,14,7,3,1, rather than on every run. Needs STATE."`
}

// Wording is the administrator's own words in the messages.
type Wording struct {
	ExpireTitle   string `name:"expire-notification-title" setting:"EXPIRE_NOTIFICATION_TITLE" default:"AWS IAM Key Expiration Report" placeholder:"TEXT" help:"Title above the keys that are due by creation age."`
	ExpireText    string `name:"expire-notification-text" setting:"EXPIRE_NOTIFICATION_TEXT" placeholder:"TEXT" help:"Instructions on how to rotate a key."`
	InactiveTitle string `name:"inactive-notification-title" setting:"INACTIVE_NOTIFICATION_TITLE" default:"AWS IAM Key Inactivity Report" placeholder:"TEXT" help:"Title above the keys that are due by inactivity."`
	InactiveText  string `name:"inactive-notification-text" setting:"INACTIVE_NOTIFICATION_TEXT" placeholder:"TEXT" help:"Instructions on how to use a key so that it does not expire."`
}

// Templates is how messages are put, for those who want other words than ours.
// docs/messages.md lists the fields of each.
type Templates struct {
	LeakTitle        string `name:"leak-notification-title" setting:"LEAK_NOTIFICATION_TITLE" default:"AWS IAM Key Leak" placeholder:"TEXT" help:"Title above the keys that were found in public."`
	LeakText         string `name:"leak-notification-text" setting:"LEAK_NOTIFICATION_TEXT" placeholder:"TEXT" help:"Instructions on what to do about a key that was found in public. Unset: ours."`
	LineTemplate     string `setting:"LINE_TEMPLATE" placeholder:"TEMPLATE" help:"Go template of the line about one key in a list. Unset: the original's line, which other programs read."`
	ListTemplate     string `setting:"LIST_TEMPLATE" placeholder:"TEMPLATE" help:"Go template of what stands above a list of keys."`
	PersonalTemplate string `setting:"PERSONAL_TEMPLATE" placeholder:"TEMPLATE" help:"Go template of the message to one person about their own keys, by Slack or by mail."`
	SubjectTemplate  string `setting:"SUBJECT_TEMPLATE" placeholder:"TEMPLATE" help:"Go template of the subject of a mail to one person."`
}

// Channels is where people are told.
type Channels struct {
	SlackURL     SecretText `name:"slack-url" setting:"SLACK_URL" placeholder:"URL" help:"Slack incoming webhook. 'test' prints the messages instead. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SlackToken   SecretText `setting:"SLACK_TOKEN" placeholder:"TOKEN" help:"Token of a Slack app: each person gets a direct message about their own keys, and SLACK_CHANNEL the list of all. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SlackChannel string     `setting:"SLACK_CHANNEL" placeholder:"CHANNEL" help:"With SLACK_TOKEN: id or #name of the channel for the list of all keys, for groups, and for people who can't be reached directly."`
	TeamsURL     SecretText `name:"teams-url" setting:"SLEUTH_TEAMS_URL" placeholder:"URL" help:"URL of a Microsoft Teams workflow that posts the list of all keys to a channel or chat. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SNSTopic     string     `name:"sns-topic" setting:"SNS_TOPIC" placeholder:"ARN" help:"SNS topic to publish to."`
	EmailFrom    string     `setting:"EMAIL_FROM" placeholder:"ADDRESS" help:"Send each person mail about their own keys through SES from this address, to the Email tag or to a user name that is an address."`
	NotifyURLs   SecretText `name:"notify-urls" setting:"NOTIFY_URLS" placeholder:"URL ..." help:"Further services to tell, as shoutrrr URLs separated by spaces or commas: Discord, PagerDuty, Opsgenie, mail, a generic webhook and others. May be ssm:/parameter/name or secretsmanager:secret-id."`
	Events       string     `setting:"EVENTS" placeholder:"ARN" help:"EventBridge bus to publish an event to for each warning, each key that is disabled or leaked, and each run that fails."`
	Notify       string     `setting:"NOTIFY" default:"account" placeholder:"account|digest" help:"With ACCOUNTS: a message for each account, or one digest of all of them, grouped by account."`
}

// areSet reports whether any channel is given, valid or not. One that only
// prints is one.
func (c Channels) areSet() bool {
	for _, text := range []string{
		c.SlackURL.Reveal(), c.SlackToken.Reveal(), c.SNSTopic, c.EmailFrom, c.TeamsURL.Reveal(), c.NotifyURLs.Reveal(), c.Events,
	} {
		if strings.TrimSpace(text) != "" {
			return true
		}
	}
	return false
}

// SlackAPI is how Slack's own directory is read, for finding ids. It belongs
// to the command that lists them, and to no run.
type SlackAPI struct {
	SlackAPIToken SecretText `name:"slack-api-token" setting:"SLACK_API_TOKEN" placeholder:"TOKEN" help:"Slack token with the scopes users:read and usergroups:read. May be ssm:/parameter/name or secretsmanager:secret-id. Unset: SLACK_TOKEN, where the command has it."`
}

// SlackHost is where Slack's API is.
type SlackHost struct {
	SlackAPIURL string `name:"slack-api-url" setting:"SLACK_API_URL" default:"https://slack.com/api/" placeholder:"URL" help:"Where Slack's API is, for GovSlack or a proxy."`
}

// Reading is how the account is read.
type Reading struct {
	Inventory   string `setting:"INVENTORY" default:"live" placeholder:"live|credential-report" help:"How a run finds the users to look at: live asks for every user's keys, credential-report only for those whom the account's report shows to matter. audit and DEBUG, which show every key, always read live."`
	Scope       string `setting:"SCOPE" default:"all" placeholder:"all|access-keys" help:"What audit and the reports name: all also names root access keys, old console passwords and signing certificates, as the account's credential report shows them. They are only shown, and nothing is done about them."`
	Concurrency string `setting:"CONCURRENCY" default:"32" placeholder:"N" help:"How many IAM calls may be under way at once, 1 to 256."`
}

// Estate is which accounts are covered, and how they are entered.
type Estate struct {
	Accounts           string `setting:"ACCOUNTS" placeholder:"organization|ID,..." help:"Cover these accounts: 'organization' for every active one of the organization, or a list of ids. Unset: the account of the credentials alone."`
	OUs                string `name:"ous" setting:"OUS" placeholder:"OU,..." help:"With ACCOUNTS=organization: only the accounts in these organizational units, and in those nested in them."`
	ExcludeAccounts    string `setting:"EXCLUDE_ACCOUNTS" placeholder:"ID,..." help:"Accounts of the organization to leave out."`
	MemberRole         string `setting:"MEMBER_ROLE" placeholder:"NAME" help:"Role to assume in each account; required with ACCOUNTS. The account of the credentials needs none."`
	ExternalID         string `name:"external-id" setting:"EXTERNAL_ID" placeholder:"TEXT" help:"External id that the role in each account asks for."`
	AccountConcurrency string `setting:"ACCOUNT_CONCURRENCY" default:"8" placeholder:"N" help:"How many accounts are worked on at once, 1 to 100; each makes up to CONCURRENCY calls."`
}

// Steps is what the Lambda needs where Step Functions makes its runs.
type Steps struct {
	ResultsBucket string `setting:"RESULTS_BUCKET" placeholder:"NAME" help:"In Lambda, with ACCOUNTS, where Step Functions makes the runs: the S3 bucket for the list of accounts and for what became of each."`
}

// Memory is what is remembered between runs.
type Memory struct {
	State        string `setting:"STATE" placeholder:"file:PATH|dynamodb:TABLE|none" help:"Where to remember who was warned, what was disabled and which notices are still owed. Default: a file in the user's state folder; in Lambda, none."`
	LeaseSeconds string `setting:"LEASE_SECONDS" default:"60" placeholder:"SECONDS" help:"How long a run that died keeps others off its account, 1 to 900. A living run renews its lease."`
}

// Elsewhere is where a run leaves what it found, apart from telling people.
type Elsewhere struct {
	Report   string `setting:"REPORT" placeholder:"s3://BUCKET/PREFIX|file:DIR" help:"Where each run leaves its evidence: what it found and did, as JSON and as a page of HTML, by account and date. It then reads every key."`
	Findings string `setting:"FINDINGS" placeholder:"securityhub" help:"With securityhub, keep a finding in AWS Security Hub for each key past a warning or a limit, archived once that is settled."`
}

// Logging is what Sleuth says of its own work.
type Logging struct {
	Debug Switch `setting:"DEBUG" default:"false" help:"Log more, and print the key table and the Slack and SNS messages. On when set to anything but a false value."`
}

// Groups titles the groups above, in the order of the help.
func Groups() []kong.Group {
	return []kong.Group{
		{Key: "limits", Title: "Limits:"},
		{Key: "exemptions", Title: "Exempting:"},
		{Key: "enforce", Title: "Enforcing:"},
		{Key: "leaks", Title: "Leaked keys:"},
		{Key: "remind", Title: "Reminding:"},
		{Key: "wording", Title: "Wording:"},
		{Key: "channels", Title: "Channels:"},
		{Key: "reading", Title: "Reading:"},
		{Key: "estate", Title: "Several accounts:"},
		{Key: "memory", Title: "Remembering:"},
		{Key: "elsewhere", Title: "Evidence and findings:"},
		{Key: "logging", Title: "Logging:"},
	}
}

// Switch is the text of a setting that is on or off. As a flag it may stand
// without a value.
type Switch string

// IsBool lets a flag stand without a value.
func (*Switch) IsBool() bool { return true }

// Decode reads a flag's value.
func (s *Switch) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text, err := textOf(ctx)
		*s = Switch(text)
		return err
	}
	*s = "true"
	return nil
}

// SecretText is the text of a setting that must never be printed.
type SecretText struct{ secret.Value }

// Decode reads a flag's value.
func (s *SecretText) Decode(ctx *kong.DecodeContext) error {
	text, err := textOf(ctx)
	s.Value = secret.New(text)
	return err
}

func textOf(ctx *kong.DecodeContext) (string, error) {
	var text string
	if token := ctx.Scan.Peek(); token.Type == kong.FlagValueToken {
		if value, ok := token.Value.(bool); ok { // the resolver's or default's own
			ctx.Scan.Pop()
			if value {
				return "true", nil
			}
			return "false", nil
		}
	}
	err := ctx.Scan.PopValueInto("string", &text)
	return text, err
}
