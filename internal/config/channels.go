package config

import (
	"fmt"
	"net/mail"
	"reflect"
	"regexp"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/notify/teams"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// Channels says where notices are sent.
type Channels struct {
	SlackURL     SecretText `name:"slack-url" setting:"SLACK_URL" placeholder:"URL" help:"Slack incoming webhook. 'test' prints the messages instead. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SlackToken   SecretText `setting:"SLEUTH_SLACK_TOKEN" placeholder:"TOKEN" help:"Token of a Slack app that sends each person a direct message about their own keys, and the list of all keys to SLEUTH_SLACK_CHANNEL. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SlackChannel string     `setting:"SLEUTH_SLACK_CHANNEL" placeholder:"CHANNEL" help:"With SLEUTH_SLACK_TOKEN: id or #name of the channel for the list of all keys, for groups, and for people who cannot be reached directly."`
	TeamsURL     SecretText `name:"teams-url" setting:"SLEUTH_TEAMS_URL" placeholder:"URL" help:"URL of a Microsoft Teams workflow that posts the list of all keys to a channel or chat. May be ssm:/parameter/name or secretsmanager:secret-id."`
	SNSTopic     string     `name:"sns-topic" setting:"SNS_TOPIC" placeholder:"ARN" help:"SNS topic to publish to."`
	EmailFrom    string     `setting:"SLEUTH_EMAIL_FROM" placeholder:"ADDRESS" help:"Address from which SES sends each person mail about their own keys. It goes to the owner's address (see SLEUTH_OWNER_TAGS and SLEUTH_EMAIL_DOMAIN)."`
	NotifyURLs   SecretText `name:"notify-urls" setting:"SLEUTH_NOTIFY_URLS" placeholder:"URL ..." help:"Other services to notify, as shoutrrr URLs separated by spaces or commas: Discord, PagerDuty, Opsgenie, mail, a generic webhook and others. May be ssm:/parameter/name or secretsmanager:secret-id."`
	EventBus     string     `setting:"SLEUTH_EVENT_BUS" placeholder:"ARN" help:"EventBridge bus to publish an event to for each warning, each key that is disabled or leaked, and each run that fails."`
	NotifyMode   string     `setting:"SLEUTH_NOTIFY_MODE" default:"account" placeholder:"account|digest" help:"With SLEUTH_ACCOUNTS: send a message for each account, or one digest of all accounts."`
}

// Channel declares one way to notify people. From it, and from the field of
// Channels with its variable, come the check of the setting, the IAM policy, and
// with 'make docs' the channel's part of the Terraform module, of the
// CloudFormation template and of the documentation. A secret is a SecretText: it
// is fetched, and allowed to be fetched, without more to declare.
type Channel struct {
	Variable string // the setting that turns the channel on
	Name     string // in error messages
	// Check returns an error if a text cannot be the setting's value. The error
	// does not hold the text. Nil: what matches Pattern is a value.
	Check func(string) error
	// Pattern is a regular expression that matches every value of a setting that
	// is not a secret, and TemplatePattern what CloudFormation takes of it, if
	// that is less.
	Pattern, TemplatePattern string
	// Form says what a value is: "the ARN of a topic, such as arn:...".
	Form string
	// Literal is a value of a secret that is not secret itself; empty for none.
	Literal string
	// Action is the AWS call that delivers a message, and Sid the name of the
	// statement that allows it: on the ARN in the setting, or on SES's identities
	// of the mail address in it. Empty: messages do not go through AWS.
	Sid, Action string
}

// DeclaredChannels returns every channel, in the order in which they are opened.
func DeclaredChannels() []Channel {
	return []Channel{
		{Variable: "SLACK_URL", Name: "Slack", Check: CheckSlackURL, Literal: SlackTest},
		{Variable: "SLEUTH_SLACK_TOKEN", Name: "the Slack app", Check: CheckSlackToken},
		{Variable: "SLEUTH_TEAMS_URL", Name: "Teams", Check: teams.CheckURL},
		{
			Variable: "SNS_TOPIC", Name: "SNS", Sid: "PublishNotices", Action: "sns:Publish",
			Pattern: "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}([.]fifo)?$",
			Form:    "the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:keys",
		},
		{
			Variable: "SLEUTH_EMAIL_FROM", Name: "mail", Check: checkSender, Sid: "SendMail", Action: "ses:SendEmail",
			Pattern:         "^[^<>@[:space:]]+@[A-Za-z0-9.-]+$|^[^<>@]*<[^<>@[:space:]]+@[A-Za-z0-9.-]+>$",
			TemplatePattern: "^[^<>@*?$ ]+@[A-Za-z0-9.-]+$",
			Form:            "a mail address, such as keys@example.com or Sleuth <keys@example.com>",
		},
		{Variable: "SLEUTH_NOTIFY_URLS", Name: "services", Check: CheckNotifyURLs},
		{
			Variable: "SLEUTH_EVENT_BUS", Name: "events", Sid: "PublishEvents", Action: "events:PutEvents",
			Pattern: "^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$",
			Form:    "the ARN of an EventBridge bus, such as arn:aws:events:us-east-1:123456789012:event-bus/keys",
		},
	}
}

// Targets are where notices are sent: the settings of the channels that are
// turned on, by their variables.
type Targets map[string]Secret

// Has reports whether a channel is turned on.
func (t Targets) Has(variable string) bool { return t[variable].IsSet() }

// Text returns the value of a setting that is not a secret; empty if the channel
// is off.
func (t Targets) Text(variable string) string { return t[variable].Reveal() }

// areSet reports whether any channel is given, valid or not. One that only
// prints is one.
func (s Channels) areSet() bool {
	for _, channel := range DeclaredChannels() {
		if text, _ := s.given(channel.Variable); text != "" {
			return true
		}
	}
	return false
}

// given returns a setting as it was given, and whether it is a secret.
func (s Channels) given(variable string) (text string, isSecret bool) {
	fields := reflect.ValueOf(s)
	for i := range fields.NumField() {
		if fields.Type().Field(i).Tag.Get("setting") != variable {
			continue
		}
		if value, ok := fields.Field(i).Interface().(SecretText); ok {
			return strings.TrimSpace(value.Reveal()), true
		}
		return strings.TrimSpace(fields.Field(i).String()), false
	}
	return "", false
}

func (c *checker) targets(s Channels) Targets {
	targets := Targets{}
	for _, channel := range DeclaredChannels() {
		text, isSecret := s.given(channel.Variable)
		if text == "" {
			continue
		}
		if isSecret {
			targets[channel.Variable] = c.secretText(channel.Variable, text, channel.Check)
			continue
		}
		if err := channel.check(text); err != nil {
			c.add(channel.Variable, text, "%s", err)
		}
		targets[channel.Variable] = Secret{Value: secret.New(text)}
	}
	return targets
}

func (channel Channel) check(text string) error {
	if channel.Check != nil {
		return channel.Check(text)
	}
	// Compiled only if the setting is given, as it takes time at every start.
	if matches, err := regexp.MatchString(channel.Pattern, text); err != nil || !matches {
		return fmt.Errorf("must be %s", channel.Form)
	}
	return nil
}

// checkSender takes an address with or without a name before it.
func checkSender(text string) error {
	if _, err := mail.ParseAddress(text); err != nil {
		return fmt.Errorf("must be a mail address, such as keys@example.com or Sleuth <keys@example.com>")
	}
	return nil
}
