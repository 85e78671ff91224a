package app

import (
	"context"
	"errors"
	"strings"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/shoutrrr"
	"github.com/iam-sleuth/sleuth/internal/secret"
)

// services sets up a channel for each URL. A URL that cannot be used is a
// problem of the settings where it stands in them, and elsewhere one of the
// place that it is kept in.
func (w channelFactory) services(ctx context.Context) ([]notify.Channel, error) {
	urls, err := w.cfg.NotifyURLs.Fetch(ctx, awsclient.Fetchers(w.aws))
	if err != nil {
		return nil, err
	}
	if err := config.CheckNotifyURLs(urls.Reveal()); err != nil {
		return nil, err
	}
	list := secret.New(strings.Join(config.SplitURLs(urls.Reveal()), "\n"))
	channels, err := shoutrrr.New(list, shoutrrr.Options{Now: w.Now, Retry: channelRetryPolicy()})
	switch {
	case err != nil && w.cfg.NotifyURLs.Source == "":
		return nil, config.Problems{{Variable: "SLEUTH_NOTIFY_URLS", Value: secret.Redacted, Allowed: err.Error()}}
	case err != nil:
		return nil, err
	case len(channels) == 0:
		return nil, errors.New("there is no URL in it; give one such as discord://..., or unset SLEUTH_NOTIFY_URLS")
	}
	return w.withPreview(channels...), nil
}
