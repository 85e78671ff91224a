// Package app has the use cases: it makes runs and audits, checks the settings,
// answers leaked keys and enables keys again. It builds the connections,
// channels and stores that these need from a config.Config. Who calls it, the
// command line or the Lambda, reads the settings and shows the results.
package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// App makes the use cases in the outside world that it is given.
type App struct {
	// Out is where the messages of a dry run and those that DEBUG echoes are
	// printed, and Log where the log goes.
	Out, Log io.Writer
	// Terminal says what Log is on; nil if that is not a terminal.
	Terminal *Terminal
	Now      func() time.Time
	// Ticker says when to renew leases; nil is time.NewTicker.
	Ticker ledger.Ticker
	// Connect connects to AWS for so many calls at a time; nil is
	// awsclient.Connect.
	Connect func(ctx context.Context, concurrency int) (aws.Config, error)
}

func (a *App) connect(ctx context.Context, concurrency int) (aws.Config, error) {
	if a.Connect != nil {
		return a.Connect(ctx, concurrency)
	}
	return awsclient.Connect(ctx, concurrency)
}

// WarnOfLookAlikes names the variables of an environment that were probably
// meant for settings, which would otherwise be ignored without a word.
func (a *App) WarnOfLookAlikes(ctx context.Context, how config.Log, environment []string) {
	log := a.Logger(how)
	for _, l := range config.LookAlikes(environment) {
		log.WarnContext(ctx, "a variable of the environment looks like a setting and is ignored", "variable", l.Variable, "did_you_mean", l.Meant)
	}
}

// runID names a run so that it can be found again by when it began.
func runID(now time.Time) string {
	return now.UTC().Format("20060102T150405Z-") + randomID()
}

func randomID() string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
