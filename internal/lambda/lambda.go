// Package lambda is Sleuth as an AWS Lambda function: events in, results out.
package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/iam-sleuth/sleuth/internal/app"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/leak"
	"github.com/iam-sleuth/sleuth/internal/metrics"
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// Serve does what the settings in env and each event ask for, until the runtime
// ends the process. Settings that cannot be used are the event's error rather
// than the process's, so that they are reported and not a crash loop.
func Serve(ctx context.Context, env []string, stdout, stderr io.Writer) {
	f := &function{env: env, metrics: stdout, app: &app.App{Out: stdout, Log: stderr, Now: time.Now}}
	log := f.app.Logger(config.Log{})
	log.InfoContext(ctx, "the function starts", "version", app.Version())
	lambda.StartWithOptions(f.onEvent, lambda.WithContext(ctx))
}

// function answers events.
type function struct {
	env     []string // as os.Environ returns it
	app     *app.App
	metrics io.Writer
}

// onEvent answers an event. Its error is what people read in Lambda's result and
// log.
func (f *function) onEvent(ctx context.Context, payload json.RawMessage) (any, error) {
	result, err := f.answer(ctx, payload)
	if err == nil {
		return result, nil
	}
	return nil, asResult(err)
}

// answer does what an event asks for, as far as the settings allow it. If either
// cannot be used, nothing is done. The time to return and log the result is kept
// from everything else.
func (f *function) answer(ctx context.Context, payload json.RawMessage) (any, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := budget.Process(f.app.Now(), deadline).Context(ctx, budget.Work, f.app.Now())
	defer cancel()
	e, err := parseEvent(payload)
	if other, isOther := errors.AsType[*leak.OtherEventError](err); isOther {
		f.app.Logger(config.Log{}).InfoContext(ctx, "ignored an event", "because", other.Error())
		return &ignored{other.Error()}, nil
	}
	if err != nil {
		return nil, badEventError{err}
	}
	settings, err := config.FromEnvironment(config.LookupIn(f.env))
	if err != nil {
		return nil, err
	}
	f.app.WarnOfLookAlikes(ctx, config.LogOf(settings.Logging), f.env)
	cfg, err := config.UnknownVariables(f.env).With(config.Check(settings, config.StateChoice{Kind: config.StateNone}))
	if err != nil {
		return nil, err
	}
	return f.act(ctx, cfg, e)
}

// act does what an event asks for.
func (f *function) act(ctx context.Context, cfg config.Config, e event) (any, error) {
	switch e.Action {
	case actionLeaked:
		return f.leaked(ctx, cfg, e)
	case actionList:
		return f.list(ctx, cfg, e)
	case actionAccount:
		return f.account(ctx, cfg, e)
	case actionSummarize:
		return f.summarize(ctx, cfg, e)
	default:
		return f.run(ctx, cfg, e)
	}
}

// run makes the run that a schedule asks for, or that of one account.
func (f *function) run(ctx context.Context, cfg config.Config, e event) (any, error) {
	if e.Account != "" && !cfg.Scope.Several() {
		return nil, badEventError{fmt.Errorf("the event names account %s, and SLEUTH_ACCOUNTS is not set, so that the function's own is the only one; set SLEUTH_ACCOUNTS, or leave the account out of the event", e.Account)}
	}
	summary, err := f.app.Run(ctx, cfg, app.RunOptions{Only: e.Account, DryRun: e.DryRun})
	if summary == nil {
		return nil, err
	}
	f.measure(ctx, cfg, summary.Accounts...) // even of a run that completed with errors
	if err != nil {
		return nil, incomplete{err}
	}
	return summary.Shown(), nil
}

// ignored is the result of an event of AWS Health that is about something else.
type ignored struct {
	Ignored string `json:"ignored"`
}

// leaked answers an event of AWS Health. What was not done is an error, so
// that the event comes again.
func (f *function) leaked(ctx context.Context, cfg config.Config, e event) (any, error) {
	answer, err := f.app.RespondToLeak(ctx, cfg, e.Leak, false)
	if err != nil {
		return nil, err
	}
	if err := answer.Err(); err != nil {
		return nil, incomplete{err}
	}
	return answer, nil
}

// listResult is what the action list returns: what Step Functions hands on.
type listResult struct {
	Run      string    `json:"run"`
	Began    time.Time `json:"began"`
	DryRun   bool      `json:"dry_run"`
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"` // of the list of items
	Accounts int       `json:"accounts"`
}

func (f *function) list(ctx context.Context, cfg config.Config, e event) (any, error) {
	list, err := f.app.ListAccounts(ctx, cfg, e.DryRun)
	if err != nil {
		return nil, err
	}
	return &listResult{Run: list.Run, Began: list.Began, DryRun: list.DryRun, Bucket: list.Bucket, Key: list.Key, Accounts: len(list.Accounts)}, nil
}

// done is what the action account returns; the complete summary is in the bucket.
type done struct {
	Account string `json:"account"`
	Failed  int    `json:"failed"`
}

func (f *function) account(ctx context.Context, cfg config.Config, e event) (any, error) {
	summary, err := f.app.RunAccount(ctx, cfg, e.step(), e.Account)
	if summary != nil {
		f.measure(ctx, cfg, *summary)
	}
	if err != nil {
		return nil, err
	}
	return &done{Account: e.Account, Failed: summary.Failed}, nil
}

// summaryResult is what the action summarize returns; the complete summary is in the
// bucket under that key.
type summaryResult struct {
	Run      string     `json:"run"`
	Complete bool       `json:"complete"`
	Error    string     `json:"error,omitempty"`
	Key      string     `json:"key"`
	Totals   org.Totals `json:"totals"`
}

func (f *function) summarize(ctx context.Context, cfg config.Config, e event) (any, error) {
	summary, key, err := f.app.Summarize(ctx, cfg, e.step())
	if err != nil {
		return nil, err
	}
	result := &summaryResult{Run: e.Run, Complete: true, Key: key, Totals: summary.Totals}
	if err := summary.Err(); err != nil {
		result.Complete, result.Error = false, err.Error()
	}
	return result, nil
}

// measure writes the metrics of runs.
func (f *function) measure(ctx context.Context, cfg config.Config, runs ...sleuth.Summary) {
	for _, summary := range runs {
		if summary.Skipped != "" {
			continue // its zeros would stand beside the figures of the run that did the work
		}
		if err := metrics.Write(f.metrics, summary); err != nil {
			f.app.Logger(cfg.Log).WarnContext(ctx, "the metrics are lost", "error", err.Error())
		}
	}
}
