package cli

import (
	"context"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/notify/email"
)

// email sends from the region of the connection: an address is verified in one.
func (w wiring) email(context.Context) ([]notify.Channel, error) {
	connection := w.aws
	connection.Retryer = nil // the channel tries again by itself
	ses := awsclient.NewService(connection, "email", "SESv2").SignedAs("ses")
	channel, err := email.New(w.cfg.EmailFrom, ses, email.Options{Now: w.now, Retry: patience()})
	if err != nil {
		return nil, err
	}
	return w.previewed(channel), nil
}
