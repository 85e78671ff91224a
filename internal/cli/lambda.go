package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iam-sleuth/sleuth/internal/awserr"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
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

// onEvent answers an event. Its error is what people read in Lambda's result and
// log.
func (a *app) onEvent(ctx context.Context, payload json.RawMessage) (any, error) {
	answer, err := a.answerEvent(ctx, payload)
	if err == nil {
		return answer, nil
	}
	if said := awserr.Message(err); said != err.Error() {
		return answer, errors.New(said)
	}
	return answer, err // as it is: Step Functions goes by its type
}

// answerEvent does what an event asks for, as far as the settings allow it.
// Where either cannot be used, nothing is done. The time to return and log the
// result is kept from everything else.
func (a *app) answerEvent(ctx context.Context, payload json.RawMessage) (any, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := budget.Process(a.now(), deadline).Context(ctx, budget.Work, a.now())
	defer cancel()
	e, err := parseEvent(payload)
	if other, isOther := errors.AsType[*leak.OtherEventError](err); isOther {
		a.logger(false).InfoContext(ctx, "an event is passed over", "because", other.Error())
		return &ignored{other.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	a.warnOfLookAlikes(ctx)
	cli, _, _, err := a.parse([]string{"run"})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Check(cli.Run.Settings, config.StateChoice{Kind: config.StateNone})
	if err != nil {
		return nil, err
	}
	log := a.logger(cfg.Debug)
	if e.Action == actionRun {
		return a.scheduled(ctx, cfg, e, log)
	}
	if e.Action == actionLeaked {
		return a.leaked(ctx, cfg, e.Leak, log)
	}
	if !cfg.Scope.Several() || cfg.ResultsBucket == "" {
		return nil, errNoSteps
	}
	switch e.Action {
	case actionList:
		return a.list(ctx, cfg, e, log)
	case actionAccount:
		return a.account(ctx, cfg, e, log)
	default:
		return a.summarize(ctx, cfg, e, log)
	}
}

// scheduled makes the run that a schedule asks for, or that of one account.
func (a *app) scheduled(ctx context.Context, cfg config.Config, e event, log *slog.Logger) (any, error) {
	if cfg.Scope.Several() {
		summary, err := a.overAccounts(ctx, cfg, e.Account, e.DryRun, log)
		if summary != nil {
			a.measure(ctx, log, summary.Accounts...)
		}
		if err != nil {
			return nil, err
		}
		return summary, nil
	}
	if e.Account != "" {
		return nil, fmt.Errorf("the event names account %s, and ACCOUNTS is not set, so that the function's own is the only one; set ACCOUNTS, or leave the account out of the event", e.Account)
	}
	summary, err := a.once(ctx, cfg, e.DryRun, log)
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
		if summary.Skipped != "" {
			continue // its zeros would stand beside the figures of the run that did the work
		}
		if err := metrics.Write(a.stdout, summary); err != nil {
			log.ErrorContext(ctx, "the metrics are lost", "error", err.Error())
		}
	}
}
