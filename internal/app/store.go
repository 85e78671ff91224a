package app

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// OpenStore opens the store that the settings name. AWS is used for a table
// only.
func (a *App) OpenStore(ctx context.Context, cfg config.Config, aws aws.Config, readOnly bool) (ledger.Store, error) {
	options := []ledger.Option{ledger.Clock(a.Now)}
	if readOnly {
		options = append(options, ledger.ReadOnly())
	}
	switch cfg.State.Kind {
	case config.StateFile:
		return ledger.OpenFile(cfg.State.Name, options...)
	case config.StateDynamoDB:
		return ledger.NewDynamoDB(awsclient.NewDynamoDB(aws), cfg.State.Name, options...), nil
	}
	a.Logger(cfg.Log).WarnContext(ctx, "no state is kept: a final notice that does not get through, because a channel fails or this run dies, is not sent again; set SLEUTH_STATE to file:PATH or dynamodb:TABLE")
	return ledger.NewMemory(), nil
}
