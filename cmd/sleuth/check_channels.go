package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/cloud"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
)

// testText is what a test message says.
const testText = "This is a test of Sleuth's messages. There is nothing to do."

// channels sets up every channel, and with send posts a test message through
// each; to is whom those write to that write to one person at a time.
func (k *checkup) channels(cfg config.Config, connection aws.Config, identity cloud.Identity, send bool, to string) {
	channels, err := k.app.channels(k.ctx, cfg, connection, false)
	if err != nil {
		k.failed("channels", err)
		return
	}
	if len(channels) == 0 {
		k.note("channels", "none is set, such as SLACK_URL or SNS_TOPIC: nobody will be told")
	}
	bulletin := notify.Bulletin{Account: identity.Account, Words: cfg.Words, Announcement: testText}
	for _, channel := range channels {
		switch letter := testLetter(bulletin, to); {
		case !notify.TellsPeople(channel):
			k.note(channel.Name(), "messages are printed and not sent")
		case !send:
			k.note(channel.Name(), "set up, and not tried; --send posts a test message")
		case !bulletin.For(channel).Empty():
			k.try(channel, bulletin)
		case to == "":
			k.note(channel.Name(), "set up, and not tried: it writes to one person at a time; --send-to says to whom")
		case letter.For(channel).Empty():
			k.note(channel.Name(), "set up, and not tried: --send-to is nothing that it can write to")
		default:
			k.try(channel, letter)
		}
	}
}

// testLetter tells one person of a key that is not there. Its id is the one
// that AWS uses in its own examples.
func testLetter(b notify.Bulletin, to string) notify.Bulletin {
	n := notify.Notice{
		KeyID: "AKIAIOSFODNN7EXAMPLE", User: "sleuth-check", Kind: notify.Expiring, Reason: audit.CreationAge,
		DaysLeft: 10, NameKey: true, Aside: testText,
	}
	if strings.Contains(to, "@") {
		n.Email = to
	} else {
		n.SlackTag = to
	}
	b.Announcement, b.Notices = "", []notify.Notice{n}
	return b
}

func (k *checkup) try(channel notify.Channel, bulletin notify.Bulletin) {
	deliveries := notify.Deliver(k.ctx, []notify.Post{{Channel: channel, Bulletin: bulletin}},
		func(context.Context, string, notify.Message) error { return nil })
	for _, d := range deliveries {
		for _, failure := range d.Failures {
			k.failed(d.Channel, failure.Err)
		}
		if len(d.Failures) == 0 {
			k.ok(d.Channel, "it took the test message")
		}
	}
}
