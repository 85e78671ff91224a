package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/cloud"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/report"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
)

// runCommand is the daily job.
type runCommand struct {
	config.Settings
	DryRun bool `help:"Write nothing and send nothing; show what would be."`
}

// Run implements the command.
func (c *runCommand) Run(a *app) error {
	cfg, err := config.Check(c.Settings, a.stateOnThisMachine())
	if err != nil {
		return err
	}
	summary, err := a.once(a.ctx, cfg, c.DryRun, a.logger(cfg.Debug))
	if summary == nil {
		return err
	}
	if cfg.Debug {
		if err := report.WriteTable(a.stdout, summary.Rows); err != nil {
			return err
		}
	}
	fmt.Fprint(a.stdout, summary)
	if err != nil { // the summary has said it
		return &statusError{status: exitNotWhole}
	}
	return nil
}

// once makes one run with settings that were checked. Without a summary the
// run did not begin, and nothing was changed.
func (a *app) once(ctx context.Context, cfg config.Config, dryRun bool, log *slog.Logger) (*sleuth.Summary, error) {
	aws, err := cloud.Connect(ctx, cfg.Concurrency)
	if err != nil {
		return nil, err
	}
	return a.onceIn(ctx, aws, cfg, dryRun, log)
}

// onceIn is once in an AWS that we are connected to.
func (a *app) onceIn(ctx context.Context, aws aws.Config, cfg config.Config, dryRun bool, log *slog.Logger) (*sleuth.Summary, error) {
	traffic := cloud.Count(&aws)
	began := a.now()
	id := runID(began)
	log = log.With("run", id)
	identity, aliasErr, err := cloud.Identify(ctx, aws)
	if err != nil {
		return nil, err
	}
	log = log.With("account", identity.Account.ID)
	if aliasErr != nil {
		log.WarnContext(ctx, "the account's alias is left out of the messages", "error", aliasErr.Error())
	}
	cfg.Policy.OwnKey = identity.AccessKeyID
	channels, err := a.channels(ctx, cfg, aws, dryRun)
	if err != nil {
		return nil, err
	}
	store, err := a.openStore(ctx, cfg, aws, log, dryRun)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()

	log.InfoContext(ctx, "run begins", "auto_expire", cfg.Policy.AutoExpire, "dry_run", dryRun, "state", store.String(), "rules", report.Rules(cfg.Rules))
	deadline, _ := ctx.Deadline() // zero outside Lambda
	client := iam.NewFromConfig(aws)
	summary, err := sleuth.Runner{
		Began:    began,
		Deadline: deadline,
		ID:       id,
		Account:  identity.Account,
		Config:   cfg,
		IAM:      client,
		Report:   credentialReport(cfg, client, log),
		Channels: channels,
		Store:    store,
		Log:      log,
		Now:      a.now,
		DryRun:   dryRun,
		Table:    cfg.Debug,
	}.Run(ctx)
	summary.APICalls, summary.Throttles = traffic.Calls(), traffic.Throttles()
	log.InfoContext(ctx, "run ends", "summary", summary)
	return &summary, err
}

// runID names a run so that it can be found again by when it began.
func runID(now time.Time) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102T150405Z-") + hex.EncodeToString(random[:])
}

// logger writes JSON lines to stderr.
func (a *app) logger(debug bool) *slog.Logger { return newLogger(a.stderr, debug) }

func newLogger(w io.Writer, debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
