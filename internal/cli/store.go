package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

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

func (a *app) openStore(ctx context.Context, cfg config.Config, aws aws.Config, log *slog.Logger, dryRun bool) (ledger.Store, error) {
	options := []ledger.Option{ledger.Clock(a.now)}
	if dryRun {
		options = append(options, ledger.ReadOnly())
	}
	switch cfg.State.Kind {
	case config.StateFile:
		return ledger.OpenFile(cfg.State.Name, options...)
	case config.StateDynamoDB:
		return ledger.NewDynamoDB(dynamodb.NewFromConfig(aws), cfg.State.Name, options...), nil
	}
	log.WarnContext(ctx, "no state is kept: a final notice that does not get through, because a channel fails or this run dies, is not sent again; set STATE to file:PATH or dynamodb:TABLE")
	return ledger.NewMemory(), nil
}
