package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/iam-sleuth/sleuth/internal/account"
	"github.com/iam-sleuth/sleuth/internal/awsclient"
	"github.com/iam-sleuth/sleuth/internal/budget"
	"github.com/iam-sleuth/sleuth/internal/config"
	"github.com/iam-sleuth/sleuth/internal/enforce"
	"github.com/iam-sleuth/sleuth/internal/inventory"
	"github.com/iam-sleuth/sleuth/internal/ledger"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// reactivateCommand undoes what a run has disabled.
type reactivateCommand struct {
	Keys          []string `arg:"" optional:"" name:"key" help:"Ids of the keys to enable again."`
	OfRun         string   `name:"run" placeholder:"ID" help:"Enable again exactly the keys that this run disabled, from state, or from --report."`
	Report        string   `placeholder:"FILE" help:"Take the keys from the JSON summary of a run, '-' for standard input."`
	Grace         string   `placeholder:"DAYS" help:"Also exempt the users for so many days, such as 7d, with the tag KeyAutoExpire = False until DATE."`
	Yes           bool     `short:"y" help:"Do not ask."`
	config.Estate `group:"estate"`
	config.Memory `group:"memory"`
}

// Run implements the command.
func (c *reactivateCommand) Run(a *app) error {
	graceDays, err := parseDays("--grace", c.Grace)
	if err != nil {
		return &statusError{exitUsage, err}
	}
	if len(c.Keys) == 0 && c.OfRun == "" && c.Report == "" {
		return &statusError{exitUsage, errors.New("name the keys, or the run (--run ID), or its report (--report FILE)")}
	}
	cfg, err := config.CheckMemoryOf(c.Estate, c.Memory, a.stateOnThisMachine())
	if err != nil {
		return err
	}
	if cfg.Scope.Several() {
		return c.overAccounts(a, cfg, graceDays)
	}
	aws, err := awsclient.Connect(a.ctx, reactivateConcurrency)
	if err != nil {
		return err
	}
	identity, _, err := awsclient.Identify(a.ctx, aws)
	if err != nil {
		return err
	}
	store, err := a.openStore(a.ctx, cfg, aws, a.logger(false), false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()

	return a.reactivateIn(aws, identity.Account.ID, store, cfg.Lease, graceDays, func(r reactivation) error { return r.undo(c) })
}

// reactivateIn does the work in an account that we are connected to, while no
// run may evaluate the keys there, however long a person takes to answer.
func (a *app) reactivateIn(aws aws.Config, account string, store ledger.Store, ttl time.Duration, graceDays int, work func(reactivation) error) error {
	held, lease := ledger.Hold(a.ctx, store, "reactivate-"+runID(a.now()), ttl, a.now, ledger.Ticks(a.ticker))
	err := lease.Acquire(held, account)
	if err == nil {
		err = work(a.reactivation(held, aws, account, store, graceDays))
	}
	last, cancel := budget.Budget{}.Context(context.WithoutCancel(a.ctx), budget.Release, a.now())
	defer cancel()
	_ = lease.Release(last) // it expires by itself
	if lost := lease.Lost(); lost != nil {
		return errors.Join(fmt.Errorf("%w; run the command again", lost), err)
	}
	return err
}

// reactivation is one use of the command in an account, until ctx ends.
func (a *app) reactivation(ctx context.Context, aws aws.Config, account string, store ledger.Store, graceDays int) reactivation {
	working := *a
	working.ctx = ctx
	r := reactivation{
		app:     &working,
		store:   store,
		account: account,
		iam:     iam.NewFromConfig(aws),
	}
	r.Reactivator = enforce.Reactivator{
		IAM:       r.iam,
		Reader:    inventory.Reader{IAM: r.iam},
		Now:       a.now,
		GraceDays: graceDays,
	}
	return r
}

const reactivateConcurrency = 1

// whatReport is what --report takes.
const whatReport = "give --report the path of a run's JSON summary, such as the Lambda's result, or '-' for standard input"

// reactivation is one use of the command.
type reactivation struct {
	*app
	enforce.Reactivator
	iam     *iam.Client
	store   ledger.Store
	account string
}

func (r reactivation) undo(c *reactivateCommand) error {
	records, err := r.store.Load(r.ctx, r.account)
	if _, other := ledger.SplitDamaged(err); other != nil {
		return other
	}
	keys, err := r.keysOf(c, records)
	if err != nil {
		return err
	}
	return r.enable(c, keys, records)
}

// enable enables keys of the account again, after showing them and asking.
func (r reactivation) enable(c *reactivateCommand, keys []account.KeyRef, records []ledger.Record) error {
	var todo []enforce.Reactivation
	var failed []error
	leaked := leakedIn(records)
	for _, key := range keys {
		if at, found := leaked[key.KeyID]; found && !slices.Contains(c.Keys, key.KeyID) {
			failed = append(failed, fmt.Errorf("key %s of user %s was found in public on %s and stays disabled: put a new key in its place; "+
				"to enable it all the same, name it: sleuth reactivate %s", key.KeyID, key.User, text.Date(at), key.KeyID))
			continue
		}
		one, err := r.Prepare(r.ctx, key.User, key.KeyID)
		switch {
		case errors.Is(err, enforce.ErrActive):
			fmt.Fprintf(r.stdout, "key %s of user %s is active already\n", key.KeyID, key.User)
		case err != nil:
			failed = append(failed, err)
		default:
			todo = append(todo, one)
		}
	}
	if len(todo) > 0 {
		r.announce(todo, leaked)
		if !c.Yes && !r.confirm(fmt.Sprintf("Enable %s again?", text.Count(len(todo), "key"))) {
			return errors.Join(append(failed, errors.New("nothing was changed"))...)
		}
	}
	for _, one := range todo {
		if err := r.apply(one, records); err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(r.stdout, "enabled key %s of user %s\n", one.KeyID, one.User.Name)
	}
	if len(todo) > 0 && r.GraceDays == 0 {
		fmt.Fprintln(r.stdout, "The next run judges these keys afresh, and disables them again where they are still due; --grace 7d gives their owners time.")
	}
	return errors.Join(failed...)
}

// leakedIn is when each key that was found in public was, as far as is
// remembered.
func leakedIn(records []ledger.Record) map[string]time.Time {
	leaked := map[string]time.Time{}
	for _, record := range records {
		if record.Leak() != nil {
			leaked[record.KeyID()] = record.Leak().At
		}
	}
	return leaked
}

func (r reactivation) announce(todo []enforce.Reactivation, leaked map[string]time.Time) {
	fmt.Fprintf(r.stdout, "In AWS account %s:\n", r.account)
	for _, one := range todo {
		fmt.Fprintf(r.stdout, "  enable key %s of user %s", one.KeyID, one.User.Name)
		switch {
		case one.Tag != "" && one.Replaces != "":
			fmt.Fprintf(r.stdout, ", and change the user's tag %s from %q to %q", one.TagName, one.Replaces, one.Tag)
		case one.Tag != "":
			fmt.Fprintf(r.stdout, ", and tag the user with %s = %q", one.TagName, one.Tag)
		case r.GraceDays > 0:
			fmt.Fprint(r.stdout, "; the user is exempt for longer already")
		}
		fmt.Fprintln(r.stdout)
		if at, found := leaked[one.KeyID]; found {
			fmt.Fprintf(r.stdout, "  WARNING: key %s was found in public on %s. Whoever has it can use it once it is enabled.\n", one.KeyID, text.Date(at))
		}
	}
}

// apply enables a key, and resets its record.
func (r reactivation) apply(one enforce.Reactivation, records []ledger.Record) error {
	if err := r.Apply(r.ctx, one); err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(record ledger.Record) bool { return record.KeyID() == one.KeyID })
	if i < 0 {
		return nil
	}
	record := records[i]
	err := ledger.Update(r.ctx, r.store, &record, func(newest *ledger.Record) error {
		newest.Reset(r.now())
		return nil
	})
	if err != nil {
		return fmt.Errorf("key %s of user %s is enabled, but %s still remembers it as disabled: %w; 'sleuth state forget %s' mends that", one.KeyID, one.User.Name, r.store, err, one.KeyID)
	}
	return nil
}

