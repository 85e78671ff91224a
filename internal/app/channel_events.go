package app

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/eventbridge"
)

func (w channelFactory) events(context.Context) ([]notify.Channel, error) {
	bus, err := w.eventBus(w.cfg, w.aws)
	if err != nil {
		return nil, err
	}
	return w.withPreview(bus), nil
}

// eventBus speaks to the bus's own region, whatever ours is.
func (a *App) eventBus(cfg config.Config, home aws.Config) (*eventbridge.Bus, error) {
	region, err := eventbridge.RegionOf(cfg.EventBus)
	if err != nil {
		return nil, err
	}
	client := awsevents.NewFromConfig(home, func(o *awsevents.Options) { o.Region = region })
	return eventbridge.New(cfg.EventBus, client, eventbridge.Options{Now: a.Now, Retry: channelRetryPolicy()})
}
