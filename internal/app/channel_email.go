package app

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
)

// email sends from the region of the connection: an address is verified in one.
func (w channelFactory) email(context.Context) ([]notify.Channel, error) {
	channel, err := email.New(w.cfg.EmailFrom, sesv2.NewFromConfig(w.aws), email.Options{Now: w.Now, Retry: channelRetryPolicy()})
	if err != nil {
		return nil, err
	}
	return w.withPreview(channel), nil
}