// keysOf finds the keys that are meant, each once.
func (r reactivation) keysOf(c *reactivateCommand, records []ledger.Record) ([]account.KeyRef, error) {
	var keys []account.KeyRef
	switch {
	case c.Report != "":
		reported, err := r.keysInReport(c.Report, c.OfRun)
		if err != nil {
			return nil, err
		}
		keys = reported
	case c.OfRun != "":
		for _, record := range records {
			if disabledBy(record, c.OfRun) {
				keys = append(keys, account.KeyRef{User: record.User(), KeyID: record.KeyID()})
			}
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("%s knows of no key that run %s disabled in account %s; 'sleuth state list' shows what it knows", r.store, c.OfRun, r.account)
		}
	}
	for _, id := range c.Keys {
		out, err := r.iam.GetAccessKeyLastUsed(r.ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
		if err != nil || aws.ToString(out.UserName) == "" {
			return nil, fmt.Errorf("find the user of key %s in account %s: %w; check the id, and whose credentials these are", id, r.account, cmp.Or(err, errors.New("it is no user's key")))
		}
		keys = append(keys, account.KeyRef{User: *out.UserName, KeyID: id})
	}
	slices.SortFunc(keys, func(a, b account.KeyRef) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
	})
	return slices.Compact(keys), nil
}

