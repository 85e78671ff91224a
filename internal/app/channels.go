package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/retry"
)

// channels sets up what the settings name. Secrets are fetched here, before
// anything is changed: a run that cannot tell people does not begin.
func (a *App) openChannels(ctx context.Context, cfg config.Config, aws aws.Config, dryRun bool) ([]notify.Channel, error) {
	w := channelFactory{App: a, cfg: cfg, aws: aws, dryRun: dryRun, out: &lockedWriter{out: a.Out}} // channels print side by side
	var channels []notify.Channel
	for _, c := range []struct {
		name  string
		isSet bool
		setUp func(context.Context) ([]notify.Channel, error)
	}{
		{"Slack (SLACK_URL)", cfg.SlackURL.IsSet(), w.slack},
		{"the Slack app (SLEUTH_SLACK_TOKEN)", cfg.SlackToken.IsSet(), w.slackApp},
		{"Teams (SLEUTH_TEAMS_URL)", cfg.TeamsURL.IsSet(), w.teams},
		{"SNS (SNS_TOPIC)", cfg.SNSTopic != "", w.sns},
		{"mail (SLEUTH_EMAIL_FROM)", cfg.EmailFrom != "", w.email},
		{"services (SLEUTH_NOTIFY_URLS)", cfg.NotifyURLs.IsSet(), w.services},
		{"events (SLEUTH_EVENT_BUS)", cfg.EventBus != "", w.events},
	} {
		if !c.isSet {
			continue
		}
		set, err := c.setUp(ctx)
		if err != nil {
			return nil, fmt.Errorf("set up %s: %w", c.name, err)
		}
		channels = append(channels, set...)
	}
	return channels, nil
}

// channelFactory holds what channels are built from.
type channelFactory struct {
	*App
	cfg    config.Config
	aws    aws.Config
	dryRun bool
	out    io.Writer // where messages are printed
}

// withPreview returns the channels as they are, or, in a dry run, as ones that
// print.
func (w channelFactory) withPreview(channels ...notify.Channel) []notify.Channel {
	if !w.dryRun {
		return channels
	}
	for i, c := range channels {
		channels[i] = notify.Preview{Channel: c, Out: w.out}
	}
	return channels
}

// echo is where DEBUG has the messages printed that are sent; nil without it.
func (w channelFactory) echo() io.Writer {
	if !w.cfg.Debug {
		return nil
	}
	return w.out
}

func (w channelFactory) slack(ctx context.Context) ([]notify.Channel, error) {
	url, err := w.cfg.SlackURL.Fetch(ctx, awsclient.Fetchers(w.aws))
	if err != nil {
		return nil, err
	}
	if err := config.CheckSlackURL(url.Reveal()); err != nil {
		return nil, err
	}
	echo := w.echo()
	if url.Reveal() == slack.PrintOnly {
		echo = w.out
	}
	channel, err := slack.NewWebhook(url.Value, slack.Options{Echo: echo, Now: w.Now, Retry: channelRetryPolicy()})
	if err != nil {
		return nil, err
	}
	return w.withPreview(channel), nil
}

func (w channelFactory) sns(context.Context) ([]notify.Channel, error) {
	channel, err := sns.NewTopic(w.cfg.SNSTopic, snsClient(w.aws, w.cfg.SNSTopic), sns.Options{Echo: w.echo(), Now: w.Now, Retry: channelRetryPolicy()})
	if err != nil {
		return nil, err
	}
	return w.withPreview(channel), nil
}

// channelRetryPolicy bounds what one message to a channel that never answers costs to
// about half a minute.
func channelRetryPolicy() retry.Policy { return retry.Policy{Attempts: 4, Timeout: 8 * time.Second} }

// snsClient speaks to the topic's own region, whatever ours is.
func snsClient(cfg aws.Config, topic string) *awssns.Client {
	return awssns.NewFromConfig(cfg, func(o *awssns.Options) {
		if region, err := sns.RegionOf(topic); err == nil {
			o.Region = region
		}
	})
}
