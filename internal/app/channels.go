package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/notify/teams"
	"github.com/iam-sleuth/sleuth/internal/retry"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// openChannels sets up the channels that are turned on. Secrets are fetched here,
// before anything is changed: a run that cannot notify people does not begin.
func (a *App) openChannels(ctx context.Context, cfg config.Config, aws aws.Config, dryRun bool) ([]notify.Channel, error) {
	w := channelFactory{App: a, cfg: cfg, aws: aws, dryRun: dryRun, out: &lockedWriter{out: a.Out}} // channels print side by side
	open := w.openers()
	var channels []notify.Channel
	for _, declared := range config.DeclaredChannels() {
		if !cfg.Targets.Has(declared.Variable) {
			continue
		}
		target, err := w.fetch(ctx, declared)
		var opened []notify.Channel
		if err == nil {
			opened, err = open[declared.Variable](target)
		}
		if err != nil {
			return nil, fmt.Errorf("set up %s (%s): %w", declared.Name, declared.Variable, err)
		}
		channels = append(channels, opened...)
	}
	return channels, nil
}

// openers set a channel up from its target, by the variable that names it.
func (w channelFactory) openers() map[string]func(target secret.Value) ([]notify.Channel, error) {
	return map[string]func(secret.Value) ([]notify.Channel, error){
		"SLACK_URL":          w.slack,
		"SLEUTH_SLACK_TOKEN": w.slackApp,
		"SLEUTH_TEAMS_URL":   w.teams,
		"SNS_TOPIC":          w.sns,
		"SLEUTH_EMAIL_FROM":  w.email,
		"SLEUTH_NOTIFY_URLS": w.services,
		"SLEUTH_EVENT_BUS":   w.events,
	}
}

// fetch returns the target of a channel, read from where it is kept.
func (w channelFactory) fetch(ctx context.Context, declared config.Channel) (secret.Value, error) {
	target := w.cfg.Targets[declared.Variable]
	fetched, err := target.Fetch(ctx, awsclient.Fetchers(w.aws))
	if err != nil {
		return secret.Value{}, err
	}
	if target.Source != "" {
		err = declared.Check(fetched.Reveal())
	}
	return fetched.Value, err
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

// one is the result of setting up a single channel.
func (w channelFactory) one(channel notify.Channel, err error) ([]notify.Channel, error) {
	if err != nil {
		return nil, err
	}
	return w.withPreview(channel), nil
}

// echo is where DEBUG has the messages printed that are sent; nil without it.
func (w channelFactory) echo() io.Writer {
	if !w.cfg.Debug {
		return nil
	}
	return w.out
}

func (w channelFactory) slack(url secret.Value) ([]notify.Channel, error) {
	echo := w.echo()
	if url.Reveal() == slack.PrintOnly {
		echo = w.out
	}
	return w.one(slack.NewWebhook(url, slack.Options{Echo: echo, Now: w.Now, Retry: channelRetryPolicy()}))
}

// slackApp sets up the channels of a Slack app: the list of all keys in
// SLEUTH_SLACK_CHANNEL, direct messages, and lists for teams.
func (w channelFactory) slackApp(token secret.Value) ([]notify.Channel, error) {
	app, err := w.openSlackApp(token)
	if err != nil {
		return nil, err
	}
	channels := []notify.Channel{app.Channel(w.cfg.SlackChannel), app.Direct(w.cfg.SlackChannel)}
	if w.cfg.Owners.TeamTag != "" {
		channels = append(channels, app.Team(w.cfg.SlackChannel))
	}
	return w.withPreview(channels...), nil
}

func (w channelFactory) openSlackApp(token secret.Value) (*slack.App, error) {
	return slack.NewApp(token, slack.AppOptions{
		APIURL: w.cfg.SlackAPIURL, Echo: w.echo(), Now: w.Now, Retry: channelRetryPolicy(), Log: w.Logger(w.cfg.Log),
	})
}

func (w channelFactory) teams(url secret.Value) ([]notify.Channel, error) {
	return w.one(teams.New(url, teams.Options{Now: w.Now, Retry: channelRetryPolicy()}))
}

func (w channelFactory) sns(topic secret.Value) ([]notify.Channel, error) {
	client := snsClient(w.aws, topic.Reveal())
	return w.one(sns.NewTopic(topic.Reveal(), client, sns.Options{Echo: w.echo(), Now: w.Now, Retry: channelRetryPolicy()}))
}

// email sends from the region of the connection: an address is verified in one.
func (w channelFactory) email(from secret.Value) ([]notify.Channel, error) {
	return w.one(email.New(from.Reveal(), awsclient.NewSES(w.aws), email.Options{Allows: w.cfg.Owners.Allows, Now: w.Now, Retry: channelRetryPolicy()}))
}

func (w channelFactory) events(secret.Value) ([]notify.Channel, error) {
	return w.one(w.eventBus(w.cfg, w.aws))
}

// services sets up a channel for each URL. A URL that cannot be used is a
// problem of the settings if it was given there, and otherwise one of the place
// that it is kept in.
func (w channelFactory) services(urls secret.Value) ([]notify.Channel, error) {
	list := secret.New(strings.Join(config.SplitURLs(urls.Reveal()), "\n"))
	channels, err := shoutrrr.New(list, shoutrrr.Options{Now: w.Now, Retry: channelRetryPolicy()})
	switch {
	case err != nil && w.cfg.Targets["SLEUTH_NOTIFY_URLS"].Source == "":
		return nil, config.Problems{{Variable: "SLEUTH_NOTIFY_URLS", Value: secret.Redacted, Allowed: err.Error()}}
	case err != nil:
		return nil, err
	case len(channels) == 0:
		return nil, errors.New("there is no URL in it; give one such as discord://..., or unset SLEUTH_NOTIFY_URLS")
	}
	return w.withPreview(channels...), nil
}

// patience bounds what one message to a channel that never answers costs to
// about half a minute.
func channelRetryPolicy() retry.Policy { return retry.Policy{Attempts: 4, Timeout: 8 * time.Second} }

// snsClient speaks to the topic's own region, whatever ours is.
func snsClient(cfg aws.Config, topic string) *awsclient.SNS {
	return awsclient.NewSNS(cfg, func(o *awssns.Options) {
		if region, err := sns.RegionOf(topic); err == nil {
			o.Region = region
		}
	})
}

// eventBus speaks to the bus's own region, whatever ours is.
func (a *App) eventBus(cfg config.Config, home aws.Config) (*eventbridge.Bus, error) {
	bus := cfg.Targets.Text("SLEUTH_EVENT_BUS")
	region, err := eventbridge.RegionOf(bus)
	if err != nil {
		return nil, err
	}
	client := awsclient.NewEventBridge(home, func(o *awsevents.Options) { o.Region = region })
	return eventbridge.New(bus, client, eventbridge.Options{Now: a.Now, Retry: channelRetryPolicy()})
}
