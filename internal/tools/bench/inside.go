package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/audit"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	"github.com/iam-sleuth/sleuth/internal/run"
)

// defaults are the limits if no setting says otherwise.
func defaults() audit.Rules {
	return audit.Rules{ExpirationAge: 90, WarningAge: 80, InactivityAge: 90, InactivityWarningAge: 80}
}

// inside is what a process measures of itself.
type inside struct {
	Calls       int
	Took        time.Duration
	Allocations uint64
	Bytes       uint64
	CPU         time.Duration // of the whole process
	Peak        int64         // bytes
}

// runInside makes a run in this process, to count its allocations.
func runInside(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	url, id, secret := flags.String("url", "", ""), flags.String("id", "", ""), flags.String("secret", "", "")
	byReport := flags.Bool("by-report", false, "")
	concurrency := flags.Int("concurrency", 1, "")
	cpu, allocs := flags.String("cpuprofile", "", ""), flags.String("memprofile", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *cpu != "" {
		file, err := os.Create(*cpu)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	client := iam.NewFromConfig(awsclient.ConnectTo(*url, *id, *secret, *concurrency))
	log := slog.New(slog.DiscardHandler)
	report := &inventory.CredentialReport{IAM: client, Sleep: inventory.Sleep, Log: log}
	runner := run.Runner{
		LastUses: report, ID: "bench", Account: account.Account{ID: awsfake.DefaultHome}, IAM: client, Store: ledger.NewMemory(), Log: log, Now: time.Now,
		Config: config.Config{
			Rules: defaults(), Policy: audit.Policy{AutoExpire: true}, Concurrency: *concurrency, Lease: time.Minute,
		},
	}
	if *byReport {
		runner.Report = report
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	if _, err := runner.Run(ctx); err != nil {
		return err
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if *allocs != "" {
		file, err := os.Create(*allocs)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.Lookup("allocs").WriteTo(file, 0); err != nil {
			return err
		}
	}
	return json.NewEncoder(stdout).Encode(inside{
		Took: took, Allocations: after.Mallocs - before.Mallocs, Bytes: after.TotalAlloc - before.TotalAlloc,
	})
}

// readSerially makes aws-iam-sleuth's calls, one after the other: the list of
// users, each user's tags and keys, each key's last use.
func readSerially(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("serial", flag.ContinueOnError)
	url, id, secret := flags.String("url", "", ""), flags.String("id", "", ""), flags.String("secret", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	client := iam.NewFromConfig(awsclient.ConnectTo(*url, *id, *secret, 1))
	start, calls := time.Now(), 0
	pages := iam.NewListUsersPaginator(client, &iam.ListUsersInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		calls++
		for _, user := range page.Users {
			if _, err := client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: user.UserName}); err != nil {
				return err
			}
			keys, err := client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: user.UserName})
			if err != nil {
				return err
			}
			calls += 2
			for _, key := range keys.AccessKeyMetadata {
				if _, err := client.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}); err != nil {
					return err
				}
				calls++
			}
		}
	}
	return json.NewEncoder(stdout).Encode(inside{Calls: calls, Took: time.Since(start)})
}

// stream judges and decides a stream of users that never were, two keys each,
// keeping none.
func stream(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("stream", flag.ContinueOnError)
	users := flags.Int("users", 5_000_000, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rules, policy := defaults(), audit.Policy{AutoExpire: true}
	var actions [audit.Disable + 1]int
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for i := range *users {
		for k := range keysPerUser {
			created := now.Add(-time.Duration(keyAge(i, k)) * 24 * time.Hour)
			key := audit.Key{ID: "AKIAEXAMPLE", Status: audit.Active, Created: created, LastUsed: now.Add(-time.Hour)}
			verdict := audit.Judge(key, audit.Exemption{}, rules, now)
			actions[audit.Decide(key, verdict, rules, audit.History{}, policy, now).Action]++
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	keys := *users * keysPerUser
	if want := (*users + everyPastLimit - 1) / everyPastLimit * keysPerUser; actions[audit.Disable] != want {
		return fmt.Errorf("%d keys were to be disabled, want %d", actions[audit.Disable], want)
	}
	return json.NewEncoder(stdout).Encode(inside{
		Calls: keys, Took: took,
		Allocations: after.Mallocs - before.Mallocs, Bytes: after.TotalAlloc - before.TotalAlloc,
	})
}
