package app

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
)

// testText is what a test message says.
const testText = "This is a test of Sleuth's messages. There is nothing to do."

// channels sets up every channel, and with send posts a test message through
// each; to is whom those write to that write to one person at a time. It returns
// the channels, nil if they could not be set up.
func (k *checker) channels(cfg config.Config, home member, send bool, to string) []notify.Channel {
	channels, err := k.openChannels(k.ctx, cfg, home.aws, false)
	if err != nil {
		k.failed("channels", err)
		return nil
	}
	if cfg.Targets.Has("SLEUTH_SLACK_TOKEN") {
		k.slackApp(cfg, home.aws)
	}
	if len(channels) == 0 {
		k.note("channels", "none is set, such as SLACK_URL or SNS_TOPIC: nobody will be notified")
	}
	batch := cfg.NewBatch()
	batch.Account, batch.Announcement = home.Account, testText
	for _, channel := range channels {
		switch letter := testDirectMessage(batch, to); {
		case !notify.Delivers(channel):
			k.note(channel.Name(), "messages are printed and not sent")
		case !send:
			k.note(channel.Name(), "set up, and not tried; --send posts a test message")
		case !batch.For(channel).Empty():
			k.try(channel, batch)
		case to == "":
			k.note(channel.Name(), "configured but not tested: it writes to one person at a time; name one with --send-to")
		case letter.For(channel).Empty():
			k.note(channel.Name(), "set up, and not tried: --send-to is nothing that it can write to")
		default:
			k.try(channel, letter)
		}
	}
	return channels
}

// slackApp asks Slack whose the app's token is, and what it may do.
func (k *checker) slackApp(cfg config.Config, connection aws.Config) {
	const what = "Slack app"
	identity, err := k.identify(cfg, connection)
	switch {
	case err != nil:
		k.slackTokenRejected = true
		k.failed(what, err)
	case len(identity.Lacking) > 0:
		k.failed(what, fmt.Errorf("%s in %s lacks scopes: %s; give them to the app under OAuth & Permissions, and install it again",
			identity.Bot, identity.Team, strings.Join(identity.Lacking, ", ")))
	default:
		k.ok(what, identity.Bot+" in "+identity.Team)
	}
	if cfg.Targets.Has("SLACK_URL") {
		k.note(what, "SLACK_URL is set as well: the list of all keys is posted twice; unset it to have the app's alone")
	}
}

func (k *checker) identify(cfg config.Config, connection aws.Config) (slack.Identity, error) {
	token, err := cfg.Targets["SLEUTH_SLACK_TOKEN"].Fetch(k.ctx, awsclient.Fetchers(connection))
	if err != nil {
		return slack.Identity{}, err
	}
	app, err := channelFactory{App: k.App, cfg: cfg, aws: connection}.openSlackApp(token.Value)
	if err != nil {
		return slack.Identity{}, err
	}
	return app.Identify(k.ctx)
}

// testKey is the id that AWS uses in its own examples.
const testKey = "AKIAIOSFODNN7EXAMPLE" //nolint:gosec // the id of a key, and of none that is

// slackMember is what Slack's ids of people look like.
var slackMember = regexp.MustCompile(`^[UW][A-Z0-9]+$`)

// IsAddressee reports whether a text is a mail address, or the Slack id of a
// person.
func IsAddressee(to string) bool {
	return (audit.User{Name: to}).Email() != "" || slackMember.MatchString(to)
}

// testDirectMessage is a test message to one person, about a key that does not exist.
func testDirectMessage(b notify.Batch, to string) notify.Batch {
	n := notify.Notice{
		KeyID: testKey, User: "sleuth-check", Kind: notify.Expiring, Reason: audit.CreationAge,
		DaysLeft: 10, ShowKeyID: true, Note: testText,
	}
	if strings.Contains(to, "@") {
		n.Email = to
	} else {
		n.SlackTag = to
	}
	b.Announcement, b.Notices = "", []notify.Notice{n}
	return b
}

func (k *checker) try(channel notify.Channel, batch notify.Batch) {
	deliveries := notify.Deliver(k.ctx, []notify.Post{{Channel: channel, Batch: batch}},
		func(context.Context, notify.Channel, notify.Message) error { return nil })
	for _, d := range deliveries {
		for _, failure := range d.Failures {
			k.failed(d.Channel, failure.Err)
		}
		if len(d.Failures) == 0 {
			k.ok(d.Channel, "it took the test message")
		}
	}
}
