package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iam-sleuth/sleuth/internal/cloud"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/retry"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
	"github.com/iam-sleuth/sleuth/internal/notify/sns"
	"github.com/iam-sleuth/sleuth/internal/secret"
	"github.com/iam-sleuth/sleuth/internal/state"
)

// channels sets up what the settings name. Secrets are fetched here, before
// anything is changed: a run that cannot tell people does not begin.
func (a *app) channels(ctx context.Context, cfg config.Config, aws aws.Config, dryRun bool) ([]notify.Channel, error) {
	var channels []notify.Channel
	paper := &lockedWriter{out: a.stdout} // channels print side by side
	if cfg.SlackURL.IsSet() {
		channel, err := a.slack(ctx, cfg, aws, dryRun, paper)
		if err != nil {
			return nil, fmt.Errorf("set up Slack (SLACK_URL): %w", err)
		}
		channels = append(channels, channel)
	}
	if cfg.SNSTopic != "" {
		channel, err := sns.NewTopic(cfg.SNSTopic, snsClient(aws, cfg.SNSTopic), sns.Options{Now: a.now, Retry: patience()})
		if err != nil {
			return nil, fmt.Errorf("set up SNS (SNS_TOPIC): %w", err)
		}
		if dryRun {
			channels = append(channels, notify.Preview{Channel: channel, Out: paper})
		} else {
			channels = append(channels, channel)
		}
	}
	return channels, nil
}

func (a *app) slack(ctx context.Context, cfg config.Config, aws aws.Config, dryRun bool, paper io.Writer) (notify.Channel, error) {
	url, err := cfg.SlackURL.Fetch(ctx, cloud.Fetchers(aws))
	if err != nil {
		return nil, err
	}
	if err := config.CheckSlackURL(url.Reveal()); err != nil {
		return nil, err
	}
	if dryRun {
		url.Value = secret.New(slack.PrintOnly)
	}
	var echo io.Writer
	if cfg.Debug || url.Reveal() == slack.PrintOnly {
		echo = paper
	}
	return slack.NewWebhook(url.Value, slack.Options{Echo: echo, Now: a.now, Retry: patience()})
}

// patience bounds what one message to a channel that never answers costs to
// about half a minute.
func patience() retry.Policy { return retry.Policy{Attempts: 4, Timeout: 8 * time.Second} }

// snsClient speaks to the topic's own region, whatever ours is.
func snsClient(cfg aws.Config, topic string) *awssns.Client {
	return awssns.NewFromConfig(cfg, func(o *awssns.Options) {
		if region, err := sns.RegionOf(topic); err == nil {
			o.Region = region
		}
	})
}

// stateOnThisMachine is where state is kept outside Lambda where STATE says
// nothing: a file in the user's state folder.
// https://specifications.freedesktop.org/basedir-spec/latest/
func (a *app) stateOnThisMachine() config.StateChoice {
	folder, _ := a.lookup("XDG_STATE_HOME")
	if !filepath.IsAbs(folder) {
		home, err := os.UserHomeDir()
		if err != nil {
			return config.StateChoice{Kind: config.StateNone}
		}
		folder = filepath.Join(home, ".local", "state")
	}
	return config.StateChoice{Kind: config.StateFile, Name: filepath.Join(folder, "sleuth", "state.db")}
}

func (a *app) openStore(ctx context.Context, cfg config.Config, aws aws.Config, log *slog.Logger, dryRun bool) (state.Store, error) {
	options := []state.Option{state.Clock(a.now)}
	if dryRun {
		options = append(options, state.ReadOnly())
	}
	switch cfg.State.Kind {
	case config.StateFile:
		return state.OpenFile(cfg.State.Name, options...)
	case config.StateDynamoDB:
		return state.NewDynamoDB(dynamodb.NewFromConfig(aws), cfg.State.Name, options...), nil
	}
	log.WarnContext(ctx, "no state is kept: a final notice that does not get through, because a channel fails or this run dies, is not sent again; set STATE to file:PATH or dynamodb:TABLE")
	return state.NewMemory(), nil
}
