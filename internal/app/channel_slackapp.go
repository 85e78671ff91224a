package app

import (
	"context"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/slack"
)

// slackApp sets up the two channels of a Slack app: the list of all keys in
// SLEUTH_SLACK_CHANNEL, and direct messages.
func (w channelFactory) slackApp(ctx context.Context) ([]notify.Channel, error) {
	app, err := w.openSlackApp(ctx)
	if err != nil {
		return nil, err
	}
	return w.withPreview(app.Channel(w.cfg.SlackChannel), app.Direct(w.cfg.SlackChannel)), nil
}

func (w channelFactory) openSlackApp(ctx context.Context) (*slack.App, error) {
	token, err := w.cfg.SlackToken.Fetch(ctx, awsclient.Fetchers(w.aws))
	if err != nil {
		return nil, err
	}
	if err := config.CheckSlackToken(token.Reveal()); err != nil {
		return nil, err
	}
	return slack.NewApp(token.Value, slack.AppOptions{
		APIURL: w.cfg.SlackAPIURL, Echo: w.echo(), Now: w.Now, Retry: channelRetryPolicy(), Log: w.Logger(w.cfg.Log),
	})
}
