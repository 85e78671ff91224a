package org_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/org"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/test/channeltest"
)

const day = 24 * time.Hour

// start serves an AWS.
func start(t *testing.T, options ...awsfake.Option) *awsfake.Server {
	t.Helper()
	server, err := awsfake.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// as is a connection with the account's own credentials.
func as(server *awsfake.Server, account *awsfake.Account) aws.Config {
	id, secret := account.Credentials()
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// world is three accounts whose runs leave their notices in one
// store, with a clock that only the test moves.
type world struct {
	t        *testing.T
	aws      *awsfake.Server
	store    ledger.Store
	slack    *channel
	sns      *channel
	accounts []string
	runs     int
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, store: ledger.NewMemory(), slack: &channel{name: "slack"}, sns: &channel{name: "sns"},
		accounts: []string{"100000000001", "100000000002", "100000000003"},
		now:      time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
	}
	w.aws = start(t, awsfake.WithClock(func() time.Time { return w.now }))
	return w
}

// user makes a user with a key of that age in one of the accounts.
func (w *world) user(account int, name, slackTag, keyID string, ageDays int) {
	created := w.now.Add(-time.Duration(ageDays) * day)
	tags := map[string]string{"Name": name}
	if slackTag != "" {
		tags["Slack"] = slackTag
	}
	w.aws.Account(w.accounts[account]).AddUser(awsfake.User{Name: name, Tags: tags, Keys: []awsfake.Key{
		{ID: keyID, Active: true, Created: created, LastUsed: w.now.Add(-time.Hour)},
	}})
}

// runAll makes a run on every account, as one of an organization.
func (w *world) runAll(change ...func(*run.Runner)) []run.Summary {
	w.t.Helper()
	w.runs++
	sentBefore := len(w.slack.sent) + len(w.sns.sent)
	var summaries []run.Summary
	for _, acct := range w.accounts {
		r := run.Runner{
			ID:      fmt.Sprintf("run-%d", w.runs),
			Account: account.Account{ID: acct, Alias: "alias-" + acct[11:]},
			Config: config.Config{
				Rules:       audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80},
				Policy:      audit.Policy{AutoExpire: true},
				Concurrency: 4, Lease: time.Minute,
			},
			IAM:      iam.NewFromConfig(as(w.aws, w.aws.Account(acct))),
			Channels: []notify.Channel{w.slack, w.sns},
			Store:    w.store,
			Log:      slog.New(slog.DiscardHandler),
			Now:      func() time.Time { return w.now },
			Digest:   true,
		}
		for _, c := range change {
			c(&r)
		}
		summary, _ := r.Run(w.t.Context())
		summaries = append(summaries, summary)
	}
	if len(w.slack.sent)+len(w.sns.sent) > sentBefore {
		w.t.Error("a run sent a notice, rather than leave it to the digest")
	}
	return summaries
}

func (w *world) digest() org.Digest {
	return org.Digest{
		Run: fmt.Sprintf("run-%d", w.runs), Holder: fmt.Sprintf("digest-%d.1", w.runs), Organization: "o-example",
		NewBatch: notify.Batch{Creation: notify.Heading{Title: "Rotate", Text: "Please rotate."}, Inactivity: notify.Heading{Title: "Use"}},
		Channels: []notify.Channel{w.slack, w.sns}, Store: w.store, Log: slog.New(slog.DiscardHandler), Lease: time.Minute, Now: func() time.Time { return w.now },
	}
}

// record is what is remembered of a key.
func (w *world) record(account int, keyID string) ledger.Record {
	w.t.Helper()
	records, err := w.store.Load(w.t.Context(), w.accounts[account])
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range records {
		if r.KeyID() == keyID {
			return r
		}
	}
	return ledger.Record{}
}

var errDown = errors.New("the channel is down")

// channel is a channel that remembers what it sent.
type channel struct {
	name string
	err  error // answered by Send, once set
	hang bool  // Send answers nothing until its context ends

	mu        sync.Mutex
	bulletins []notify.Batch
	sent      []notify.Notice
}

func (c *channel) Name() string { return c.name }
func (c *channel) ID() string   { return c.name }

func (c *channel) Compose(b notify.Batch) []notify.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bulletins = append(c.bulletins, b)
	return []notify.Message{{Body: b.Announcement, Notices: b.Notices}}
}

func (c *channel) Send(ctx context.Context, m notify.Message) error {
	if c.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.sent = append(c.sent, m.Notices...)
	return nil
}

// lines is what the channel sent since it was last asked, by account.
func (c *channel) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, n := range c.sent {
		lines = append(lines, n.Account.ID[11:]+": "+channeltest.Sentence(n))
	}
	c.sent, c.bulletins = nil, nil
	return lines
}

func (w *world) wantLines(c *channel, want ...string) {
	w.t.Helper()
	if got := c.lines(); !slices.Equal(got, want) {
		w.t.Errorf("%s sent\n  %s\nwant\n  %s", c.name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
