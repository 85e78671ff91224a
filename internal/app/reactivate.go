package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
	"github.com/iam-sleuth/sleuth/internal/org"
	sleuth "github.com/iam-sleuth/sleuth/internal/run"
	"github.com/iam-sleuth/sleuth/internal/text"
)

// ReactivateOptions say which keys are enabled again, and how.
type ReactivateOptions struct {
	// Keys are the ids of keys; OfRun is a run that disabled some.
	Keys  []string
	OfRun string
	// Summary is the JSON summary of a run that disabled keys; nil for none.
	Summary io.Reader
	// GraceDays is for how long the users become exempt; 0 for not at all.
	GraceDays int
	// Confirm asks before keys are enabled, and says no when ctx ends; nil does
	// not ask.
	Confirm func(ctx context.Context, question string) bool
}

// Reactivate enables keys again, one account after the other, each after showing
// them on Out and asking.
func (a *App) Reactivate(ctx context.Context, cfg config.Config, o ReactivateOptions) error {
	e, err := a.connectHome(ctx, cfg, "reactivate-"+runID(a.Now()))
	if err != nil {
		return err
	}
	members, err := e.members(ctx)
	if err != nil {
		return err
	}
	store, err := a.OpenStore(ctx, cfg, e.home.aws, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	r := reactivation{App: a, o: o, store: store, lease: cfg.Lease}
	keys, err := r.find(ctx, e, members)
	if err != nil {
		return err
	}
	var failed []error
	for _, account := range members.Accounts {
		if len(keys[account]) == 0 {
			continue
		}
		m, err := e.enter(ctx, account, a.Logger(cfg.Log))
		if err == nil {
			err = r.enableIn(ctx, m, keys[account])
		}
		if err != nil && !members.HomeOnly {
			err = fmt.Errorf("account %s: %w", account, err)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// reactivation is one use of Reactivate.
type reactivation struct {
	*App
	o     ReactivateOptions
	store ledger.Store
	lease time.Duration
}

// find finds the keys that are meant, by account, each once.
func (r reactivation) find(ctx context.Context, e *accountSet, members org.Members) (map[string][]account.KeyRef, error) {
	keys := map[string][]account.KeyRef{}
	if r.o.Summary != nil {
		if err := r.findInSummary(keys); err != nil {
			return nil, err
		}
	} else if r.o.OfRun != "" {
		if err := r.findInLedger(ctx, members, keys, func(record ledger.Record) bool { return disabledBy(record, r.o.OfRun) }); err != nil {
			return nil, err
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("%s knows of no key that run %s disabled; 'sleuth state list' shows what it knows", r.store, r.o.OfRun)
		}
	}
	if err := r.findNamed(ctx, e, members, keys); err != nil {
		return nil, err
	}
	for account, refs := range keys {
		if !slices.Contains(members.Accounts, account) {
			return nil, fmt.Errorf("account %s, which some of the keys are of, is not among the accounts of the settings; check whose credentials these are, and SLEUTH_ACCOUNTS, SLEUTH_OUS and SLEUTH_EXCLUDE_ACCOUNTS", account)
		}
		keys[account] = slices.Compact(slices.SortedFunc(slices.Values(refs), compareRefs))
	}
	return keys, nil
}

// findNamed finds the users of the keys that are named: IAM says whose a key of
// an account alone is, and the ledger which of several accounts it is of.
func (r reactivation) findNamed(ctx context.Context, e *accountSet, members org.Members, keys map[string][]account.KeyRef) error {
	if members.HomeOnly {
		for _, id := range r.o.Keys {
			home := e.home.Account.ID
			out, err := awsclient.NewIAM(e.home.aws).GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
			if err != nil || aws.ToString(out.UserName) == "" {
				return fmt.Errorf("find the user of key %s in account %s: %w; check the id and the account of your credentials", id, home, cmp.Or(err, errors.New("it does not belong to a user")))
			}
			keys[home] = append(keys[home], account.KeyRef{User: *out.UserName, KeyID: id})
		}
		return nil
	}
	known := map[string]bool{}
	err := r.findInLedger(ctx, members, keys, func(record ledger.Record) bool {
		named := slices.Contains(r.o.Keys, record.KeyID())
		known[record.KeyID()] = known[record.KeyID()] || named
		return named
	})
	if err != nil {
		return err
	}
	for _, key := range r.o.Keys {
		if !known[key] {
			return fmt.Errorf("%s does not know which account key %s is of; use the credentials of its account, and no SLEUTH_ACCOUNTS", r.store, key)
		}
	}
	return nil
}

// findInLedger adds the keys whose records are meant.
func (r reactivation) findInLedger(ctx context.Context, members org.Members, keys map[string][]account.KeyRef, meant func(ledger.Record) bool) error {
	load := r.store.List
	if members.HomeOnly {
		load = func(ctx context.Context) ([]ledger.Record, error) { return r.store.Load(ctx, members.Accounts[0]) }
	}
	records, err := load(ctx)
	if _, other := ledger.SplitDamaged(err); other != nil {
		return other
	}
	for _, record := range records {
		if meant(record) {
			keys[record.Account()] = append(keys[record.Account()], account.KeyRef{User: record.User(), KeyID: record.KeyID()})
		}
	}
	return nil
}

// findInSummary adds the keys of the summary of a run, on one account or on
// several.
func (r reactivation) findInSummary(keys map[string][]account.KeyRef) error {
	var summary struct {
		sleuth.Summary
		Accounts []sleuth.Summary `json:"accounts"`
	}
	err := json.NewDecoder(r.o.Summary).Decode(&summary)
	switch {
	case err != nil:
		return refuse("read the summary: it is not the JSON summary of a run: %w; %s", err, whatSummary)
	case summary.Run == "":
		return refuse("read the summary: it is not the JSON summary of a run; %s", whatSummary)
	case r.o.OfRun != "" && summary.Run != r.o.OfRun:
		return refuse("the summary is of run %s, not %s; leave out --run, or give the summary of that run", summary.Run, r.o.OfRun)
	case summary.DryRun:
		return refuse("the summary is of a dry run, which disabled nothing; give that of a run that disabled keys")
	}
	for _, one := range append(summary.Accounts, summary.Summary) {
		if len(one.DisabledKeys) > 0 {
			keys[one.Account.ID] = append(keys[one.Account.ID], one.DisabledKeys...)
		}
	}
	if len(keys) == 0 {
		return refuse("the run of the summary disabled no key; %s", whatSummary)
	}
	return nil
}

// whatSummary is what --summary takes.
const whatSummary = "give --summary the path of a run's JSON summary, such as the Lambda's result, or '-' for standard input"

func compareRefs(a, b account.KeyRef) int {
	return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.KeyID, b.KeyID))
}

// disabledBy reports whether a run has disabled the key. A run that was made of
// several invocations has given each its own id below its own.
func disabledBy(record ledger.Record, run string) bool {
	return record.Disabled() != nil && (record.Disabled().Run == run || strings.HasPrefix(record.Disabled().Run, run+"."))
}

// enableIn enables keys of one account again, while no run may evaluate the keys
// there, however long a person takes to answer.
func (r reactivation) enableIn(ctx context.Context, m member, keys []account.KeyRef) error {
	held, lease := ledger.Hold(ctx, r.store, "reactivate-"+runID(r.Now()), r.lease, r.Now, ledger.Ticks(r.Ticker))
	err := lease.Acquire(held, m.Account.ID)
	if err == nil {
		err = r.enable(held, m, keys)
	}
	last, cancel := budget.Budget{}.Context(context.WithoutCancel(ctx), budget.Release, r.Now())
	defer cancel()
	_ = lease.Release(last) // it expires by itself
	if lost := lease.Lost(); lost != nil {
		return errors.Join(fmt.Errorf("%w; run the command again", lost), err)
	}
	return err
}

func (r reactivation) enable(ctx context.Context, m member, keys []account.KeyRef) error {
	records, err := r.store.Load(ctx, m.Account.ID)
	if _, other := ledger.SplitDamaged(err); other != nil {
		return other
	}
	client := awsclient.NewIAM(m.aws)
	doer := enforce.Reactivator{IAM: client, Reader: inventory.Reader{IAM: client}, Now: r.Now, GraceDays: r.o.GraceDays}
	leaked := leakedIn(records)
	todo, failed := r.prepare(ctx, doer, keys, leaked)
	if len(todo) == 0 {
		return errors.Join(failed...)
	}
	r.announce(m.Account.ID, todo, leaked)
	if r.o.Confirm != nil && !r.o.Confirm(ctx, fmt.Sprintf("Enable %s again?", text.Count(len(todo), "key"))) {
		return errors.Join(append(failed, errors.New("nothing was changed"))...)
	}
	for _, one := range todo {
		if err := r.apply(ctx, doer, one, records); err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(r.Out, "enabled key %s of user %s\n", one.KeyID, one.User.Name)
	}
	if r.o.GraceDays == 0 {
		fmt.Fprintln(r.Out, "The next run evaluates these keys again and disables them if they are still due; --grace 7d gives their owners time.")
	}
	return errors.Join(failed...)
}

// prepare finds out what there is to do for each key. A leaked key is enabled
// only if it was named.
func (r reactivation) prepare(ctx context.Context, doer enforce.Reactivator, keys []account.KeyRef, leaked map[string]time.Time) (todo []enforce.Reactivation, failed []error) {
	for _, key := range keys {
		if at, found := leaked[key.KeyID]; found && !slices.Contains(r.o.Keys, key.KeyID) {
			failed = append(failed, fmt.Errorf("key %s of user %s was found in public on %s and stays disabled: put a new key in its place; "+
				"to enable it all the same, name it: sleuth reactivate %s", key.KeyID, key.User, text.Date(at), key.KeyID))
			continue
		}
		one, err := doer.Prepare(ctx, key.User, key.KeyID)
		switch {
		case errors.Is(err, enforce.ErrActive):
			fmt.Fprintf(r.Out, "key %s of user %s is active already\n", key.KeyID, key.User)
		case err != nil:
			failed = append(failed, err)
		default:
			todo = append(todo, one)
		}
	}
	return todo, failed
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

func (r reactivation) announce(account string, todo []enforce.Reactivation, leaked map[string]time.Time) {
	fmt.Fprintf(r.Out, "In AWS account %s:\n", account)
	for _, one := range todo {
		fmt.Fprintf(r.Out, "  enable key %s of user %s", one.KeyID, one.User.Name)
		switch {
		case one.Tag != "" && one.Replaces != "":
			fmt.Fprintf(r.Out, ", and change the user's tag %s from %q to %q", one.TagName, one.Replaces, one.Tag)
		case one.Tag != "":
			fmt.Fprintf(r.Out, ", and tag the user with %s = %q", one.TagName, one.Tag)
		case r.o.GraceDays > 0:
			fmt.Fprint(r.Out, "; the user is exempt for longer already")
		}
		fmt.Fprintln(r.Out)
		if at, found := leaked[one.KeyID]; found {
			fmt.Fprintf(r.Out, "  WARNING: key %s was found in public on %s. Whoever has it can use it once it is enabled.\n", one.KeyID, text.Date(at))
		}
	}
}

// apply enables a key, and resets its record.
func (r reactivation) apply(ctx context.Context, doer enforce.Reactivator, one enforce.Reactivation, records []ledger.Record) error {
	if err := doer.Apply(ctx, one); err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(record ledger.Record) bool { return record.KeyID() == one.KeyID })
	if i < 0 {
		return nil
	}
	record := records[i]
	err := ledger.Update(ctx, r.store, &record, func(newest *ledger.Record) error {
		newest.Reset(r.Now())
		return nil
	})
	if err != nil {
		return fmt.Errorf("key %s of user %s is enabled, but %s still records it as disabled: %w; 'sleuth state forget %s' fixes that", one.KeyID, one.User.Name, r.store, err, one.KeyID)
	}
	return nil
}
