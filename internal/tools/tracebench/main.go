// Command tracebench measures what looking up who uses keys costs a run: when its
// notices are sent and when it ends, with it and without, for docs/where-used.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/notify"
	"github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/trace"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := measure(ctx, os.Stdout, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tracebench:", err)
		os.Exit(1)
	}
}

// everyDue is how many users there are to one with a key to say something about.
const everyDue = 20

func measure(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("tracebench", flag.ContinueOnError)
	users := flags.Int("users", 5000, "in the account, with a key each; of one in 20 there is something to say")
	latency := flags.Duration("latency", 50*time.Millisecond, "of every call")
	calls := flags.Int("calls", 1000, "of the budget")
	within := flags.Duration("within", time.Minute, "of the budget")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := awsfake.Start(awsfake.WithLatency(*latency))
	if err != nil {
		return err
	}
	defer server.Close()
	server.RecordCalls(false)
	fill(server.Home(), *users, time.Now())
	fmt.Fprintln(out, "| looked up | notices sent after | run ended after | lookups | keys with callers in the notice | in the record |")
	fmt.Fprintln(out, "|---|---:|---:|---:|---:|---:|")
	for _, traced := range []bool{false, true, false, true} {
		if err := measureRun(ctx, out, server, traced, *calls, *within); err != nil {
			return err
		}
	}
	return nil
}

// fill gives the account users with a key each, and each key that is due 60 calls
// in two regions.
func fill(home *awsfake.Account, users int, now time.Time) {
	for i := range users {
		id, age := fmt.Sprintf("AKIAIOSFODNN7%07d", i), 1+i%70
		if i%everyDue == 0 {
			age = 85
			for j := range 60 {
				home.AddTrailEvents(awsfake.TrailEvent{
					At: now.Add(-time.Duration(j) * time.Hour), KeyID: id, Service: "s3", Name: "ListBuckets", Source: "203.0.113.7",
					UserAgent: "aws-cli/2.22.0 os/macos#24.1.0", Region: []string{"us-east-1", "eu-west-1"}[j%2],
				})
			}
		}
		home.AddUser(awsfake.User{
			Name: fmt.Sprintf("user-%05d", i), Tags: map[string]string{"Name": "User", "Slack": fmt.Sprintf("U%08d", i)},
			Keys: []awsfake.Key{{ID: id, Active: true, Created: now.AddDate(0, 0, -age), LastUsed: now.Add(-time.Hour), Service: "s3", Region: "eu-west-1"}},
		})
	}
}

func measureRun(ctx context.Context, out io.Writer, server *awsfake.Server, traced bool, calls int, within time.Duration) error {
	server.ResetCalls()
	id, secret := server.Home().Credentials()
	connection := awsclient.ConnectTo(server.URL(), id, secret, 32)
	store, channel := ledger.NewMemory(), &channel{}
	began := time.Now()
	runner := run.Runner{
		ID: "bench", Account: account.Account{ID: awsfake.DefaultHome}, IAM: iam.NewFromConfig(connection), Store: store,
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Channels: []notify.Channel{channel},
		Config: config.Config{
			Rules:       audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80},
			Concurrency: 32, Lease: time.Minute,
		},
	}
	what := "no"
	if traced {
		what = "yes"
		runner.Tracer = &trace.Tracer{
			Cloud: trace.NewCloudTrail(connection, "aws"), Budget: trace.NewBudget(calls, within, began),
			Since: began.AddDate(0, 0, -trace.MaxDays), Now: time.Now,
		}
	}
	if _, err := runner.Run(ctx); err != nil {
		return err
	}
	ended := time.Since(began)
	records, err := store.Load(ctx, awsfake.DefaultHome)
	if err != nil {
		return err
	}
	kept := 0
	for _, record := range records {
		if record.Uses().LookedUp() {
			kept++
		}
	}
	fmt.Fprintf(out, "| %s | %.2f s | %.2f s | %d | %d of %d | %d |\n",
		what, channel.at.Sub(began).Seconds(), ended.Seconds(), server.Count("LookupEvents"), channel.withUses, channel.notices, kept)
	return nil
}

// channel notes when it was sent the notices, and how many say who uses the key.
type channel struct {
	mu                sync.Mutex
	at                time.Time
	notices, withUses int
}

func (*channel) Name() string { return "bench" }
func (*channel) ID() string   { return "bench" }

func (*channel) Compose(b notify.Batch) []notify.Message {
	return []notify.Message{{Notices: b.Notices}}
}

func (c *channel) Send(_ context.Context, m notify.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Now()
	for _, n := range m.Notices {
		c.notices++
		if n.Uses != nil && n.Uses.LookedUp() {
			c.withUses++
		}
	}
	return nil
}
