package app

import (
	"context"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/teams"
)

// teams sets up the channel behind a workflow of Microsoft Teams.
func (w channelFactory) teams(ctx context.Context) ([]notify.Channel, error) {
	url, err := w.cfg.TeamsURL.Fetch(ctx, awsclient.Fetchers(w.aws))
	if err != nil {
		return nil, err
	}
	channel, err := teams.New(url.Value, teams.Options{Now: w.Now, Retry: channelRetryPolicy()})
	if err != nil {
		return nil, err
	}
	return w.withPreview(channel), nil
}
