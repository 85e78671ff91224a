// Package config turns flags and environment variables into a checked Config.
//
// Every setting is declared once, as a field of one of the structs below: its
// flag, its environment variable, its default and its help text. The command
// line, its help, the reference documentation and the deployment modules are
// tested against these declarations.
package config

import (
	"strings"

	"github.com/alecthomas/kong"

	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Settings is every setting as text, before it is checked. Empty is unset; the
// tag unset says what then holds if that is not a default: words for people, or
// =VARIABLE for the value of another setting.
type Settings struct {
	Limits        `group:"limits"`
	Exemptions    `group:"exemptions"`
	Enforce       `group:"enforcement"`
	Leaks         `group:"leaks"`
	Reminder      `group:"reminders"`
	Wording       `group:"wording"`
	Templates     `group:"wording"`
	Channels      `group:"channels"`
	SlackHost     `group:"channels"`
	Owners        `group:"owners"`
	Inventory     `group:"inventory"`
	Accounts      `group:"accounts"`
	StepFunctions `group:"accounts"`
	State         `group:"state"`
	Outputs       `group:"outputs"`
	Tracing       `group:"tracing"`
	Lookups       `group:"tracing"`
	Logging       `group:"logging"`
}

// Limits are the ages that decide a verdict.
type Limits struct {
	ExpirationAge        string `setting:"EXPIRATION_AGE" default:"90" placeholder:"DAYS" help:"Age since creation at which a key is disabled."`
	WarningAge           string `setting:"WARNING_AGE" default:"80" placeholder:"DAYS" help:"Age since creation from which the owner is warned. Must be lower than EXPIRATION_AGE."`
	InactivityAge        string `setting:"INACTIVITY_AGE" unset:"=EXPIRATION_AGE" placeholder:"DAYS" help:"Age since last use at which a key is disabled. At most EXPIRATION_AGE, which is also its default. Requires INACTIVITY_WARNING_AGE."`
	InactivityWarningAge string `setting:"INACTIVITY_WARNING_AGE" unset:"=WARNING_AGE" placeholder:"DAYS" help:"Age since last use from which the owner is warned. Must be lower than INACTIVITY_AGE. Default: WARNING_AGE if INACTIVITY_AGE is not set."`
	UserRules            string `name:"rules" setting:"SLEUTH_RULES" placeholder:"FILE|ssm:/NAME|s3://BUCKET/KEY|YAML" help:"Rules that give kinds of users limits of their own, as YAML: a file, a parameter, an object, or the text itself. The first rule that matches counts, else the settings. If keys are disabled, requires SLEUTH_STATE; a key is then disabled only 7 days or more after a warning was delivered. docs/rules.md describes them."`
}

// Exemptions are the rules for KeyAutoExpire tags.
type Exemptions struct {
	MaxExemptionDays       string `setting:"SLEUTH_MAX_EXEMPTION_DAYS" unset:"no limit" placeholder:"DAYS" help:"Ignore exemptions without an end date, and those that end more than this many days from now. Default: no limit. If keys are disabled, requires SLEUTH_STATE."`
	RequireExemptionReason Switch `setting:"SLEUTH_REQUIRE_EXEMPTION_REASON" default:"false" help:"Ignore exemptions without a KeyAutoExpireReason tag. If keys are disabled, requires SLEUTH_STATE."`
}

// Leaks says what is done about a key that AWS found in public.
type Leaks struct {
	LeakResponse string `setting:"SLEUTH_LEAK_RESPONSE" default:"notify" placeholder:"notify|disable" help:"What to do about a key that AWS found in public: notify its owner at once, or disable it and notify. Applies whatever the key's age and exemption."`
	LeakExempt   Switch `setting:"SLEUTH_LEAK_EXEMPT" default:"false" help:"With SLEUTH_LEAK_RESPONSE=disable: do not disable the leaked keys of exempt users; only notify."`

	LeakMaxDisable string `setting:"SLEUTH_LEAK_MAX_DISABLE" default:"10" placeholder:"N" help:"With SLEUTH_LEAK_RESPONSE=disable: the most leaked keys to disable for one event, and in one hour in one account, from 1 to 10000. Beyond it owners are notified, no further key is disabled, and the event fails. The hourly limit requires SLEUTH_STATE."`
}

// Enforce says what may be done to a key past its limit.
type Enforce struct {
	EnableAutoExpire Switch `setting:"ENABLE_AUTO_EXPIRE" default:"false" help:"Disable keys past a limit. Only exactly 'true' switches this on; otherwise owners are notified and no key is disabled."`
	AllowSilent      Switch `setting:"SLEUTH_ALLOW_SILENT" default:"false" help:"Allow disabling keys although no channel is configured, so that nobody is notified. Without it such settings are refused."`
	MaxDisable       string `setting:"SLEUTH_MAX_DISABLE" unset:"no limit" placeholder:"N|N%" help:"The most keys that one run may disable, as a number or as a share of the Active keys. A run that would exceed it disables none, reports that to the channels, and fails. Default: no limit."`
	DisableWhen      string `setting:"SLEUTH_DISABLE_WHEN" unset:"at any time" placeholder:"WINDOW,..." help:"When keys may be disabled, such as 'Tue-Thu 09:00-15:00 Europe/Berlin'. A key due at another time is held. Leaked keys are not bound. Default: at any time."`
	Freeze           string `setting:"SLEUTH_FREEZE" unset:"no days" placeholder:"DAY..DAY,..." help:"Days on which no key is disabled, such as 2026-12-20..2027-01-04: in the zone of SLEUTH_DISABLE_WHEN, else UTC, or one named after a space. Leaked keys are not bound. Default: none."`
	MinNoticeDays    string `setting:"SLEUTH_MIN_NOTICE_DAYS" default:"0" placeholder:"DAYS" help:"Disable a key, however old, only if its owner's first warning was delivered at least this many days ago. Requires SLEUTH_STATE."`
	DeleteAfterDays  string `setting:"SLEUTH_DELETE_AFTER_DAYS" unset:"never" placeholder:"DAYS" help:"Delete a key this many days after Sleuth disabled it (30 to 365), if it was Inactive ever since; its owner is warned 14 days and 1 day ahead. Default: never. Requires SLEUTH_STATE, a channel and ENABLE_AUTO_EXPIRE=true."`
	MaxDelete        string `setting:"SLEUTH_MAX_DELETE" default:"10" placeholder:"N|N%" help:"The most keys that one run may delete, as a number or as a share of the Inactive keys. A run that would exceed it deletes none, reports that to the channels, and fails."`
}

// Reminder says how often owners are warned.
type Reminder struct {
	RemindAt string `setting:"SLEUTH_REMIND_AT" unset:"every run" placeholder:"DAYS,..." help:"Warn only as a key passes each of these numbers of days left, such as 30,14,7,3,1. Default: warn on every run. Requires SLEUTH_STATE."`
}

// Wording is the administrator's own words in the messages.
type Wording struct {
	ExpireTitle   string `name:"expire-notification-title" setting:"EXPIRE_NOTIFICATION_TITLE" default:"AWS IAM Key Expiration Report" placeholder:"TEXT" help:"Title above the keys that expire due to creation age."`
	ExpireText    string `name:"expire-notification-text" setting:"EXPIRE_NOTIFICATION_TEXT" unset:"built-in text" placeholder:"TEXT" help:"Instructions on how to rotate a key."`
	InactiveTitle string `name:"inactive-notification-title" setting:"INACTIVE_NOTIFICATION_TITLE" default:"AWS IAM Key Inactivity Report" placeholder:"TEXT" help:"Title above the keys that expire due to inactivity."`
	InactiveText  string `name:"inactive-notification-text" setting:"INACTIVE_NOTIFICATION_TEXT" unset:"built-in text" placeholder:"TEXT" help:"Instructions on how to use a key so that it does not expire."`
	LeakTitle     string `name:"leak-notification-title" setting:"SLEUTH_LEAK_NOTIFICATION_TITLE" default:"AWS IAM Key Leak" placeholder:"TEXT" help:"Title above the keys that were found in public."`
	LeakText      string `name:"leak-notification-text" setting:"SLEUTH_LEAK_NOTIFICATION_TEXT" unset:"built-in text" placeholder:"TEXT" help:"Instructions on what to do about a key that was found in public. Default: a built-in text."`
}

// Templates are Go templates that replace the built-in texts of messages.
// docs/messages.md lists the fields of each.
type Templates struct {
	LineTemplate     string `setting:"SLEUTH_LINE_TEMPLATE" unset:"built-in text" placeholder:"TEMPLATE" help:"Go template of the line about one key in a list. Default: aws-iam-sleuth's sentence, and one more with the key's id, account, date and last use; original is the sentence alone."`
	ListTemplate     string `setting:"SLEUTH_LIST_TEMPLATE" unset:"built-in text" placeholder:"TEMPLATE" help:"Go template of the text above a list of keys."`
	PersonalTemplate string `setting:"SLEUTH_PERSONAL_TEMPLATE" unset:"built-in text" placeholder:"TEMPLATE" help:"Go template of the message to one person about their own keys, in Slack or by mail."`
	SubjectTemplate  string `setting:"SLEUTH_SUBJECT_TEMPLATE" unset:"built-in text" placeholder:"TEMPLATE" help:"Go template of the subject of a mail to one person."`
}

// SlackAPI is how Slack's users and groups are read, to find their ids. It
// belongs to the command that lists them, and to no run.
type SlackAPI struct {
	SlackAPIToken SecretText `name:"slack-api-token" setting:"SLEUTH_SLACK_API_TOKEN" placeholder:"TOKEN" help:"Slack token with the scopes users:read and usergroups:read. May be ssm:/parameter/name or secretsmanager:secret-id. Default: SLEUTH_SLACK_TOKEN, if the command has it."`
}

// SlackHost is where Slack's API is.
type SlackHost struct {
	SlackAPIURL string `name:"slack-api-url" setting:"SLEUTH_SLACK_API_URL" default:"https://slack.com/api/" placeholder:"URL" help:"URL of Slack's API, for GovSlack or a proxy."`
}

// Owners says how the owner of a user's keys is found.
type Owners struct {
	OwnerTags   string `setting:"SLEUTH_OWNER_TAGS" default:"Email" placeholder:"TAG,..." help:"Tags of a user that may hold the owner's mail address, in the order in which they are tried. Without any of them, the user name is taken if it is an address."`
	SlackTags   string `setting:"SLEUTH_SLACK_TAGS" default:"Slack" placeholder:"TAG,..." help:"Tags of a user that may hold the owner's Slack id, in the order in which they are tried."`
	EmailDomain string `setting:"SLEUTH_EMAIL_DOMAIN" unset:"any domain" placeholder:"DOMAIN,..." help:"Domains that mail to owners may go to. The first completes a tag or user name without a domain. An address in another is reported, and gets no mail. Default: any domain."`

	TeamTag      string `setting:"SLEUTH_TEAM_TAG" unset:"no tag" placeholder:"TAG" help:"Tag of a user that names the team. With SLEUTH_SLACK_TOKEN, the team's channel is notified about the user's keys as well. Default: none."`
	TeamChannels string `setting:"SLEUTH_TEAM_CHANNELS" unset:"the tag's value" placeholder:"TEAM=CHANNEL,..." help:"With SLEUTH_TEAM_TAG: the channel of each team in Slack, by its id or #name. Default: the tag's value is the channel."`
}

// Inventory is how an account is read.
type Inventory struct {
	Inventory   string `setting:"SLEUTH_INVENTORY" default:"live" placeholder:"live|credential-report" help:"How a run finds the users to read: live reads every user's keys, credential-report only those of the users whose keys may be due according to the account's credential report. audit and DEBUG, which show every key, always read live."`
	Credentials string `setting:"SLEUTH_CREDENTIALS" default:"all" placeholder:"all|access-keys" help:"Which credentials audit and the reports show: access-keys only, or all, which adds root access keys, old console passwords and signing certificates from the account's credential report, and API keys of services. Those are only shown, never changed."`
	Risk        Switch `setting:"SLEUTH_RISK" default:"false" help:"Also read the policies of users, and show in audit and evidence what the user of each key may do: administrate, change permissions, create credentials, pass roles, read data. It changes no verdict."`
	Concurrency string `setting:"SLEUTH_CONCURRENCY" default:"32" placeholder:"N" help:"The most IAM calls to make at once, from 1 to 256."`
}

// Accounts says which accounts are covered, and how their roles are assumed.
type Accounts struct {
	Accounts           string `setting:"SLEUTH_ACCOUNTS" unset:"the credentials' own" placeholder:"organization|ID,..." help:"Accounts to cover: 'organization' for every active account of the organization, or a list of ids. Default: only the account of the credentials."`
	OUs                string `name:"ous" setting:"SLEUTH_OUS" placeholder:"OU,..." help:"With SLEUTH_ACCOUNTS=organization: cover only the accounts in these organizational units, and in those nested in them."`
	ExcludeAccounts    string `setting:"SLEUTH_EXCLUDE_ACCOUNTS" placeholder:"ID,..." help:"Accounts of the organization to leave out."`
	MemberRole         string `setting:"SLEUTH_MEMBER_ROLE" placeholder:"NAME" help:"Role to assume in each account. Required with SLEUTH_ACCOUNTS. The account of the credentials needs none."`
	ExternalID         string `name:"external-id" setting:"SLEUTH_EXTERNAL_ID" placeholder:"TEXT" help:"External id that the role in each account requires."`
	AccountConcurrency string `setting:"SLEUTH_ACCOUNT_CONCURRENCY" default:"8" placeholder:"N" help:"The most accounts to process at once, from 1 to 100. Each makes up to SLEUTH_CONCURRENCY calls."`
}

// StepFunctions is what the Lambda needs if Step Functions makes its runs.
type StepFunctions struct {
	ResultsBucket string `setting:"SLEUTH_RESULTS_BUCKET" placeholder:"NAME" help:"With SLEUTH_ACCOUNTS, if Step Functions makes the Lambda's runs: the S3 bucket for the list of accounts and the result of each."`
}

// State is where state is kept between runs.
type State struct {
	State        string `setting:"SLEUTH_STATE" placeholder:"file:PATH|dynamodb:TABLE|none" help:"Where to record which owners were warned, which keys were disabled, and which notices are pending. Default: a file in the user's state folder; in Lambda, none."`
	LeaseSeconds string `setting:"SLEUTH_LEASE_SECONDS" default:"60" placeholder:"SECONDS" help:"How long the lease of a run that crashed keeps other runs off its account, from 1 to 900. A run that is alive renews its lease."`
}

// Outputs says where a run writes what it found, apart from its notices.
type Outputs struct {
	Evidence    string `setting:"SLEUTH_EVIDENCE" placeholder:"s3://BUCKET/PREFIX|file:DIR" help:"Where each run writes evidence of what it found and did, as JSON and HTML, by account and date. The run then reads every key."`
	SecurityHub string `setting:"SLEUTH_SECURITY_HUB" placeholder:"securityhub" help:"With securityhub, keep a finding in AWS Security Hub for each key past a warning or a limit. A finding is archived when its key is resolved."`
}

// Tracing says whether runs look up who uses keys, and who sees it.
type Tracing struct {
	Trace          Switch `setting:"SLEUTH_TRACE" default:"false" help:"Look up in CloudTrail who used each key that there is something to say about, for the message to its owner and the evidence. It delays no message."`
	TraceInChannel Switch `setting:"SLEUTH_TRACE_IN_CHANNEL" default:"false" help:"With SLEUTH_TRACE: say who used a key, and from which address, also in the lists of channels."`
}

// Lookups bounds what is looked up in CloudTrail.
type Lookups struct {
	TraceBudget string `setting:"SLEUTH_TRACE_BUDGET" default:"1000/60" placeholder:"CALLS/SECONDS" help:"The most lookups in CloudTrail, and the most seconds for them, in one run or one 'sleuth trace'."`
}

// Logging says what is logged, and how.
type Logging struct {
	LogFormat string `setting:"SLEUTH_LOG_FORMAT" default:"auto" placeholder:"auto|text|json" help:"How to write the log: text is short lines for people, json a JSON object per line. auto is text on a terminal, and json elsewhere."`
	LogLevel  string `setting:"SLEUTH_LOG_LEVEL" default:"info" placeholder:"debug|info|warn|error" help:"The least severe log lines to write. DEBUG means debug."`

	Debug Switch `setting:"DEBUG" default:"false" help:"Log more, and print the table of keys and the Slack and SNS messages. Any value but 0, f, false, n, no or off switches it on."`
}

// Groups titles the groups above, in the order of the help.
func Groups() []kong.Group {
	return []kong.Group{
		{Key: "limits", Title: "Limits:"},
		{Key: "exemptions", Title: "Exemptions:"},
		{Key: "enforcement", Title: "Enforcement:"},
		{Key: "leaks", Title: "Leaked keys:"},
		{Key: "reminders", Title: "Reminders:"},
		{Key: "wording", Title: "Wording:"},
		{Key: "channels", Title: "Channels:"},
		{Key: "owners", Title: "Owners of keys:"},
		{Key: "inventory", Title: "Inventory:"},
		{Key: "accounts", Title: "Accounts:"},
		{Key: "state", Title: "State:"},
		{Key: "outputs", Title: "Evidence and findings:"},
		{Key: "tracing", Title: "Who uses a key:"},
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

// Shown is the text as it may be printed: where the secret is kept, or that
// messages are printed, and otherwise no more than that there is one.
func (s SecretText) Shown() string {
	text := strings.TrimSpace(s.Reveal())
	if _, isReference, err := parseReference(text); (isReference && err == nil) || text == SlackTest {
		return text
	}
	return s.String()
}

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
