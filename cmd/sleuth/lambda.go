package main

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/metrics"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// serveLambda does what run does, once for every event, until the runtime
// ends the process. Settings that cannot be used are the event's error rather
// than the process's, so that they are reported and not a crash loop.
func (a *app) serveLambda() int {
	lambda.StartWithOptions(a.onEvent, lambda.WithContext(a.ctx))
	return exitWhole
}

// onEvent answers the schedule. The event itself is not looked at: nothing in
// it can change what the settings say.
func (a *app) onEvent(ctx context.Context, _ json.RawMessage) (any, error) {
	cli, _, _, err := a.parse([]string{"run"})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Check(cli.Run.Settings, config.StateChoice{Kind: config.StateNone})
	if err != nil {
		return nil, err
	}
	log := a.logger(cfg.Debug)
	if cfg.Scope.Several() {
		summary, err := a.overAccounts(ctx, cfg, false, log)
		if summary != nil {
			a.measure(ctx, log, summary.Accounts...)
		}
		if err != nil {
			return nil, err
		}
		return summary, nil
	}
	summary, err := a.once(ctx, cfg, false, log)
	if summary != nil { // even of a run that was not whole
		a.measure(ctx, log, *summary)
	}
	if err != nil {
		return nil, err
	}
	return summary, nil
}

// measure writes the metrics of runs.
func (a *app) measure(ctx context.Context, log *slog.Logger, runs ...sleuth.Summary) {
	for _, summary := range runs {
		if err := metrics.Write(a.stdout, summary); err != nil {
			log.ErrorContext(ctx, "the metrics are lost", "error", err.Error())
		}
	}
}