// disabledBy reports whether a run has disabled the key. A run that was made of
// several invocations has given each its own id below its own.
func disabledBy(record ledger.Record, run string) bool {
	return record.Disabled() != nil && (record.Disabled().Run == run || strings.HasPrefix(record.Disabled().Run, run+"."))
}

func (r reactivation) keysInReport(path, ofRun string) ([]account.KeyRef, error) {
	in := r.stdin
	if path != "-" {
		file, err := os.Open(path) //nolint:gosec // the user's own choice
		if err != nil {
			return nil, &statusError{exitUsage, fmt.Errorf("read the report: %w; %s", err, whatReport)}
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var summary sleuth.Summary
	if err := json.NewDecoder(in).Decode(&summary); err != nil {
		return nil, &statusError{exitUsage, fmt.Errorf("read the report: it is not the JSON summary of a run: %w; %s", err, whatReport)}
	}
	switch {
	case summary.Run == "":
		return nil, &statusError{exitUsage, fmt.Errorf("read the report: it is not the JSON summary of a run; %s", whatReport)}
	case summary.Account.ID != r.account:
		return nil, &statusError{exitUsage, fmt.Errorf("the report is about account %s, and these credentials are for %s; use those of the report's account", summary.Account.ID, r.account)}
	case ofRun != "" && summary.Run != ofRun:
		return nil, &statusError{exitUsage, fmt.Errorf("the report is of run %s, not %s; leave out --run, or give the report of that run", summary.Run, ofRun)}
	case summary.DryRun:
		return nil, &statusError{exitUsage, errors.New("the report is of a dry run, which disabled nothing; give that of a run that disabled keys")}
	}
	return summary.DisabledKeys, nil
}

// confirm asks, and takes nothing but a yes for a yes.
func (a *app) confirm(question string) bool {
	fmt.Fprintf(a.stdout, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answers <- answer
	}()
	select {
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return true
		}
	case <-a.ctx.Done(): // an interrupt is a no, and so is a lost lease
	}
	fmt.Fprintln(a.stdout)
	return false
}

// parseDays reads a number of days such as 7d or 7; empty is zero.
func parseDays(flag, text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
	if err != nil || days < 1 || days > config.MaxAgeDays {
		return 0, fmt.Errorf("%s=%q: must be a number of days from 1 to %d, such as 7d", flag, text, config.MaxAgeDays)
	}
	return days, nil
}
